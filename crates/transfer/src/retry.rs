//! Whether and when to try again. Pure: the callers do the waiting.

use std::time::{Duration, SystemTime};

use crate::error::Error;

/// How often and how patiently a request is repeated, and how often one blob is taken up again.
///
/// Only what is safe twice is repeated: reading, opening an upload, putting a manifest. The bytes of an
/// upload are not: there the registry is asked how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts for one request, and for one blob between two signs of progress. Default 5.
    pub attempts: u32,
    /// The longest first wait; each further one may be twice as long. Default 250 ms.
    pub base: Duration,
    /// No wait between attempts is longer. Default 10 s.
    pub cap: Duration,
    /// The longest `Retry-After` that is honoured in full. Default 60 s.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(250),
            cap: Duration::from_secs(10),
            retry_after_cap: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    pub fn none() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The same policy with another number of attempts; at least one.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts: attempts.max(1), ..self }
    }

    /// The wait before the next attempt, or `None` to stop. `attempt` counts from 1; `jitter` is in 0..=1.
    pub(crate) fn decide(&self, attempt: u32, error: &Error, jitter: f64) -> Option<Duration> {
        if attempt >= self.attempts || !is_passing(error) {
            return None;
        }
        // Full jitter, so that requests which failed together do not come back together.
        let backoff = self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.cap).mul_f64(jitter);
        Some(match error.registry().and_then(|error| error.retry_after) {
            Some(asked) => asked.min(self.retry_after_cap) + self.base.mul_f64(jitter),
            None => backoff,
        })
    }
}

/// Whether the same request may well succeed later. Registries report storage that hiccups as 500.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport { .. } => true,
        Error::Registry(error) => matches!(error.status, 408 | 429 | 500 | 502..=504),
        _ => false,
    }
}

/// Reads `Retry-After`: seconds, or a date, which in the past means now.
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
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
        let policy = RetryPolicy::default();
        let lost = Error::Transport { what: String::new(), kind: TransportKind::Interrupted, source: None };
        assert!(policy.decide(1, &lost, 0.5).is_some());
        for (status, repeated) in
            [(408, true), (429, true), (500, true), (503, true), (401, false), (404, false), (501, false)]
        {
            assert_eq!(policy.decide(1, &answered(status, None), 0.5).is_some(), repeated, "{status}");
        }
        assert!(policy.decide(1, &Error::Invalid(String::new()), 0.5).is_none());
        assert!(policy.decide(5, &lost, 0.5).is_none());
    }

    #[test]
    fn waits_double_up_to_the_cap_and_a_retry_after_is_honoured_and_capped() {
        let policy = RetryPolicy::default().attempts(99);
        let wait = |attempt| policy.decide(attempt, &answered(503, None), 1.0).unwrap().as_millis();
        assert_eq!([wait(1), wait(2), wait(3), wait(7), wait(60)], [250, 500, 1000, 10_000, 10_000]);
        let asked = |seconds| policy.decide(1, &answered(429, Some(seconds)), 0.0).unwrap().as_secs();
        assert_eq!([asked(7), asked(86_400)], [7, 60]);
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:27 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-3", "1e400"] {
            assert_eq!(parse_retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
