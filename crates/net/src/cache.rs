//! One value that many callers share and that is fetched once for all of them: a token, a workspace's key.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::Shared;

use crate::clock::Clock;

/// How soon a failed refresh is tried again while the old value serves on, and how soon a value is replaced
/// that was refused like the one before it.
const PAUSE: Duration = Duration::from_secs(10);
/// A value that is said to live longer is fetched anew after a day: it costs nothing, and no sum of times
/// that others write can overflow.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a value is replaced: a minute, as other clients of the service do.
const MARGIN: Duration = Duration::from_secs(60);

type Fetch<T, E> = Shared<Pin<Box<dyn Future<Output = Result<Cached<T>, Arc<E>>> + Send>>>;

/// A value, and which fetch it came from.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// The value.
    pub value: T,
    /// Counts the fetches, from 1.
    pub generation: u64,
}

/// A value that is fetched by whoever needs it first.
///
/// 1. A fresh value is handed out at once. So is an old one that still lives; the fetch of the next is begun
///    and driven on by those who work [`alongside`](Self::alongside), and nobody waits for it.
/// 2. Without a living value all wait for the one fetch and take what it gets, good or bad.
/// 3. A fetch belongs to nobody: whoever gives up leaves it as it stands, and the next drives it on.
/// 4. Whoever finds a value [`refused`](Self::refused) names its generation, so that a late refusal of an old
///    value does not throw away a newer one.
pub struct Cache<T, E> {
    state: Arc<Mutex<State<T, E>>>,
    /// The newest generation that was accepted at least once.
    accepted: AtomicU64,
}

struct State<T, E> {
    current: Option<(Cached<T>, Life)>,
    generation: u64,
    fetching: Option<Fetching<T, E>>,
    /// The value before this one was refused without ever having been accepted.
    refused: bool,
}

struct Fetching<T, E> {
    fetch: Fetch<T, E>,
    since: Instant,
}

/// When a value was made, when to fetch the next, and when it is dead.
#[derive(Clone, Copy)]
struct Life {
    made: Instant,
    times: Option<(Instant, Instant)>,
}

impl Life {
    fn new(made: Instant, life: Option<Duration>) -> Self {
        let times = life.map(|life| {
            let life = life.min(LONGEST_LIFE);
            // Less than the margin for values that hardly live longer.
            (made + (life - (life / 4).min(MARGIN)), made + life)
        });
        Self { made, times }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.times.is_none_or(|(refresh, _)| now < refresh)
    }

    fn lives(&self, now: Instant) -> bool {
        self.times.is_none_or(|(_, end)| now < end)
    }
}

impl<T, E> Default for Cache<T, E> {
    fn default() -> Self {
        let state = State { current: None, generation: 0, fetching: None, refused: false };
        Self { state: Arc::new(Mutex::new(state)), accepted: AtomicU64::new(0) }
    }
}

