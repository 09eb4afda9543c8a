//! The requests of a command, for those who want to know what it cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::io::Stderr;
use crate::output::text::printable;
use crate::watch::{Exchange, Watcher};

/// Counts them by operation, and tells of each if somebody wants that.
#[derive(Debug)]
pub(crate) struct Requests {
    counts: Mutex<BTreeMap<&'static str, usize>>,
    told: Option<Stderr>,
}

impl Requests {
    pub(crate) fn new(told: Option<Stderr>) -> Self {
        Self { counts: Mutex::default(), told }
    }

    /// Those since the last call, such as `3 requests: repository_list 2, registry_get 1`; `None` if there were none.
    pub(crate) fn take(&self) -> Option<String> {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let total: usize = counts.values().sum();
        let each: Vec<_> = counts.iter().map(|(operation, number)| format!("{operation} {number}")).collect();
        let word = if total == 1 { "request" } else { "requests" };
        (total > 0).then(|| format!("{total} {word}: {}", each.join(", ")))
    }
}

impl Watcher for Requests {
    fn sent(&self, operation: &'static str) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }

    fn answered(&self, exchange: &Exchange<'_>) {
        let Some(stderr) = &self.told else { return };
        let status = exchange.status().map_or("no answer".to_owned(), |status| status.to_string());
        let id = exchange.answer.and_then(|answer| answer.headers().get("x-request-id")?.to_str().ok());
        let id = id.map_or(String::new(), |id| format!(" {id}"));
        let ms = exchange.took.as_millis();
        stderr.line(&printable(&format!("{} {} {status} {ms} ms{id}", exchange.method, exchange.path())));
    }
}
