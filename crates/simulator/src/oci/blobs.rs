//! `/v2/NAME/blobs/DIGEST`

use std::io::{Seek, SeekFrom};
use std::ops::RangeInclusive;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE,
};
use hyper::{Method, StatusCode};

use super::digest::Digest;
use super::error::Refusal;
use super::{Answer, Call, Registry, body};

pub(crate) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Registry {
    /// GET and HEAD.
    pub(super) fn get_blob(&self, call: &Call, digest: &Digest) -> Answer {
        let opened = {
            let service = self.shared.lock();
            let size = service.content.blob(&call.repository, digest);
            size.map(|size| service.content.store.open_blob(digest).map(|file| (size, file)))
        };
        let (size, mut file) = opened.ok_or_else(|| Refusal::blob_unknown(digest))??;
        let range = match call.header(RANGE) {
            Some(text) if text.starts_with("bytes=") => one_range(text, size)?,
            _ => None,
        };
        let (start, length) = match &range {
            Some(range) => (*range.start(), range.end() - range.start() + 1),
            None => (0, size),
        };
        let headers = [
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_LENGTH, length.to_string()),
            (ACCEPT_RANGES, "bytes".to_owned()),
            (DIGEST, digest.to_string()),
        ];
        let body = if call.parts.method == Method::HEAD {
            Body::empty()
        } else {
            file.seek(SeekFrom::Start(start))?;
            Body::from_stream(body::stream_file(file, length))
        };
        let response = (headers, body).into_response();
        let Some(range) = range else { return Ok(response) };
        let content_range = format!("bytes {}-{}/{size}", range.start(), range.end());
        Ok((StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, content_range)], response).into_response())
    }

    pub(super) fn delete_blob(&self, call: &Call, digest: &Digest) -> Answer {
        if !self.shared.lock().content.remove_blob(&call.repository, digest) {
            return Err(Refusal::blob_unknown(digest).into());
        }
        Ok(StatusCode::ACCEPTED.into_response())
    }

    /// The answer to a blob that is there now.
    pub(super) fn blob_created(&self, call: &Call, digest: &Digest) -> Response {
        let location = self.location(call, &format!("/v2/{}/blobs/{digest}", call.name));
        (StatusCode::CREATED, [(LOCATION, location), (DIGEST, digest.to_string())]).into_response()
    }
}

/// The range that is asked for; of several ranges none, and the whole blob is the answer.
fn one_range(text: &str, size: u64) -> Result<Option<RangeInclusive<u64>>, Refusal> {
    let ranges = http_range_header::parse_range_header(text).and_then(|ranges| ranges.validate(size));
    match ranges.as_deref() {
        Ok([range]) => Ok(Some(range.clone())),
        Ok(_) => Ok(None),
        Err(_) => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            Err(Refusal::new(status, "SIZE_INVALID", format!("no such range in a blob of {size} bytes"))
                .header(CONTENT_RANGE, format!("bytes */{size}")))
        }
    }
}