impl<T, E> Cache<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value; `fetch` gets a new one and how long it lives, `None` for ever. A fetch that has lasted
    /// longer than `patience` is given up for a new one: the runtime that it began on may be gone.
    ///
    /// # Errors
    /// The failure of the fetch, shared by all who waited for it.
    pub async fn get<F>(
        &self,
        clock: &Arc<dyn Clock>,
        patience: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Cached<T>, Arc<E>>
    where
        F: Future<Output = Result<(T, Option<Duration>), E>> + Send + 'static,
    {
        let fetching = {
            let (mut state, now) = (self.state(), clock.now());
            let living = match &state.current {
                Some((value, life)) if life.is_fresh(now) => return Ok(value.clone()),
                Some((value, life)) if life.lives(now) => Some(value.clone()),
                _ => None,
            };
            let running = state.fetching.as_ref();
            let running = running.filter(|running| now.saturating_duration_since(running.since) < patience);
            let fetching = match running {
                Some(running) => running.fetch.clone(),
                None => state.begin(now, self.fetch(clock.clone(), fetch())),
            };
            match living {
                Some(value) => return Ok(value),
                None => fetching,
            }
        };
        fetching.await
    }

    fn fetch<F>(&self, clock: Arc<dyn Clock>, fetch: F) -> Fetch<T, E>
    where
        F: Future<Output = Result<(T, Option<Duration>), E>> + Send + 'static,
    {
        // Not held by the fetch, which the state itself holds.
        let state = Arc::downgrade(&self.state);
        let fetch: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            let fetched = fetch.await;
            let now = clock.now();
            match state.upgrade() {
                Some(state) => state.lock().unwrap_or_else(PoisonError::into_inner).end(now, fetched),
                None => fetched.map(|(value, _)| Cached { value, generation: 0 }).map_err(Arc::new),
            }
        });
        fetch.shared()
    }

    /// Does other work, and drives on a refresh that is under way meanwhile. Ends with the work.
    pub async fn alongside<W: Future>(&self, work: W) -> W::Output {
        let running = self.state().fetching.as_ref().map(|running| running.fetch.clone());
        let Some(fetch) = running else { return work.await };
        let (mut fetch, mut work) = (Some(fetch), pin!(work));
        poll_fn(move |context| {
            if fetch.as_mut().is_some_and(|fetch| fetch.poll_unpin(context).is_ready()) {
                fetch = None;
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// The generation of the value, if it need not be replaced yet.
    pub fn fresh_generation(&self, clock: &dyn Clock) -> Option<u64> {
        let state = self.state();
        let (value, life) = state.current.as_ref()?;
        life.is_fresh(clock.now()).then_some(value.generation)
    }

    /// Notes that the value of that generation was accepted where it was used.
    pub fn accepted(&self, generation: u64) {
        self.accepted.fetch_max(generation, Ordering::Relaxed);
    }

    /// Drops the value of that generation, which was refused where it was used; a newer one stays. Says
    /// whether there will be another to try with: of two in a row that were refused and never accepted the
    /// second stays for a while, because it is not the value that is wrong.
    pub fn refused(&self, clock: &dyn Clock, generation: u64) -> bool {
        let (mut state, now) = (self.state(), clock.now());
        let Some((value, life)) = &state.current else { return true };
        if value.generation != generation {
            return true;
        }
        let never_accepted = self.accepted.load(Ordering::Relaxed) < generation;
        if never_accepted && state.refused && now.saturating_duration_since(life.made) < PAUSE {
            return false;
        }
        state.refused = never_accepted;
        state.current = None;
        true
    }

    /// Drops the value of that generation, whatever came of it; a newer one stays.
    pub fn forget(&self, generation: u64) {
        self.state().current.take_if(|(value, _)| value.generation == generation);
    }

    /// True if there was a value, its time has passed, and the next is not being fetched.
    pub fn has_ended(&self, clock: &dyn Clock) -> bool {
        let state = self.state();
        state.fetching.is_none() && state.current.as_ref().is_some_and(|(_, life)| !life.lives(clock.now()))
    }

    /// Drops a fetch that is under way, and what it holds.
    pub fn abandon(&self) {
        let fetching = self.state().fetching.take();
        // Dropped without the lock.
        drop(fetching);
    }
}

impl<T: Clone, E> State<T, E> {
    fn begin(&mut self, since: Instant, fetch: Fetch<T, E>) -> Fetch<T, E>
    where
        T: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        self.fetching = Some(Fetching { fetch: fetch.clone(), since });
        fetch
    }

    fn end(&mut self, now: Instant, fetched: Result<(T, Option<Duration>), E>) -> Result<Cached<T>, Arc<E>> {
        self.fetching = None;
        match fetched {
            Ok((value, life)) => {
                self.generation += 1;
                let cached = Cached { value, generation: self.generation };
                self.current = Some((cached.clone(), Life::new(now, life)));
                Ok(cached)
            }
            Err(error) => match &mut self.current {
                Some((old, life)) if life.lives(now) => {
                    life.times = life.times.map(|(_, end)| (now + PAUSE, end));
                    Ok(old.clone())
                }
                _ => Err(Arc::new(error)),
            },
        }
    }
}

impl<T, E> std::fmt::Debug for Cache<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;

    use super::*;
    use crate::ManualClock;

    const HOUR: Option<Duration> = Some(Duration::from_secs(3600));
    const PATIENCE: Duration = Duration::from_secs(360);

    struct Fixture {
        cache: Cache<u64, String>,
        manual: Arc<ManualClock>,
        clock: Arc<dyn Clock>,
        fetches: Arc<AtomicUsize>,
    }

    /// The outcome of one fetch.
    type Fetched = Result<(u64, Option<Duration>), String>;

    impl Fixture {
        fn new() -> Self {
            let manual = Arc::new(ManualClock::new());
            let clock: Arc<dyn Clock> = manual.clone();
            Self { cache: Cache::default(), manual, clock, fetches: Arc::default() }
        }

        /// Gets the value; a fetch gives the number of the fetch, after the caller has waited a little.
        async fn numbered(&self) -> Result<u64, Arc<String>> {
            let fetches = self.fetches.clone();
            let fetch = || async move {
                let number = fetches.fetch_add(1, Ordering::SeqCst) as u64 + 1;
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                Ok((number, HOUR))
            };
            self.cache.get(&self.clock, PATIENCE, fetch).await.map(|cached| cached.value)
        }

        async fn fetched(&self, fetched: Fetched) -> Result<u64, Arc<String>> {
            let fetch = || async move { fetched };
            self.cache.get(&self.clock, PATIENCE, fetch).await.map(|cached| cached.value)
        }

        /// Gets the value where a fetch never ends.
        async fn hanging(&self) -> Result<u64, Arc<String>> {
            let fetch = std::future::pending::<Fetched>;
            self.cache.get(&self.clock, PATIENCE, fetch).await.map(|cached| cached.value)
        }

        fn pass(&self, seconds: u64) {
            self.manual.advance(Duration::from_secs(seconds));
        }
    }

    #[tokio::test]
    async fn any_number_of_waiting_calls_fetch_once() {
        let of = Fixture::new();
        let got = join_all((0..100).map(|_| of.numbered())).await;
        assert!(got.iter().all(|value| *value == Ok(1)));
        assert_eq!(of.fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn any_number_of_waiting_calls_share_one_failure_and_later_ones_try_anew() {
        let (of, fail) = (Fixture::new(), tokio::sync::Notify::new());
        let fail = Arc::new(fail);
        let fetch = || {
            let fail = fail.clone();
            async move {
                fail.notified().await;
                Fetched::Err("no".into())
            }
        };
        let mut waiting = pin!(join_all((0..100).map(|_| of.cache.get(&of.clock, PATIENCE, fetch))));
        while waiting.as_mut().now_or_never().is_some() {}
        fail.notify_one();
        let got = waiting.await;
        let first = got[0].as_ref().unwrap_err();
        assert!(got.iter().all(|one| Arc::ptr_eq(one.as_ref().unwrap_err(), first)));
        assert_eq!(of.numbered().await, Ok(1));
    }

    #[tokio::test]
    async fn a_fetch_outlives_those_who_give_up_waiting() {
        let of = Fixture::new();
        // Nobody waits for more than one step; the fetch takes four.
        let mut steps = 1;
        while of.numbered().now_or_never().is_none() {
            steps += 1;
        }
        assert!(steps > 3, "{steps}");
        assert_eq!(of.fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_value_is_replaced_before_it_ends_and_nobody_waits_for_that() {
        let of = Fixture::new();
        assert_eq!(of.numbered().await, Ok(1));
        of.pass(3539);
        assert_eq!(of.hanging().now_or_never(), Some(Ok(1)));
        of.pass(1);
        // The fetch has begun and hangs; the old value serves on until its end.
        assert_eq!(of.hanging().now_or_never(), Some(Ok(1)));
        of.pass(59);
        assert_eq!(of.numbered().now_or_never(), Some(Ok(1)));
        assert_eq!(of.fetches.load(Ordering::SeqCst), 1);
        of.pass(1);
        assert_eq!(of.numbered().now_or_never(), None);
        // What hangs for longer than is allowed is given up.
        of.pass(360);
        assert_eq!(of.numbered().await, Ok(2));
    }

    #[tokio::test]
    async fn a_refresh_is_driven_by_those_who_work_alongside() {
        let of = Fixture::new();
        of.numbered().await.unwrap();
        of.pass(3541);
        assert_eq!(of.numbered().await, Ok(1));
        let work = async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            "done"
        };
        assert_eq!(of.cache.alongside(work).await, "done");
        assert_eq!(of.hanging().await, Ok(2));
    }

    #[tokio::test]
    async fn a_failed_refresh_is_no_error_while_the_old_value_lives() {
        let of = Fixture::new();
        of.numbered().await.unwrap();
        of.pass(3550);
        assert_eq!(of.fetched(Err("no".into())).await, Ok(1));
        of.cache.alongside(tokio::task::yield_now()).await;
        assert_eq!(of.fetched(Err("not asked for within the pause".into())).await, Ok(1));
        of.pass(50);
        assert_eq!(of.fetched(Err("now it matters".into())).await.unwrap_err().as_str(), "now it matters");
    }

    #[tokio::test]
    async fn a_late_refusal_does_not_throw_away_a_newer_value() {
        let of = Fixture::new();
        let refused = |generation| of.cache.refused(&*of.clock, generation);
        assert_eq!(of.numbered().await, Ok(1));
        assert!(refused(1));
        assert_eq!(of.numbered().await, Ok(2));
        assert!(refused(1));
        assert_eq!(of.numbered().await, Ok(2));
        of.cache.accepted(2);
        assert!(refused(2));
        assert_eq!(of.numbered().await, Ok(3));
    }

    #[tokio::test]
    async fn a_value_is_forgotten_by_its_generation_and_ends_with_its_time() {
        let of = Fixture::new();
        let has_ended = || of.cache.has_ended(&*of.clock);
        assert!(!has_ended());
        assert_eq!(of.numbered().await, Ok(1));
        of.cache.forget(1);
        assert_eq!(of.numbered().await, Ok(2));
        of.cache.forget(1);
        assert_eq!(of.numbered().await, Ok(2));
        of.pass(3599);
        assert!(!has_ended());
        of.pass(1);
        assert!(has_ended());
        assert!(of.hanging().now_or_never().is_none());
        assert!(!has_ended(), "the next is under way");
    }

    #[tokio::test]
    async fn where_every_value_is_refused_they_are_not_fetched_without_end() {
        let of = Fixture::new();
        for _ in 0..100 {
            let cached = of.numbered().await.unwrap();
            of.cache.refused(&*of.clock, cached);
        }
        assert_eq!(of.fetches.load(Ordering::SeqCst), 2);
        of.pass(10);
        assert!(of.cache.refused(&*of.clock, 2));
        assert_eq!(of.numbered().await, Ok(3));
        assert!(!of.cache.refused(&*of.clock, 3));
    }

    #[tokio::test]
    async fn a_life_of_any_length_can_be_added_up() {
        for seconds in [0, 1, u64::MAX / 2, u64::MAX] {
            let of = Fixture::new();
            assert_eq!(of.fetched(Ok((1, Some(Duration::from_secs(seconds))))).await, Ok(1));
            of.pass(24 * 3600);
            assert_eq!(of.fetched(Ok((2, None))).await, Ok(2), "{seconds}");
        }
    }

    #[tokio::test]
    async fn what_a_fetch_holds_is_let_go_when_it_is_abandoned() {
        let (of, held) = (Fixture::new(), Arc::new(()));
        let fetch = || {
            let held = held.clone();
            async move {
                let _held = held;
                std::future::pending::<Fetched>().await
            }
        };
        assert!(of.cache.get(&of.clock, PATIENCE, fetch).now_or_never().is_none());
        assert_eq!(Arc::strong_count(&held), 2);
        of.cache.abandon();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
