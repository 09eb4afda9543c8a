//! Deleting many things, with an account of every one.
//!
//! 1. Ids are taken once each, in the caller's order, and sent in chunks, several at a time.
//! 2. A chunk that is refused is split until the id that causes it stands alone.
//! 3. When all chunks are through, what is in doubt is read: ids that an answer left out, and ids of
//!    chunks whose answer got lost. What is gone is settled.
//! 4. What is still there is sent again, up to [`ROUNDS`] rounds in all; where the service itself failed,
//!    in smaller chunks, because some of its failures are due to a single id.
//!
//! A refused sign-in, a rate limit that does not let up, or a service that cannot be reached stops
//! further chunks; what was not sent is reported as not attempted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::client::Client;
use crate::error::Error;
use crate::verify::is_lost;

pub(crate) use target::Target;

mod target;

/// Ids in one request unless the caller says otherwise. The service's maximum is not known; 100 is the
/// smallest that a registry of this kind documents (Amazon's).
pub const DEFAULT_CHUNK_SIZE: usize = 100;
/// More ids than this are not sent in one request: its body stays below 64 KiB.
pub const MAX_CHUNK_SIZE: usize = 1_000;
/// Requests in flight unless the caller says otherwise.
pub const DEFAULT_CONCURRENCY: usize = 4;
/// More requests than this are not in flight: the rate limit makes more pointless.
pub const MAX_CONCURRENCY: usize = 32;
/// How often an id is sent at most, if it is still there each time.
const ROUNDS: usize = 3;
/// How much smaller chunks get with each round where the service failed: two steps lead from the default
/// size to single ids.
const SHRINK: usize = 10;

/// What became of one id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It is gone, by this call.
    Deleted,
    /// There is no such thing, and this call did not delete it.
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

impl Outcome {
    /// Whether the thing is certainly not there any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Deleted | Self::NotFound)
    }
}

/// The account of a bulk delete: each distinct id once, in the order in which they were given.
#[derive(Debug)]
#[must_use = "a bulk delete fails item by item, and only the report says so"]
pub struct BulkReport {
    outcomes: Vec<(Uuid, Outcome)>,
    stopped_by: Option<Arc<Error>>,
}

impl BulkReport {
    /// Every id with its outcome.
    pub fn outcomes(&self) -> &[(Uuid, Outcome)] {
        &self.outcomes
    }

    /// How many outcomes are of this kind.
    pub fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| of(outcome)).count()
    }

    /// Whether every id is gone. What was not there in the first place counts as gone.
    pub fn all_gone(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.is_gone())
    }

    /// Whether there is an id of which nothing certain can be said.
    pub fn has_unknown(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Unknown(_)))
    }

    /// What ended the work early, if something did.
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
    /// What became of it.
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

/// A bulk delete that has not begun.
#[derive(Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct DeleteMany {
    client: Client,
    target: Target,
    ids: Vec<Uuid>,
    chunk_size: usize,
    concurrency: usize,
    events: Option<mpsc::UnboundedSender<BulkEvent>>,
}

impl DeleteMany {
    pub(crate) fn new(client: Client, target: Target, ids: impl IntoIterator<Item = Uuid>) -> Self {
        let ids = ids.into_iter().collect();
        let (chunk_size, concurrency) = (DEFAULT_CHUNK_SIZE, DEFAULT_CONCURRENCY);
        Self { client, target, ids, chunk_size, concurrency, events: None }
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

    /// A stream of events, to be read while [`send`](Self::send) runs. The last call of this method wins.
    pub fn events(&mut self) -> BulkEvents {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.events = Some(sender);
        BulkEvents(receiver)
    }

    /// Does it. One request for each chunk; more only for what was refused, left out or lost.
    ///
    /// This does not fail: whatever happens is in the report, id by id.
    pub async fn send(self) -> BulkReport {
        let mut ledger = Ledger::new(self.ids, self.events);
        let mut stopped_by = None;
        let work = Work { client: &self.client, target: self.target, concurrency: self.concurrency };
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
            let (suspect, innocent): (Vec<_>, Vec<_>) =
                there.iter().partition(|doubt| doubt.failure().is_some());
            size = (size / SHRINK).max(1);
            chunks = in_chunks(&innocent, self.chunk_size).chain(in_chunks(&suspect, size)).collect();
        }
        BulkReport { outcomes: ledger.close(), stopped_by }
    }
}

