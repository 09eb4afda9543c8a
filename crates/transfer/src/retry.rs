//! Repetition: when to try again, and the waiting.

use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_net::{Clock, RetryPolicy, rate_window};

use crate::error::{Error, Result, TransportKind};
use crate::progress::{Event, Observer};

/// The policy of a client that was given none: what was moved already is worth a little more patience than
/// a call.
pub(crate) fn default_policy() -> RetryPolicy {
    let mut policy = RetryPolicy::default().attempts(5);
    policy.cap = Duration::from_secs(10);
    policy
}

/// A transfer's patience; the one place that waits.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) policy: RetryPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Observer,
    /// Longest time without any movement.
    pub(crate) idle: Duration,
}

impl Patience {
    /// Waits before the next attempt, or says that there should be none.
    pub(crate) async fn again(&self, attempt: u32, error: &Error) -> bool {
        let Some(wait) = decide(&self.policy, attempt, error) else { return false };
        (self.observer)(&Event::Retry { cause: error.to_string(), wait });
        tracing::debug!(%error, ?wait, "trying again");
        self.clock.sleep(wait).await;
        true
    }

    /// Does something until it works, or fails for good.
    pub(crate) async fn repeat<T, F: Future<Output = Result<T>>>(&self, go: impl Fn() -> F) -> Result<T> {
        let mut attempt = 1;
        loop {
            let error = match go().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !self.again(attempt, &error).await {
                return Err(Self::exhausted(attempt, error));
            }
            attempt += 1;
        }
    }

    /// True for an answer after which the same request may well succeed later. Registries report storage that
    /// hiccups as 500.
    pub(crate) fn is_passing_status(status: u16) -> bool {
        matches!(status, 408 | 429 | 500 | 502..=504)
    }

    /// The error of the last attempt, with their number where there were several.
    pub(crate) fn exhausted(attempts: u32, error: Error) -> Error {
        if attempts > 1 && is_passing(&error) {
            return Error::Exhausted { attempts, source: Box::new(error) };
        }
        error
    }

    pub(crate) fn stalled(what: impl Into<String>) -> Error {
        Error::Transport { what: what.into(), kind: TransportKind::Stalled, source: None }
    }
}

/// The wait before the next attempt, or `None` to stop. `attempt` counts from 1.
pub(crate) fn decide(policy: &RetryPolicy, attempt: u32, error: &Error) -> Option<Duration> {
    let asked = error.registry().and_then(|error| {
        let of_limit = || (error.status == 429).then(|| rate_window(error.message.as_deref()));
        error.retry_after.or_else(of_limit)
    });
    if is_passing(error) { policy.wait(attempt, asked) } else { None }
}

/// True if the same request may well succeed later.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport { kind, .. } => *kind != TransportKind::Certificate,
        Error::Registry(error) => Patience::is_passing_status(error.status),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{RegistryError, TransportKind};

    fn answered(status: u16, retry_after: Option<u64>) -> Error {
        Error::Registry(Box::new(RegistryError {
            what: String::new(),
            status,
            code: None,
            message: None,
            retry_after: retry_after.map(Duration::from_secs),
        }))
    }

    #[test]
    fn what_may_pass_is_repeated_and_what_is_final_is_not() {
        let policy = default_policy();
        let lost = Error::Transport { what: String::new(), kind: TransportKind::Interrupted, source: None };
        for (status, repeated) in
            [(408, true), (429, true), (500, true), (503, true), (401, false), (404, false), (501, false)]
        {
            assert_eq!(decide(&policy, 1, &answered(status, None)).is_some(), repeated, "{status}");
        }
        assert!(decide(&policy, 1, &Error::Invalid(String::new())).is_none());
        let untrusted =
            Error::Transport { what: String::new(), kind: TransportKind::Certificate, source: None };
        assert!(decide(&policy, 1, &untrusted).is_none());
        assert!(decide(&policy, 4, &lost).is_some());
        assert!(decide(&policy, 5, &lost).is_none());
    }

    #[test]
    fn without_a_policy_there_are_five_attempts_and_waits_of_ten_seconds_at_most() {
        let policy = default_policy();
        assert_eq!((policy.attempts, policy.cap), (5, Duration::from_secs(10)));
    }

    #[test]
    fn what_the_registry_asks_for_goes_before_the_own_wait() {
        let wait = decide(&default_policy(), 1, &answered(429, Some(7))).unwrap();
        assert!((7..8).contains(&wait.as_secs()), "{wait:?}");
        let wait = decide(&default_policy(), 1, &answered(429, None)).unwrap();
        assert!((60..61).contains(&wait.as_secs()), "{wait:?}");
    }
}
