//! `/v2/NAME/blobs/uploads/`

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LOCATION, RANGE, TRANSFER_ENCODING};
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

use super::error::{Failure, Refusal};
use super::write::{self, Limits};
use super::{Answer, Registry, RegistryRequest, route};
use crate::body::Body;
use crate::ids::Ids;
use crate::names::is_repository_name;
use crate::quirks::{CutChunk, Mounts};
use crate::response::{Response, append, response};
use crate::state::digest::{Algorithm, Digest};
use crate::state::upload::UploadFile;

/// The time after which an upload is forgotten that nobody went on with.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// The uploads that are not finished.
#[derive(Clone)]
pub(crate) struct Uploads(Arc<Mutex<Open>>);

struct Open {
    ids: Ids,
    uploads: HashMap<Uuid, Upload>,
}

#[derive(Clone)]
struct Upload {
    repository: String,
    /// When a request last asked for it.
    touched: Duration,
    upload: Arc<AsyncMutex<UploadFile>>,
}

impl Uploads {
    pub(crate) fn new(is_exposed: bool) -> Self {
        Self(Arc::new(Mutex::new(Open { ids: Ids::secret(5, is_exposed), uploads: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload. Those that nobody went on with for too long are forgotten, and if there are too many, the
    /// one that was left alone the longest.
    fn open(&self, repository: &str, upload: UploadFile, now: Duration, most: Option<usize>) -> Uuid {
        let mut open = self.lock();
        open.uploads.retain(|_, upload| upload.touched.saturating_add(LONGEST_PAUSE) > now);
        while most.is_some_and(|most| open.uploads.len() >= most)
            && let Some((oldest, _)) = open.uploads.iter().min_by_key(|(_, upload)| upload.touched)
        {
            let oldest = *oldest;
            open.uploads.remove(&oldest);
        }
        let id = open.ids.uuid();
        let upload = Arc::new(AsyncMutex::new(upload));
        open.uploads.insert(id, Upload { repository: repository.to_owned(), touched: now, upload });
        id
    }

    /// The upload, as soon as no other request works on it.
    async fn find(
        &self,
        repository: &str,
        id: Uuid,
        now: Duration,
    ) -> Result<OwnedMutexGuard<UploadFile>, Refusal> {
        let found = {
            let mut open = self.lock();
            let upload = open.uploads.get_mut(&id).filter(|upload| upload.repository == repository);
            upload.map(|upload| {
                upload.touched = now;
                upload.upload.clone()
            })
        };
        let upload = found.ok_or_else(Refusal::upload_unknown)?.lock_owned().await;
        // It may have been finished while this request waited for it.
        if upload.is_open() { Ok(upload) } else { Err(Refusal::upload_unknown()) }
    }

    fn close(&self, id: Uuid) {
        self.lock().uploads.remove(&id);
    }
}

impl Registry {
    /// POST: a mount, a whole blob, or the beginning of an upload.
    pub(super) async fn start_upload(&self, request: &RegistryRequest, body: &mut Body) -> Answer {
        if let Some(text) = request.query("mount") {
            let digest = route::digest(text)?;
            if self.mount(request, &digest)? {
                return Ok(self.blob_created(request, &digest));
            }
        }
        let wanted = request.query("digest").map(route::digest).transpose()?;
        let algorithm = match (&wanted, request.query("digest-algorithm")) {
            (Some(digest), _) => digest.algorithm(),
            (None, Some(name)) => {
                let known = Algorithm::ALL.into_iter().find(|one| one.name() == name);
                known.ok_or_else(|| Refusal::bad("DIGEST_INVALID", "no such digest algorithm"))?
            }
            (None, None) => Algorithm::Sha256,
        };
        let (store, single_post, most, now) = {
            let service = self.shared.lock();
            let quirks = &service.quirks;
            (service.content.store.clone(), quirks.single_post, quirks.max_uploads, service.clock.now())
        };
        let upload = UploadFile::new(store.create()?, algorithm);
        let id = self.uploads.open(&request.repository, upload, now, most);
        let upload = self.find(request, id).await?;
        match wanted.filter(|_| single_post) {
            Some(digest) => {
                let finished = self.finish(request, id, upload, &digest, body).await;
                // There is nothing that the client could go on with.
                self.uploads.close(id);
                finished
            }
            None => Ok(self.progress(request, StatusCode::ACCEPTED, id, &upload)),
        }
    }

    async fn find(
        &self,
        request: &RegistryRequest,
        id: Uuid,
    ) -> Result<OwnedMutexGuard<UploadFile>, Refusal> {
        self.uploads.find(&request.repository, id, self.shared.clock().now()).await
    }

    fn mount(&self, request: &RegistryRequest, digest: &Digest) -> Result<bool, Refusal> {
        let mut service = self.shared.lock();
        let from = request.query("from").filter(|from| !from.is_empty());
        if let Some(from) = from
            && !is_repository_name(from)
        {
            return Err(Refusal::bad("NAME_INVALID", "`from` is not the name of a repository"));
        }
        let any = matches!(service.quirks.mounts, Mounts::Anywhere | Mounts::InsufficientScope);
        if service.quirks.mounts == Mounts::Never || (from.is_none() && !any) {
            return Ok(false);
        }
        let from = from.map(|from| service.repository_name(from).to_owned());
        let pulls = service.pulls(&request.parts.headers);
        let may_pull = |name: &str| from.as_ref().is_none_or(|from| from == name) && pulls.covers(name);
        Ok(service.content.mount(&request.repository, digest, may_pull))
    }

    /// PATCH: more of the blob.
    pub(super) async fn patch_upload(&self, request: &RegistryRequest, id: Uuid, body: &mut Body) -> Answer {
        if !self.shared.lock().quirks.patch {
            let message = "an upload is sent with one PUT";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message).into());
        }
        let upload = self.find(request, id).await?;
        // The range first: a chunk that is sent again goes to an old Location as well, and 416 says where to go on.
        self.check_range(request, id, &upload)?;
        self.check_state(request, &upload)?;
        let least = self.shared.lock().quirks.chunk_min_length.unwrap_or(0) as u64;
        if upload.short {
            let message = format!("a chunk before this one was shorter than {least} bytes");
            return Err(Refusal::bad("SIZE_INVALID", message).into());
        }
        let before = upload.length();
        let mut upload = self.append(request, id, upload, body).await?;
        upload.short = upload.length() - before < least;
        Ok(self.progress(request, StatusCode::ACCEPTED, id, &upload))
    }

    /// PUT: the last of the blob, if there is more, and its digest.
    pub(super) async fn put_upload(&self, request: &RegistryRequest, id: Uuid, body: &mut Body) -> Answer {
        let upload = self.find(request, id).await?;
        self.check_range(request, id, &upload)?;
        self.check_state(request, &upload)?;
        let digest = route::digest(request.query("digest").unwrap_or_default())?;
        self.finish(request, id, upload, &digest, body).await
    }

    async fn finish(
        &self,
        request: &RegistryRequest,
        id: Uuid,
        mut upload: OwnedMutexGuard<UploadFile>,
        digest: &Digest,
        body: &mut Body,
    ) -> Answer {
        upload.expect(digest.algorithm());
        let mut upload = self.append(request, id, upload, body).await?;
        let algorithm = digest.algorithm();
        let computed =
            tokio::task::spawn_blocking(move || upload.digest(algorithm).map(|found| (upload, found)));
        let (mut upload, found) = computed.await.map_err(std::io::Error::other)??;
        self.uploads.close(id);
        if found != *digest {
            let detail = json!({ "expected": digest.to_string(), "found": found.to_string() });
            let message = "what was sent has another digest";
            return Err(Refusal::bad("DIGEST_INVALID", message).detail(detail).into());
        }
        let (file, length) = upload.finish()?;
        let mut service = self.shared.lock();
        service.content.add_blob(&request.repository, digest, file, length)?;
        drop(service);
        Ok(self.blob_created(request, digest))
    }

    async fn append(
        &self,
        request: &RegistryRequest,
        id: Uuid,
        upload: OwnedMutexGuard<UploadFile>,
        body: &mut Body,
    ) -> Result<OwnedMutexGuard<UploadFile>, Failure> {
        let limits = self.limits(request)?;
        let appended = write::append(upload, body, limits).await;
        if matches!(appended, Err(Failure::Cut)) && limits.cut_chunk == CutChunk::UploadForgotten {
            self.uploads.close(id);
        }
        appended
    }

    /// DELETE: the upload is given up.
    pub(super) async fn cancel_upload(&self, request: &RegistryRequest, id: Uuid) -> Answer {
        let mut upload = self.find(request, id).await?;
        self.uploads.close(id);
        upload.discard();
        Ok(response::<String>(StatusCode::NO_CONTENT, [], ""))
    }

    /// GET: how much is here.
    pub(super) async fn upload_status(&self, request: &RegistryRequest, id: Uuid) -> Answer {
        let upload = self.find(request, id).await?;
        Ok(self.progress(request, StatusCode::NO_CONTENT, id, &upload))
    }

    fn progress(
        &self,
        request: &RegistryRequest,
        status: StatusCode,
        id: Uuid,
        upload: &UploadFile,
    ) -> Response {
        let headers = [
            (LOCATION, self.upload_location(request, id, upload)),
            // There is no way to write that nothing is here; every registry writes this.
            (RANGE, format!("0-{}", upload.length().saturating_sub(1))),
            (UPLOAD_ID, id.to_string()),
        ];
        let mut response = response(status, headers, "");
        let least = self.shared.lock().quirks.chunk_min_length;
        append(&mut response, least.map(|least| (MIN_LENGTH, least)));
        response
    }

    fn upload_location(&self, request: &RegistryRequest, id: Uuid, upload: &UploadFile) -> String {
        let query = match self.shared.lock().quirks.upload_state {
            true => format!("?_state={}", upload.length()),
            false => String::new(),
        };
        self.location(request, &format!("/v2/{}/blobs/uploads/{id}{query}", request.name))
    }

    /// Refuses a request that does not go to the last `Location`.
    fn check_state(&self, request: &RegistryRequest, upload: &UploadFile) -> Result<(), Refusal> {
        let state = self.shared.lock().quirks.upload_state.then(|| upload.length().to_string());
        if state.is_none() || request.query("_state") == state.as_deref() {
            return Ok(());
        }
        Err(Refusal::bad("BLOB_UPLOAD_INVALID", "the `_state` is not that of the last Location"))
    }

    /// Refuses a chunk that does not continue where the upload stands. Without `Content-Range` it does.
    fn check_range(&self, request: &RegistryRequest, id: Uuid, upload: &UploadFile) -> Result<(), Refusal> {
        if !request.parts.headers.contains_key(CONTENT_RANGE) {
            return Ok(());
        }
        let Some((start, end)) = content_range(request) else {
            return Err(Refusal::bad("BLOB_UPLOAD_INVALID", "Content-Range is not START-END"));
        };
        if start != upload.length() {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let message = format!("the next chunk begins at {}", upload.length());
            return Err(Refusal::new(status, "BLOB_UPLOAD_INVALID", message)
                .header(LOCATION, self.upload_location(request, id, upload))
                .header(RANGE, format!("0-{}", upload.length().saturating_sub(1))));
        }
        let length = request.header(CONTENT_LENGTH).and_then(number);
        if length.is_some_and(|length| length.checked_sub(1) != Some(end - start)) {
            return Err(Refusal::bad(
                "SIZE_INVALID",
                "Content-Range and Content-Length do not fit each other",
            ));
        }
        Ok(())
    }

    /// The limits of what may be sent; a body that says it is too long, or does not say how long it is, may be refused unread.
    fn limits(&self, request: &RegistryRequest) -> Result<Limits, Refusal> {
        let service = self.shared.lock();
        let most = service.quirks.max_upload_body.map_or(u64::MAX, |most| most as u64);
        let length = request.header(CONTENT_LENGTH).and_then(number);
        if !service.quirks.unknown_length && request.parts.headers.contains_key(TRANSFER_ENCODING) {
            let message = "the body does not say how long it is";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "SIZE_INVALID", message));
        }
        if length.is_some_and(|length| length > most) {
            return Err(Refusal::too_large("SIZE_INVALID", most));
        }
        let range = content_range(request).filter(|_| request.parts.method != Method::POST);
        Ok(Limits {
            most,
            expected: range.map(|(start, end)| (end - start).saturating_add(1)),
            cut_after: request.cut_after,
            cut_chunk: service.quirks.cut_chunk,
            disk_full_after: request.disk_full_after,
        })
    }
}

/// The first and the last byte of a chunk. Every number that fits into 64 bits is one, the highest as well.
fn content_range(request: &RegistryRequest) -> Option<(u64, u64)> {
    let (start, end) = request.header(CONTENT_RANGE)?.split_once('-')?;
    Some((number(start)?, number(end)?)).filter(|(start, end)| start <= end)
}

/// Digits alone.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
