//! The findings as data. Their JSON Schema is docs/spec-diff.schema.json.

use anyhow::Result;
use schemars::JsonSchema;
use serde::Serialize;

use super::rules::{Class, Direction, Rule, SemverStep};
use crate::file;

/// The findings of `cargo xtask spec diff`.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffReport {
    /// The findings, counted.
    pub(crate) summary: Summary,
    /// Every difference, the breaking ones first.
    pub(crate) findings: Vec<Finding>,
}

/// How many findings there are of each class.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    /// Changes on which a correct client can fail.
    pub(crate) breaking: usize,
    /// Changes on which a correct client can fail or not: a person must judge.
    pub(crate) judge: usize,
    /// Changes with which a correct client goes on working.
    pub(crate) compatible: usize,
    /// Changes of words only.
    pub(crate) documentation: usize,
    /// The greatest version step that any finding asks for.
    pub(crate) step: SemverStep,
}

/// One difference.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    /// Its meaning for a client.
    pub(crate) class: Class,
    /// The rule that says so; docs/spec-diff-rules.md has them all.
    #[schemars(with = "String")]
    #[serde(serialize_with = "serialize_rule")]
    pub(crate) rule: Rule,
    /// Which way the changed thing travels.
    pub(crate) direction: Direction,
    /// The version step that it asks for.
    pub(crate) step: SemverStep,
    /// The change, as a sentence.
    pub(crate) sentence: String,
    /// JSON pointer in the old document: the changed thing, or what lacks it.
    pub(crate) old: String,
    /// JSON pointer in the new document: the changed thing, or what lacks it.
    pub(crate) new: String,
    /// Ids of the operations that are affected, as the new document has them; method and path of those
    /// without an id. Empty when it is about the document as a whole.
    pub(crate) operations: Vec<String>,
}

fn serialize_rule<S: serde::Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id())
}

impl Finding {
    pub(super) fn new(rule: Rule, old: String, new: String, sentence: String) -> Self {
        Self {
            class: rule.class(),
            rule,
            direction: rule.direction(),
            step: rule.step(),
            sentence,
            old,
            new,
            operations: Vec::new(),
        }
    }
}

impl DiffReport {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let count = |class| findings.iter().filter(|finding| finding.class == class).count();
        let summary = Summary {
            breaking: count(Class::Breaking),
            judge: count(Class::Judge),
            compatible: count(Class::Compatible),
            documentation: count(Class::Documentation),
            step: findings.iter().map(|finding| finding.step).max().unwrap_or(SemverStep::None),
        };
        Self { summary, findings }
    }

    /// The findings of one class.
    pub(crate) fn of(&self, class: Class) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.class == class)
    }
}

/// The JSON Schema of a report, as it is committed.
pub(crate) fn json_schema() -> Result<String> {
    file::to_stable_json(schemars::schema_for!(DiffReport).as_value())
}
