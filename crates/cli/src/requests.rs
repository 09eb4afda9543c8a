//! The requests of a command, for those who want to know what it cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::watch::Watcher;

/// Counts them by operation.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<BTreeMap<&'static str, usize>>);

impl Requests {
    /// Those since the last call, such as `3 requests: repository_list 2, registry_get 1`; `None` if there were none.
    pub(crate) fn take(&self) -> Option<String> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let total: usize = counts.values().sum();
        let each: Vec<_> = counts.iter().map(|(operation, number)| format!("{operation} {number}")).collect();
        let word = if total == 1 { "request" } else { "requests" };
        (total > 0).then(|| format!("{total} {word}: {}", each.join(", ")))
    }
}

impl Watcher for Requests {
    fn sent(&self, operation: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }
}
