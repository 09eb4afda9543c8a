//! Deleting many things, with an account of every one.
//!
//! 1. Ids are taken once each, in the caller's order, and sent in chunks, several at a time.
//! 2. A chunk that is refused is split until the id that causes it stands alone.
//! 3. When all chunks are through, what is in doubt is read: ids that an answer left out, and ids of
//!    chunks whose answer got lost. What is gone is settled.
//! 4. What is still there is sent again, up to [`ROUNDS`] rounds in all; where the service itself failed,
//!    in smaller chunks, because some of its failures are due to a single id.
//!
//! A refused sign-in, a rate limit that does not let up, a service that cannot be reached, or
//! [`OUTAGE`] failures in a row stop further chunks; what was not sent is reported as not attempted.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::verify::Verify;
use ledger::Ledger;
use work::{Work, in_chunks};

pub(crate) use noun::Noun;

mod ledger;
mod noun;
mod presence;
mod work;

/// Ids in one request unless the caller says otherwise. The service's maximum is not known; 100 is the
/// smallest that a registry of this kind documents (Amazon's).
pub const DEFAULT_CHUNK_SIZE: usize = 100;
/// More ids than this are not sent in one request: its body stays below 64 KiB.
pub const MAX_CHUNK_SIZE: usize = 1_000;
/// Requests in flight unless the caller says otherwise.
pub const DEFAULT_CONCURRENCY: usize = 4;
/// More requests than this are not in flight: the rate limit makes more pointless.
pub const MAX_CONCURRENCY: usize = 32;
/// How often an id is sent at most, if it is still there each time: at one failure in twenty requests, one
/// id in sixty million meets six in a row.
const ROUNDS: u32 = 6;
/// How much smaller chunks get with each round where the service failed on them: two steps lead from the
/// default size to single ids.
const SHRINK: usize = 10;
/// So many failures in a row, with not one success between, are an outage: no more is sent or read.
const OUTAGE: usize = 8;

/// The fate of one id.
///
/// It serialises to `{"outcome": "deleted"}`, with the failure's text as `reason` where there is one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is gone, by this call.
    Deleted,
    /// It is not there, and the service does not say that this call deleted it.
    NotFound,
    /// It was sent, and reading shows it still there, although nothing was said against it.
    Kept,
    /// The service refuses this id.
    Rejected(Arc<ApiError>),
    /// The request may have reached the service, and whether the thing is there could not be read.
    Unknown(Option<Arc<Error>>),
    /// It was not sent, or was refused before it was looked at; see [`BulkReport::stopped_by`].
    NotAttempted,
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (outcome, reason) = match self {
            Self::Deleted => ("deleted", None),
            Self::NotFound => ("not_found", None),
            Self::Kept => ("kept", None),
            Self::Rejected(error) => ("rejected", Some(error.to_string())),
            Self::Unknown(error) => ("unknown", error.as_ref().map(ToString::to_string)),
            Self::NotAttempted => ("not_attempted", None),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("outcome", outcome)?;
        if let Some(reason) = reason {
            map.serialize_entry("reason", &reason)?;
        }
        map.end()
    }
}

impl Outcome {
    /// True if the thing is certainly not there any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Deleted | Self::NotFound)
    }
}

/// The account of a bulk delete: each distinct id once, in the order in which they were given.
#[derive(Clone, Debug)]
#[must_use = "a bulk delete fails item by item, and only the report says so"]
pub struct BulkReport {
    outcomes: Vec<(Uuid, Outcome)>,
    stopped_by: Option<Arc<Error>>,
}

impl BulkReport {
    /// A report of these outcomes, for tests of programs that read reports.
    ///
    /// ```
    /// use mlspace_registry::{ApiError, BulkReport, Outcome, Uuid};
    ///
    /// let refused = ApiError::of_answer("image_delete", 409, br#"{"detail": "the image is in use"}"#);
    /// let outcomes = [(Uuid::nil(), Outcome::Deleted), (Uuid::max(), Outcome::Rejected(refused.into()))];
    /// let report = BulkReport::new(outcomes, None);
    /// assert!(!report.all_gone());
    /// ```
    pub fn new(outcomes: impl IntoIterator<Item = (Uuid, Outcome)>, stopped_by: Option<Error>) -> Self {
        Self { outcomes: outcomes.into_iter().collect(), stopped_by: stopped_by.map(Arc::new) }
    }

    /// Every id with its outcome.
    pub fn outcomes(&self) -> &[(Uuid, Outcome)] {
        &self.outcomes
    }

    /// How many outcomes are of this kind.
    pub fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| of(outcome)).count()
    }

    /// True if every id is gone. Ids that were not there in the first place count as gone.
    pub fn all_gone(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.is_gone())
    }

    /// True if there is an id of which nothing certain can be said.
    pub fn has_unknown(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Unknown(_)))
    }

    /// The failure that ended the work early, if one did.
    pub fn stopped_by(&self) -> Option<&Error> {
        self.stopped_by.as_deref()
    }
}

/// One id is settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BulkEvent {
    /// The id.
    pub id: Uuid,
    /// Its fate.
    pub outcome: Outcome,
}

/// Tells of every id as soon as it is settled, each exactly once. Ends when the work has ended. If the work
/// is dropped half-way, it still tells of every id: of those in flight that they are unknown, of the others
/// that they were not attempted.
#[derive(Debug)]
pub struct BulkEvents(mpsc::UnboundedReceiver<BulkEvent>);

impl BulkEvents {
    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<BulkEvent> {
        self.0.recv().await
    }
}

