//! Deleting: what will go, one question, and an account of every id.

mod plan;
mod report;
mod target;

use clap::Args;
use mlspace_registry::{BulkEvent, BulkReport, Client, DeleteMany, Uuid};

use crate::commands::planned::Writer;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::progress::Progress;
use crate::reference::{Lookup, Reference};
use plan::{Depth, Plan};
pub(crate) use report::Report;
use report::Tally;
pub(crate) use target::Target;

/// What to delete.
#[derive(Args, Debug)]
pub(crate) struct Rm {
    /// What to delete, by any reference; `-` reads references from stdin, one a line.
    #[arg(value_name = "REF", required = true, value_parser = parse)]
    references: Vec<Given>,
}

#[derive(Clone, Debug)]
enum Given {
    Stdin,
    Reference(Reference),
}

fn parse(text: &str) -> Result<Given, String> {
    if text == "-" { Ok(Given::Stdin) } else { text.parse().map(Given::Reference) }
}

/// The three kinds of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Repository,
    Image,
    Tag,
}

impl Kind {
    pub(crate) fn word(self, number: usize) -> &'static str {
        match (self, number) {
            (Self::Repository, 1) => "repository",
            (Self::Repository, _) => "repositories",
            (Self::Image, 1) => "image",
            (Self::Image, _) => "images",
            (Self::Tag, 1) => "tag",
            (Self::Tag, _) => "tags",
        }
    }

    fn delete(self, client: &Client, ids: Vec<Uuid>) -> DeleteMany {
        match self {
            Self::Repository => client.repositories().delete_many(ids),
            Self::Image => client.images().delete_many(ids),
            Self::Tag => client.tags().delete_many(ids),
        }
    }
}

impl Rm {
    pub(crate) async fn run(self, context: &mut Context<'_>, kind: Kind) -> Result<Exit, Failure> {
        let Writer { client, dry_run, .. } = context.writer(&format!("deleting {}", kind.word(2)))?;
        let references = self.references(context)?;
        if references.is_empty() {
            // What a list with a filter pipes in on a day on which nothing fits.
            context.say("stdin names nothing; nothing was deleted");
            return if dry_run {
                context.print_all::<Target>(&[])
            } else {
                context.print_report(&Report::new(Vec::new(), Tally::default(), None)).map(|()| Exit::Done)
            };
        }
        // With --yes a whole id needs no look at what it is: thousands of them come through a pipe. With -q as
        // well nobody sees the details of the rest.
        let unasked = context.global.yes && !dry_run;
        let depth = Depth { ids: !unasked, details: !(unasked && context.global.quiet) };
        let mut lookup = Lookup::new(&client);
        let plan = Plan::make(&mut lookup, kind, &references, depth).await?;
        context.looked_through(&lookup);
        if plan.is_empty() {
            let message = format!("there are no {} with these ids; nothing was deleted", kind.word(2));
            return Err(Failure::new(Exit::NotFound, "not_found", message));
        }
        if dry_run {
            plan.warn(context);
            context.say(&format!("dry run: {}; nothing was deleted", plan.sentence()));
            return context.print_all(&plan.targets);
        }
        let asks = !unasked && context.io.terminals.stdin;
        if asks || !context.global.quiet {
            plan.show(context);
        }
        if !asks {
            context.say(&format!(
                "{} {}",
                if unasked { "deleting" } else { "to be deleted:" },
                plan.sentence()
            ));
        }
        context.confirm(&format!("Delete {}?", plan.sentence()))?;
        let (tally, report) = delete(context, kind, &client, &plan.targets).await;
        let report = Report::new(plan.targets, tally, report);
        context.print_report(&report)?;
        report.verdict(kind, context.io.interrupt.has_come())
    }

    /// All references, those of stdin in their place.
    fn references(&self, context: &mut Context<'_>) -> Result<Vec<Reference>, Failure> {
        let mut all = Vec::new();
        for given in &self.references {
            match given {
                Given::Reference(reference) => all.push(reference.clone()),
                Given::Stdin => read_references(context, &mut all)?,
            }
        }
        Ok(all)
    }
}

fn read_references(context: &mut Context<'_>, into: &mut Vec<Reference>) -> Result<(), Failure> {
    let mut number = 0_usize;
    while let Some(line) = context.io.read_line()? {
        number += 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let reference = line.parse();
        into.push(reference.map_err(|problem: String| {
            Failure::usage(format!("line {number} of stdin: {problem}; nothing was deleted"))
        })?);
    }
    Ok(())
}

/// Deletes, and stops sending when it is interrupted. What is known by then is in the tally.
async fn delete(
    context: &mut Context<'_>,
    kind: Kind,
    client: &Client,
    targets: &[Target],
) -> (Tally, Option<BulkReport>) {
    let ids: Vec<Uuid> = targets.iter().map(|target| target.id).collect();
    let progress = Progress::counting(context, ids.len(), &format!("deleting {}", kind.word(2)));
    let mut bulk = kind.delete(client, ids);
    let mut events = bulk.events();
    let mut sending = Box::pin(bulk.send());
    let mut interrupt = context.io.interrupt.clone();
    let mut tally = Tally::default();
    let note = |tally: &mut Tally, event: BulkEvent| {
        progress.step();
        tally.insert(event.id, event.outcome);
    };
    let report = loop {
        tokio::select! {
            report = &mut sending => break Some(report),
            Some(event) = events.next() => note(&mut tally, event),
            () = interrupt.comes() => break None,
        }
    };
    // What was not sent is settled by this as not attempted.
    drop(sending);
    while let Some(event) = events.next().await {
        note(&mut tally, event);
    }
    progress.end();
    (tally, report)
}
