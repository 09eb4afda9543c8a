//! The account of a bulk delete while it runs.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{BulkEvent, Outcome};

/// Where each id stands. Whatever ends the work, closing or dropping it settles every id.
pub(super) struct Ledger {
    pub(super) ids: Vec<Uuid>,
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
    pub(super) fn new(ids: Vec<Uuid>, events: Option<mpsc::UnboundedSender<BulkEvent>>) -> Self {
        let mut known = HashSet::with_capacity_and_hasher(ids.len(), RandomState::default());
        let distinct: Vec<Uuid> = ids.into_iter().filter(|id| known.insert(*id)).collect();
        Self { states: vec![State::Waiting { there: false }; distinct.len()], ids: distinct, events }
    }

    /// Marks a chunk as sent and gives its ids.
    pub(super) fn take(&mut self, chunk: &[usize]) -> Vec<Uuid> {
        for place in chunk {
            if let State::Waiting { there } = self.states[*place] {
                self.states[*place] = State::Sent { there };
            }
        }
        chunk.iter().map(|place| self.ids[*place]).collect()
    }

    /// The chunk was refused as a whole; its ids are as they were.
    pub(super) fn give_back(&mut self, chunk: &[usize]) {
        for place in chunk {
            if let State::Sent { there } = self.states[*place] {
                self.states[*place] = State::Waiting { there };
            }
        }
    }

    pub(super) fn seen_there(&mut self, place: usize) {
        self.states[place] = State::Waiting { there: true };
    }

    pub(super) fn was_there(&self, place: usize) -> bool {
        matches!(self.states[place], State::Waiting { there: true } | State::Sent { there: true })
    }

    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
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

    pub(super) fn close(mut self) -> Vec<(Uuid, Outcome)> {
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
