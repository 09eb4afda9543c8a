//! The words of a pull request with an update.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::callers::Operations;
use super::checks::Check;
use super::rust::RustChanges;
use crate::spec::diff::render;
use crate::spec::diff::report::{DiffReport, Finding};
use crate::spec::diff::rules::{Class, Rule, SemverStep};
use crate::spec::unescape;

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
    /// Sentences of the vendor's that are new or others: where, and the new text.
    pub(super) words: Vec<(String, String)>,
    /// Operations of the registry that are not in the slice.
    pub(super) new_operations: Vec<String>,
    /// Operations of the slice that were not there before.
    pub(super) added: Vec<String>,
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
            words: Vec::new(),
            new_operations: Vec::new(),
            added: Vec::new(),
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

    pub(super) fn is_breaking(&self) -> bool {
        let documents = self.differences.iter().flat_map(|(vendor, resolved, _)| [vendor, resolved]);
        documents.map(|report| report.summary.breaking).sum::<usize>() > 0
    }

    /// Records where it stopped.
    pub(super) fn stop(&mut self, what: &'static str, why: &str) {
        self.stopped = Some((what, why.to_owned()));
    }

    /// Says if nothing is left to do.
    pub(super) fn is_finished(&self) -> bool {
        self.stopped.is_none() && self.checks.iter().all(|check| check.failed.is_none())
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
            findings(&mut text, vendor, operations);
            // While edits are missing, the resolved document is not the one that will be.
            if self.problems.is_empty() {
                list(
                    &mut text,
                    "Only in the resolved documents: the overlay makes it or hides it",
                    &only_in(resolved, vendor),
                );
            }
            touched(&mut text, vendor, operations);
        }
        if let Some(rust) = &self.rust {
            list(&mut text, "What breaks Rust callers", &shortened(rust.breaking.clone()));
        }
        let words =
            self.words.iter().map(|(place, words)| format!("`{}`: {}", place_name(place), cut(words)));
        list(&mut text, "The vendor's words that are new", &shortened(words.collect()));
        list(
            &mut text,
            "New operations without a method: for openapi/slice.toml, or to be left",
            &self.new_operations,
        );
        if let Some((.., operations)) = &self.differences {
            let missing = self.added.iter().filter_map(|id| {
                let parts = operations.missing_parts(id);
                (!parts.is_empty()).then(|| format!("`{id}` lacks {}", parts.join(", ")))
            });
            list(&mut text, "Parts that new operations of ours lack", &missing.collect::<Vec<_>>());
        }
        list(&mut text, "Overlay actions that change nothing any more: take them out", &self.idle);
        if let Some((vendor, ..)) = &self.differences {
            changelog(&mut text, vendor);
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

    /// The three verdicts, and the version step that the highest asks for.
    fn verdicts(&self, text: &mut String) {
        let Some((vendor, resolved, _)) = &self.differences else { return };
        let rust = self.rust.as_ref();
        let rust_step = rust.map_or(SemverStep::None, RustChanges::step);
        let rust_words =
            rust.map_or("not known".to_owned(), |rust| match (rust.breaking.len(), rust.compatible.len()) {
                (0, 0) => "No differences.".to_owned(),
                (breaking, compatible) => format!("{breaking} breaking, {compatible} compatible."),
            });
        let wire_step = vendor.summary.step.max(resolved.summary.step);
        let _ =
            writeln!(text, "\n## Version\n| verdict | on the wire | for Rust callers |\n| --- | --- | --- |");
        let _ = writeln!(text, "| vendor's documents | {} | |", render::summary(vendor));
        let _ = writeln!(text, "| resolved documents | {} | |", render::summary(resolved));
        let _ = writeln!(text, "| public Rust API | | {rust_words} |");
        let _ =
            writeln!(text, "| version step | {} | {} |\n", render::step(wire_step), render::step(rust_step));
        let step = wire_step.max(rust_step);
        let _ = match next_version(&self.version, step) {
            Some(next) => writeln!(
                text,
                "Step {}: {} → {next}. The higher of the two counts.",
                render::step(step),
                self.version
            ),
            None => writeln!(text, "Nothing to release."),
        };
        if let Some(version) = &self.same_version {
            let where_to = if vendor.findings.is_empty() && self.words.is_empty() {
                ", though nothing that our calls send or read"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "\nThe document changed{where_to}, and its version did not: it is still {version}."
            );
        }
    }
}

