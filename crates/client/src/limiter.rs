//! Staying under the service's rate limit instead of running into it.
//!
//! A window and not a token bucket: a bucket that allows a burst as large as the limit lets twice the
//! limit through in its first minute, and one that does not slows down every short command.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The service counts by the minute: "1000 per 1 minute" in its own example of a 429.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets at most a number of requests through in any 60 seconds. Shared by all clones of a client.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_minute: Option<NonZeroU32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the requests of the last 60 seconds were let through, oldest first.
    passed: VecDeque<Instant>,
    /// Nobody passes before this: the service asked everybody to wait.
    paused_until: Option<Instant>,
}

impl Limiter {
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self { per_minute, state: Mutex::default() }
    }

    /// Lets a request through now, or says how long to wait before asking again.
    pub(crate) fn pass(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = state.paused_until {
            if now < until {
                return Err(until - now);
            }
            state.paused_until = None;
        }
        let Some(limit) = self.per_minute else { return Ok(()) };
        while state.passed.front().is_some_and(|passed| now.duration_since(*passed) >= WINDOW) {
            state.passed.pop_front();
        }
        if state.passed.len() < limit.get() as usize {
            state.passed.push_back(now);
            return Ok(());
        }
        let oldest = state.passed.front().copied().unwrap_or(now);
        Err((oldest + WINDOW).saturating_duration_since(now))
    }

    /// Holds everybody back: the service has said for how long.
    pub(crate) fn pause(&self, until: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused_until = Some(state.paused_until.map_or(until, |earlier| earlier.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_sees_more_than_the_limit_and_none_is_wasted() {
        let limiter = Limiter::new(NonZeroU32::new(1000));
        let start = Instant::now();
        let mut now = start;
        let mut passed = VecDeque::new();
        while now < start + WINDOW * 10 {
            match limiter.pass(now) {
                Ok(()) => {
                    passed.push_back(now);
                    let window = passed.iter().rev().take_while(|at| now.duration_since(**at) < WINDOW);
                    assert!(window.count() <= 1000);
                    now += Duration::from_millis(3);
                }
                Err(wait) => now += wait,
            }
        }
        assert!(passed.len() >= 9_700, "{} of 10000 in ten minutes", passed.len());
    }

    #[test]
    fn a_pause_holds_everybody_and_then_ends() {
        let limiter = Limiter::new(None);
        let now = Instant::now();
        limiter.pause(now + Duration::from_secs(5));
        limiter.pause(now + Duration::from_secs(2));
        assert_eq!(limiter.pass(now), Err(Duration::from_secs(5)));
        assert_eq!(limiter.pass(now + Duration::from_secs(5)), Ok(()));
    }
}
