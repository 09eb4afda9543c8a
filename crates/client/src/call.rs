//! The one loop through which every operation goes.
//!
//! 1. Keep under the rate limit.
//! 2. Sign: token, workspace, api key; fetched when there is none.
//! 3. Send, within the time of one attempt and the time of the whole call.
//! 4. A first 401: drop what was refused, sign anew, send once more.
//! 5. Otherwise repeat or stop, as [`RetryPolicy`](crate::RetryPolicy) and the operation say.
//!
//! Nothing else in this crate retries or waits.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlspace_registry_api::{self as api, Answer, TransportKind};
use tracing::Instrument;

use crate::core::Core;
use crate::error::{Error, Result, Sent};
use crate::operation::{Needs, Operation, Repeat};
use crate::retry::decide;
use crate::sign_in::Signature;

mod failure;

/// One call of an operation.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static Operation,
    pub(crate) repeat: Repeat,
    /// The fields that the request carries, for errors that are about one of them.
    pub(crate) fields: Vec<&'static str>,
    /// The workspace to ask about, where it is not the client's own.
    pub(crate) workspace: Option<String>,
    /// The time for the whole call, where it is not the client's own.
    pub(crate) deadline: Option<Duration>,
}

impl Call {
    pub(crate) fn new(operation: &'static Operation) -> Self {
        Self { operation, repeat: operation.repeat, fields: Vec::new(), workspace: None, deadline: None }
    }

    pub(crate) fn fields(self, fields: &[&'static str]) -> Self {
        Self { fields: fields.to_vec(), ..self }
    }
}

/// Why a call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitReason {
    /// More requests now would exceed the rate that this client keeps to, or the service asked everybody
    /// to wait.
    RateLimit,
    /// The service asked this call to wait.
    RetryAfter,
    /// The last attempt failed and the next one is due later.
    Backoff,
}

/// A wait that is about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// The operation id.
    pub operation: &'static str,
    /// Why.
    pub reason: WaitReason,
    /// How long.
    pub duration: Duration,
}

/// Is told of waits.
pub(crate) type Observer = Arc<dyn Fn(&Wait) + Send + Sync>;

impl Core {
    /// Runs one call to its end. `request` makes the request anew for each attempt.
    pub(crate) async fn call<T, F, Fut>(self: &Arc<Self>, call: Call, request: F) -> Result<T>
    where
        F: Fn(api::Client) -> Fut + Send + Sync,
        Fut: Future<Output = Answer<T>> + Send,
        T: Send,
    {
        let span = tracing::debug_span!("registry_call", operation = call.operation.id);
        self.run(call, request).instrument(span).await
    }

    async fn run<T, F, Fut>(self: &Arc<Self>, call: Call, request: F) -> Result<T>
    where
        F: Fn(api::Client) -> Fut + Send + Sync,
        Fut: Future<Output = Answer<T>> + Send,
        T: Send,
    {
        let operation = call.operation;
        if operation.writes && self.settings.read_only {
            return Err(Error::Invalid(format!(
                "{}: this client is read-only; nothing was sent",
                operation.id
            )));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            let problem = "there is no tokio runtime here, and the client works within one; nothing was sent";
            return Err(Error::Invalid(format!("{}: {problem}", operation.id)));
        }
        let clock = self.clock();
        let deadline = call.deadline.unwrap_or(self.settings.deadline);
        let timer = Timer { operation: operation.id, start: clock.now(), deadline };
        let (mut attempts, mut replayed) = (0_u32, false);
        let mut last = None;
        loop {
            self.keep_under_the_rate(&timer, &mut last).await?;
            let signature = match self.signed_already(&call) {
                Some(signature) => signature,
                None => match tokio::time::timeout(timer.left(clock.now()), self.sign(&call)).await {
                    Ok(signed) => signed?,
                    Err(_) => return Err(timer.deadline_error(last)),
                },
            };
            attempts += 1;
            // Boxed, so that the futures of all that is built on calls stay small.
            let attempt = Box::pin(self.attempt(&call, &timer, attempts, &signature, &request));
            let answer = match operation.needs {
                // Signing in is what would be driven on, and cannot be by itself.
                Needs::Nothing => attempt.await,
                _ => self.tokens.alongside(attempt).await,
            };
            if answer
                .as_ref()
                .map_or_else(|error| error.status().is_some_and(|status| status != 401), |_| true)
            {
                self.accepted(&signature);
            }
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let refused = error.status() == Some(401) && self.forget(&signature, &error);
            if refused && !replayed && call.repeat != Repeat::Never {
                replayed = true;
                continue;
            }
            if error.is_deadline() {
                return Err(error);
            }
            let Some(wait) = decide(&self.settings.retry, call.repeat, attempts, &error) else {
                let repeated = attempts - u32::from(replayed) > 1;
                return Err(if repeated { exhausted(operation.id, attempts, error) } else { error });
            };
            let asked = error.api().is_some_and(|error| error.retry_after().is_some());
            let limited = error.is_rate_limited();
            if limited {
                self.limiter.pause(clock.now(), wait);
            }
            let reason = match (asked, limited) {
                (true, _) => WaitReason::RetryAfter,
                (false, true) => WaitReason::RateLimit,
                (false, false) => WaitReason::Backoff,
            };
            last = Some(error);
            self.wait(&timer, reason, wait, &mut last).await?;
        }
    }

