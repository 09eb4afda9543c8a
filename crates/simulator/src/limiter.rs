//! So many requests a minute, as the service counts them.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts in windows of one minute; a window begins with the first request after the one before has ended.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    window: Duration,
    used: usize,
}

impl Limiter {
    /// Counts one request, or says how many seconds are left until the next may come.
    pub(crate) fn take(&mut self, limit: usize, now: Duration) -> Result<(), u64> {
        if now >= self.window + MINUTE {
            *self = Self { window: now, used: 0 };
        }
        if self.used >= limit {
            let left = self.window + MINUTE - now;
            return Err(left.as_millis().div_ceil(1000) as u64);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_its_number_and_the_next_begins_a_minute_later() {
        let mut limiter = Limiter::default();
        let start = Duration::from_secs(1_000_000);
        for _ in 0..3 {
            assert_eq!(limiter.take(3, start), Ok(()));
        }
        assert_eq!(limiter.take(3, start), Err(60));
        assert_eq!(limiter.take(3, start + Duration::from_millis(59_001)), Err(1));
        assert_eq!(limiter.take(3, start + MINUTE), Ok(()));
    }
}
