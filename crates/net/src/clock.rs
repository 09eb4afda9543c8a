//! The only place that knows what time it is and how to wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Time, as the clients see it. Tests hand in a [`ManualClock`], and nothing in them waits for real.
pub trait Clock: Send + Sync {
    /// A moment that only moves forward; for measuring.
    fn now(&self) -> Instant;
    /// The wall clock; for dates that servers write.
    fn wall(&self) -> SystemTime;
    /// Completes when the time is over.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Real time, or that of a paused tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        // The runtime's clock, which tests can pause, is the one that sleeps: a client that measured by
        // another would sleep without end.
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Time that stands still until somebody sleeps or advances it; sleeping takes no real time.
pub struct ManualClock {
    start: (Instant, SystemTime),
    state: Mutex<(Duration, Vec<Duration>)>,
}

impl ManualClock {
    /// A clock that starts now.
    #[allow(clippy::new_without_default)] // A default clock that stands still would surprise.
    pub fn new() -> Self {
        Self { start: (Instant::now(), SystemTime::now()), state: Mutex::default() }
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 += duration;
    }

    /// Every sleep asked for so far, in order.
    pub fn sleeps(&self) -> Vec<Duration> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start.0 + self.elapsed()
    }

    fn wall(&self) -> SystemTime {
        self.start.1 + self.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += duration;
        state.1.push(duration);
        Box::pin(tokio::task::yield_now())
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("elapsed", &self.elapsed()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_that_stands_still_moves_by_what_is_slept_and_advanced() {
        let clock = ManualClock::new();
        let start = (clock.now(), clock.wall());
        assert_eq!((clock.now(), clock.wall()), start);
        let hour = Duration::from_secs(3600);
        clock.sleep(hour).await;
        clock.advance(hour);
        assert_eq!(
            (clock.now() - start.0, clock.wall().duration_since(start.1).unwrap()),
            (2 * hour, 2 * hour)
        );
        assert_eq!(clock.sleeps(), [hour]);
    }
}
