//! What changed and whom it touches, a line for each finding however many operations it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::shortened;
use crate::spec::diff::render;
use crate::spec::diff::report::{DiffReport, Finding};
use crate::spec::diff::rules::{Class, Rule};
use crate::spec::unescape;
use crate::spec::update::callers::Operations;

/// Findings that the other report does not have, a line each.
pub(super) fn only_in(report: &DiffReport, other: &DiffReport) -> Vec<String> {
    let known: BTreeSet<(Rule, &str)> =
        other.findings.iter().map(|finding| (finding.rule, finding.sentence.as_str())).collect();
    let own = report.findings.iter().filter(|finding| {
        finding.class != Class::Documentation && !known.contains(&(finding.rule, finding.sentence.as_str()))
    });
    shortened(
        grouped(own)
            .into_iter()
            .map(|(says, finding, operations)| {
                format!("{}: {says} ({})", render::class(finding.class), ids(operations.into_iter()))
            })
            .collect(),
    )
}

/// Findings that say the same of several operations, as one: the first of them, with all the operations.
pub(super) fn grouped<'a>(
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

/// A sentence without the operation that it is about: `GET /a` is *the call*. One about two keeps them.
fn general(sentence: &str) -> String {
    let mut parts: Vec<&str> = sentence.split('`').collect();
    let mut routes = 0;
    for (index, part) in parts.iter_mut().enumerate() {
        let is_route =
            part.split_once(" /").is_some_and(|(method, _)| method.chars().all(|c| c.is_ascii_uppercase()));
        if index % 2 == 1 && is_route {
            *part = "\0";
            routes += 1;
        }
    }
    if routes > 1 {
        return sentence.to_owned();
    }
    parts.join("`").replace("`\0`", "the call")
}

/// What changed, a line for each finding, with the lines of ours that seem to use a changed field.
pub(super) fn changed(text: &mut String, vendor: &DiffReport, operations: &Operations) {
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
        let mut shown = None;
        for (says, finding, affected) in groups {
            let (rule, why, step) = (finding.rule.id(), finding.rule.why(), render::step(finding.step));
            let says = escape(&says);
            let field = field(&finding.old).filter(|_| !rule.contains("-added"));
            let uses = field.and_then(|(schema, field)| operations.field_uses(&schema, &field));
            let is_new = uses.is_some() && uses != shown;
            shown = uses.or(shown);
            let uses =
                shown.as_ref().filter(|_| is_new).map(|uses| format!("\n  {uses}")).unwrap_or_default();
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
pub(super) fn ids<'a>(ids: impl ExactSizeIterator<Item = &'a String>) -> String {
    let (all, named) = (ids.len(), 4);
    let names: Vec<String> = ids.take(named).map(|id| format!("`{id}`")).collect();
    let more = if all > named { format!(" and {} more", all - named) } else { String::new() };
    if all == 0 { "all".into() } else { format!("{}{more}", names.join(", ")) }
}

/// The operations that are affected, what it means for their callers, and what of ours is about them.
pub(super) fn touched(text: &mut String, vendor: &DiffReport, operations: &Operations) {
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

fn names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(2).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(2);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if quoted.is_empty() { "none".into() } else { format!("{}{more}", quoted.join(", ")) }
}
