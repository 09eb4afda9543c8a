//! Sending chunks, and settling what they leave in doubt.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use uuid::Uuid;

use super::ledger::Ledger;
use super::presence::Reader;
use super::{Noun, OUTAGE, Outcome};
use crate::api_error::ApiError;
use crate::client::Client;
use crate::error::Error;
use crate::verify::is_lost;

/// An id that may or may not be gone.
pub(super) struct Doubt {
    pub(super) place: usize,
    /// The service says that it deleted it, and that is to be verified.
    said_deleted: bool,
    /// The error with which its answer got lost; `None` if an answer came.
    pub(super) lost: Option<Arc<Error>>,
}

impl Doubt {
    /// True if the service's failure may be due to this id: a gateway fails on requests, not on ids, so after
    /// 502 to 504 a smaller chunk would fare no better.
    pub(super) fn is_suspect(&self) -> bool {
        self.failure().is_some_and(|failure| !matches!(failure.status(), 502..=504))
    }

    /// The service's own failure, if that is how the answer got lost.
    fn failure(&self) -> Option<&ApiError> {
        self.lost.as_ref()?.api()
    }

    /// The outcome of an id that is still there after the last round.
    pub(super) fn still_there(&self) -> Outcome {
        self.failure().map_or(Outcome::Kept, |failure| Outcome::Rejected(Arc::new(failure.clone())))
    }
}

pub(super) fn in_chunks(doubts: &[&Doubt], size: usize) -> impl Iterator<Item = Vec<usize>> {
    doubts.chunks(size).map(|chunk| chunk.iter().map(|doubt| doubt.place).collect())
}

/// The result of sending one chunk.
#[derive(Default)]
struct ChunkStep {
    settled: Vec<(usize, Outcome)>,
    doubts: Vec<Doubt>,
    again: Vec<Vec<usize>>,
    stop: Option<Error>,
}

pub(super) struct Work<'a> {
    pub(super) client: &'a Client,
    pub(super) noun: Noun,
    pub(super) concurrency: usize,
    pub(super) verify: bool,
    /// The images of tags, as far as they are known.
    pub(super) images: &'a HashMap<Uuid, Uuid>,
}

impl Work<'_> {
    /// Sends chunks until none is left or something stops it.
    pub(super) async fn send_all(
        &self,
        mut chunks: VecDeque<Vec<usize>>,
        ledger: &mut Ledger,
        stopped_by: &mut Option<Arc<Error>>,
    ) -> Vec<Doubt> {
        let mut doubts: Vec<Doubt> = Vec::new();
        let mut running = FuturesUnordered::new();
        let mut failures = 0;
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
            let lost = step.doubts.first().and_then(|doubt| doubt.lost.clone());
            failures = if lost.is_some() { failures + 1 } else { 0 };
            if let (Some(lost), true) = (lost, failures >= OUTAGE) {
                stopped_by.get_or_insert(lost);
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

    async fn send_chunk(&self, chunk: Vec<usize>, ids: Vec<Uuid>) -> ChunkStep {
        let error = match self.noun.delete(self.client, ids.clone()).await {
            Ok(answered) => return self.answered(&chunk, &ids, &answered),
            Err(error) => error,
        };
        let all = |outcome: Outcome| chunk.iter().map(|place| (*place, outcome.clone())).collect();
        if matches!(error.status(), Some(401 | 403)) && !error.is_sign_in() {
            let rejected = error.api().cloned().map(Arc::new);
            let outcome = rejected.map_or(Outcome::NotAttempted, Outcome::Rejected);
            return ChunkStep { settled: all(outcome), stop: Some(error), ..ChunkStep::default() };
        }
        if is_lost(&error) {
            let lost = Arc::new(error);
            let doubt = |place| Doubt { place, said_deleted: false, lost: Some(lost.clone()) };
            return ChunkStep { doubts: chunk.into_iter().map(doubt).collect(), ..ChunkStep::default() };
        }
        match error.api().filter(|error| error.status() != 429).cloned() {
            // Never sent, or never looked at: more of the same will not fare better.
            None => {
                ChunkStep { settled: all(Outcome::NotAttempted), stop: Some(error), ..ChunkStep::default() }
            }
            Some(refusal) if chunk.len() == 1 => {
                let not_found = refusal.status() == 404;
                let outcome =
                    if not_found { Outcome::NotFound } else { Outcome::Rejected(Arc::new(refusal)) };
                ChunkStep { settled: all(outcome), ..ChunkStep::default() }
            }
            Some(_) => {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                ChunkStep { again: vec![second.to_vec(), first.to_vec()], ..ChunkStep::default() }
            }
        }
    }

    fn answered(&self, chunk: &[usize], ids: &[Uuid], answered: &[Uuid]) -> ChunkStep {
        let mut step = ChunkStep::default();
        if answered == ids && !self.verify {
            step.settled = chunk.iter().map(|place| (*place, Outcome::Deleted)).collect();
            return step;
        }
        let answered: HashSet<_> = answered.iter().collect();
        for (place, id) in chunk.iter().zip(ids) {
            let said_deleted = answered.contains(id);
            if said_deleted && !self.verify {
                step.settled.push((*place, Outcome::Deleted));
            } else {
                step.doubts.push(Doubt { place: *place, said_deleted, lost: None });
            }
        }
        step
    }

    /// Reads what is in doubt and settles what is gone. Returns what is still there.
    pub(super) async fn settle(&self, doubts: Vec<Doubt>, ledger: &mut Ledger) -> Vec<Doubt> {
        let ids: Vec<Uuid> = doubts.iter().map(|doubt| ledger.ids[doubt.place]).collect();
        let &Work { client, noun, concurrency, images, .. } = self;
        let presences = Reader { client, noun, concurrency, images }.read(&ids).await;
        let mut there = Vec::new();
        for doubt in doubts {
            let id = ledger.ids[doubt.place];
            match presences.get(&id) {
                Some(Ok(true)) => {
                    ledger.seen_there(doubt.place);
                    there.push(doubt);
                }
                Some(Ok(false)) => {
                    let ours = doubt.said_deleted || doubt.lost.is_some() || ledger.was_there(doubt.place);
                    ledger.settle(doubt.place, if ours { Outcome::Deleted } else { Outcome::NotFound });
                }
                Some(Err(error)) => {
                    ledger.settle(doubt.place, Outcome::Unknown(doubt.lost.or_else(|| Some(error.clone()))));
                }
                None => ledger.settle(doubt.place, Outcome::Unknown(doubt.lost)),
            }
        }
        there
    }
}