/// Findings that the other report does not have, a line each.
fn only_in(report: &DiffReport, other: &DiffReport) -> Vec<String> {
    let known: BTreeSet<(Rule, &str)> =
        other.findings.iter().map(|finding| (finding.rule, finding.sentence.as_str())).collect();
    let own = report.findings.iter().filter(|finding| {
        finding.class != Class::Documentation && !known.contains(&(finding.rule, finding.sentence.as_str()))
    });
    shortened(
        grouped(own)
            .into_iter()
            .map(|(says, _, operations)| format!("{says} ({})", ids(operations.into_iter())))
            .collect(),
    )
}

/// Findings that say the same of several operations, as one: the first of them, with all the operations.
fn grouped<'a>(
    findings: impl Iterator<Item = &'a Finding>,
) -> Vec<(String, &'a Finding, BTreeSet<&'a String>)> {
    let mut groups: Vec<(String, &Finding, BTreeSet<&String>)> = Vec::new();
    let mut findings: Vec<&Finding> = findings.collect();
    findings.sort_by_key(|finding| finding.class);
    for finding in findings {
        let general = general(&finding.sentence);
        let same = groups.iter_mut().find(|(says, first, _)| *says == general && first.rule == finding.rule);
        match same {
            Some((_, _, operations)) => operations.extend(&finding.operations),
            None => groups.push((general, finding, finding.operations.iter().collect())),
        }
    }
    for (says, first, operations) in &mut groups {
        if operations.len() == 1 {
            says.clone_from(&first.sentence);
        }
    }
    groups
}

/// A sentence without the operation that it is about: `GET /a` is *the call*.
fn general(sentence: &str) -> String {
    let mut parts: Vec<&str> = sentence.split('`').collect();
    for (index, part) in parts.iter_mut().enumerate() {
        let is_route =
            part.split_once(" /").is_some_and(|(method, _)| method.chars().all(|c| c.is_ascii_uppercase()));
        if index % 2 == 1 && is_route {
            *part = "\0";
        }
    }
    parts.join("`").replace("`\0`", "the call")
}

/// What changed, a line for each finding, with the lines of ours that seem to use a changed field.
fn findings(text: &mut String, vendor: &DiffReport, operations: &Operations) {
    let _ = writeln!(text, "\n## What changed");
    if vendor.findings.is_empty() {
        let _ = writeln!(text, "{}", render::summary(vendor));
    }
    for (class, title) in render::CLASSES {
        let groups = grouped(vendor.of(class));
        if groups.is_empty() {
            continue;
        }
        let _ = writeln!(text, "### {title}");
        if class == Class::Documentation {
            let says: Vec<String> = groups.into_iter().map(|(says, ..)| escape(&says)).collect();
            let _ = writeln!(text, "- {}", shortened(says).join("; "));
            continue;
        }
        for (says, finding, affected) in groups {
            let (rule, why, step) = (finding.rule.id(), finding.rule.why(), render::step(finding.step));
            let says = escape(&says);
            let field = field(&finding.old).filter(|_| !rule.contains("-added"));
            let uses = field.and_then(|(schema, field)| operations.field_uses(&schema, &field));
            let uses = uses.map(|uses| format!("\n  {uses}")).unwrap_or_default();
            let _ =
                writeln!(text, "- {says}. {why} `{rule}`, step {step}: {}{uses}", ids(affected.into_iter()));
        }
    }
}

fn escape(sentence: &str) -> String {
    sentence.replace('<', "&lt;").replace('\n', " ")
}

/// Schema and property of a pointer.
fn field(pointer: &str) -> Option<(String, String)> {
    let schema = pointer.strip_prefix("/components/schemas/")?.split('/').next()?;
    let (_, property) = pointer.rsplit_once("/properties/")?;
    Some((unescape(schema), unescape(property.split('/').next()?)))
}

