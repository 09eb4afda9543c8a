//! The account of a bulk delete while it runs.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{BulkEvent, Outcome};

/// Where each id stands, by its place in the list that was given: a place is a small number, while an id
/// would have to be looked up in a table each time. Whatever ends the work, closing or dropping it settles every id.
pub(super) struct Ledger {
    pub(super) ids: Vec<Uuid>,
    standings: Vec<Standing>,
    events: Option<mpsc::UnboundedSender<BulkEvent>>,
}

#[derive(Clone)]
enum Standing {
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
    pub(super) fn new(ids: Vec<Uuid>, events: Option<mpsc::UnboundedSender<BulkEvent>>) -> Self {
        let mut known = HashSet::with_capacity_and_hasher(ids.len(), RandomState::default());
        let distinct: Vec<Uuid> = ids.into_iter().filter(|id| known.insert(*id)).collect();
        Self { standings: vec![Standing::Waiting { there: false }; distinct.len()], ids: distinct, events }
    }

    /// Marks a chunk as sent and gives its ids.
    pub(super) fn take(&mut self, chunk: &[usize]) -> Vec<Uuid> {
        for place in chunk {
            if let Standing::Waiting { there } = self.standings[*place] {
                self.standings[*place] = Standing::Sent { there };
            }
        }
        chunk.iter().map(|place| self.ids[*place]).collect()
    }

    /// The chunk was refused as a whole; its ids are as they were.
    pub(super) fn give_back(&mut self, chunk: &[usize]) {
        for place in chunk {
            if let Standing::Sent { there } = self.standings[*place] {
                self.standings[*place] = Standing::Waiting { there };
            }
        }
    }

    pub(super) fn seen_there(&mut self, place: usize) {
        self.standings[place] = Standing::Waiting { there: true };
    }

    pub(super) fn was_there(&self, place: usize) -> bool {
        matches!(self.standings[place], Standing::Waiting { there: true } | Standing::Sent { there: true })
    }

    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
        if matches!(self.standings[place], Standing::Settled(_)) {
            return;
        }
        if let Some(events) = &self.events {
            // Nobody may be listening any more.
            let _ = events.send(BulkEvent { id: self.ids[place], outcome: outcome.clone() });
        }
        self.standings[place] = Standing::Settled(outcome);
    }

    fn settle_rest(&mut self) {
        for place in 0..self.standings.len() {
            let outcome = match self.standings[place] {
                Standing::Waiting { there: false } => Outcome::NotAttempted,
                Standing::Waiting { there: true } => Outcome::Kept,
                Standing::Sent { .. } => Outcome::Unknown(None),
                Standing::Settled(_) => continue,
            };
            self.settle(place, outcome);
        }
    }

    pub(super) fn close(mut self) -> Vec<(Uuid, Outcome)> {
        self.settle_rest();
        let standings = std::mem::take(&mut self.standings).into_iter();
        let outcomes = standings.map(|state| match state {
            Standing::Settled(outcome) => outcome,
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
