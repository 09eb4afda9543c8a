//! How long to wait before the next attempt. The clients do the waiting.

use std::time::{Duration, SystemTime};

/// How often and how patiently something is repeated. What is repeated at all, the client decides: see
/// `ClientBuilder::retry` of each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Requests for one call at most, the first included; when images are moved, also those for one blob
    /// between two signs of progress. Default 4.
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

    /// The same policy with another longest first wait.
    #[must_use]
    pub fn base(self, base: Duration) -> Self {
        Self { base, ..self }
    }

    /// The same policy with another longest wait between attempts.
    #[must_use]
    pub fn cap(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// The same policy with another longest `Retry-After` that is honoured in full.
    #[must_use]
    pub fn retry_after_cap(self, cap: Duration) -> Self {
        Self { retry_after_cap: cap, ..self }
    }

    /// The wait after attempt number `attempt`, which counts from 1, or `None` if that was the last.
    /// `asked` is what the answer's `Retry-After` asks for.
    pub fn wait(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        self.jittered(attempt, asked, fastrand::f64())
    }

    /// The wait after attempt number `attempt`, which counts from 1, however many are allowed: between
    /// nothing and what the policy says, so that calls which failed together do not come back together.
    pub fn backoff(&self, attempt: u32) -> Duration {
        self.full_jitter(attempt, fastrand::f64())
    }

    fn jittered(&self, attempt: u32, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
        (attempt < self.attempts).then(|| match asked {
            Some(asked) => asked.min(self.retry_after_cap).saturating_add(self.base.mul_f64(jitter)),
            None => self.full_jitter(attempt, jitter),
        })
    }

    fn full_jitter(&self, attempt: u32, jitter: f64) -> Duration {
        self.base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.cap).mul_f64(jitter)
    }
}

/// Reads `Retry-After`: seconds, or a date, which in the past means now. `None` if it is neither.
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
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

/// How long to wait after a 429 that says nothing of it but in words, such as `1000 per 1 minute`; a minute where
/// there are none, for services count by the minute.
pub fn rate_window(message: Option<&str>) -> Duration {
    message.and_then(window).unwrap_or(Duration::from_secs(60))
}

fn window(message: &str) -> Option<Duration> {
    let mut words = message.split_whitespace().skip_while(|word| *word != "per").skip(1);
    let first = words.next()?;
    let (number, unit) = match first.parse::<u64>() {
        Ok(number) => (number, words.next()?),
        Err(_) => (1, first),
    };
    let unit = match unit.trim_matches(|c: char| !c.is_ascii_alphabetic()).trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        _ => return None,
    };
    number.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_end_with_the_attempts() {
        let policy = RetryPolicy::default().attempts(9);
        let wait = |attempt| policy.jittered(attempt, None, 1.0).map(|wait| wait.as_millis());
        let waits: Vec<_> = (1..=9).map(wait).collect();
        assert_eq!(waits[..8], [250, 500, 1000, 2000, 4000, 8000, 8000, 8000].map(Some));
        assert_eq!(waits[8], None);
        assert_eq!(policy.attempts(99).jittered(60, None, 1.0), Some(Duration::from_secs(8)));
    }

    #[test]
    fn a_retry_after_is_honoured_and_capped() {
        let policy = RetryPolicy::default();
        let wait = |seconds| policy.jittered(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(86_400), Some(Duration::from_secs(60)));
    }

    #[test]
    fn those_that_failed_together_come_back_apart() {
        let policy = RetryPolicy::default();
        for asked in [None, Some(Duration::from_secs(7))] {
            let wait = |jitter| policy.jittered(1, asked, jitter).unwrap();
            assert_eq!(wait(1.0) - wait(0.0), policy.base);
            assert_eq!(wait(0.5) - wait(0.0), policy.base / 2);
        }
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
