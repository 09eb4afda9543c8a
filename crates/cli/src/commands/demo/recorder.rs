//! Notes what really leaves the machine.

use std::sync::{Mutex, PoisonError};

use crate::watch::{self, Watcher};

/// One request and its answer.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) operation: &'static str,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) ms: f64,
}

/// Keeps a record of what it sees.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Exchange>>);

impl Recorder {
    /// The exchanges since the last call.
    pub(super) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watcher for Recorder {
    fn answered(&self, seen: &watch::Exchange<'_>) {
        let exchange = Exchange {
            operation: seen.operation,
            method: seen.method.to_string(),
            path: seen.path(),
            status: seen.status(),
            ms: seen.took.as_secs_f64() * 1000.0,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}
