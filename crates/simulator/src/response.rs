//! Answers as both listeners send them: `http` types over hyper.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::{Body as _, Frame};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};

pub(crate) const JSON: &str = "application/json";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// The body of an answer; its only error is to be cut.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// An answer that is ready to be sent.
pub(crate) type Response = hyper::Response<Body>;

/// The connection ends here, on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl Error for Cut {}

/// An answer with those headers and that body.
pub(crate) fn response<V>(
    status: StatusCode,
    headers: impl IntoIterator<Item = (HeaderName, V)>,
    body: impl Into<Bytes>,
) -> Response
where
    HeaderValue: TryFrom<V>,
{
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    append(&mut response, headers);
    response
}

/// Adds headers, beside those of the same name; what no header can carry is left out.
pub(crate) fn append<V>(response: &mut Response, headers: impl IntoIterator<Item = (HeaderName, V)>)
where
    HeaderValue: TryFrom<V>,
{
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
    }
}

/// A body that is here as a whole.
pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body in pieces. An error in them ends the connection.
pub(crate) fn streamed<E>(pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Body
where
    E: 'static,
{
    BodyExt::boxed_unsync(StreamBody::new(pieces.map_ok(Frame::data).map_err(|_| Cut)))
}

/// Ends the connection in the middle of an answer: after so many bytes of its body, or after half of them.
pub(crate) fn truncate(response: Response, after: Option<u64>) -> Response {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length = length.or(response.body().size_hint().exact()).unwrap_or(0);
    let mut left = after.unwrap_or(length / 2);
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let pieces = BodyStream::new(body).map_ok(|frame| frame.into_data().unwrap_or_default());
    let kept = pieces.map_ok(move |data| {
        let taken = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        left -= taken as u64;
        data.slice(..taken)
    });
    let kept = kept.try_take_while(|data| std::future::ready(Ok(!data.is_empty())));
    // What is written so far goes out while the stream waits; an error at once would take it along.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(Cut)
    });
    Response::from_parts(parts, streamed(kept.chain(end)))
}

/// The title of the page of the web application firewall.
pub(crate) const BLOCKED: &str = "The request was blocked";

/// An HTML page.
pub(crate) fn page(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}
