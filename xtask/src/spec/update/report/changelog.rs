//! The draft for CHANGELOG.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::findings::{grouped, ids};
use super::shortened;
use crate::spec::diff::report::{DiffReport, Finding};
use crate::spec::diff::rules::{Class, Rule};
use crate::spec::update::rust::RustChanges;

/// A line for each finding, under the headings of a changelog; and one for each break of Rust alone, which no
/// finding is about.
pub(super) fn draft(text: &mut String, vendor: &DiffReport, rust: Option<&RustChanges>) {
    let mut headings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (says, finding, affected) in
        grouped(vendor.findings.iter().filter(|finding| finding.class != Class::Documentation))
    {
        let mark = match finding.class {
            Class::Breaking => "**Breaking:** ",
            Class::Judge => "**To be judged:** ",
            _ => "",
        };
        let line = format!("- {mark}{says} ({}).", ids(affected.into_iter()).replace('`', ""));
        headings.entry(heading(finding)).or_default().push(line);
    }
    if vendor.summary.breaking == 0 {
        let breaks = rust.map(|rust| rust.breaking.as_slice()).unwrap_or_default();
        let lines = shortened(breaks.to_vec()).into_iter().map(|says| format!("- **Breaking:** {says}."));
        headings.entry("Changed").or_default().extend(lines);
    }
    headings.retain(|_, lines| !lines.is_empty());
    if headings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## CHANGELOG draft");
    for (heading, lines) in headings {
        let _ = writeln!(text, "### {heading}\n{}", lines.join("\n"));
    }
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
