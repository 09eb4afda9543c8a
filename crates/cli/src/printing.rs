//! Lists on their way to stdout: what of them fits is printed as it comes, unless it has to be sorted.

use mlspace_registry::{Completeness, Error, Pager, Timestamp, UnreadableRow};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, ODD_ANSWER};
use crate::listing::{Listed, Listing};
use crate::output::progress::Progress;
use crate::output::text::{count, size};
use crate::output::{Look, Sink};

/// A list that is being printed.
pub(crate) struct Printing<'l, T: Listed> {
    listing: &'l Listing<T>,
    /// What it is a list of.
    what: &'static str,
    now: Timestamp,
    sink: Sink,
    held: Vec<T>,
    left: usize,
    read: usize,
    size: i64,
}

/// What is known of a list that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `None` if it was not read to its end.
    pub(crate) completeness: Option<Completeness>,
    pub(crate) changed: bool,
}

impl<'l, T: Listed> Printing<'l, T> {
    /// In a table without the columns that are `hidden`.
    pub(crate) fn new(
        context: &Context<'_>,
        what: &'static str,
        listing: &'l Listing<T>,
        hidden: Option<&'static str>,
    ) -> Self {
        let look = Look { hidden, ..context.list_look(listing.chosen()) };
        let now = context.now();
        let sink = Sink::new(look);
        Self { listing, what, now, sink, held: Vec::new(), left: listing.limit(), read: 0, size: 0 }
    }

    /// True if nothing that follows would be printed.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Prints the next item, if it fits, or holds it until all are there to be sorted.
    pub(crate) fn take(&mut self, context: &mut Context<'_>, item: T) -> Result<(), Failure> {
        self.read += 1;
        if !self.listing.fits(&item, self.now) {
            return Ok(());
        }
        if self.listing.sorts() {
            self.held.push(item);
            return Ok(());
        }
        self.print(context, &item)
    }

    fn print(&mut self, context: &mut Context<'_>, item: &T) -> Result<(), Failure> {
        if self.left > 0 {
            self.left -= 1;
            self.size = self.size.saturating_add(item.listed_size());
            self.sink.item(&mut context.io.stdout, item)?;
        }
        Ok(())
    }

    fn print_held(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let mut held = std::mem::take(&mut self.held);
        self.listing.sort(&mut held);
        held.iter().try_for_each(|item| self.print(context, item))
    }

    /// Ends the list, and says on a terminal what it was: how much of how many, whether that is all, what it cost.
    pub(crate) fn end(
        mut self,
        context: &mut Context<'_>,
        verdict: Verdict,
        of: Option<String>,
    ) -> Result<u64, Failure> {
        self.print_held(context)?;
        let (what, read, shown) = (self.what, self.read, self.sink.items());
        if shown == 0 && read > 0 && self.listing.filters() {
            context.say(&format!("none of {} fits the filter", named(read, what)));
        }
        self.sink.end::<T>(&mut context.io.stdout)?;
        if !context.io.terminals.stderr {
            return Ok(shown);
        }
        let mut parts = Vec::new();
        parts.push(match (verdict.completeness, shown as usize == read) {
            (_, true) => named(read, what),
            (None, _) => format!("the first {} of {what} that fit", count(shown as usize)),
            _ => format!("{} of {}", count(shown as usize), named(read, what)),
        });
        parts.extend(of);
        parts.extend((self.size > 0).then(|| format!("{} as listed", size(self.size))));
        parts.push(match verdict.completeness {
            Some(Completeness::Complete) => "complete".to_owned(),
            Some(Completeness::Short { missing }) => format!("{} missing", count(missing as usize)),
            Some(_) if verdict.changed => "changed meanwhile".to_owned(),
            Some(_) => "not known whether complete".to_owned(),
            None => "not read to the end".to_owned(),
        });
        parts.push(format!(
            "{}, {:.1} s",
            named(context.requests_sent(), "requests"),
            context.taken().as_secs_f64()
        ));
        if read == 0 && what == "repositories" {
            context.say("no repositories yet: `mlcr image push FILE NAME:TAG` makes the first");
        }
        context.say(&parts.join(" · "));
        Ok(shown)
    }

    /// Ends a list that a failure has cut.
    pub(crate) fn cut(mut self, context: &mut Context<'_>, failure: Failure) -> Failure {
        let printed = self.print_held(context);
        let items = self.sink.items();
        // The failure goes before one to print what came before it.
        let _ = printed.and_then(|()| self.sink.cut::<T>(&mut context.io.stdout));
        if items == 0 {
            return failure;
        }
        let message = format!("the list of {} is cut after {items}: {}", self.what, failure.message);
        Failure { message, ..failure }
    }
}

/// `1 image`, `1,204 images`.
pub(crate) fn named(number: usize, what: &str) -> String {
    let one = match what.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => what.trim_end_matches('s').to_owned(),
    };
    format!("{} {}", count(number), if number == 1 { &one } else { what })
}

impl Context<'_> {
    /// Prints what of a list fits. Answers whether the list was complete.
    pub(crate) async fn print_list<T: Listed>(
        &mut self,
        what: &'static str,
        mut pager: Pager<T>,
        listing: &Listing<T>,
    ) -> Result<Exit, Failure> {
        let mut printing = Printing::new(self, what, listing, None);
        let progress = Progress::listing(self.io, &self.global, &format!("reading {what}"));
        let mut interrupt = self.io.interrupt.clone();
        let failure = loop {
            if printing.is_full() {
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
            if let Some(failure) = self.overdue() {
                break Some(failure);
            }
            printing.take(self, item)?;
        };
        progress.end();
        self.detail(&format!("{what}: {} read", printing.read));
        self.say_requests();
        if let Some(failure) = failure {
            return Err(printing.cut(self, failure));
        }
        let verdict = Verdict { completeness: pager.completeness(), changed: pager.changed() };
        printing.end(self, verdict, None)?;
        Ok(self.judge(what, verdict, pager.unreadable()))
    }

    /// Says on stderr which rows of a list are not as documented, and whether the list is known to be complete.
    pub(crate) fn judge(&self, what: &str, verdict: Verdict, unreadable: &[UnreadableRow]) -> Exit {
        for row in unreadable {
            let message = format!("left out of the {what}: {row}");
            let details = json!({ "number": row.number, "name": row.name, "id": row.id, "field": row.field });
            self.warn("unreadable_row", &message, details);
        }
        if !unreadable.is_empty() {
            self.say(ODD_ANSWER);
            return Exit::Partly;
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
                self.detail(&format!("whether these are all {what} is not known"));
            }
            _ => {}
        }
        Exit::Done
    }
}
