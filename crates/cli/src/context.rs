//! The means that every command has at hand.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use mlspace_registry::{Client, Completeness, Error, Lookup, Pager, UnreadableRow};
use serde_json::json;

use crate::connect;
use crate::failure::{Exit, Failure, ODD_ANSWER};
use crate::io::Io;
use crate::listing::{Listed, Listing};
use crate::options::{Format, Global};
use crate::output::progress::Progress;
use crate::output::text::printable;
use crate::output::{self, Look, Program, Record, Sink};
use crate::requests::Requests;
use crate::settings::Settings;
use crate::watch::Watched;

pub(crate) struct Context<'a> {
    pub(crate) io: &'a mut Io,
    pub(crate) global: Global,
    pub(crate) format: Format,
    jq: Option<Program>,
    start: Instant,
    requests: Arc<Requests>,
    /// True for a command that changes something.
    pub(crate) writes: Cell<bool>,
    /// The exit code of a command that was run, which is then this program's own.
    pub(crate) code: Cell<Option<u8>>,
}

/// What is known of a list that was printed.
pub(crate) struct ListVerdict {
    /// `None` if it was not read to its end.
    completeness: Option<Completeness>,
    changed: bool,
}

impl<'a> Context<'a> {
    /// Checks what can be checked before the command begins.
    pub(crate) fn new(io: &'a mut Io, global: Global) -> Result<Self, Failure> {
        let (format, start) = (global.format(), io.clock.now());
        let jq = global.jq.as_deref().map(|code| Program::new(code, &io.variables)).transpose()?;
        if jq.is_some() && !format.is_json() {
            return Err(Failure::usage("--jq works on JSON: use it with -o json or -o ndjson"));
        }
        if global.csv_for_spreadsheets && format != Format::Csv {
            return Err(Failure::usage("--csv-for-spreadsheets is a kind of -o csv, and of no other format"));
        }
        let told = (global.verbose > 1).then(|| io.stderr.clone());
        let requests = Arc::new(Requests::new(told));
        Ok(Self { io, global, format, jq, start, requests, writes: Cell::new(false), code: Cell::new(None) })
    }

