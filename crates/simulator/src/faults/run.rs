//! Striking: what a fault does before an answer, in place of it, and after it, at either listener.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::{Effect, Fault};
use crate::clock::Clock;
use crate::response::{Cut, Response, response, truncate};

/// The fault that strikes a request, if one does.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) fault: Option<Fault>,
    /// When the request was let in, from where a delay counts.
    pub(crate) since: Duration,
}

impl Strike {
    pub(crate) fn effect(&self) -> Option<&Effect> {
        self.fault.as_ref().map(|fault| &fault.effect)
    }

    /// Answers with `operation`, as far as the fault lets it. Effects within an operation are its own to bring about.
    pub(crate) async fn run(
        &self,
        clock: &Clock,
        operation: impl Future<Output = Result<Response, Cut>>,
    ) -> Result<Response, Cut> {
        let mut answer = match self.effect() {
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::LostBefore) => return Err(Cut),
            Some(Effect::Answer { status, content_type, body }) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response(status, [(CONTENT_TYPE, *content_type)], body.clone())
            }
            Some(Effect::Delay(by)) => {
                clock.sleep_until(self.since.saturating_add(*by)).await;
                operation.await?
            }
            _ => operation.await?,
        };
        for (name, value) in self.fault.iter().flat_map(|fault| &fault.headers) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
                answer.headers_mut().insert(name, value);
            }
        }
        match self.effect() {
            Some(Effect::LostAfter) => Err(Cut),
            Some(Effect::Truncated) => Ok(truncate(answer, None)),
            Some(Effect::CutAfter(bytes)) => Ok(truncate(answer, Some(*bytes))),
            _ => Ok(answer),
        }
    }
}
