//! The signals that ask the process to end.

/// All else that ends a process unless it is caught. What may not be caught is missing, and what goes wrong in this
/// process itself: memory and arithmetic. An abort of its own still aborts: it takes the watch away first.
#[cfg(unix)]
const SENT: &[rustix::process::Signal] = {
    use rustix::process::Signal as S;
    &[
        S::TERM,
        S::HUP,
        S::ALARM,
        S::USR1,
        S::USR2,
        S::ABORT,
        S::TRAP,
        S::SYS,
        S::VTALARM,
        S::PROF,
        S::XCPU,
        S::XFSZ,
        S::IO,
        #[cfg(target_os = "linux")]
        S::POWER,
        #[cfg(target_os = "linux")]
        S::STKFLT,
    ]
};

/// The signals that ask the process to end, watched from the first to the last.
#[cfg(unix)]
pub(super) struct Signals {
    /// Those of the keyboard, which go to every program of the terminal.
    typed: Vec<tokio::signal::unix::Signal>,
    sent: Vec<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn watched() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored();
        let watch = |kinds: &[SignalKind]| {
            let wanted = kinds.iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
            // One that cannot be watched ends the process as the system sees fit.
            wanted.filter_map(|kind| signal(*kind).ok()).collect()
        };
        Self {
            typed: watch(&[SignalKind::interrupt(), SignalKind::quit()]),
            sent: watch(&SENT.iter().map(|signal| SignalKind::from_raw(signal.as_raw())).collect::<Vec<_>>()),
        }
    }

    /// Completes with the next one, and says whether it was typed.
    pub(super) async fn next(&mut self) -> bool {
        std::future::poll_fn(|context| {
            let mut comes = |signals: &mut [tokio::signal::unix::Signal]| {
                signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready())
            };
            match (comes(&mut self.sent), comes(&mut self.typed)) {
                (true, _) => std::task::Poll::Ready(false),
                (_, true) => std::task::Poll::Ready(true),
                _ => std::task::Poll::Pending,
            }
        })
        .await
    }
}

/// The signals that whoever started the process has it ignore, as `nohup` does with the hangup: bit 0 is signal 1. Known
/// on Linux; watching one would take the place of ignoring it. Ctrl-C is always watched: shells without job control
/// ignore it for what runs in the background, and `kill -INT` is meant.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default() & !0b10
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn watched() -> Self {
        Self
    }

    pub(super) async fn next(&mut self) -> bool {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        true
    }
}
