//! Whether and when to try again. Pure: the call loop does the waiting.

use std::time::{Duration, SystemTime};

use crate::error::{Error, TransportKind};
use crate::operation::Repeat;

/// How often and how patiently a call is repeated.
///
/// What is repeated at all: failures to connect and 429 for every operation but the password's; 502,
/// 503, 504, timeouts and broken connections only where doing it twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Requests for one call at most, the first included. Default 4.
    pub attempts: u32,
    /// The longest first wait; each further one may be twice as long. Default 250 ms.
    pub base: Duration,
    /// No wait between attempts is longer. Default 8 s.
    pub cap: Duration,
    /// The longest `Retry-After` that is honoured in full. Default 60 s: the service counts by the minute.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            base: Duration::from_millis(250),
            cap: Duration::from_secs(8),
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
    pub(crate) fn decide(
        &self,
        repeat: Repeat,
        attempt: u32,
        error: &Error,
        jitter: f64,
    ) -> Option<Duration> {
        if attempt >= self.attempts || !may_repeat(repeat, error) {
            return None;
        }
        let asked = error.api().and_then(|error| error.retry_after());
        Some(match asked {
            Some(asked) => asked.min(self.retry_after_cap) + self.base.mul_f64(jitter),
            None => self.backoff(attempt, jitter),
        })
    }

    /// The wait after that many attempts. Full jitter, so that calls which failed together do not come back
    /// together.
    pub(crate) fn backoff(&self, attempt: u32, jitter: f64) -> Duration {
        self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.cap).mul_f64(jitter)
    }
}

fn may_repeat(repeat: Repeat, error: &Error) -> bool {
    let unsent =
        matches!(error, Error::Transport { kind: TransportKind::Connect, .. }) || error.status() == Some(429);
    let lost = matches!(error, Error::Transport { .. }) || matches!(error.status(), Some(502..=504));
    match repeat {
        Repeat::Never => false,
        Repeat::IfUnsent => unsent,
        Repeat::Always => unsent || lost,
    }
}

/// Reads `Retry-After`: seconds, or a date, which in the past means now.
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        if seconds.is_nan() {
            return None;
        }
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_error::ApiError;

    fn answered(status: u16, retry_after: Option<u64>) -> Error {
        let mut error = ApiError::new("image_get", status);
        error.retry_after = retry_after.map(Duration::from_secs);
        Error::Api(Box::new(error))
    }

    fn transport(kind: TransportKind) -> Error {
        Error::Transport { operation: "image_get", kind, source: None }
    }

    #[test]
    fn what_is_repeated_depends_on_what_repeating_does() {
        use Repeat::{Always, IfUnsent, Never};
        let table = [
            (transport(TransportKind::Connect), vec![Always, IfUnsent]),
            (answered(429, None), vec![Always, IfUnsent]),
            (transport(TransportKind::Timeout), vec![Always]),
            (transport(TransportKind::Interrupted), vec![Always]),
            (transport(TransportKind::Truncated), vec![Always]),
            (answered(502, None), vec![Always]),
            (answered(503, Some(1)), vec![Always]),
            (answered(504, None), vec![Always]),
            (answered(500, None), vec![]),
            (answered(404, None), vec![]),
            (answered(445, None), vec![]),
            (Error::Invalid("no".into()), vec![]),
        ];
        for (error, repeated) in table {
            for repeat in [Always, IfUnsent, Never] {
                let decision = RetryPolicy::default().decide(repeat, 1, &error, 0.5);
                assert_eq!(decision.is_some(), repeated.contains(&repeat), "{error:?} with {repeat:?}");
            }
        }
    }

    #[test]
    fn waits_double_up_to_the_cap_and_end_with_the_attempts() {
        let policy = RetryPolicy::default().attempts(9);
        let wait = |attempt| policy.decide(Repeat::Always, attempt, &answered(503, None), 1.0);
        let waits: Vec<_> = (1..=9).map(|n| wait(n).map(|wait| wait.as_millis())).collect();
        let expected = [250, 500, 1000, 2000, 4000, 8000, 8000, 8000].map(Some);
        assert_eq!(waits[..8], expected);
        assert_eq!(waits[8], None);
    }

    #[test]
    fn a_retry_after_is_honoured_and_capped() {
        let policy = RetryPolicy::default();
        let wait = |seconds| policy.decide(Repeat::IfUnsent, 1, &answered(429, Some(seconds)), 0.0);
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(86_400), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(parse_retry_after("-3", now), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:27 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "NaN", "1e400"] {
            assert_eq!(parse_retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