/// An id that may or may not be gone.
struct Doubt {
    place: usize,
    /// The error with which its answer got lost; `None` if the answer came and left it out.
    lost: Option<Arc<Error>>,
}

impl Doubt {
    /// The service's own failure, if that is how the answer got lost.
    fn failure(&self) -> Option<&ApiError> {
        self.lost.as_ref()?.api()
    }

    /// The outcome of an id that is still there after the last round.
    fn still_there(&self) -> Outcome {
        self.failure().map_or(Outcome::Kept, |failure| Outcome::Rejected(Arc::new(failure.clone())))
    }
}

fn in_chunks(doubts: &[&Doubt], size: usize) -> impl Iterator<Item = Vec<usize>> {
    doubts.chunks(size).map(|chunk| chunk.iter().map(|doubt| doubt.place).collect())
}

/// What became of one chunk.
#[derive(Default)]
struct Step {
    settled: Vec<(usize, Outcome)>,
    doubts: Vec<Doubt>,
    again: Vec<Vec<usize>>,
    stop: Option<Error>,
}

struct Work<'a> {
    client: &'a Client,
    target: Target,
    concurrency: usize,
}

impl Work<'_> {
    /// Sends chunks until none is left or something stops it.
    async fn send_all(
        &self,
        mut chunks: VecDeque<Vec<usize>>,
        ledger: &mut Ledger,
        stopped_by: &mut Option<Arc<Error>>,
    ) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.concurrency && stopped_by.is_none() {
                let Some(chunk) = chunks.pop_front() else { break };
                let ids = ledger.take(&chunk);
                running.push(self.send_chunk(chunk, ids));
            }
            let Some(step) = running.next().await else { break };
            for (place, outcome) in step.settled {
                ledger.settle(place, outcome);
            }
            doubts.extend(step.doubts);
            for chunk in step.again {
                ledger.give_back(&chunk);
                chunks.push_front(chunk);
            }
            if let Some(stop) = step.stop {
                stopped_by.get_or_insert_with(|| Arc::new(stop));
            }
        }
        doubts
    }

    async fn send_chunk(&self, chunk: Vec<usize>, ids: Vec<Uuid>) -> Step {
        let error = match self.target.delete(self.client, ids.clone()).await {
            Ok(answered) => return answered_step(&chunk, &ids, &answered),
            Err(error) => error,
        };
        let all = |outcome: Outcome| chunk.iter().map(|place| (*place, outcome.clone())).collect();
        if matches!(error.status(), Some(401 | 403)) && !error.is_sign_in() {
            let rejected = error.api().cloned().map(Arc::new);
            let outcome = rejected.map_or(Outcome::NotAttempted, Outcome::Rejected);
            return Step { settled: all(outcome), stop: Some(error), ..Step::default() };
        }
        if is_lost(&error) {
            let lost = Arc::new(error);
            let doubt = |place| Doubt { place, lost: Some(lost.clone()) };
            return Step { doubts: chunk.into_iter().map(doubt).collect(), ..Step::default() };
        }
        match error.api().filter(|error| error.status() != 429).cloned() {
            // Never sent, or never looked at: more of the same will not fare better.
            None => Step { settled: all(Outcome::NotAttempted), stop: Some(error), ..Step::default() },
            Some(refusal) if chunk.len() == 1 => {
                let not_found = refusal.status() == 404;
                let outcome =
                    if not_found { Outcome::NotFound } else { Outcome::Rejected(Arc::new(refusal)) };
                Step { settled: all(outcome), ..Step::default() }
            }
            Some(_) => {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                Step { again: vec![second.to_vec(), first.to_vec()], ..Step::default() }
            }
        }
    }

    /// Reads what is in doubt and settles what is gone. Returns what is still there.
    async fn settle(&self, doubts: Vec<Doubt>, ledger: &mut Ledger) -> Vec<Doubt> {
        let ids = doubts.iter().map(|doubt| ledger.ids[doubt.place]).collect();
        let presences = self.target.read(self.client, ids, self.concurrency).await;
        let mut there = Vec::new();
        for doubt in doubts {
            let id = ledger.ids[doubt.place];
            match presences.get(&id) {
                Some(Ok(true)) => {
                    ledger.seen_there(doubt.place);
                    there.push(doubt);
                }
                Some(Ok(false)) if doubt.lost.is_some() || ledger.was_there(doubt.place) => {
                    ledger.settle(doubt.place, Outcome::Deleted);
                }
                Some(Ok(false)) => ledger.settle(doubt.place, Outcome::NotFound),
                Some(Err(error)) => {
                    ledger.settle(doubt.place, Outcome::Unknown(doubt.lost.or_else(|| Some(error.clone()))));
                }
                None => ledger.settle(doubt.place, Outcome::Unknown(doubt.lost)),
            }
        }
        there
    }
}

