//! `/v2/NAME/blobs/uploads/`

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LOCATION, RANGE, TRANSFER_ENCODING};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

use super::error::{Failure, Refusal};
use super::write::{self, Limits, Session};
use super::{Answer, Call, Registry, route};
use crate::body::Body;
use crate::ids::Ids;
use crate::names::is_repository_name;
use crate::quirks::{CutChunk, Mounts};
use crate::response::{Response, append, response};
use crate::state::digest::{Algorithm, Digest};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// The uploads that are not finished.
#[derive(Clone)]
pub(crate) struct Uploads(Arc<Mutex<Open>>);

struct Open {
    ids: Ids,
    sessions: HashMap<Uuid, Upload>,
}

#[derive(Clone)]
struct Upload {
    repository: String,
    session: Arc<AsyncMutex<Session>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Open { ids: Ids::new(5), sessions: HashMap::new() })))
    }
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, repository: &str, session: Session) -> Uuid {
        let mut open = self.lock();
        let id = open.ids.uuid();
        let session = Arc::new(AsyncMutex::new(session));
        open.sessions.insert(id, Upload { repository: repository.to_owned(), session });
        id
    }

    /// The upload, as soon as no other request works on it.
    async fn find(&self, repository: &str, id: Uuid) -> Result<OwnedMutexGuard<Session>, Refusal> {
        let upload = self.lock().sessions.get(&id).filter(|upload| upload.repository == repository).cloned();
        let session = upload.ok_or_else(Refusal::upload_unknown)?.session.lock_owned().await;
        // It may have been finished while this request waited for it.
        if session.file.is_some() { Ok(session) } else { Err(Refusal::upload_unknown()) }
    }

    fn close(&self, id: Uuid) {
        self.lock().sessions.remove(&id);
    }
}

impl Registry {
    /// POST: a mount, a whole blob, or the beginning of an upload.
    pub(super) async fn start_upload(&self, call: &Call, body: &mut Body) -> Answer {
        if let Some(text) = call.query("mount") {
            let digest = route::digest(text)?;
            if self.mount(call, &digest)? {
                return Ok(self.blob_created(call, &digest));
            }
        }
        let wanted = call.query("digest").map(route::digest).transpose()?;
        let algorithm = match (&wanted, call.query("digest-algorithm")) {
            (Some(digest), _) => digest.algorithm(),
            (None, Some(name)) => {
                let known = Algorithm::ALL.into_iter().find(|one| one.name() == name);
                known.ok_or_else(|| Refusal::bad("DIGEST_INVALID", "no such digest algorithm"))?
            }
            (None, None) => Algorithm::Sha256,
        };
        let (store, single_post) = {
            let service = self.shared.lock();
            (service.content.store.clone(), service.quirks.single_post)
        };
        let id = self.uploads.open(&call.repository, Session::new(store.create()?, algorithm));
        let session = self.uploads.find(&call.repository, id).await?;
        match wanted.filter(|_| single_post) {
            Some(digest) => {
                let finished = self.finish(call, id, session, &digest, body).await;
                // There is nothing that the client could go on with.
                self.uploads.close(id);
                finished
            }
            None => Ok(self.progress(call, StatusCode::ACCEPTED, id, &session)),
        }
    }

    fn mount(&self, call: &Call, digest: &Digest) -> Result<bool, Refusal> {
        let mut service = self.shared.lock();
        let from = call.query("from").filter(|from| !from.is_empty());
        if let Some(from) = from
            && !is_repository_name(from)
        {
            return Err(Refusal::bad("NAME_INVALID", "`from` is not the name of a repository"));
        }
        let may = match (service.quirks.mounts, from) {
            (Mounts::Never, _) | (Mounts::Named, None) => false,
            (Mounts::Anywhere, None) => true,
            (_, Some(from)) => service.may_pull(&call.parts.headers, from),
        };
        let from = from.map(|from| service.repository_name(from).to_owned());
        Ok(may && service.content.mount(&call.repository, digest, from.as_deref()))
    }

