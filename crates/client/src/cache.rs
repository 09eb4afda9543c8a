//! One value that many calls share and that is fetched by one of them: the token, the workspace's key.
//!
//! 1. A fresh value is handed out at once.
//! 2. Otherwise one caller fetches; the others wait for that one and take what it got, good or bad.
//! 3. A fetch that fails while the old value still lives is not an error: the old one serves on.
//! 4. Whoever finds a value refused names its generation, so that a late refusal of an old value does
//!    not throw away a newer one.
//!
//! A caller that is dropped while it fetches leaves the lock to the next.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mlspace_registry_net::Clock;

use crate::error::{Error, Result};

/// How soon a failed refresh is tried again while the old value serves on.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);

/// A value and which fetch it came from.
#[derive(Clone, Debug)]
pub(crate) struct Cached<T> {
    pub(crate) value: T,
    pub(crate) generation: u64,
    lifetime: Option<Lifetime>,
}

/// When to fetch anew, and when the value is dead.
#[derive(Clone, Copy, Debug)]
struct Lifetime {
    refresh: Instant,
    end: Instant,
}

#[derive(Debug)]
pub(crate) struct Cache<T> {
    state: Mutex<State<T>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<T> {
    cached: Option<Cached<T>>,
    generation: u64,
    failures: u64,
    failure: Option<Arc<Error>>,
}

impl<T: Clone> Cache<T> {
    pub(crate) fn new() -> Self {
        let state = State { cached: None, generation: 0, failures: 0, failure: None };
        Self { state: Mutex::new(state), fetching: tokio::sync::Mutex::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value; `fetch` gets a new one and how long it lives.
    pub(crate) async fn get<F>(&self, clock: &dyn Clock, fetch: F) -> Result<Cached<T>, Arc<Error>>
    where
        F: Future<Output = Result<(T, Option<Duration>)>>,
    {
        let failures = {
            let state = self.state();
            if let Some(fresh) = state.usable(|life| clock.now() < life.refresh) {
                return Ok(fresh);
            }
            state.failures
        };
        let _turn = self.fetching.lock().await;
        {
            let state = self.state();
            if let Some(fresh) = state.usable(|life| clock.now() < life.refresh) {
                return Ok(fresh);
            }
            if let (true, Some(failure)) = (state.failures != failures, &state.failure) {
                return state.usable(|life| clock.now() < life.end).ok_or_else(|| failure.clone());
            }
        }
        let fetched = fetch.await;
        let now = clock.now();
        let mut state = self.state();
        match fetched {
            Ok((value, lifetime)) => {
                state.generation += 1;
                let lifetime =
                    lifetime.map(|life| Lifetime { refresh: now + life - margin(life), end: now + life });
                let cached = Cached { value, generation: state.generation, lifetime };
                state.cached = Some(cached.clone());
                state.failure = None;
                Ok(cached)
            }
            Err(error) => {
                let error = Arc::new(error);
                state.failures += 1;
                state.failure = Some(error.clone());
                if let Some(Cached { lifetime: Some(life), .. }) = &mut state.cached {
                    life.refresh = now + REFRESH_PAUSE;
                }
                state.usable(|life| now < life.end).ok_or(error)
            }
        }
    }

    /// The generation of the value, if it need not be replaced yet.
    pub(crate) fn fresh_generation(&self, clock: &dyn Clock) -> Option<u64> {
        let state = self.state();
        let cached = state.cached.as_ref()?;
        let fresh = cached.lifetime.is_none_or(|life| clock.now() < life.refresh);
        fresh.then_some(cached.generation)
    }

    /// Drops the value of that generation; a newer one stays.
    pub(crate) fn invalidate(&self, generation: u64) {
        let mut state = self.state();
        if state.cached.as_ref().is_some_and(|cached| cached.generation == generation) {
            state.cached = None;
        }
    }
}

impl<T: Clone> State<T> {
    fn usable(&self, alive: impl Fn(&Lifetime) -> bool) -> Option<Cached<T>> {
        self.cached.clone().filter(|cached| cached.lifetime.as_ref().is_none_or(alive))
    }
}

/// How long before its end a value is replaced: a minute, as other clients of the service do, and less
/// for values that hardly live longer.
fn margin(life: Duration) -> Duration {
    (life / 4).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use mlspace_registry_net::ManualClock;

    use super::*;

    const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

    async fn yielding<T>(value: T) -> T {
        tokio::task::yield_now().await;
        value
    }

    #[tokio::test]
    async fn any_number_of_waiting_calls_fetch_once() {
        let (cache, clock, fetches) = (Cache::new(), ManualClock::new(), AtomicUsize::new(0));
        let fetch = || async { yielding(Ok((fetches.fetch_add(1, Ordering::SeqCst), HOUR))).await };
        let got = join_all((0..100).map(|_| cache.get(&clock, fetch()))).await;
        assert!(got.iter().all(|value| value.as_ref().unwrap().value == 0));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn any_number_of_waiting_calls_share_one_failure() {
        let (cache, clock, fetches) = (Cache::<()>::new(), ManualClock::new(), AtomicUsize::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::SeqCst);
            yielding(Err(Error::Invalid("no".into()))).await
        };
        let got = join_all((0..100).map(|_| cache.get(&clock, fetch()))).await;
        assert!(got.iter().all(Result::is_err));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        // Later calls try anew.
        assert!(cache.get(&clock, async { Ok(((), HOUR)) }).await.is_ok());
    }

    #[tokio::test]
    async fn a_value_is_replaced_before_it_ends() {
        let (cache, clock) = (Cache::new(), ManualClock::new());
        cache.get(&clock, async { Ok((1, HOUR)) }).await.unwrap();
        clock.advance(Duration::from_secs(3539));
        assert_eq!(cache.get(&clock, async { Ok((2, HOUR)) }).await.unwrap().value, 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.get(&clock, async { Ok((2, HOUR)) }).await.unwrap().value, 2);
    }

    #[tokio::test]
    async fn a_failed_refresh_is_no_error_while_the_old_value_lives() {
        let (cache, clock) = (Cache::new(), ManualClock::new());
        let broken = || async { Err(Error::Invalid("no".into())) };
        cache.get(&clock, async { Ok((1, HOUR)) }).await.unwrap();
        clock.advance(Duration::from_secs(3550));
        assert_eq!(cache.get(&clock, broken()).await.unwrap().value, 1);
        clock.advance(Duration::from_secs(50));
        assert!(cache.get(&clock, broken()).await.is_err());
    }

    #[tokio::test]
    async fn a_late_refusal_does_not_throw_away_a_newer_value() {
        let (cache, clock) = (Cache::new(), ManualClock::new());
        let first = cache.get(&clock, async { Ok((1, HOUR)) }).await.unwrap();
        cache.invalidate(first.generation);
        let second = cache.get(&clock, async { Ok((2, HOUR)) }).await.unwrap();
        cache.invalidate(first.generation);
        assert_eq!(cache.get(&clock, async { Ok((3, HOUR)) }).await.unwrap().value, 2);
        cache.invalidate(second.generation);
        assert_eq!(cache.get(&clock, async { Ok((3, HOUR)) }).await.unwrap().value, 3);
    }

    #[tokio::test]
    async fn a_caller_that_is_dropped_while_it_fetches_leaves_the_cache_usable() {
        let (cache, clock) = (Cache::new(), ManualClock::new());
        let never = cache.get(&clock, std::future::pending());
        assert!(futures_util::FutureExt::now_or_never(never).is_none());
        assert_eq!(cache.get(&clock, async { Ok((1, HOUR)) }).await.unwrap().value, 1);
    }
}
