//! The course of a transfer, on stderr where somebody watches, and its sums.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mlspace_registry_transfer::{Event, Moved, Observer, PlannedBlob};

use super::progress::draw_target;
use super::text::{printable, short_digest};
use crate::io::{Io, Stderr};
use crate::options::Global;
use crate::requests;

/// Blobs smaller than this are moved before anybody could read their line.
const SMALL: u64 = 1024 * 1024;

/// A line for each large blob on its way and one for all together.
pub(crate) struct Moving {
    lines: MultiProgress,
    total: ProgressBar,
    shown: Mutex<Shown>,
    stderr: Option<Stderr>,
    verbose: u8,
}

#[derive(Default)]
struct Shown {
    blobs: Vec<Blob>,
    tally: ByteTally,
}

struct Blob {
    planned: PlannedBlob,
    done: u64,
    skipped: bool,
    line: Option<ProgressBar>,
}

/// Bytes by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ByteTally {
    /// Sent or fetched.
    pub(crate) moved: u64,
    /// Taken over from another repository.
    pub(crate) mounted: u64,
    /// There already.
    pub(crate) existing: u64,
}

impl Moving {
    pub(crate) fn new(io: &Io, global: &Global, what: &'static str) -> Arc<Self> {
        let lines = MultiProgress::with_draw_target(draw_target(io, global));
        let total = lines.add(ProgressBar::new(0));
        style(&total, "{msg:20} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}", what);
        let stderr = (!global.quiet).then(|| io.stderr.clone());
        Arc::new(Self { lines, total, shown: Mutex::default(), stderr, verbose: global.verbose })
    }

    pub(crate) fn observer(self: &Arc<Self>) -> Observer {
        let moving = self.clone();
        Arc::new(move |event| moving.see(event))
    }

    pub(crate) fn tally(&self) -> ByteTally {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).tally
    }

    pub(crate) fn end(&self) {
        self.total.finish_and_clear();
        // A terminal that is gone is no reason to fail.
        let _ = self.lines.clear();
    }

    fn see(&self, event: &Event) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { blobs, .. } => {
                self.total.set_length(blobs.iter().map(|blob| blob.size).sum());
                let blob = |planned: &PlannedBlob| Blob {
                    planned: planned.clone(),
                    done: 0,
                    skipped: false,
                    line: None,
                };
                shown.blobs = blobs.iter().map(blob).collect();
            }
            Event::Progress { blob, done, .. } => self.at(&mut shown, *blob, *done),
            Event::Finished { blob, how, bytes, .. } => {
                let size = shown.blobs.get(*blob).map_or(0, |blob| blob.planned.size);
                match how {
                    Moved::Exists => shown.tally.existing += size,
                    Moved::Mounted => shown.tally.mounted += size,
                    _ => shown.tally.moved += bytes,
                }
                if *how == Moved::Sent {
                    self.at(&mut shown, *blob, size);
                } else {
                    self.skip(&mut shown, *blob);
                }
                self.gone(&mut shown, *blob);
            }
            Event::Failed { blob, .. } => self.gone(&mut shown, *blob),
            Event::Retry { cause, wait, .. } if self.verbose > 0 || wait.as_secs() >= 2 => {
                let line = format!("waiting {:.1} s before the next attempt: {cause}", wait.as_secs_f64());
                self.say(&printable(&line));
            }
            event if self.verbose > 1 => {
                if let Some(line) = requests::line_of(event) {
                    self.say(&line);
                }
            }
            _ => {}
        }
    }

    fn say(&self, line: &str) {
        if let Some(stderr) = &self.stderr {
            self.lines.suspend(|| stderr.line(line));
        }
    }

    fn at(&self, shown: &mut Shown, number: usize, done: u64) {
        let Some(blob) = shown.blobs.get_mut(number) else { return };
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
        let moving = shown.blobs.iter().filter(|one| !one.skipped);
        self.total.set_position(moving.map(|one| one.done).sum());
    }

    /// Leaves out what need not move: it says nothing about the rate or the time left.
    fn skip(&self, shown: &mut Shown, number: usize) {
        if let Some(blob) = shown.blobs.get_mut(number) {
            blob.skipped = true;
        }
        self.total
            .set_length(shown.blobs.iter().filter(|one| !one.skipped).map(|one| one.planned.size).sum());
    }

    fn gone(&self, shown: &mut Shown, number: usize) {
        if let Some(line) = shown.blobs.get_mut(number).and_then(|blob| blob.line.take()) {
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
