//! The requests of a command, for those who want to know what it cost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mlspace_registry_transfer::{Event, Observer};

use crate::io::Stderr;
use crate::output::text::printable;
use crate::watch::{Exchange, Watcher};

/// Counts them by operation, and tells of each if somebody wants that.
#[derive(Debug)]
pub(crate) struct Requests {
    counts: Mutex<BTreeMap<&'static str, usize>>,
    all: AtomicUsize,
    told: Option<Stderr>,
}

impl Requests {
    pub(crate) fn new(told: Option<Stderr>) -> Self {
        Self { counts: Mutex::default(), all: AtomicUsize::new(0), told }
    }

    /// How many there were from the beginning.
    pub(crate) fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
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
        self.all.fetch_add(1, Ordering::Relaxed);
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }

    fn answered(&self, exchange: &Exchange<'_>) {
        let Some(stderr) = &self.told else { return };
        let id = exchange.answer.and_then(|answer| answer.headers().get("x-request-id")?.to_str().ok());
        stderr.line(&line(exchange.method.as_str(), &exchange.path(), exchange.status(), exchange.took, id));
    }
}

/// Tells of each request to a registry if somebody wants that.
pub(crate) fn observer(told: Option<Stderr>) -> Observer {
    Arc::new(move |event: &Event| {
        if let (Some(stderr), Some(line)) = (&told, line_of(event)) {
            stderr.line(&line);
        }
    })
}

/// The line about a request to a registry; `None` for any other event.
pub(crate) fn line_of(event: &Event) -> Option<String> {
    match event {
        Event::Request { method, address, status, took, request_id, .. } => {
            Some(line(method, address, *status, *took, request_id.as_deref()))
        }
        _ => None,
    }
}

fn line(method: &str, place: &str, status: Option<u16>, took: Duration, id: Option<&str>) -> String {
    let status = status.map_or("no answer".to_owned(), |status| status.to_string());
    let id = id.map_or(String::new(), |id| format!(" {id}"));
    printable(&format!("{method} {place} {status} {} ms{id}", took.as_millis()))
}