fn answered_step(chunk: &[usize], ids: &[Uuid], answered: &[Uuid]) -> Step {
    let answered: std::collections::HashSet<_> = answered.iter().collect();
    let mut step = Step::default();
    for (place, id) in chunk.iter().zip(ids) {
        if answered.contains(id) {
            step.settled.push((*place, Outcome::Deleted));
        } else {
            step.doubts.push(Doubt { place: *place, lost: None });
        }
    }
    step
}

/// Where each id stands. Whatever ends the work, closing or dropping it settles every id.
struct Ledger {
    ids: Vec<Uuid>,
    states: Vec<State>,
    events: Option<mpsc::UnboundedSender<BulkEvent>>,
}

#[derive(Clone)]
enum State {
    /// Not on its way; `there` says that it was sent before and seen afterwards.
    Waiting {
        there: bool,
    },
    /// Sent, and not known to be without effect.
    Sent {
        there: bool,
    },
    Settled(Outcome),
}

impl Ledger {
    fn new(ids: Vec<Uuid>, events: Option<mpsc::UnboundedSender<BulkEvent>>) -> Self {
        let mut places = HashMap::with_capacity(ids.len());
        let distinct: Vec<Uuid> = ids.into_iter().filter(|id| places.insert(*id, ()).is_none()).collect();
        Self { states: vec![State::Waiting { there: false }; distinct.len()], ids: distinct, events }
    }

    /// Marks a chunk as sent and gives its ids.
    fn take(&mut self, chunk: &[usize]) -> Vec<Uuid> {
        for place in chunk {
            if let State::Waiting { there } = self.states[*place] {
                self.states[*place] = State::Sent { there };
            }
        }
        chunk.iter().map(|place| self.ids[*place]).collect()
    }

    /// The chunk was refused as a whole; its ids are as they were.
    fn give_back(&mut self, chunk: &[usize]) {
        for place in chunk {
            if let State::Sent { there } = self.states[*place] {
                self.states[*place] = State::Waiting { there };
            }
        }
    }

    fn seen_there(&mut self, place: usize) {
        self.states[place] = State::Waiting { there: true };
    }

    fn was_there(&self, place: usize) -> bool {
        matches!(self.states[place], State::Waiting { there: true } | State::Sent { there: true })
    }

    fn settle(&mut self, place: usize, outcome: Outcome) {
        if matches!(self.states[place], State::Settled(_)) {
            return;
        }
        if let Some(events) = &self.events {
            // Nobody may be listening any more.
            let _ = events.send(BulkEvent { id: self.ids[place], outcome: outcome.clone() });
        }
        self.states[place] = State::Settled(outcome);
    }

    fn settle_rest(&mut self) {
        for place in 0..self.states.len() {
            let outcome = match self.states[place] {
                State::Waiting { there: false } => Outcome::NotAttempted,
                State::Waiting { there: true } => Outcome::Kept,
                State::Sent { .. } => Outcome::Unknown(None),
                State::Settled(_) => continue,
            };
            self.settle(place, outcome);
        }
    }

    fn close(mut self) -> Vec<(Uuid, Outcome)> {
        self.settle_rest();
        let states = std::mem::take(&mut self.states).into_iter();
        let outcomes = states.map(|state| match state {
            State::Settled(outcome) => outcome,
            _ => Outcome::NotAttempted,
        });
        self.ids.iter().copied().zip(outcomes).collect()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.settle_rest();
    }
}
