//! The simulator's own time. Nothing in the crate reads another clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlspace_registry_api::Timestamp;
use tokio::sync::watch;

/// 2026-11-01T12:00:00Z, where a fixed clock stands at the start.
const START: Duration = Duration::from_secs(1_793_534_400);

/// 9999-01-01T00:00:00Z, where every clock stops: later moments cannot be written as a stamp.
const END: Duration = Duration::from_secs(253_370_764_800);

/// Time since 1970-01-01T00:00:00Z, which either stands still until it is moved or follows the machine.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    running: bool,
    advanced: watch::Sender<Duration>,
}

impl Clock {
    /// A clock that moves only by [`Clock::advance`], or the machine's clock, which that moves ahead.
    pub(crate) fn new(running: bool) -> Self {
        Self { running, advanced: watch::Sender::new(Duration::ZERO) }
    }

    pub(crate) fn now(&self) -> Duration {
        let base = if self.running {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
        } else {
            START
        };
        base.saturating_add(*self.advanced.borrow()).min(END)
    }

    /// Now, in whole seconds.
    #[expect(clippy::expect_used, reason = "the clock stops before stamps end")]
    pub(crate) fn stamp(&self) -> Timestamp {
        let seconds = self.now().as_secs().cast_signed();
        Timestamp::from_unix_seconds(seconds).expect("within the years that stamps can write")
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.advanced.send_modify(|advanced| *advanced = advanced.saturating_add(by));
    }

    /// Returns when the clock has reached `end`; to move a fixed clock there is for somebody else to do.
    pub(crate) async fn sleep_until(&self, end: Duration) {
        let mut advanced = self.advanced.subscribe();
        loop {
            let left = end.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            let elapsed = async {
                if self.running {
                    tokio::time::sleep(left).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = elapsed => {}
                _ = advanced.changed() => {}
            }
        }
    }
}
