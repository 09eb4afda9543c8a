//! The registry's requests, one method each.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use reqwest::{Method, Response};
use url::Url;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::registry::answer::failure;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request, location};
use crate::registry::ranges::received;
use crate::registry::referrers::{Referrer, lists_referrers};

pub(crate) const OCTETS: &str = "application/octet-stream";
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const MIN_CHUNK: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// A repository that is pushed to.
#[derive(Clone, Copy)]
pub(crate) struct Repository<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) name: &'a str,
}

/// An upload that the registry has opened.
#[derive(Clone, Debug)]
pub(crate) struct UploadSession {
    pub(crate) url: Url,
    /// Chunks must not be shorter, but for the last.
    pub(crate) min_chunk: u64,
}

/// The answer to a mount.
pub(crate) enum Mount {
    Done,
    /// The registry would rather have the bytes.
    Opened(UploadSession),
    Refused,
}

impl Repository<'_> {
    pub(crate) fn scope(&self) -> Scope {
        Scope::push(self.name)
    }

    pub(crate) fn what(&self, verb: &str, thing: &str) -> String {
        format!("{verb} {thing} in {}/{}", self.registry.name, self.name)
    }

    pub(crate) async fn fail(&self, what: String, response: Response) -> Error {
        failure(&self.registry.patience, what, response).await
    }

    /// Looks for a blob of that size.
    pub(crate) async fn has(&self, digest: &Digest, size: u64) -> Result<bool> {
        let url = self.registry.url(&format!("{}/blobs/{digest}", self.name));
        let request = Request::new(self.what("look for", digest.short()), Method::HEAD, url);
        let response = self.registry.send(&self.scope(), &request).await?;
        let (stated, is_elsewhere) =
            (number(response.headers(), CONTENT_LENGTH), *response.url() != request.url);
        match response.status().as_u16() {
            // Elsewhere may be a page that asks for a sign-in, so there the size must be right.
            200 if is_elsewhere => Ok(stated == Some(size)),
            200 => Ok(stated.is_none_or(|length| length == size)),
            300..=399 | 404 => Ok(false),
            _ if is_elsewhere => Ok(false),
            _ => Err(self.fail(request.what, response).await),
        }
    }

    /// Asks the registry to take a blob over from another of its repositories.
    pub(crate) async fn mount(&self, digest: &Digest, from: &str) -> Result<Mount> {
        if self.registry.learned.no_mounts.load(Ordering::Relaxed) {
            return Ok(Mount::Refused);
        }
        let mut url = self.registry.url(&format!("{}/blobs/uploads/", self.name));
        url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", from);
        let request = Request::new(self.what("mount", digest.short()), Method::POST, url);
        let scope = self.scope().and_pull(from);
        let response = match self.registry.send(&scope, &request).await {
            // Somebody who may push here need not be allowed to read there: then the bytes are sent.
            Err(error) if error.is_sign_in() => return Ok(Mount::Refused),
            // A mount saves bytes, and nothing is lost without.
            Err(error) if error.registry().is_some() => {
                self.registry.learned.no_mounts.store(true, Ordering::Relaxed);
                return Ok(Mount::Refused);
            }
            answer => answer?,
        };
        Ok(match response.status().as_u16() {
            201 => Mount::Done,
            202 => Mount::Opened(session(&request, response.headers())?),
            _ => Mount::Refused,
        })
    }

    /// Opens an upload.
    pub(crate) async fn open(&self, digest: &Digest) -> Result<UploadSession> {
        let url = self.registry.url(&format!("{}/blobs/uploads/", self.name));
        let request = Request::new(self.what("begin the upload of", digest.short()), Method::POST, url);
        let response = self.registry.send(&self.scope(), &request).await?;
        match response.status().as_u16() {
            202 => session(&request, response.headers()),
            _ => Err(self.fail(request.what, response).await),
        }
    }

    /// The whole of a small blob in one request. `Some` if the registry only opened an upload.
    pub(crate) async fn post_whole(&self, digest: &Digest, bytes: Bytes) -> Result<Option<UploadSession>> {
        let mut url = self.registry.url(&format!("{}/blobs/uploads/", self.name));
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(self.what("send", digest.short()), Method::POST, url)
            .header(CONTENT_TYPE, OCTETS)
            .body(bytes);
        let response = self.registry.send(&self.scope(), &request).await?;
        match response.status().as_u16() {
            201 => {
                check_digest(&request.what, &response, digest)?;
                Ok(None)
            }
            202 => Ok(Some(session(&request, response.headers())?)),
            _ => Err(self.fail(request.what, response).await),
        }
    }

    /// A part of an upload, or, with `digest`, the request that ends it.
    pub(crate) fn upload(&self, session: &UploadSession, digest: &Digest, is_last: bool) -> Request {
        let mut url = session.url.clone();
        let method = if is_last {
            // An address that the registry redirected to has it.
            if !url.query_pairs().any(|(name, _)| name == "digest") {
                url.query_pairs_mut().append_pair("digest", digest.as_str());
            }
            Method::PUT
        } else {
            Method::PATCH
        };
        Request::new(self.what("send", digest.short()), method, url).header(CONTENT_TYPE, OCTETS)
    }

    /// Ends an upload whose bytes are all there.
    pub(crate) async fn close(&self, session: &UploadSession, digest: &Digest) -> Result<()> {
        let request = self.upload(session, digest, true).header(CONTENT_LENGTH, "0");
        let response = self.registry.followed(&self.scope(), &request).await?;
        self.closed(request.what, response, digest).await
    }

    /// Reads from the answer to an upload's last request that the blob is there.
    pub(crate) async fn closed(&self, what: String, response: Response, digest: &Digest) -> Result<()> {
        match response.status().as_u16() {
            200 | 201 | 204 => check_digest(&what, &response, digest),
            _ => Err(self.fail(what, response).await),
        }
    }

    /// Asks how far an upload got; `None` if the registry has lost it.
    pub(crate) async fn progress(
        &self,
        session: &UploadSession,
        digest: &Digest,
    ) -> Result<Option<(UploadSession, u64)>> {
        let request = Request::new(self.what("resume", digest.short()), Method::GET, session.url.clone());
        let response = self.registry.send(&self.scope(), &request).await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let url = location(&request, response.headers()).unwrap_or_else(|_| session.url.clone());
        Ok(received(response.headers()).map(|offset| (UploadSession { url, ..session.clone() }, offset)))
    }

    /// Puts a manifest, its bytes as they are. If it refers to another one, it is listed as that one's referrer by
    /// the registry, or else by us.
    pub(crate) async fn put_manifest(&self, target: &str, manifest: &Manifest) -> Result<()> {
        let is_listed = self.put(target, manifest).await?;
        let Some(referrer) = Referrer::of(manifest) else { return Ok(()) };
        let is_listed = match is_listed {
            Some(is_listed) => is_listed,
            None => lists_referrers(self.registry, self.name, &referrer.subject).await?,
        };
        if is_listed { Ok(()) } else { self.refer(&referrer).await }
    }

    /// Where the answer got lost, or is no clear yes, the registry is read. Answers whether the registry says that
    /// it keeps the manifest's subject in mind, as far as there is an answer.
    async fn put(&self, target: &str, manifest: &Manifest) -> Result<Option<bool>> {
        let request =
            Request::new(self.what("put the manifest", target), Method::PUT, self.manifest_url(target))
                .header(CONTENT_TYPE, &manifest.media_type)
                .body(manifest.bytes.clone());
        let doubt = match self.registry.send(&self.scope(), &request).await {
            Ok(response) => match response.status().as_u16() {
                201 => {
                    check_digest(&request.what, &response, &manifest.digest)?;
                    return Ok(Some(response.headers().contains_key(SUBJECT)));
                }
                // Whatever stands before a registry may answer with a page of its own.
                status @ 200..=299 => {
                    let detail = format!("{status} instead of 201, and the manifest is not there");
                    Error::protocol(&request.what, detail)
                }
                _ => return Err(self.fail(request.what, response).await),
            },
            Err(error) if error.may_have_worked() => error,
            Err(error) => return Err(error),
        };
        match self.holds(target, manifest).await {
            Ok(true) => Ok(None),
            Ok(false) => Err(doubt),
            Err(_) => Err(Error::Unknown { what: request.what, source: Box::new(doubt) }),
        }
    }

    /// True if these are the bytes of the manifest under that name.
    async fn holds(&self, target: &str, manifest: &Manifest) -> Result<bool> {
        let request =
            Request::new(self.what("read the manifest", target), Method::GET, self.manifest_url(target))
                .header(ACCEPT, &manifest.media_type);
        match self.registry.fetch(&self.scope(), &request, manifest.bytes.len()).await {
            Ok(answer) => Ok(manifest.bytes == answer.body),
            // Another manifest is longer.
            Err(Error::Protocol { .. }) => Ok(false),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn manifest_url(&self, target: &str) -> Url {
        self.registry.url(&format!("{}/manifests/{target}", self.name))
    }
}

/// The upload after a chunk; it stays where it was unless the registry says otherwise.
pub(crate) fn moved(
    session: &UploadSession,
    request: &Request,
    headers: &HeaderMap,
) -> Result<UploadSession> {
    match headers.contains_key(LOCATION) {
        true => Ok(UploadSession { url: location(request, headers)?, ..session.clone() }),
        false => Ok(session.clone()),
    }
}

pub(crate) fn session(request: &Request, headers: &HeaderMap) -> Result<UploadSession> {
    Ok(UploadSession { url: location(request, headers)?, min_chunk: number(headers, MIN_CHUNK).unwrap_or(0) })
}

pub(crate) fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Compares what the registry says that it stored with what it should have stored.
pub(crate) fn check_digest(what: &str, response: &Response, expected: &Digest) -> Result<()> {
    let stated = response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
    match stated.map(str::parse::<Digest>) {
        // Another algorithm's digest cannot be compared.
        Some(Ok(found)) if found.algorithm() == expected.algorithm() && found != *expected => {
            Err(Error::Digest {
                what: what.to_owned(),
                expected: expected.to_string(),
                found: found.to_string(),
            })
        }
        _ => Ok(()),
    }
}