    /// The settings from all sources.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Settings::read(self.io, &self.global)
    }

    /// A client with the settings from all sources. Sends nothing.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.connect(self.settings()?)
    }

    /// A client with these settings, whose requests are counted. Sends nothing.
    pub(crate) fn connect(&self, settings: Settings) -> Result<Client, Failure> {
        let watched = Watched::by(self.requests.clone(), self.io.clock.clone());
        connect::client_through(settings, self.io, &self.global, |builder| builder.transport(watched))
    }

    pub(crate) fn look(&self) -> Look {
        let color = match self.global.color.as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => self.io.colors_on_stdout(),
        };
        let now = self.io.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        Look {
            format: self.format,
            for_spreadsheets: self.global.csv_for_spreadsheets,
            jq: self.jq.clone(),
            now: now.as_secs().cast_signed(),
            color,
            terminal: self.io.terminals.stdout,
            width: self.io.width,
        }
    }

    /// Prints a single thing.
    pub(crate) fn print<T: Record>(&mut self, item: &T) -> Result<Exit, Failure> {
        let look = self.look();
        output::one(&mut self.io.stdout, &look, item)?;
        Ok(Exit::Done)
    }

    /// Prints items that are all at hand.
    pub(crate) fn print_all<T: Record>(&mut self, items: &[T]) -> Result<Exit, Failure> {
        let mut sink = Sink::new(self.look());
        for item in items {
            sink.item(&mut self.io.stdout, item)?;
        }
        sink.end::<T>(&mut self.io.stdout)?;
        Ok(Exit::Done)
    }

    /// Prints what of a list fits, as it is read unless it has to be sorted. Answers whether the list was
    /// complete.
    pub(crate) async fn print_list<T>(
        &mut self,
        what: &str,
        mut pager: Pager<T>,
        listing: &Listing<T>,
    ) -> Result<(ListVerdict, Exit), Failure>
    where
        T: Record + Listed + Send + 'static,
    {
        let look = self.look();
        let mut sink = Sink::new(look.clone());
        let mut sorted = Vec::new();
        let (mut left, mut read) = (listing.limit(), 0_usize);
        let progress = Progress::listing(self.io, &self.global, &format!("reading {what}"));
        let mut interrupt = self.io.interrupt.clone();
        let failure = loop {
            if left == 0 {
                break None;
            }
            let item = tokio::select! {
                item = pager.next() => item,
                () = interrupt.wait() => break Some(Failure::interrupted()),
            };
            let item = match item {
                Some(Ok(item)) => item,
                // The verdict tells of it.
                Some(Err(Error::Incomplete { .. })) | None => break None,
                Some(Err(error)) => break Some(error.into()),
            };
            progress.step();
            read += 1;
            if let Some(failure) = self.overdue() {
                break Some(failure);
            }
            match listing.fits(&item, look.now) {
                true if listing.sorts() => sorted.push(item),
                true => {
                    sink.item(&mut self.io.stdout, &item)?;
                    left -= 1;
                }
                false => {}
            }
        };
        progress.end();
        self.detail(&format!("{what}: {read} read"));
        self.say_requests();
        listing.sort(&mut sorted);
        for item in sorted.iter().take(listing.limit()) {
            sink.item(&mut self.io.stdout, item)?;
        }
        let Some(failure) = failure else {
            if sink.items() == 0 && read > 0 && listing.filters() {
                self.say(&format!("none of {read} {what} fits the filter"));
            }
            sink.end::<T>(&mut self.io.stdout)?;
            let verdict = ListVerdict { completeness: pager.completeness(), changed: pager.changed() };
            return Ok((verdict, self.say_unreadable(what, pager.unreadable())));
        };
        let items = sink.items();
        // The failure goes before one to print what came before it.
        let _ = sink.cut::<T>(&mut self.io.stdout);
        if items == 0 {
            return Err(failure);
        }
        let message = format!("the list of {what} is cut after {items}: {}", failure.message);
        Err(Failure { message, ..failure })
    }

    /// Says on stderr which rows of a list are not as documented. The others were printed.
    fn say_unreadable(&self, what: &str, rows: &[UnreadableRow]) -> Exit {
        for row in rows {
            let message = format!("left out of the {what}: {row}");
            let details = json!({ "number": row.number, "name": row.name, "id": row.id, "field": row.field });
            self.warn("unreadable_row", &message, details);
        }
        if rows.is_empty() {
            return Exit::Done;
        }
        self.say(ODD_ANSWER);
        Exit::Partly
    }

    /// Says on stderr that a list is not known to be complete.
    pub(crate) fn verdict(&self, what: &str, (verdict, exit): (ListVerdict, Exit)) -> Exit {
        if exit != Exit::Done {
            return exit;
        }
        match verdict.completeness {
            Some(Completeness::Short { missing }) => {
                let message =
                    format!("the list of {what} is not complete: the service counts {missing} more");
                self.warn("incomplete", &message, json!({ "missing": missing }));
            }
            Some(Completeness::Unknown) if verdict.changed => {
                let message =
                    format!("the list of {what} changed while it was read, and may lack some: list again");
                self.warn("changed", &message, json!({}));
            }
            Some(Completeness::Unknown) => {
                let message = format!("whether these are all {what} is not known");
                if self.io.terminals.stderr { self.say(&message) } else { self.detail(&message) }
            }
            _ => {}
        }
        Exit::Done
    }

    /// Says how something was found, to those who want to know.
    pub(crate) fn say_lookup(&self, lookup: &Lookup) {
        lookup.notes().for_each(|note| self.detail(&note));
        self.say_requests();
    }

    /// Says what was sent since this was last said, to those who want to know.
    pub(crate) fn say_requests(&self) {
        if let Some(requests) = self.requests.take() {
            self.detail(&requests);
        }
    }

    /// The failure of a command that has taken longer than it may.
    pub(crate) fn overdue(&self) -> Option<Failure> {
        let allowed = self.global.deadline?;
        let taken: Duration = self.io.clock.now().duration_since(self.start);
        (taken > allowed).then(|| {
            let message = format!("not finished within {} s", allowed.as_secs_f64());
            Failure::new(Exit::Limit, "deadline", message).hint("give it more time with --deadline")
        })
    }

    /// A warning on stderr: a line for people, or in JSON mode one for programs.
    pub(crate) fn warn(&self, code: &str, message: &str, details: serde_json::Value) {
        if !self.global.quiet {
            self.io.stderr.line(&output::warning(self.format, code, message, &details));
        }
    }

    /// A line of talk on stderr.
    pub(crate) fn say(&self, line: &str) {
        if !self.global.quiet {
            self.io.stderr.line(&printable(line));
        }
    }

    /// A line of talk for those who want to know more.
    pub(crate) fn detail(&self, line: &str) {
        if self.global.verbose > 0 {
            self.io.stderr.line(&printable(line));
        }
    }

    /// Writes out what is still held back.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.io.stdout.flush()?)
    }
}
