//! Deleting: what will go, one question, and an account of every id.

mod doomed;
mod plan;
mod report;

use clap::Args;
use mlspace_registry::{BulkEvent, BulkReport, Client, DeleteMany, Error, Reference, Uuid};

use crate::commands::planned::Writer;
use crate::context::Context;
use crate::failure::{Exit, Failure, ended};
use crate::output::progress::Progress;
pub(crate) use doomed::Doomed;
use plan::{Depth, Plan};
pub(crate) use report::DeleteReport;
use report::Tally;

/// Things to delete.
#[derive(Args, Debug)]
pub(crate) struct Rm {
    /// Things to delete, by any reference; `-` reads references from stdin, one a line.
    #[arg(value_name = "REF", required = true, value_parser = parse)]
    references: Vec<Given>,
}

#[derive(Clone, Debug)]
enum Given {
    Stdin,
    Reference(Reference),
}

fn parse(text: &str) -> Result<Given, Error> {
    if text == "-" { Ok(Given::Stdin) } else { text.parse().map(Given::Reference) }
}

/// The three kinds of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    Repository,
    Image,
    Tag,
}

impl Noun {
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
    pub(crate) async fn run(self, context: &mut Context<'_>, noun: Noun) -> Result<Exit, Failure> {
        let Writer { client, dry_run, .. } = context.writer(&format!("deleting {}", noun.word(2)))?;
        let references = self.references(context)?;
        if references.is_empty() {
            // What a list with a filter pipes in on a day on which nothing fits.
            context.say("stdin names nothing; nothing was deleted");
            return if dry_run {
                context.print_all::<Doomed>(&[])
            } else {
                context
                    .print_report(&DeleteReport::new(Vec::new(), Tally::default(), None))
                    .map(|()| Exit::Done)
            };
        }
        // With --yes a whole id needs no look at what it is: thousands of them come through a pipe. With -q as
        // well nobody sees the details of the rest.
        let unasked = context.global.yes && !dry_run;
        let depth = Depth { ids: !unasked, details: !(unasked && context.global.quiet) };
        let mut lookup = client.lookup();
        let plan = Plan::make(&mut lookup, noun, &references, depth).await?;
        context.say_lookup(&lookup);
        if plan.is_empty() {
            let message = format!("there are no {} with these ids; nothing was deleted", noun.word(2));
            return Err(Failure::new(Exit::NotFound, "not_found", message));
        }
        if dry_run {
            plan.warn(context);
            context.say(&format!("dry run: {}; nothing was deleted", plan.sentence()));
            return context.print_all(&plan.doomed);
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
        let (tally, report) = delete(context, noun, &client, &plan.doomed).await;
        let report = DeleteReport::new(plan.doomed, tally, report);
        let printed = context.print_report(&report);
        ended(printed, report.verdict(noun, context.io.interrupt.is_set()))
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
        into.push(reference.map_err(|problem: Error| {
            Failure::usage(format!("line {number} of stdin: {problem}; nothing was deleted"))
        })?);
    }
    Ok(())
}

/// Deletes, and stops sending when it is interrupted. What is known by then is in the tally.
async fn delete(
    context: &mut Context<'_>,
    noun: Noun,
    client: &Client,
    doomed: &[Doomed],
) -> (Tally, Option<BulkReport>) {
    let ids: Vec<Uuid> = doomed.iter().map(|one| one.id).collect();
    let progress =
        Progress::counting(context.io, &context.global, ids.len(), &format!("deleting {}", noun.word(2)));
    let images = doomed.iter().filter_map(|one| Some((one.id, one.image?)));
    let mut bulk = noun.delete(client, ids).images(images);
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
            () = interrupt.wait() => break None,
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
