//! `cargo xtask spec update`: the day the vendor changes the API, in one command.
//!
//! 1. [`fit`] brings the slice up to date in memory where that is certain, and the overlay is applied as far
//!    as it goes. Whatever does not fit is collected with the edit that mends it.
//! 2. Three verdicts against what is committed: the vendor's documents, the resolved ones, the Rust API.
//! 3. If nothing is left for a person to do, all is written or nothing, and [`checks`] tries it.
//!
//! The report is printed and kept in a file, also when it stops.

mod callers;
mod checks;
mod committed;
mod edit;
mod fit;
mod report;
mod rust;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::codegen::{self, validity};
use crate::spec::diff::{self, Document};
use crate::spec::import::{self, REGISTRY};
use crate::spec::overlay::Overlay;
use crate::spec::slice::Slice;
use crate::spec::words::{self, WORDS};
use crate::spec::{METHODS, references};
use crate::{file, public_api};
use edit::{Edits, OVERLAY, SLICE};
use report::UpdateReport;
use rust::RustChanges;

const RESOLVED: &str = "openapi/resolved.json";
const GENERATED: &str = "crates/api/src/generated.rs";

/// Arguments of `spec update`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The official document, JSON or YAML, OpenAPI 3.0 or 3.1; `-` reads standard input.
    file: PathBuf,
    /// The day the document was retrieved (YYYY-MM-DD), when the document does not say.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = import::parse_date)]
    date: Option<String>,
    /// Go on although callers break or may break: somebody has read what and decided how to go on.
    #[arg(long)]
    accept_breaking: bool,
    /// Do not compile and test the client.
    #[arg(long)]
    no_test: bool,
    /// The commit against which the document is judged.
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    since: String,
    /// Where the report is kept.
    #[arg(long, value_name = "FILE", default_value = "target/spec-update.md")]
    report: PathBuf,
}

/// Updates the repository at `root` and prints the report, also when it stops.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let (report, finished) = report(root, arguments)?;
    print!("{report}");
    Ok(if finished? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Updates the repository at `root`: the report, which is kept, and whether it came to the end.
fn report(root: &Path, arguments: &Arguments) -> Result<(String, Result<bool>)> {
    let (document, text) = file::read_document(&arguments.file)?;
    let mut report = UpdateReport::new(&document, version(root)?);
    let outcome = update(root, arguments, (&document, &text), &mut report);
    if let Err(error) = &outcome {
        report.stop("It ended with an error", &format!("{error:#}"));
    }
    let markdown = report.markdown();
    file::replace(&root.join(&arguments.report), &markdown)?;
    Ok((markdown, outcome.map(|()| report.is_finished())))
}

/// Fills the report.
fn update(
    root: &Path,
    arguments: &Arguments,
    (document, text): (&Value, &str),
    report: &mut UpdateReport,
) -> Result<()> {
    let mut slice = Slice::read(&root.join(SLICE))?;
    let was = |name: &str| committed::document(root, &arguments.since, name);
    let (vendored, resolved_before) = (was(REGISTRY)?, was(RESOLVED)?);

    let mut edits = Edits::new(root)?;
    let moved = fit::fit(document, &vendored, &mut slice, &mut edits);
    report.new_operations = new_operations(document, &slice);
    let imported = match import::import(document, &slice, text.as_bytes(), arguments.date.as_deref()) {
        Ok(imported) => imported,
        Err(error) => {
            report.problems = edits.asked;
            report.will_edit = edits.will_make;
            report.stop("The document cannot be imported", &format!("{error:#}"));
            return Ok(());
        }
    };
    report.compare_versions(&vendored, &imported);
    let sentences = words::sentences(document, &slice);
    if let Ok(mut before) = was(WORDS) {
        words::move_paths(&mut before, &moved);
        let changed = words::changed(&sentences, &before);
        report.words = changed.into_iter().map(|(place, words)| (place, words.to_owned())).collect();
    }

    let overlay =
        Overlay::parse(&edits.edited(OVERLAY)).with_context(|| format!("{OVERLAY} is not an overlay"))?;
    let mut resolved = imported.clone();
    let misfits = overlay.settle(&mut resolved, Some(&vendored), Some(with_paths(vendored.clone(), &moved)));
    if misfits.is_empty() {
        report.idle = overlay.idle(imported.clone());
    }
    edits.asked.extend(misfits.into_iter().map(|misfit| {
        format!("`{OVERLAY}:{}`: {}: {}; {}", misfit.line, misfit.action, misfit.problem, misfit.mend)
    }));
    edits.asked.extend(validity::problems(&resolved));
    let operations = callers::Operations::new(root, &[&vendored, &imported], &[&resolved_before, &resolved])?;
    let (ids_before, ids) = (operation_ids(&resolved_before), operation_ids(&resolved));
    if edits.asked.is_empty() {
        report.added = ids.difference(&ids_before).cloned().collect();
        report.removed = ids_before.difference(&ids).cloned().collect();
    }
    report.changed(
        diff::compare(&comparable(vendored)?, &comparable(imported.clone())?),
        diff::compare(&comparable(resolved_before)?, &comparable(resolved.clone())?),
        operations,
    );
    report.problems = std::mem::take(&mut edits.asked);
    report.will_edit = std::mem::take(&mut edits.will_make);

    let outputs = match codegen::files(resolved, &slice) {
        Ok(outputs) => outputs,
        Err(error) => {
            report.stop("The generator does not take the document", &format!("{error:#}"));
            return Ok(());
        }
    };
    let source = root.join("crates/api/src");
    let generated = outputs.iter().find(|(name, _)| *name == GENERATED).map(|(_, code)| code);
    if let Some(code) = generated.filter(|_| source.join("lib.rs").exists()) {
        let before = committed::text(root, &arguments.since, GENERATED)?;
        report.code_changed = before != *code;
        let listing = |code: &str| public_api::listing_with(&source, code);
        report.rust = Some(RustChanges::new(&listing(&before)?, &listing(code)?)?);
    }
    if !report.problems.is_empty() {
        report.stop("Some edits are yours to make", "Make them as listed below, and run this again. Until then the verdicts are of what could be applied.");
        return Ok(());
    }
    if let Some((what, why)) = report.open_decision().filter(|_| !arguments.accept_breaking) {
        report.stop(what, why);
        return Ok(());
    }

    let mut files: Vec<(String, String)> =
        vec![(REGISTRY.into(), file::to_stable_json(&imported)?), (WORDS.into(), words::marks(&sentences)?)];
    files.extend(outputs.into_iter().map(|(name, contents)| (name.to_owned(), contents)));
    files.extend([SLICE, OVERLAY].map(|name| (name.to_owned(), edits.edited(name))));
    report.written = file::replace_all(root, &files)?.into_iter().map(str::to_owned).collect();
    if !arguments.no_test {
        report.checks = checks::run(root)?;
    }
    Ok(())
}

/// The document with other names for paths.
fn with_paths(mut document: Value, moved: &[(String, String)]) -> Value {
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (old, new) in moved {
            if let Some(item) = paths.remove(old) {
                paths.insert(new.clone(), item);
            }
        }
    }
    document
}

