//! The words of a pull request with an update.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Error, Result};
use serde_json::Value;

use super::callers::Operations;
use crate::spec::diff::render;
use crate::spec::diff::report::{DiffReport, Finding};
use crate::spec::diff::rules::{Class, Rule, SemverStep};

/// The report, filled step by step.
pub(super) struct UpdateReport {
    title: String,
    version: String,
    differences: Option<(DiffReport, Operations)>,
    /// Operations under our prefixes that are not in the slice.
    pub(super) new_operations: Vec<String>,
    /// Overlay actions that change nothing.
    pub(super) idle: Vec<String>,
    /// Files that were written.
    pub(super) written: Vec<&'static str>,
    stopped: Option<(&'static str, String)>,
}

impl UpdateReport {
    pub(super) fn new(document: &Value, version: String) -> Self {
        let info =
            |key: &str| document.pointer(&format!("/info/{key}")).and_then(Value::as_str).unwrap_or("?");
        Self {
            title: format!("{} {}", info("title"), info("version")),
            version,
            differences: None,
            new_operations: Vec::new(),
            idle: Vec::new(),
            written: Vec::new(),
            stopped: None,
        }
    }

    /// Takes what changed, under our own ids.
    pub(super) fn changed(&mut self, mut differences: DiffReport, operations: Operations) {
        for finding in &mut differences.findings {
            let ids: BTreeSet<String> =
                finding.operations.iter().map(|label| operations.id(label).to_owned()).collect();
            finding.operations = ids.into_iter().collect();
        }
        self.differences = Some((differences, operations));
    }

    pub(super) fn is_breaking(&self) -> bool {
        self.differences.as_ref().is_some_and(|(differences, _)| differences.summary.breaking > 0)
    }

    /// Records where it stopped. Always `Ok(false)`.
    pub(super) fn stop(&mut self, what: &'static str, error: &Error) -> Result<bool> {
        self.stop_because(what, &format!("{error:#}"))
    }

    /// Records where it stopped. Always `Ok(false)`.
    pub(super) fn stop_because(&mut self, what: &'static str, why: &str) -> Result<bool> {
        self.stopped = Some((what, why.to_owned()));
        Ok(false)
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# Update to {}\n", self.title);
        if let Some((what, why)) = &self.stopped {
            let _ = writeln!(text, "\n## Stopped: {what}\n\n{why}");
        }
        if let Some((differences, operations)) = &self.differences {
            let _ = write!(text, "\n## What changed\n\n{}", render::markdown(differences));
            touched(&mut text, differences, operations);
        }
        list(
            &mut text,
            "New operations without a method",
            &self.new_operations,
            "Add them to openapi/slice.toml, or leave them.",
        );
        list(
            &mut text,
            "Overlay actions that change nothing any more",
            &self.idle,
            "Take them out of openapi/overlay.yaml.",
        );
        if let Some((differences, _)) = &self.differences {
            self.release(&mut text, differences);
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

    /// The version step and the CHANGELOG draft.
    fn release(&self, text: &mut String, differences: &DiffReport) {
        let step = differences.summary.step;
        let next = next_version(&self.version, step);
        let _ = writeln!(text, "\n## Version\n");
        let _ = match next {
            Some(next) => writeln!(text, "Step {}: {} → {next}.", render::step(step), self.version),
            None => writeln!(text, "Nothing to release."),
        };
        let mut headings: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in differences.findings.iter().filter(|finding| finding.class != Class::Documentation) {
            headings.entry(heading(finding)).or_default().push(finding);
        }
        if headings.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n## CHANGELOG draft\n");
        for (heading, findings) in headings {
            let _ = writeln!(text, "### {heading}\n");
            for finding in findings {
                let breaking = if finding.class == Class::Breaking { "**Breaking:** " } else { "" };
                let _ =
                    writeln!(text, "- {breaking}{} ({}).", finding.sentence, finding.operations.join(", "));
            }
            let _ = writeln!(text);
        }
    }
}

/// The operations that are affected, what it means for their callers, and what of ours is about them.
fn touched(text: &mut String, differences: &DiffReport, operations: &Operations) {
    let mut affected: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in differences.findings.iter().filter(|finding| finding.class != Class::Documentation) {
        for id in &finding.operations {
            affected.entry(id).or_default().push(finding);
        }
    }
    if affected.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## What it means for callers\n");
    for (id, findings) in affected {
        let breaking = findings.iter().any(|finding| finding.class == Class::Breaking);
        let verdict = if breaking { "calls can fail" } else { "calls go on working" };
        let _ = writeln!(text, "- `{id}`: {verdict}");
        for finding in findings {
            let _ = writeln!(text, "  - {}. {}", finding.sentence, finding.rule.why());
        }
        let uses = operations.uses(id);
        let code = uses.map(|uses| uses.code.as_slice()).unwrap_or_default();
        let snapshots = uses.map(|uses| uses.snapshots.as_slice()).unwrap_or_default();
        let _ = writeln!(text, "  - Code: {}", names(code));
        let _ = writeln!(text, "  - Snapshots: {}", names(snapshots));
    }
}

fn names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".into() } else { quoted.join(", ") }
}

fn list(text: &mut String, title: &str, entries: &[String], advice: &str) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n\n{advice}\n");
    for entry in entries {
        let _ = writeln!(text, "- {entry}");
    }
}

/// The heading of a changelog under which a finding goes.
fn heading(finding: &Finding) -> &'static str {
    match finding.rule {
        Rule::OperationDeprecated | Rule::ParameterDeprecated | Rule::SchemaDeprecated => "Deprecated",
        rule if rule.id().contains("-added") => "Added",
        rule if rule.id().contains("-removed") => "Removed",
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
