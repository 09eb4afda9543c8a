//! Staying under the service's rate limit instead of running into it.
//!
//! A window and not a token bucket: a bucket that allows a burst as large as the limit lets twice the
//! limit through in its first minute, and one that does not slows down every short command.
//!
//! Whoever has to wait gets a place in a queue and the time at which it comes to the front, and nobody waits
//! for anybody else to be woken: a call that is not polled for a while holds nobody up.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The service counts by the minute: "1000 per 1 minute" in its own example of a 429.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets at most a number of requests through in any 60 seconds, in the order in which they came. Shared by all
/// clones of a client.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_minute: Option<NonZeroU32>,
    queue: Mutex<Queue>,
    /// Somebody left the queue from its middle, so that those behind may go earlier.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// When the last requests went, oldest first: as many as the limit.
    gone: VecDeque<Instant>,
    /// Those who wait, in order: their numbers, and when they may go.
    waiting: VecDeque<(u64, Instant)>,
    last_number: u64,
    /// Nobody goes before this: the service asked everybody to wait.
    paused_until: Option<Instant>,
}

/// A place in the queue. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct QueuePlace<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Limiter {
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self { per_minute, queue: Mutex::default(), moved: Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at the end of the queue.
    pub(crate) fn enter(&self, now: Instant) -> QueuePlace<'_> {
        let mut queue = self.queue();
        let at = queue.next(self.per_minute, queue.waiting.len(), now);
        queue.last_number += 1;
        let number = queue.last_number;
        queue.waiting.push_back((number, at));
        QueuePlace { limiter: self, number }
    }

    /// Holds everybody back: the service has said for how long.
    pub(crate) fn pause(&self, now: Instant, duration: Duration) {
        let Some(until) = now.checked_add(duration) else { return };
        let mut queue = self.queue();
        queue.paused_until = Some(queue.paused_until.map_or(until, |earlier| earlier.max(until)));
        queue.plan(self.per_minute, 0, now);
    }
}