/// Ids in code, the rest counted.
fn ids<'a>(ids: impl ExactSizeIterator<Item = &'a String>) -> String {
    let (all, named) = (ids.len(), 4);
    let names: Vec<String> = ids.take(named).map(|id| format!("`{id}`")).collect();
    let more = if all > named { format!(" and {} more", all - named) } else { String::new() };
    if all == 0 { "all".into() } else { format!("{}{more}", names.join(", ")) }
}

/// The operations that are affected, what it means for their callers, and what of ours is about them.
fn touched(text: &mut String, vendor: &DiffReport, operations: &Operations) {
    let mut affected: BTreeMap<&str, Class> = BTreeMap::new();
    for finding in vendor.findings.iter().filter(|finding| finding.class != Class::Documentation) {
        for id in &finding.operations {
            let class = affected.entry(id).or_insert(finding.class);
            *class = (*class).min(finding.class);
        }
    }
    if affected.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## What it means for callers");
    for (class, verdict) in [
        (Class::Breaking, "Calls can fail"),
        (Class::Judge, "Calls can fail or not"),
        (Class::Compatible, "Calls go on working"),
    ] {
        let those = affected.iter().filter(|(_, own)| **own == class).map(|(id, _)| *id);
        let lines: Vec<String> = those
            .map(|id| {
                let uses = operations.uses(id);
                let code = uses.map(|uses| uses.code.as_slice()).unwrap_or_default();
                let snapshots = uses.map(|uses| uses.snapshots.as_slice()).unwrap_or_default();
                format!("`{id}` (code {}, snapshot {})", names(code), names(snapshots))
            })
            .collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "- {verdict}: {}", lines.join(", "));
        }
    }
}

/// The draft for CHANGELOG.md, a line for each finding.
fn changelog(text: &mut String, vendor: &DiffReport) {
    let mut headings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (says, finding, affected) in
        grouped(vendor.findings.iter().filter(|finding| finding.class != Class::Documentation))
    {
        let breaking = if finding.class == Class::Breaking { "**Breaking:** " } else { "" };
        let line = format!("- {breaking}{says} ({}).", ids(affected.into_iter()).replace('`', ""));
        headings.entry(heading(finding)).or_default().push(line);
    }
    if headings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## CHANGELOG draft");
    for (heading, lines) in headings {
        let _ = writeln!(text, "### {heading}\n{}", lines.join("\n"));
    }
}

fn names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(2).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(2);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if quoted.is_empty() { "none".into() } else { format!("{}{more}", quoted.join(", ")) }
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

/// The heading of a changelog under which a finding goes. What breaks what is there is a change, whatever the
/// rule calls it.
fn heading(finding: &Finding) -> &'static str {
    let id = finding.rule.id();
    let is_thing = ["operation", "property", "parameter", "body", "header", "server"]
        .iter()
        .any(|thing| id.contains(thing));
    match finding.rule {
        Rule::OperationDeprecated | Rule::ParameterDeprecated | Rule::SchemaDeprecated => "Deprecated",
        _ if is_thing && id.contains("-removed") => "Removed",
        _ if finding.class == Class::Compatible && id.contains("-added") => "Added",
        _ => "Changed",
    }
}

/// The version after a step, or `None` if there is nothing to release. Before 1.0 what breaks raises the
/// second number, and all else the third.
fn next_version(version: &str, step: SemverStep) -> Option<String> {
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some(match (step, major) {
        (SemverStep::None, _) => return None,
        (SemverStep::Major, 0) => format!("0.{}.0", minor + 1),
        (SemverStep::Major, _) => format!("{}.0.0", major + 1),
        (SemverStep::Minor, 1..) => format!("{major}.{}.0", minor + 1),
        (SemverStep::Minor | SemverStep::Patch, _) => format!("{major}.{minor}.{}", patch + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_1_0_what_breaks_raises_the_second_number() {
        let next = |version, step| next_version(version, step).unwrap_or_default();
        assert_eq!(next("0.1.4", SemverStep::Major), "0.2.0");
        assert_eq!(next("0.1.4", SemverStep::Minor), "0.1.5");
        assert_eq!(next("1.2.3", SemverStep::Major), "2.0.0");
        assert_eq!(next("1.2.3", SemverStep::Minor), "1.3.0");
        assert_eq!(next("1.2.3", SemverStep::Patch), "1.2.4");
        assert_eq!(next_version("1.2.3", SemverStep::None), None);
    }
}
