//! What a transfer is doing, on stderr where somebody watches, and what it came to.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mlspace_registry_transfer::{Event, Moved, Observer, PlannedBlob};

use super::progress::target;
use super::text::{printable, short_digest};
use crate::context::Context;
use crate::io::Stderr;

/// Blobs smaller than this are moved before anybody could read their line.
const SMALL: u64 = 1024 * 1024;

/// A line for each large blob on its way and one for all together.
pub(crate) struct Moving {
    lines: MultiProgress,
    total: ProgressBar,
    state: Mutex<State>,
    stderr: Option<Stderr>,
    verbose: bool,
}

#[derive(Default)]
struct State {
    blobs: Vec<Blob>,
    tally: Tally,
}

struct Blob {
    planned: PlannedBlob,
    done: u64,
    skipped: bool,
    line: Option<ProgressBar>,
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Sent or fetched.
    pub(crate) moved: u64,
    /// Taken over from another repository.
    pub(crate) mounted: u64,
    /// There already.
    pub(crate) existing: u64,
}

impl Moving {
    pub(crate) fn new(context: &Context<'_>, what: &'static str) -> Arc<Self> {
        let lines = MultiProgress::with_draw_target(target(context));
        let total = lines.add(ProgressBar::new(0));
        style(&total, "{msg:20} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}", what);
        let stderr = (!context.global.quiet).then(|| context.io.stderr.clone());
        let verbose = context.global.verbose;
        Arc::new(Self { lines, total, state: Mutex::default(), stderr, verbose })
    }

    pub(crate) fn observer(self: &Arc<Self>) -> Observer {
        let moving = self.clone();
        Arc::new(move |event| moving.see(event))
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).tally
    }

    pub(crate) fn end(&self) {
        self.total.finish_and_clear();
        // A terminal that is gone is no reason to fail.
        let _ = self.lines.clear();
    }

    fn see(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { blobs, .. } => {
                self.total.set_length(blobs.iter().map(|blob| blob.size).sum());
                let blob = |planned: &PlannedBlob| Blob {
                    planned: planned.clone(),
                    done: 0,
                    skipped: false,
                    line: None,
                };
                state.blobs = blobs.iter().map(blob).collect();
            }
            Event::Progress { blob, done, .. } => self.at(&mut state, *blob, *done),
            Event::Finished { blob, how, bytes, .. } => {
                let size = state.blobs.get(*blob).map_or(0, |blob| blob.planned.size);
                match how {
                    Moved::Exists => state.tally.existing += size,
                    Moved::Mounted => state.tally.mounted += size,
                    _ => state.tally.moved += bytes,
                }
                if *how == Moved::Sent {
                    self.at(&mut state, *blob, size);
                } else {
                    self.skip(&mut state, *blob);
                }
                self.gone(&mut state, *blob);
            }
            Event::Failed { blob, .. } => self.gone(&mut state, *blob),
            Event::Retry { cause, wait, .. } if self.verbose || wait.as_secs() >= 2 => {
                let line = format!("waiting {:.1} s before the next attempt: {cause}", wait.as_secs_f64());
                if let Some(stderr) = &self.stderr {
                    self.lines.suspend(|| stderr.line(&printable(&line)));
                }
            }
            _ => {}
        }
    }

    fn at(&self, state: &mut State, number: usize, done: u64) {
        let Some(blob) = state.blobs.get_mut(number) else { return };
        if blob.line.is_none() && blob.planned.size >= SMALL && done < blob.planned.size {
            let line = self.lines.insert_before(&self.total, ProgressBar::new(blob.planned.size));
            let digest = short_digest(&blob.planned.digest.to_string());
            style(&line, "{msg:20} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}", &digest);
            blob.line = Some(line);
        }
        if let Some(line) = &blob.line {
            line.set_position(done);
        }
        blob.done = done;
        let moving = state.blobs.iter().filter(|one| !one.skipped);
        self.total.set_position(moving.map(|one| one.done).sum());
    }

    /// What need not move says nothing about the rate or the time left.
    fn skip(&self, state: &mut State, number: usize) {
        if let Some(blob) = state.blobs.get_mut(number) {
            blob.skipped = true;
        }
        self.total
            .set_length(state.blobs.iter().filter(|one| !one.skipped).map(|one| one.planned.size).sum());
    }

    fn gone(&self, state: &mut State, number: usize) {
        if let Some(line) = state.blobs.get_mut(number).and_then(|blob| blob.line.take()) {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
    }
}

fn style(bar: &ProgressBar, template: &str, what: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
}