    /// PATCH: more of the blob.
    pub(super) async fn patch_upload(&self, call: &Call, id: Uuid, body: &mut Body) -> Answer {
        if !self.shared.lock().quirks.patch {
            let message = "an upload is sent with one PUT";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message).into());
        }
        let session = self.uploads.find(&call.repository, id).await?;
        // The range first: a chunk that is sent again goes to an old Location as well, and 416 says where to go on.
        self.check_range(call, id, &session)?;
        self.check_state(call, &session)?;
        let least = self.shared.lock().quirks.chunk_min_length.unwrap_or(0) as u64;
        if session.short {
            let message = format!("a chunk before this one was shorter than {least} bytes");
            return Err(Refusal::bad("SIZE_INVALID", message).into());
        }
        let before = session.length;
        let mut session = self.append(call, id, session, body).await?;
        session.short = session.length - before < least;
        Ok(self.progress(call, StatusCode::ACCEPTED, id, &session))
    }

    /// PUT: the last of the blob, if there is more, and its digest.
    pub(super) async fn put_upload(&self, call: &Call, id: Uuid, body: &mut Body) -> Answer {
        let session = self.uploads.find(&call.repository, id).await?;
        self.check_range(call, id, &session)?;
        self.check_state(call, &session)?;
        let digest = route::digest(call.query("digest").unwrap_or_default())?;
        self.finish(call, id, session, &digest, body).await
    }

    async fn finish(
        &self,
        call: &Call,
        id: Uuid,
        mut session: OwnedMutexGuard<Session>,
        digest: &Digest,
        body: &mut Body,
    ) -> Answer {
        session.expect(digest.algorithm());
        let mut session = self.append(call, id, session, body).await?;
        let algorithm = digest.algorithm();
        let computed =
            tokio::task::spawn_blocking(move || session.digest(algorithm).map(|found| (session, found)));
        let (mut session, found) = computed.await.map_err(std::io::Error::other)??;
        self.uploads.close(id);
        let file = session.file.take().ok_or_else(Refusal::upload_unknown)?;
        if found != *digest {
            let detail = json!({ "expected": digest.to_string(), "found": found.to_string() });
            let message = "what was sent has another digest";
            return Err(Refusal::bad("DIGEST_INVALID", message).detail(detail).into());
        }
        let mut service = self.shared.lock();
        service.content.add_blob(&call.repository, digest, file, session.length)?;
        drop(service);
        Ok(self.blob_created(call, digest))
    }

    async fn append(
        &self,
        call: &Call,
        id: Uuid,
        session: OwnedMutexGuard<Session>,
        body: &mut Body,
    ) -> Result<OwnedMutexGuard<Session>, Failure> {
        let limits = self.limits(call)?;
        let appended = write::append(session, body, limits).await;
        if matches!(appended, Err(Failure::Cut)) && limits.cut_chunk == CutChunk::UploadForgotten {
            self.uploads.close(id);
        }
        appended
    }

    /// DELETE: the upload is given up.
    pub(super) async fn cancel_upload(&self, call: &Call, id: Uuid) -> Answer {
        let mut session = self.uploads.find(&call.repository, id).await?;
        self.uploads.close(id);
        session.file = None;
        Ok(response::<String>(StatusCode::NO_CONTENT, [], ""))
    }

    /// GET: how much is here.
    pub(super) async fn upload_status(&self, call: &Call, id: Uuid) -> Answer {
        let session = self.uploads.find(&call.repository, id).await?;
        Ok(self.progress(call, StatusCode::NO_CONTENT, id, &session))
    }

    fn progress(&self, call: &Call, status: StatusCode, id: Uuid, session: &Session) -> Response {
        let headers = [
            (LOCATION, self.upload_location(call, id, session)),
            // There is no way to write that nothing is here; every registry writes this.
            (RANGE, format!("0-{}", session.length.saturating_sub(1))),
            (UPLOAD_ID, id.to_string()),
        ];
        let mut response = response(status, headers, "");
        let least = self.shared.lock().quirks.chunk_min_length;
        append(&mut response, least.map(|least| (MIN_LENGTH, least)));
        response
    }

    fn upload_location(&self, call: &Call, id: Uuid, session: &Session) -> String {
        let query = match self.shared.lock().quirks.upload_state {
            true => format!("?_state={}", session.length),
            false => String::new(),
        };
        self.location(call, &format!("/v2/{}/blobs/uploads/{id}{query}", call.name))
    }

    /// Whether the request goes to the last `Location`.
    fn check_state(&self, call: &Call, session: &Session) -> Result<(), Refusal> {
        let state = self.shared.lock().quirks.upload_state.then(|| session.length.to_string());
        if state.is_none() || call.query("_state") == state.as_deref() {
            return Ok(());
        }
        Err(Refusal::bad("BLOB_UPLOAD_INVALID", "the `_state` is not that of the last Location"))
    }

    /// Whether a chunk continues where the upload stands. Without `Content-Range` it does.
    fn check_range(&self, call: &Call, id: Uuid, session: &Session) -> Result<(), Refusal> {
        let Some(text) = call.header(CONTENT_RANGE) else { return Ok(()) };
        let range = text.split_once('-').and_then(|(start, end)| Some((number(start)?, number(end)?)));
        let Some((start, end)) = range.filter(|(start, end)| start <= end) else {
            return Err(Refusal::bad("BLOB_UPLOAD_INVALID", "Content-Range is not START-END"));
        };
        if start != session.length {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let message = format!("the next chunk begins at {}", session.length);
            return Err(Refusal::new(status, "BLOB_UPLOAD_INVALID", message)
                .header(LOCATION, self.upload_location(call, id, session))
                .header(RANGE, format!("0-{}", session.length.saturating_sub(1))));
        }
        let length = call.header(CONTENT_LENGTH).and_then(number);
        if length.is_some_and(|length| length != end - start + 1) {
            return Err(Refusal::bad(
                "SIZE_INVALID",
                "Content-Range and Content-Length do not fit each other",
            ));
        }
        Ok(())
    }

    /// What may be sent; a body that says it is too long, or does not say how long it is, may be refused unread.
    fn limits(&self, call: &Call) -> Result<Limits, Refusal> {
        let service = self.shared.lock();
        let most = service.quirks.max_upload_body.map_or(u64::MAX, |most| most as u64);
        let length = call.header(CONTENT_LENGTH).and_then(number);
        if !service.quirks.unknown_length && call.parts.headers.contains_key(TRANSFER_ENCODING) {
            let message = "the body does not say how long it is";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "SIZE_INVALID", message));
        }
        if length.is_some_and(|length| length > most) {
            return Err(Refusal::too_large("SIZE_INVALID", most));
        }
        Ok(Limits { most, cut_after: call.cut_after, cut_chunk: service.quirks.cut_chunk })
    }
}

/// Digits alone.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