impl Queue {
    /// When the one at that place may go, given when those before it do.
    fn next(&self, limit: Option<NonZeroU32>, place: usize, now: Instant) -> Instant {
        let at = self.paused_until.map_or(now, |until| until.max(now));
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit.get()).ok()) else { return at };
        let before = |back: usize| {
            let index = (self.gone.len() + place).checked_sub(back)?;
            let waiting = || Some(self.waiting.get(index - self.gone.len())?.1);
            self.gone.get(index).copied().or_else(waiting)
        };
        let room = before(limit).map_or(at, |at| at + WINDOW);
        // Never before the one ahead: that would be out of turn.
        at.max(room).max(before(1).unwrap_or(at))
    }

    /// Plans anew from that place on.
    fn plan(&mut self, limit: Option<NonZeroU32>, from: usize, now: Instant) {
        for place in from..self.waiting.len() {
            let at = self.next(limit, place, now);
            self.waiting[place].1 = at;
        }
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

impl QueuePlace<'_> {
    /// Goes, or says how long to wait before asking again.
    pub(crate) fn go(&self, now: Instant) -> Result<(), Duration> {
        let mut queue = self.limiter.queue();
        let Some(place) = queue.place(self.number) else { return Ok(()) };
        // Those ahead may have gone later than planned: the minute that is full counts from when they did.
        let full = self.limiter.per_minute.is_some_and(|limit| queue.gone.len() >= limit.get() as usize);
        let room = queue.gone.front().filter(|_| full).map(|oldest| *oldest + WINDOW);
        let at = queue.waiting[place].1;
        let wait = room.map_or(at, |room| room.max(at)).saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        queue.waiting.remove(place);
        if let Some(limit) = self.limiter.per_minute {
            queue.gone.push_back(now);
            if queue.gone.len() > limit.get() as usize {
                queue.gone.pop_front();
            }
        }
        Ok(())
    }

    /// Completes when those ahead have become fewer, so that asking again may be worth it.
    pub(crate) fn moved(&self) -> Notified<'_> {
        self.limiter.moved.notified()
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        let mut queue = self.limiter.queue();
        let Some(place) = queue.place(self.number) else { return };
        let left = queue.waiting.remove(place);
        if let (Some((_, at)), true) = (left, place < queue.waiting.len()) {
            // Those behind move up, and none of them before the time of the one that left.
            queue.plan(self.limiter.per_minute, place, at);
            drop(queue);
            self.limiter.moved.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limiter(per_minute: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(per_minute))
    }

    #[test]
    fn no_minute_sees_more_than_the_limit_and_none_is_wasted() {
        let limiter = limiter(1000);
        let start = Instant::now();
        let (mut now, mut gone) = (start, VecDeque::new());
        while now < start + WINDOW * 10 {
            let place = limiter.enter(now);
            while let Err(wait) = place.go(now) {
                now += wait;
            }
            gone.push_back(now);
            let window = gone.iter().rev().take_while(|at| now.duration_since(**at) < WINDOW);
            assert!(window.count() <= 1000);
            now += Duration::from_millis(3);
        }
        assert!(gone.len() >= 9_700, "{} of 10000 in ten minutes", gone.len());
    }

    #[test]
    fn a_pause_holds_everybody_and_then_ends() {
        let limiter = Limiter::new(None);
        let now = Instant::now();
        let before = limiter.enter(now);
        limiter.pause(now, Duration::from_secs(5));
        limiter.pause(now, Duration::from_secs(2));
        limiter.pause(now, Duration::MAX);
        let after = limiter.enter(now);
        for place in [before, after] {
            assert_eq!(place.go(now), Err(Duration::from_secs(5)));
            assert_eq!(place.go(now + Duration::from_secs(5)), Ok(()));
        }
    }

    #[test]
    fn two_thousand_wait_no_longer_than_in_a_queue() {
        let (limiter, now) = (limiter(900), Instant::now());
        let places: Vec<_> = (0..2000).map(|_| limiter.enter(now)).collect();
        let waits: Vec<_> = places.iter().map(|place| place.go(now).err().unwrap_or_default()).collect();
        assert!(waits.is_sorted());
        for (place, wait) in waits.iter().enumerate() {
            assert_eq!(*wait, WINDOW * (place as u32 / 900), "{place}");
        }
    }

    #[test]
    fn whoever_is_not_asking_any_more_holds_nobody_up() {
        let (limiter, now) = (limiter(2), Instant::now());
        let _asleep = [limiter.enter(now), limiter.enter(now)];
        let place = limiter.enter(now);
        assert_eq!(place.go(now), Err(WINDOW));
        assert_eq!(place.go(now + WINDOW), Ok(()));
    }

    #[tokio::test]
    async fn those_behind_move_up_when_somebody_leaves() {
        let (limiter, now) = (limiter(1), Instant::now());
        let [first, second, third] = [limiter.enter(now), limiter.enter(now), limiter.enter(now)];
        assert_eq!(third.go(now), Err(WINDOW * 2));
        let moved = third.moved();
        drop(second);
        moved.await;
        assert_eq!(third.go(now), Err(WINDOW));
        drop(first);
        assert_eq!(third.go(now), Ok(()));
        // A thousand that gave up leave no trace.
        drop((0..1000).map(|_| limiter.enter(now)).collect::<Vec<_>>());
        assert_eq!(limiter.enter(now).go(now), Err(WINDOW));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However they come, give up and are paused: the limit holds, and they go in order.
        #[test]
        fn the_limit_and_the_order_hold(
            limit in 1..6_u32,
            steps in prop::collection::vec((0..5_u8, 0..40_u64, any::<prop::sample::Index>()), 1..80),
        ) {
            let limiter = limiter(limit);
            let (mut now, mut waiting, mut gone) = (Instant::now(), Vec::new(), Vec::new());
            for (step, seconds, index) in steps {
                match step {
                    0 if !waiting.is_empty() => drop(waiting.remove(index.index(waiting.len()))),
                    1 => limiter.pause(now, Duration::from_secs(seconds)),
                    2 => now += Duration::from_secs(seconds),
                    _ => waiting.push(limiter.enter(now)),
                }
                let free = waiting.iter().take_while(|place| place.go(now).is_ok()).count();
                waiting.drain(..free);
                gone.extend((0..free).map(|_| now));
                prop_assert!(waiting.iter().all(|place| place.go(now).is_err()), "out of turn");
                let window = gone.iter().filter(|at| now.duration_since(**at) < WINDOW).count();
                prop_assert!(window <= limit as usize, "{} in a minute", window);
            }
        }
    }
}
