//! The listener. Built on hyper itself, because cutting a connection without an answer is part of the job.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::response::{Body, Cut, Response, response};

/// The time that a request that is being answered may take to end once the simulator stops.
const GRACE: Duration = Duration::from_secs(1);

/// The least that hyper takes for a head, of which it may also read somewhat more than it was told.
const LEAST_HEAD: usize = 8 * 1024;

/// The bytes of a request's head, but for what stands between its parts.
fn head_length(request: &hyper::Request<Incoming>) -> usize {
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    path + request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
}

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// One more waits until another ends, and the one that has been idle the longest is ended for it.
    pub(crate) connections: Option<usize>,
    /// The time in which the head of the next request must come.
    pub(crate) idle: Option<Duration>,
    /// The most bytes of a request's head; more get 431. It is also what hyper reads of a body at once: with 128 KiB a
    /// push took a tenth more of the processor.
    pub(crate) head: usize,
}

/// The connections on which no request is being answered, and the way to end each; the one that has been idle the
/// longest comes first.
#[derive(Default)]
struct Idle {
    closing: Mutex<BTreeMap<u64, Arc<Notify>>>,
    turn: AtomicU64,
    more: Notify,
}

/// A connection's place among those that are idle.
struct ConnectionPlace {
    idle: Arc<Idle>,
    turn: AtomicU64,
    is_busy: AtomicBool,
    close: Arc<Notify>,
}

/// A request that is being answered, until its answer is gone.
struct Busy(Arc<ConnectionPlace>);

impl Idle {
    /// Ends the connection that has been idle the longest; false if none is.
    fn end_oldest(&self) -> bool {
        let oldest = self.closing.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
        oldest.inspect(|(_, close)| close.notify_one()).is_some()
    }
}

impl ConnectionPlace {
    fn new(idle: Arc<Idle>) -> Arc<Self> {
        let turn = AtomicU64::new(0);
        let place = Arc::new(Self { idle, turn, is_busy: AtomicBool::new(false), close: Arc::default() });
        place.rest();
        place
    }

    fn rest(&self) {
        let turn = self.idle.turn.fetch_add(1, Ordering::Relaxed);
        self.turn.store(turn, Ordering::Relaxed);
        let mut closing = self.idle.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.insert(turn, self.close.clone());
        drop(closing);
        self.idle.more.notify_one();
    }

    /// Takes the connection out of those that may be ended.
    fn leave(&self) {
        let mut closing = self.idle.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.remove(&self.turn.load(Ordering::Relaxed));
    }

    fn work(self: &Arc<Self>) -> Busy {
        self.is_busy.store(true, Ordering::Relaxed);
        self.leave();
        Busy(self.clone())
    }
}

/// A body that keeps the connection busy until it is sent.
struct Sending {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> task::Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Relaxed);
        self.0.rest();
    }
}

/// Serves until `stop` changes or its sender is gone, then ends every connection.
pub(crate) async fn serve<R, F>(
    listener: TcpListener,
    limits: impl Fn() -> Limits,
    respond: R,
    mut stop: watch::Receiver<()>,
) where
    R: Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Cut>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let idle = Arc::new(Idle::default());
    'listening: loop {
        let stream = tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, most likely: let some connections end first.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    idle.end_oldest();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let limits = limits();
        // It waits here for its turn; those behind it wait in the listener's queue.
        while limits.connections.is_some_and(|most| connections.len() >= most) {
            let is_ending = idle.end_oldest();
            tokio::select! {
                _ = stop.changed() => break 'listening,
                Some(_) = connections.join_next() => {}
                () = idle.more.notified(), if !is_ending => {}
            }
        }
        let place = ConnectionPlace::new(idle.clone());
        connections.spawn(connection(stream, respond.clone(), place, limits, stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<R, F>(
    stream: TcpStream,
    respond: R,
    place: Arc<ConnectionPlace>,
    limits: Limits,
    mut stop: watch::Receiver<()>,
) where
    R: Fn(hyper::Request<Incoming>) -> F,
    F: Future<Output = Result<Response, Cut>>,
{
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let stopped = stop.clone();
    let service = service_fn(|request| {
        let busy = place.work();
        let is_too_long = head_length(&request) > limits.head;
        let (answer, mut stopped) = (respond(request), stopped.clone());
        let answer = async move {
            match is_too_long {
                true => Ok(response(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, [(CONTENT_LENGTH, 0)], "")),
                false => answer.await,
            }
        };
        async move {
            tokio::select! {
                response = answer => response.map(|response| response.map(|body| Sending { body, _busy: busy })),
                _ = stopped.changed() => Err(Cut),
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(limits.head.max(LEAST_HEAD))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that goes away, and a cut on purpose, are no news.
        _ = &mut connection => {}
        () = place.close.notified() => {
            // A request may have come in that moment; it is answered. The head of one that is not complete is not
            // waited for.
            if place.is_busy.load(Ordering::Relaxed) {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
    place.leave();
}
