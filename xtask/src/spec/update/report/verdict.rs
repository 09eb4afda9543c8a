//! The three verdicts, what they come to for the next version, and whether a person must decide first.

use std::fmt::Write;

use super::UpdateReport;
use crate::spec::diff::render;
use crate::spec::diff::report::{DiffReport, Finding};
use crate::spec::diff::rules::{Class, SemverStep};
use crate::spec::update::rust::RustChanges;

impl UpdateReport {
    /// The decision that nobody can take but a person, and what to do about it: of what breaks callers on the
    /// wire, of what breaks Rust callers alone, of what may break them.
    pub(in crate::spec::update) fn open_decision(&self) -> Option<(&'static str, &'static str)> {
        let of = |class| self.documents().flat_map(move |report| report.of(class)).next().is_some();
        let breaks_rust = self.rust.as_ref().is_some_and(|rust| !rust.breaking.is_empty());
        if of(Class::Breaking) {
            Some((
                "The vendor's change breaks callers",
                "Read what breaks below. Either the client can hide it, or the next version says so. \
                 Then run this again with `--accept-breaking`.",
            ))
        } else if breaks_rust {
            Some((
                "The change breaks Rust callers",
                "Read what breaks below. Either the overlay can hide it, or the next version says so. \
                 Then run this again with `--accept-breaking`.",
            ))
        } else {
            of(Class::Judge).then_some((
                "A person must judge the change",
                "No rule tells whether what is listed below under that heading breaks callers. Find out and decide on the \
                 version. Then run this again with `--accept-breaking`.",
            ))
        }
    }

    fn documents(&self) -> impl Iterator<Item = &DiffReport> {
        self.differences.iter().flat_map(|(vendor, resolved, _)| [vendor, resolved])
    }

    /// The verdicts, and the version step that the highest asks for.
    pub(super) fn verdicts(&self, text: &mut String) {
        let Some((vendor, resolved, _)) = &self.differences else { return };
        let rust = self.rust.as_ref();
        let rust_step = rust.map_or(SemverStep::None, RustChanges::step);
        let rust_words =
            rust.map_or("not known".to_owned(), |rust| match (rust.breaking.len(), rust.compatible.len()) {
                (0, 0) => "No differences.".to_owned(),
                (breaking, compatible) => format!("{breaking} breaking, {compatible} compatible."),
            });
        let wire_step = vendor.summary.step.max(resolved.summary.step);
        let rust_step_words = if rust.is_some() { render::step(rust_step) } else { "not known" };
        let _ =
            writeln!(text, "\n## Version\n| verdict | on the wire | for Rust callers |\n| --- | --- | --- |");
        let _ = writeln!(text, "| vendor's documents | {} | |", render::summary(vendor));
        let _ = writeln!(text, "| resolved documents | {} | |", render::summary(resolved));
        let _ = writeln!(text, "| public Rust API | | {rust_words} |");
        let _ = writeln!(text, "| version step | {} | {rust_step_words} |\n", render::step(wire_step));
        self.next_version(text, wire_step.max(rust_step), rust_step);
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

    /// What to release for `step`. That there is nothing is said only where every verdict is there and agrees.
    fn next_version(&self, text: &mut String, mut step: SemverStep, rust_step: SemverStep) {
        if step == SemverStep::None && self.code_changed {
            step = SemverStep::Patch;
            let _ = writeln!(text, "The generated code changed where none of the verdicts looks.\n");
        }
        let is_known = self.rust.is_some()
            && self.problems.is_empty()
            && self.checks.iter().all(|check| check.failed.is_none());
        let _ = match next_version(&self.version, step) {
            Some(next) => {
                let least = if is_known { "" } else { " At least: not everything is known yet." };
                let step = render::step(step);
                writeln!(text, "Step {step}: {} → {next}. The higher of the two counts.{least}", self.version)
            }
            None if is_known => writeln!(text, "Nothing to release."),
            None => writeln!(text, "Whether there is anything to release is not known yet."),
        };
        let judge = self.documents().map(|report| report.summary.judge).max().unwrap_or_default();
        if judge > 0 {
            let sure = |finding: &&Finding| finding.class != Class::Judge;
            let sure = self.documents().flat_map(|report| report.findings.iter().filter(sure));
            let sure = sure.map(|finding| finding.step).chain([rust_step]).max().unwrap_or(rust_step);
            let otherwise = match next_version(&self.version, sure) {
                _ if sure == step => String::new(),
                Some(next) => {
                    let step = render::step(sure);
                    format!(" If they break no caller, the step is {step}: {} → {next}.", self.version)
                }
                None => " If they break no caller, there is nothing to release.".into(),
            };
            let _ = writeln!(text, "\nA person must judge {judge} of the findings.{otherwise}");
        }
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
