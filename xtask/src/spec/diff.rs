//! `cargo xtask spec diff`: what the difference of two documents means for a client.
//!
//! 1. [`document`] brings both to one spelling, [`operations`] finds which operation is which.
//! 2. [`parameters`], [`bodies`] and [`security`] compare calls; each schema that a call reaches is
//!    compared once per direction by [`schemas`], [`values`] and [`branches`].
//! 3. [`rules`] says what each kind of change means; [`report`] and [`render`] say it to people.
//!
//! A schema that no operation reaches is not compared: no client can notice.

mod bodies;
mod branches;
mod canonical;
mod document;
mod names;
mod operations;
mod parameters;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod rules;
mod schema;
mod schemas;
mod security;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

pub(crate) use document::Document;
use operations::OperationChanges;
use report::{DiffReport, Finding};
use rules::Class;
use schemas::{Change, Pair, Pairs};

use crate::file;

/// Arguments of `spec diff`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The document that clients were written against: official, vendored or resolved, JSON or YAML.
    old: PathBuf,
    /// The document to judge.
    new: PathBuf,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with 1 if there is a finding of this class.
    #[arg(long, value_enum)]
    fail_on: Option<FailOn>,
}

/// A form of the report.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// One object, as docs/spec-diff.schema.json describes it.
    Json,
    /// For a pull request.
    Markdown,
}

/// The findings that `--fail-on` looks for.
#[derive(Clone, Copy, ValueEnum)]
enum FailOn {
    /// A change that a correct client can fail on.
    Breaking,
    /// That, or one that a person must judge.
    Judge,
}

/// Compares two files and prints the report.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let report = compare(&old, &new);
    match arguments.format {
        Format::Text => print!("{}", render::text(&report)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Format::Markdown => print!("{}", render::markdown(&report)),
    }
    let failed = match arguments.fail_on {
        Some(FailOn::Breaking) => report.summary.breaking > 0,
        Some(FailOn::Judge) => report.summary.breaking + report.summary.judge > 0,
        None => false,
    };
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path) -> Result<Document> {
    let (document, _) = file::read_document(path)?;
    Document::new(document).with_context(|| format!("{} cannot be compared", path.display()))
}

/// Compares two documents. The breaking findings go first.
pub(crate) fn compare(old: &Document, new: &Document) -> DiffReport {
    let document = operations::compare_document(old, new);
    let mut pairs = Pairs::new(old, new);
    let calls = operations::compare_operations(old, new, &mut pairs);
    let pairs = pairs.compare();

    let mut findings = Findings { old, new, all: BTreeMap::new() };
    for change in document {
        findings.add(&change, None);
    }
    for call in &calls {
        for change in &call.changes {
            findings.add(change, Some(&call.label));
        }
        for pair in reached(call, &pairs) {
            for change in &pairs[pair].changes {
                findings.add(change, Some(&call.label));
            }
        }
    }
    DiffReport::new(findings.finish())
}

/// The pairs of schemas that an operation reaches.
fn reached(call: &OperationChanges, pairs: &[Pair<'_>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = call.roots.clone();
    while let Some(pair) = open.pop() {
        if seen.insert(pair) {
            open.extend(&pairs[pair].children);
        }
    }
    seen
}

/// Findings, each once, with all operations that it affects.
struct Findings<'a> {
    old: &'a Document,
    new: &'a Document,
    all: BTreeMap<(Class, String, String, rules::Rule, String), BTreeSet<String>>,
}

impl Findings<'_> {
    fn add(&mut self, change: &Change, operation: Option<&str>) {
        let (old, new) = (self.old.spelled(&change.old), self.new.spelled(&change.new));
        let key = (change.rule.class(), new, old, change.rule, change.sentence.clone());
        self.all.entry(key).or_default().extend(operation.map(str::to_owned));
    }

    fn finish(self) -> Vec<Finding> {
        let finding = |((_, new, old, rule, sentence), operations): (_, BTreeSet<String>)| Finding {
            operations: operations.into_iter().collect(),
            ..Finding::new(rule, old, new, sentence)
        };
        self.all.into_iter().map(finding).collect()
    }
}
