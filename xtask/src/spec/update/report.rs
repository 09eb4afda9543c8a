//! The words of a pull request with an update.

mod changelog;
mod findings;
mod verdict;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::callers::Operations;
use super::checks::Check;
use super::rust::RustChanges;
use crate::spec::diff::report::DiffReport;

/// Entries of a list that are named before the rest is counted.
const NAMED: usize = 8;
/// Characters of a sentence of the vendor's that are shown.
const SHOWN: usize = 100;

/// The report, filled step by step.
pub(super) struct UpdateReport {
    title: String,
    version: String,
    /// The version that the document kept although it changed.
    same_version: Option<String>,
    /// Edits that a person must make.
    pub(super) problems: Vec<String>,
    /// Edits that are made together with what is written.
    pub(super) will_edit: Vec<String>,
    differences: Option<(DiffReport, DiffReport, Operations)>,
    pub(super) rust: Option<RustChanges>,
    /// True if the generated code is another than the one that is committed.
    pub(super) code_changed: bool,
    /// Sentences of the vendor's that are new or others: where, and the new text.
    pub(super) words: Vec<(String, String)>,
    /// Operations of the registry that are not in the slice.
    pub(super) new_operations: Vec<String>,
    /// Operations of the slice that were not there before.
    pub(super) added: Vec<String>,
    /// Operations that were there and are no longer.
    pub(super) removed: Vec<String>,
    /// Overlay actions that change nothing.
    pub(super) idle: Vec<String>,
    /// Files that were written.
    pub(super) written: Vec<String>,
    pub(super) checks: Vec<Check>,
    stopped: Option<(&'static str, String)>,
}

impl UpdateReport {
    pub(super) fn new(document: &Value, version: String) -> Self {
        let info =
            |key: &str| document.pointer(&format!("/info/{key}")).and_then(Value::as_str).unwrap_or("?");
        Self {
            title: format!("{} {}", info("title"), info("version")),
            version,
            same_version: None,
            problems: Vec::new(),
            will_edit: Vec::new(),
            differences: None,
            rust: None,
            code_changed: false,
            words: Vec::new(),
            new_operations: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            idle: Vec::new(),
            written: Vec::new(),
            checks: Vec::new(),
            stopped: None,
        }
    }

    /// Notices a document that has other bytes and the same version.
    pub(super) fn compare_versions(&mut self, before: &Value, after: &Value) {
        let source = |document: &Value, key: &str| document["x-source"][key].as_str().map(str::to_owned);
        let is_same = |key: &str| source(before, key) == source(after, key);
        self.same_version = source(after, "version").filter(|_| is_same("version") && !is_same("sha256"));
    }

    /// Takes what changed in the vendor's documents and in the resolved ones, under our own ids.
    pub(super) fn changed(&mut self, mut vendor: DiffReport, resolved: DiffReport, operations: Operations) {
        for finding in &mut vendor.findings {
            let ids: BTreeSet<String> =
                finding.operations.iter().map(|label| operations.id(label).to_owned()).collect();
            finding.operations = ids.into_iter().collect();
        }
        self.differences = Some((vendor, resolved, operations));
    }

    /// Records where it stopped.
    pub(super) fn stop(&mut self, what: &'static str, why: &str) {
        self.stopped = Some((what, why.to_owned()));
    }

    /// Says if nothing is left to do.
    pub(super) fn is_finished(&self) -> bool {
        self.stopped.is_none() && self.checks.iter().all(|check| check.failed.is_none())
    }

    /// Each new sentence with the places where it stands.
    fn new_words(&self) -> Vec<String> {
        let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
        for (place, words) in &self.words {
            match places.iter_mut().find(|(known, _)| known == words) {
                Some((_, places)) => places.push(place),
                None => places.push((words, vec![place])),
            }
        }
        let line = |(words, places): (&str, Vec<&str>)| {
            let more =
                if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
            format!("`{}`{more}: {}", place_name(places[0]), cut(words))
        };
        places.into_iter().map(line).collect()
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# Update to {}\n", self.title);
        if let Some((what, why)) = &self.stopped {
            let _ = writeln!(text, "\n## Stopped: {what}\n{why}");
        }
        for check in &self.checks {
            list(&mut text, &format!("Failed: {}", check.name), check.failed.as_deref().unwrap_or_default());
        }
        self.verdicts(&mut text);
        list(&mut text, "Edits that you must make", &self.problems);
        let made = if self.written.is_empty() {
            "Edits that are made with the rest"
        } else {
            "Edits that were made"
        };
        list(&mut text, made, &self.will_edit);
        if let Some((vendor, resolved, operations)) = &self.differences {
            findings::changed(&mut text, vendor, operations);
            // While edits are missing, the resolved document is not the one that will be.
            if self.problems.is_empty() {
                list(
                    &mut text,
                    "Only in the resolved documents: the overlay makes it or hides it",
                    &findings::only_in(resolved, vendor),
                );
            }
            findings::touched(&mut text, vendor, operations);
        }
        if let Some(rust) = &self.rust {
            list(&mut text, "What breaks Rust callers", &shortened(rust.breaking.clone()));
        }
        list(&mut text, "The vendor's words that are new", &shortened(self.new_words()));
        list(
            &mut text,
            "New operations without a method: for openapi/slice.toml, or to be left",
            &self.new_operations,
        );
        if let Some((.., operations)) = &self.differences {
            let missing = self.added.iter().map(|id| (id, "lacks", operations.missing_parts(id)));
            let left = self.removed.iter().map(|id| (id, "is gone and still has", operations.parts(id)));
            let parts = missing.chain(left).filter(|(.., parts)| !parts.is_empty());
            let parts = parts.map(|(id, says, parts)| format!("`{id}` {says} {}", parts.join(", ")));
            list(
                &mut text,
                "Parts that the coverage test misses or has too many",
                &parts.collect::<Vec<_>>(),
            );
        }
        list(&mut text, "Overlay actions that change nothing any more: take them out", &self.idle);
        if let Some((vendor, ..)) = &self.differences {
            changelog::draft(&mut text, vendor, self.rust.as_ref());
        }
        let passed = self.checks.iter().filter(|check| check.failed.is_none()).map(|check| check.name);
        let passed = passed.collect::<Vec<_>>().join(", ");
        if !passed.is_empty() {
            let _ = writeln!(text, "\nChecked: {passed}.");
        }
        let written: Vec<String> = self.written.iter().map(|name| format!("`{name}`")).collect();
        let nothing = if written.is_empty() {
            "Nothing was written.".into()
        } else {
            format!("Written: {}.", written.join(", "))
        };
        let _ = writeln!(text, "\n{nothing}");
        text
    }
}

fn list(text: &mut String, title: &str, entries: &[String]) {
    if !entries.is_empty() {
        let _ = writeln!(text, "\n## {title}\n- {}", entries.join("\n- "));
    }
}

fn shortened(mut entries: Vec<String>) -> Vec<String> {
    let more = entries.len().saturating_sub(NAMED);
    entries.truncate(NAMED);
    entries.extend((more > 0).then(|| format!("and {more} more")));
    entries
}

/// A place of a sentence as people say it.
fn place_name(pointer: &str) -> String {
    pointer.trim_start_matches("/paths/").trim_start_matches("/components/schemas/").replace("~1", "/")
}

fn cut(words: &str) -> String {
    let mut words = words.replace('\n', " ");
    if words.chars().count() > SHOWN {
        words = words.chars().take(SHOWN).chain(['…']).collect();
    }
    words
}
