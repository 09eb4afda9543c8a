//! Notes what really leaves the machine.

use std::sync::{Arc, Mutex};

use mlspace_registry::Clock;
use mlspace_registry::api::{Network, Sending, Transport};

/// One request and its answer.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) operation: &'static str,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) ms: f64,
}

/// A transport that sends as usual and keeps a record.
pub(super) struct Recorder {
    clock: Arc<dyn Clock>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Recorder {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, exchanges: Mutex::default() }
    }

    /// What was recorded since the last call.
    pub(super) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.exchanges.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl Transport for Recorder {
    fn send<'a>(
        &'a self,
        operation: &'static str,
        http: &'a reqwest::Client,
        request: reqwest::Request,
    ) -> Sending<'a> {
        Box::pin(async move {
            let url = request.url();
            let path = match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            };
            let (method, start) = (request.method().to_string(), self.clock.now());
            let result = Network.send(operation, http, request).await;
            let ms = self.clock.now().duration_since(start).as_secs_f64() * 1000.0;
            let status = result.as_ref().ok().map(|answer| answer.status().as_u16());
            let exchange = Exchange { operation, method, path, status, ms };
            self.exchanges.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(exchange);
            result
        })
    }
}