    async fn keep_under_the_rate(&self, timer: &Timer, last: &mut Option<Error>) -> Result<()> {
        let place = self.limiter.enter(self.clock().now());
        loop {
            let moved = place.moved();
            let Err(wait) = place.go(self.clock().now()) else { return Ok(()) };
            let waiting = self.wait(timer, WaitReason::RateLimit, wait, last);
            tokio::select! {
                waited = waiting => waited?,
                () = moved => {}
            }
        }
    }

    /// Waits, or fails at once if the time of the call would run out meanwhile.
    async fn wait(
        &self,
        timer: &Timer,
        reason: WaitReason,
        duration: Duration,
        last: &mut Option<Error>,
    ) -> Result<()> {
        if timer.left(self.clock().now()) < duration {
            return Err(timer.deadline_error(last.take()));
        }
        self.announce(Wait { operation: timer.operation, reason, duration });
        self.clock().sleep(duration).await;
        Ok(())
    }

    /// Waits as before another attempt, for work that repeats calls by rules of its own.
    pub(crate) async fn back_off(&self, operation: &'static str, attempt: u32) {
        let duration = self.settings.retry.backoff(attempt);
        self.announce(Wait { operation, reason: WaitReason::Backoff, duration });
        self.clock().sleep(duration).await;
    }

    fn announce(&self, wait: Wait) {
        tracing::debug!(reason = ?wait.reason, ms = wait.duration.as_millis() as u64, "waiting");
        if let Some(observer) = &self.settings.on_wait {
            observer(&wait);
        }
    }

    async fn attempt<T, F, Fut>(
        &self,
        call: &Call,
        timer: &Timer,
        attempt: u32,
        signature: &Signature,
        request: &F,
    ) -> Result<T>
    where
        F: Fn(api::Client) -> Fut + Send + Sync,
        Fut: Future<Output = Answer<T>> + Send,
        T: Send,
    {
        let start = self.clock().now();
        let left = timer.left(start);
        let limit = self.settings.timeout.min(left);
        let sending = request(signature.api.clone());
        let answer = tokio::time::timeout(limit, async {
            match sending.await {
                Ok(value) => Ok((value.status().as_u16(), value.into_inner())),
                Err(error) => Err(self.classify(call, signature, error).await),
            }
        });
        let answer = answer.await.unwrap_or_else(|_| {
            let timeout =
                Error::Transport { operation: timer.operation, kind: TransportKind::Timeout, source: None };
            Err(if limit < left { timeout } else { timer.deadline_error(Some(timeout)) })
        });
        let ms = self.clock().now().duration_since(start).as_millis() as u64;
        match &answer {
            Ok((status, _)) => tracing::debug!(attempt, status, ms, "answered"),
            Err(error) => tracing::debug!(attempt, status = error.status(), ms, %error, "failed"),
        }
        answer.map(|(_, value)| value)
    }
}

fn exhausted(operation: &'static str, attempts: u32, error: Error) -> Error {
    Error::Exhausted { operation, attempts, source: Box::new(error) }
}

/// The time that one call may take.
struct Timer {
    operation: &'static str,
    start: Instant,
    deadline: Duration,
}

impl Timer {
    fn left(&self, now: Instant) -> Duration {
        self.deadline.saturating_sub(now.duration_since(self.start))
    }

    fn deadline_error(&self, last: Option<Error>) -> Error {
        let sent = last.as_ref().map_or(Sent::No, Error::was_sent);
        Error::Deadline {
            operation: self.operation,
            deadline: self.deadline,
            sent,
            source: last.map(Box::new),
        }
    }
}
