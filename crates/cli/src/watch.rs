//! One transport for all who look at requests: it sends as usual, and tells what left and what came back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use mlspace_registry::Clock;
use mlspace_registry::{Body, Sending, Transport};

/// A request and its answer, if there was one.
pub(crate) struct Exchange<'e> {
    pub(crate) operation: &'static str,
    pub(crate) method: &'e Method,
    pub(crate) url: &'e Uri,
    pub(crate) answer: Option<&'e Response<Body>>,
    pub(crate) took: Duration,
}

impl Exchange<'_> {
    /// The path with its query.
    pub(crate) fn path(&self) -> String {
        self.url.path_and_query().map(ToString::to_string).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.answer.map(|answer| answer.status().as_u16())
    }
}

/// Somebody who looks.
pub(crate) trait Watcher: Send + Sync {
    /// A request is about to leave. It may be given up before an answer comes.
    fn sent(&self, _operation: &'static str) {}

    /// The request was answered, or could not be sent.
    fn answered(&self, _exchange: &Exchange<'_>) {}
}

/// A transport, with somebody who looks.
pub(crate) struct Watched<W> {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    watcher: Arc<W>,
}

impl<W: Watcher> Watched<W> {
    pub(crate) fn by(watcher: Arc<W>, clock: Arc<dyn Clock>, inner: Arc<dyn Transport>) -> Self {
        Self { inner, clock, watcher }
    }
}

impl<W: Watcher> Transport for Watched<W> {
    fn send<'a>(&'a self, operation: &'static str, request: Request<Bytes>) -> Sending<'a> {
        Box::pin(async move {
            self.watcher.sent(operation);
            let (method, url, start) = (request.method().clone(), request.uri().clone(), self.clock.now());
            let result = self.inner.send(operation, request).await;
            let took = self.clock.now().duration_since(start);
            let answer = result.as_ref().ok();
            self.watcher.answered(&Exchange { operation, method: &method, url: &url, answer, took });
            result
        })
    }
}
