//! Progress on stderr, where somebody watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::io::Io;
use crate::options::{Format, Global};

/// A bar or a counter; nothing at all where nobody watches.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For work of a known length.
    pub(crate) fn counting(io: &Io, global: &Global, total: usize, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), draw_target(io, global));
        Self::start(bar, "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}", what)
    }

    /// For a list of unknown length. Not where its items appear on the same terminal meanwhile.
    pub(crate) fn listing(io: &Io, global: &Global, what: &str) -> Self {
        let mixed = io.terminals.stdout && global.format() != Format::Table;
        let target = if mixed { ProgressDrawTarget::hidden() } else { draw_target(io, global) };
        let bar = ProgressBar::with_draw_target(None, target);
        Self::start(bar, "{spinner} {msg} {pos} {per_sec}", what)
    }

    fn start(bar: ProgressBar, template: &str, what: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Drawn only on a terminal.
pub(super) fn draw_target(io: &Io, global: &Global) -> ProgressDrawTarget {
    let watched = io.terminals.stderr && !global.quiet;
    if watched { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() }
}