impl Stream for BulkEvents {
    type Item = BulkEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<BulkEvent>> {
        self.0.poll_recv(context)
    }
}

/// A bulk delete that has not begun.
///
/// ```no_run
/// use mlspace_registry::Outcome;
///
/// # async fn delete(client: mlspace_registry::Client, ids: Vec<mlspace_registry::Uuid>) {
/// let report = client.images().delete_many(ids).concurrency(2).send().await;
/// for (id, outcome) in report.outcomes() {
///     match outcome {
///         Outcome::Deleted | Outcome::NotFound => {}
///         Outcome::Rejected(why) => eprintln!("{id}: {why}"),
///         other => eprintln!("{id}: {other:?}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct DeleteMany {
    client: Client,
    noun: Noun,
    ids: Vec<Uuid>,
    chunk_size: usize,
    concurrency: usize,
    verify: bool,
    images: HashMap<Uuid, Uuid>,
    events: Option<mpsc::UnboundedSender<BulkEvent>>,
}

impl DeleteMany {
    pub(crate) fn new(client: Client, noun: Noun, ids: impl IntoIterator<Item = Uuid>) -> Self {
        let ids = ids.into_iter().collect();
        let (chunk_size, concurrency) = (DEFAULT_CHUNK_SIZE, DEFAULT_CONCURRENCY);
        let verify = client.core.settings.verify == Verify::Always;
        Self { client, noun, ids, chunk_size, concurrency, verify, images: HashMap::new(), events: None }
    }

    /// Ids in one request, from 1 to [`MAX_CHUNK_SIZE`]. Default [`DEFAULT_CHUNK_SIZE`].
    pub fn chunk_size(mut self, size: usize) -> Self {
        self.chunk_size = size.clamp(1, MAX_CHUNK_SIZE);
        self
    }

    /// Requests in flight, from 1 to [`MAX_CONCURRENCY`]. Default [`DEFAULT_CONCURRENCY`].
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// Reads what the service says it deleted, too: one request an id more for a few ids, for more the lists
    /// of the repositories and their images where they cost less, and for tags one list of all repositories. By default only with [`Verify::Always`].
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Says which images tags are of, as pairs of tag and image: where an answer leaves doubt about a tag, its
    /// image is looked at, two requests an image at most, and not the list of all repositories.
    pub fn images(mut self, of_tags: impl IntoIterator<Item = (Uuid, Uuid)>) -> Self {
        self.images.extend(of_tags);
        self
    }

    /// A stream of events, to be read while [`send`](Self::send) runs. The last call of this method wins.
    pub fn events(&mut self) -> BulkEvents {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.events = Some(sender);
        BulkEvents(receiver)
    }

    /// Deletes the only id; says whether there was anything to delete.
    pub(crate) async fn only(self) -> Result<bool> {
        let (operation, what) = (self.noun.operation(), format!("deleting {}", self.noun.one()));
        let BulkReport { mut outcomes, stopped_by } = self.send().await;
        let lost = |error: Arc<Error>| Box::new(Arc::unwrap_or_clone(error));
        match outcomes.pop().map(|(_, outcome)| outcome) {
            Some(Outcome::Deleted) => Ok(true),
            Some(Outcome::NotFound) => Ok(false),
            Some(Outcome::Rejected(error)) => Err(Error::Api(Box::new(Arc::unwrap_or_clone(error)))),
            Some(Outcome::Kept) => {
                let source = Box::new(Error::Protocol("the service said nothing against it".into()));
                Err(Error::NotApplied { operation, what, source })
            }
            Some(Outcome::Unknown(error)) => {
                Err(Error::Unconfirmed { operation, what, source: error.map(lost) })
            }
            Some(Outcome::NotAttempted) | None => match stopped_by {
                Some(error) => Err(Arc::unwrap_or_clone(error)),
                None => Err(Error::Internal(format!("{operation}: nothing was sent, and nothing says why"))),
            },
        }
    }

    /// Does it. One request for each chunk; more only for what was refused, left out or lost.
    ///
    /// This does not fail: whatever happens is in the report, id by id.
    pub async fn send(self) -> BulkReport {
        let mut ledger = Ledger::new(self.ids, self.events);
        let mut stopped_by = None;
        let work = Work {
            client: &self.client,
            noun: self.noun,
            concurrency: self.concurrency,
            verify: self.verify,
            images: &self.images,
        };
        let all: Vec<usize> = (0..ledger.ids.len()).collect();
        let mut chunks: VecDeque<_> = all.chunks(self.chunk_size).map(<[usize]>::to_vec).collect();
        let mut size = self.chunk_size;
        for round in 1..=ROUNDS {
            let doubts = work.send_all(chunks, &mut ledger, &mut stopped_by).await;
            let there = work.settle(doubts, &mut ledger).await;
            if round == ROUNDS || stopped_by.is_some() {
                there.into_iter().for_each(|doubt| ledger.settle(doubt.place, doubt.still_there()));
                break;
            }
            let (suspect, innocent): (Vec<_>, Vec<_>) = there.iter().partition(|doubt| doubt.is_suspect());
            if there.iter().any(|doubt| doubt.lost.is_some()) {
                self.client.core.back_off(self.noun.operation(), round).await;
            }
            size = (size / SHRINK).max(1);
            chunks = in_chunks(&innocent, self.chunk_size).chain(in_chunks(&suspect, size)).collect();
        }
        BulkReport { outcomes: ledger.close(), stopped_by }
    }
}