/// The ids of all operations.
fn operation_ids(document: &Value) -> BTreeSet<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations =
        paths.flat_map(|(_, item)| METHODS.into_iter().filter_map(move |method| item.get(method)));
    operations.filter_map(|operation| Some(operation.get("operationId")?.as_str()?.to_owned())).collect()
}

/// The document without what differs in every import: where it came from.
fn comparable(mut document: Value) -> Result<Document> {
    if let Some(document) = document.as_object_mut() {
        document.remove("x-source");
    }
    Document::new(document)
}

/// Operations of the registry that the slice does not have, wherever their paths lie: under our prefixes,
/// under a tag that operations there have, or with a schema of theirs in the request or the answer.
fn new_operations(document: &Value, slice: &Slice) -> Vec<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let all: Vec<(String, &Value, bool)> = paths
        .flat_map(|(path, item)| {
            let is_ours = slice.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()));
            METHODS.into_iter().filter_map(move |method| {
                Some((format!("{} {path}", method.to_uppercase()), item.get(method)?, is_ours))
            })
        })
        .collect();
    let ours = || all.iter().filter(|(_, _, is_ours)| *is_ours).map(|(_, operation, _)| *operation);
    let our_tags: BTreeSet<&str> = ours().flat_map(tags).collect();
    let schemas: BTreeSet<String> = ours().flat_map(references::direct_schemas).collect();
    let is_new = |(name, operation, is_ours): &&(String, &Value, bool)| {
        let is_related = || {
            tags(operation).any(|tag| our_tags.contains(tag))
                || references::direct_schemas(operation).iter().any(|schema| schemas.contains(schema))
        };
        !slice.operations.contains(name) && (*is_ours || is_related())
    };
    let mut found: Vec<String> = all.iter().filter(is_new).map(|(name, ..)| name.clone()).collect();
    found.sort();
    found
}

fn tags(operation: &Value) -> impl Iterator<Item = &str> {
    operation.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The version of the workspace.
fn version(root: &Path) -> Result<String> {
    let path = root.join("Cargo.toml");
    let manifest: toml::Table = toml::from_str(&file::read(&path)?)?;
    let version =
        manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("version")?.as_str());
    version.map(str::to_owned).with_context(|| format!("{} names no version", path.display()))
}
