//! A list of ids in the order of their sequence numbers, cheap to page and to shorten.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Ids by rising sequence number. A page is found by its offset, an id by binary search.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ordered(VecDeque<(u64, Uuid)>);

impl Ordered {
    /// Adds an id behind all others; `sequence` must be higher than theirs.
    pub(crate) fn push(&mut self, sequence: u64, id: Uuid) {
        debug_assert!(self.0.back().is_none_or(|(last, _)| *last < sequence));
        self.0.push_back((sequence, id));
    }

    pub(crate) fn remove(&mut self, sequence: u64) {
        if let Ok(at) = self.0.binary_search_by_key(&sequence, |(sequence, _)| *sequence) {
            self.0.remove(at);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn last(&self) -> Option<Uuid> {
        self.0.back().map(|(_, id)| *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.0.iter().map(|(_, id)| *id)
    }

    /// The ids from `offset` on, at most `limit` of them.
    pub(crate) fn page(&self, offset: usize, limit: usize) -> impl Iterator<Item = Uuid> + '_ {
        let start = offset.min(self.len());
        let end = start.saturating_add(limit).min(self.len());
        self.0.range(start..end).map(|(_, id)| *id)
    }
}
