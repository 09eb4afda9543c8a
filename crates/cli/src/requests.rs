//! What a command cost, for those who want to know.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mlspace_registry::api::{Network, Sending, Transport};

/// A transport that sends as usual and counts.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<BTreeMap<&'static str, usize>>);

impl Requests {
    /// What was sent since the last call, such as `3 requests: repository_list 2, registry_get 1`; `None` if
    /// nothing was.
    pub(crate) fn take(&self) -> Option<String> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let total: usize = counts.values().sum();
        let each: Vec<_> = counts.iter().map(|(operation, number)| format!("{operation} {number}")).collect();
        let word = if total == 1 { "request" } else { "requests" };
        (total > 0).then(|| format!("{total} {word}: {}", each.join(", ")))
    }
}

impl Transport for Requests {
    fn send<'a>(
        &'a self,
        operation: &'static str,
        http: &'a reqwest::Client,
        request: reqwest::Request,
    ) -> Sending<'a> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
        Network.send(operation, http, request)
    }
}
