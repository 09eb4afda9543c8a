//! `/v2/NAME/blobs/DIGEST`

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE,
};
use hyper::{Method, StatusCode};

use super::error::Refusal;
use super::route::STORAGE;
use super::{Answer, Registry, RegistryRequest};
use crate::response::{Response, append, response, streamed};
use crate::state::digest::Digest;

/// The number of bytes of a file that are read at once.
const PIECE: u64 = 256 * 1024;

pub(crate) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Registry {
    /// GET and HEAD.
    pub(super) fn get_blob(&self, request: &RegistryRequest, digest: &Digest) -> Answer {
        let service = self.shared.lock();
        let is_here = service.content.blob(&request.repository, digest).is_some();
        if request.parts.method == Method::HEAD || !service.quirks.blob_redirects || !is_here {
            drop(service);
            return self.get_stored(request, digest);
        }
        let query = service.storage_query(digest);
        let host = match request.host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &request.host,
        };
        let location =
            format!("http://{host}:{}{STORAGE}{}/{digest}?{query}", self.storage_port, request.name);
        Ok(response(StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)], ""))
    }

    /// GET and HEAD of the bytes themselves.
    pub(super) fn get_stored(&self, request: &RegistryRequest, digest: &Digest) -> Answer {
        let opened = {
            let service = self.shared.lock();
            let size = service.content.blob(&request.repository, digest);
            let ranges = service.quirks.blob_ranges;
            size.map(|size| service.content.store.open_blob(digest).map(|file| (size, file, ranges)))
        };
        let (size, mut file, ranges) = opened.ok_or_else(|| Refusal::blob_unknown(digest))??;
        let range = match request.header(RANGE) {
            Some(text) if ranges && text.starts_with("bytes=") => one_range(text, size)?,
            _ => None,
        };
        let (start, length) = match &range {
            Some(range) => (*range.start(), range.end() - range.start() + 1),
            None => (0, size),
        };
        let headers = [
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_LENGTH, length.to_string()),
            (ACCEPT_RANGES, if ranges { "bytes" } else { "none" }.to_owned()),
            (DIGEST, digest.to_string()),
        ];
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let content_range = range.map(|range| format!("bytes {}-{}/{size}", range.start(), range.end()));
        let mut response = response(status, headers, "");
        append(&mut response, content_range.map(|value| (CONTENT_RANGE, value)));
        if request.parts.method != Method::HEAD {
            file.seek(SeekFrom::Start(start))?;
            *response.body_mut() = streamed(stream_file(file, length));
        }
        Ok(response)
    }

    pub(super) fn delete_blob(&self, request: &RegistryRequest, digest: &Digest) -> Answer {
        if !self.shared.lock().content.remove_blob(&request.repository, digest) {
            return Err(Refusal::blob_unknown(digest).into());
        }
        Ok(response::<String>(StatusCode::ACCEPTED, [], ""))
    }

    /// The answer to a blob that is there now.
    pub(super) fn blob_created(&self, request: &RegistryRequest, digest: &Digest) -> Response {
        let location = self.location(request, &format!("/v2/{}/blobs/{digest}", request.name));
        response(StatusCode::CREATED, [(LOCATION, location), (DIGEST, digest.to_string())], "")
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

/// So many bytes of a file from where it stands, a piece at a time, read off the async threads.
fn stream_file(file: File, length: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let length = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
            let mut piece = BytesMut::zeroed(length);
            file.read_exact(&mut piece)?;
            Ok::<_, io::Error>((piece.freeze(), (file, left - length as u64)))
        });
        read.await.map_err(io::Error::other)?.map(Some)
    })
}
