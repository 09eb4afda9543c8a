//! Bodies: reading the rest of one, and cutting one off.

use std::fs::File;
use std::io::Read;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, HeaderValue};

use crate::server::{Cut, LONGEST_DRAIN};

/// How much of a file is read at once.
const PIECE: u64 = 256 * 1024;

/// Reads what is left of a body and throws it away, up to a limit.
pub(crate) async fn drain(mut body: Body) {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > LONGEST_DRAIN {
            return;
        }
    }
}

/// Ends the connection in the middle of a response: after so many bytes of its body, or after half of them.
pub(crate) fn truncate(response: Response, after: Option<u64>) -> Response {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length = length.or(http_body::Body::size_hint(response.body()).exact()).unwrap_or(0);
    let after = after.unwrap_or(length / 2);
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let mut left = after;
    let kept = body.into_data_stream().map_ok(move |data: Bytes| {
        let taken = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        left -= taken as u64;
        data.slice(..taken)
    });
    let kept = kept.try_take_while(|data| std::future::ready(Ok(!data.is_empty()))).map_err(|_| Cut);
    // What is written so far goes out while the stream waits; an error at once would take it along.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(Cut)
    });
    Response::from_parts(parts, Body::from_stream(kept.chain(end)))
}

/// So many bytes of a file from where it stands, a piece at a time, read off the async threads.
pub(crate) fn stream_file(file: File, length: u64) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let length = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
            let mut piece = BytesMut::zeroed(length);
            file.read_exact(&mut piece)?;
            Ok::<_, std::io::Error>((piece.freeze(), (file, left - length as u64)))
        });
        read.await.map_err(std::io::Error::other)?.map(Some)
    })
}
