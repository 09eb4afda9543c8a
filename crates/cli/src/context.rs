//! The means that every command has at hand.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use mlspace_registry::{Client, Lookup, Timestamp};

use crate::connect;
use crate::failure::{Exit, Failure};
use crate::io::Io;
use crate::listing::Chosen;
use crate::options::{Format, Global};
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
        let (requests, clock) = (self.requests.clone(), self.io.clock.clone());
        connect::client_through(settings, self.io, &self.global, |builder| {
            builder.transport(move |network| Watched::by(requests, clock, network))
        })
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
            zone: self.io.time_zone(),
            ..Look::default()
        }
    }

    /// The look of a list, in which a table is for programs where no terminal is, unless a table was asked for.
    pub(crate) fn list_look(&self, chosen: Chosen) -> Look {
        let look = self.look();
        let by_default =
            self.global.output.is_none() && look.format == Format::Table && !look.terminal && !look.color;
        let format = if by_default { Format::Tsv } else { look.format };
        Look { format, chosen, ..look }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.io.clock.wall().into()
    }

    /// How long the command has taken so far.
    pub(crate) fn taken(&self) -> Duration {
        self.io.clock.now().duration_since(self.start)
    }

    /// The requests that the command has sent so far.
    pub(crate) fn requests_sent(&self) -> usize {
        self.requests.all()
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
        let taken = self.taken();
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
