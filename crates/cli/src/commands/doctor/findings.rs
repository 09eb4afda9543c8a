//! The findings, check by check.

use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// One check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// The name of the check.
    check: &'static str,
    /// ok, warning, failed or skipped.
    state: CheckState,
    /// The finding.
    message: String,
    /// A remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// The checks so far, and the failure to exit by.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) checks: Vec<Check>,
    pub(super) worst: Option<Failure>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        state: CheckState,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let hint = hint.map(str::to_owned);
        self.checks.push(Check { check, state, message: message.into(), hint });
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, CheckState::Ok, message, None);
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, hint: &str) {
        self.add(check, CheckState::Warning, message, Some(hint));
    }

    pub(super) fn fail(&mut self, check: &'static str, failure: Failure) {
        let failure = failure.without_advice_to("`mlcr doctor`");
        self.add(check, CheckState::Failed, failure.message.clone(), failure.hint.as_deref());
        self.worst.get_or_insert(failure);
    }

    pub(super) fn skip(&mut self, checks: &[&'static str]) {
        for check in checks {
            self.add(check, CheckState::Skipped, "needs what failed above", None);
        }
    }
}

impl Record for Check {
    const HEADER: &'static [&'static str] = &["CHECK", "STATE", "FOUND"];
    const FIELDS: &'static [&'static str] = &["check", "state", "message", "hint"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let (word, color) = match self.state {
            CheckState::Ok => ("ok", AnsiColor::Green),
            CheckState::Warning => ("warning", AnsiColor::Yellow),
            CheckState::Failed => ("failed", AnsiColor::Red),
            CheckState::Skipped => ("skipped", AnsiColor::BrightBlack),
        };
        let hint = self.hint.as_ref().map_or(String::new(), |hint| format!(" → {hint}"));
        vec![
            Cell::new(self.check),
            Cell::new(word).style(Style::new().fg_color(Some(color.into()))),
            Cell::new(format!("{}{hint}", self.message)),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}
