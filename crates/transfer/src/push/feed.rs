//! Bytes from blocking threads into request bodies: a few pieces at a time, never a whole blob.

use std::io::Read;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use reqwest::Response;
use tokio::sync::{mpsc, oneshot};

use crate::compression::compress::Stop;
use crate::error::{Error, Result};
use crate::progress::Meter;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request};
use crate::retry::Patience;
use crate::source::data::{Data, PIECE};

/// Pieces that wait between the thread and the network.
const WAITING: usize = 2;

/// The thread's end: takes pieces until nobody wants them.
pub(crate) struct Inlet {
    pieces: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

/// Nobody wants the rest: the request is over.
#[derive(Debug)]
pub(crate) struct Closed;

impl Inlet {
    pub(crate) fn put(&self, piece: Bytes) -> Result<(), Closed> {
        self.pieces.blocking_send(Ok(piece)).map_err(|_| Closed)
    }
}

/// The network's end.
pub(crate) struct Feed<T> {
    pieces: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    result: oneshot::Receiver<T>,
    /// Why the thread stopped, where that was not the network's doing.
    failure: Arc<Mutex<Option<Error>>>,
}

impl<T: Send + 'static> Feed<T> {
    /// Runs `work` on a blocking thread. What it puts into the inlet comes out of the feed.
    pub(crate) fn spawn(work: impl FnOnce(&Inlet) -> Result<T, Stop> + Send + 'static) -> Self {
        let (sender, mut pieces) = mpsc::channel(WAITING);
        let (done, result) = oneshot::channel();
        let failure = Arc::new(Mutex::new(None));
        let slot = failure.clone();
        tokio::task::spawn_blocking(move || {
            let inlet = Inlet { pieces: sender };
            match work(&inlet) {
                Ok(value) => {
                    let _ = done.send(value);
                }
                Err(Stop::Closed) => {}
                Err(Stop::Failed(error)) => {
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    // Breaks the request off, so that the registry does not take the part for the whole.
                    let _ = inlet.pieces.blocking_send(Err(std::io::Error::other("the source failed")));
                }
            }
        });
        let pieces = Box::pin(stream::poll_fn(move |context| pieces.poll_recv(context)));
        Self { pieces, result, failure }
    }
}

impl Feed<()> {
    /// Hands on what comes from elsewhere, and says itself why there is no more.
    pub(crate) fn of(pieces: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Self {
        Self { pieces: Box::pin(pieces), result: oneshot::channel().1, failure: Arc::default() }
    }
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// Feeds `len` bytes of `data`, beginning at `from`.
pub(crate) fn read(data: Data, from: u64, len: u64) -> Feed<()> {
    Feed::spawn(move |inlet| {
        let mut reader = data.open(from)?;
        let mut left = len;
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE as u64) as usize];
            let mut filled = 0;
            while filled < piece.len() {
                match reader.read(&mut piece[filled..]).map_err(|error| data.failed(error))? {
                    0 => return Err(data.wrong("it became shorter while it was read").into()),
                    n => filled += n,
                }
            }
            left -= filled as u64;
            inlet.put(piece.into())?;
        }
        Ok(())
    })
}

/// An answer to a streamed request.
pub(crate) struct StreamedAnswer<T> {
    pub(crate) response: Response,
    pub(crate) result: oneshot::Receiver<T>,
}

/// Sends a feed as the body of a request; once. `sent` counts what goes out. With a meter that knows
/// `begun`, progress is reported.
pub(crate) async fn send<T>(
    registry: &Registry,
    scope: &Scope,
    request: &Request,
    feed: Feed<T>,
    sent: &Arc<AtomicU64>,
    meter: Option<(Meter, u64)>,
) -> Result<StreamedAnswer<T>> {
    let Feed { mut pieces, result, failure } = feed;
    let (counter, begun) = (sent.clone(), sent.load(Ordering::Relaxed));
    let body = stream::poll_fn(move |context| {
        let next = pieces.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            let total = counter.fetch_add(piece.len() as u64, Ordering::Relaxed) + piece.len() as u64;
            if let Some((meter, from)) = &meter {
                meter.done(from + (total - begun));
            }
        }
        next
    });
    let sending = registry.send_once(scope, request, Some(reqwest::Body::wrap_stream(body)));
    let answer = watch(registry.patience.idle, sent, &request.what, sending).await;
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    Ok(StreamedAnswer { response: answer?, result })
}

/// Ends what does not move any more.
async fn watch<T>(
    idle: Duration,
    moved: &AtomicU64,
    what: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::pin!(work);
    let mut last = moved.load(Ordering::Relaxed);
    loop {
        match tokio::time::timeout(idle, &mut work).await {
            Ok(answer) => return answer,
            Err(_) if moved.load(Ordering::Relaxed) == last => return Err(Patience::stalled(what)),
            Err(_) => last = moved.load(Ordering::Relaxed),
        }
    }
}
