//! An account of every id.

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};
use mlspace_registry::{ApiError, BulkReport, Error, Outcome, Uuid};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Doomed, Noun};
use crate::context::Context;
use crate::failure::{Exit, Failure, causes};
use crate::options::Format;
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// The outcomes as they became known.
pub(super) type Tally = HashMap<Uuid, Outcome>;

/// The account of a delete.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletionReport")]
pub(crate) struct DeleteReport {
    /// How many are gone by this command.
    deleted: usize,
    /// How many were not there.
    not_found: usize,
    /// How many are still there, or may be.
    failed: usize,
    /// Each id once, in the order given.
    items: Vec<Item>,
    /// The failure that ended the work early, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    failure: Option<Failure>,
}

/// The account of one id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletionOutcome")]
pub(crate) struct Item {
    /// The id.
    id: Uuid,
    /// Its name, if it is known.
    name: Option<String>,
    /// The tags that belong to it, if they are known.
    tags: Option<Vec<String>>,
    /// deleted, not_found, kept, rejected, unknown or not_attempted.
    outcome: &'static str,
    /// Why, where something was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl DeleteReport {
    pub(super) fn new(doomed: Vec<Doomed>, mut tally: Tally, bulk: Option<BulkReport>) -> Self {
        let stopped_by = bulk.as_ref().and_then(BulkReport::stopped_by);
        let mut failure = stopped_by.map(Failure::from);
        let stopped_by = stopped_by.map(|error| causes(error));
        let mut items = Vec::with_capacity(doomed.len());
        for Doomed { id, name, tags, .. } in doomed {
            let outcome = tally.remove(&id).unwrap_or(Outcome::NotAttempted);
            if let (Outcome::Rejected(error), None) = (&outcome, &failure) {
                failure = Some(rejection(error));
            }
            let (outcome, reason) = describe(&outcome);
            items.push(Item { id, name, tags, outcome, reason });
        }
        let count = |outcome: &str| items.iter().filter(|item| item.outcome == outcome).count();
        let (deleted, not_found) = (count("deleted"), count("not_found"));
        let failed = items.len() - deleted - not_found;
        Self { deleted, not_found, failed, items, stopped_by, failure }
    }

    /// The exit code, and what to say about it on stderr.
    pub(super) fn verdict(self, noun: Noun, interrupted: bool) -> Result<Exit, Failure> {
        let count = |outcome: &str| self.items.iter().filter(|item| item.outcome == outcome).count();
        let all = self.items.len();
        let mut parts = vec![format!("{} of {all} {} deleted", self.deleted, noun.word(all))];
        for outcome in ["not_found", "kept", "rejected", "unknown", "not_attempted"] {
            if count(outcome) > 0 {
                parts.push(format!("{} {}", count(outcome), outcome.replace('_', " ")));
            }
        }
        let message = match &self.failure {
            Some(failure) => format!("{}: {}", parts.join(", "), failure.message),
            None => parts.join(", "),
        };
        if interrupted {
            return Err(Failure::new(Exit::Interrupted, "interrupted", message)
                .hint("run the same again: what is gone by then is reported as not found"));
        }
        if count("unknown") > 0 {
            return Err(Failure::new(Exit::Unknown, "outcome_unknown", message)
                .hint("list what is there before deleting again"));
        }
        match (self.failed, self.deleted) {
            (0, 0) => Err(Failure::new(Exit::NotFound, "not_found", message)),
            (0, _) => Ok(Exit::Done),
            // Nothing happened at all: it is the failure itself that matters.
            (_, 0) if self.failure.is_some() => {
                Err(self.failure.map_or_else(|| Failure::other(""), |failure| Failure { message, ..failure }))
            }
            (_, 0) => Err(Failure::other(message)),
            _ => Err(Failure::new(Exit::Partly, "partly_done", message)),
        }
    }
}

fn rejection(error: &ApiError) -> Failure {
    Failure::from(Error::Api(Box::new(error.clone())))
}

fn describe(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Deleted => ("deleted", None),
        Outcome::NotFound => ("not_found", None),
        Outcome::Kept => ("kept", Some("still there, although nothing was said against it".into())),
        Outcome::Rejected(error) => ("rejected", Some(error.to_string())),
        Outcome::NotAttempted => ("not_attempted", None),
        Outcome::Unknown(error) => ("unknown", error.as_deref().map(|error| causes(error))),
        _ => ("unknown", None),
    }
}

impl Context<'_> {
    /// Prints the account: a table of the items, or all of it in JSON.
    pub(super) fn print_report(&mut self, report: &DeleteReport) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Ndjson | Format::Csv | Format::Tsv => self.print_all(&report.items),
            Format::Json | Format::Yaml => self.print(report),
        }?;
        Ok(())
    }
}

impl Record for Item {
    const HEADER: &'static [&'static str] = &["OUTCOME", "NAME", "TAGS", "ID", "REASON"];
    const FIELDS: &'static [&'static str] = &["id", "name", "tags", "outcome", "reason"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let color = match self.outcome {
            "deleted" => AnsiColor::Green,
            "not_found" => AnsiColor::Yellow,
            _ => AnsiColor::Red,
        };
        vec![
            Cell::new(self.outcome.replace('_', " ")).style(Style::new().fg_color(Some(color.into()))),
            Cell::new(self.name.as_deref().unwrap_or("-")),
            Cell::new(self.tags.as_ref().map_or("-".into(), |tags| tags.join(", "))),
            Cell::new(self.id.to_string()),
            Cell::new(self.reason.as_deref().unwrap_or_default()),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}

impl Record for DeleteReport {
    const HEADER: &'static [&'static str] = &["DELETED", "NOT FOUND", "FAILED"];
    const FIELDS: &'static [&'static str] = &["deleted", "not_found", "failed", "items", "stopped_by"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        [self.deleted, self.not_found, self.failed].map(|number| Cell::new(number.to_string()).right()).into()
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}
