//! The listener. Built on hyper itself, because cutting a connection without an answer is part of the job.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dispatch::{Outcome, Shared};
use crate::reply::Reply;
use crate::request::Request;

/// The longest body that is read. A delete of 100,000 ids fits.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// A longer body is read and thrown away up to here, so that its sender sees the answer.
pub(crate) const LONGEST_DRAIN: usize = 64 * 1024 * 1024;

/// How long a request that is being answered may take to end once the simulator stops.
const GRACE: Duration = Duration::from_secs(1);

/// The connection ends here, on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl Error for Cut {}

/// Serves until `stop` changes or its sender is gone, then ends every connection.
pub(crate) async fn serve<R, F, B>(listener: TcpListener, respond: R, mut stop: watch::Receiver<()>)
where
    R: Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, Cut>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, respond.clone(), stop.clone()));
                }
                // Out of file descriptors, most likely: let some connections end first.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<R, F, B>(stream: TcpStream, respond: R, mut stop: watch::Receiver<()>)
where
    R: Fn(hyper::Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, Cut>>,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let stopped = stop.clone();
    let service = service_fn(move |request| {
        let (response, mut stopped) = (respond(request), stopped.clone());
        async move {
            tokio::select! {
                response = response => response,
                _ = stopped.changed() => Err(Cut),
            }
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that goes away, and a cut on purpose, are no news.
        _ = &mut connection => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
}

/// Answers a request to the management API.
pub(crate) async fn respond(
    shared: Shared,
    request: hyper::Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Cut>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let whole = body.is_some();
    let request = Request::new(&parts, &body.unwrap_or_default());
    match shared.answer(&parts.method, &request, whole).await {
        Outcome::Cut => Err(Cut),
        Outcome::Reply(mut reply) => {
            let body = Full::new(Bytes::from(std::mem::take(&mut reply.body))).map_err(never).boxed();
            Ok(response(&reply, body))
        }
        Outcome::Truncated(reply) => {
            let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
            // What is written so far goes out while the stream waits; an error at once would take it along.
            let cut = async {
                tokio::task::yield_now().await;
                Err(Cut)
            };
            let frames = stream::iter([Ok(Frame::data(half))]).chain(stream::once(cut));
            let body = BodyExt::boxed(StreamBody::new(frames));
            let mut response = response(&reply, body);
            response.headers_mut().insert(CONTENT_LENGTH, reply.body.len().into());
            Ok(response)
        }
    }
}

fn never(never: Infallible) -> Cut {
    match never {}
}

/// The body, or nothing if it is too long.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, Cut> {
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        length += data.len();
        if length > LONGEST_DRAIN {
            return Err(Cut);
        }
        if length <= LONGEST_BODY {
            kept.extend_from_slice(&data);
        }
    }
    Ok((length <= LONGEST_BODY).then(|| kept.freeze()))
}

fn response(reply: &Reply, body: BoxBody<Bytes, Cut>) -> Response<BoxBody<Bytes, Cut>> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    response
}
