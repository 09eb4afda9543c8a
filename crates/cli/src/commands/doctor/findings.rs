//! What was found, check by check.

use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// One check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// What was looked at.
    check: &'static str,
    /// ok, warning, failed or skipped.
    state: State,
    /// What was found.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
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
        state: State,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let hint = hint.map(str::to_owned);
        self.checks.push(Check { check, state, message: message.into(), hint });
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, State::Ok, message, None);
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, hint: &str) {
        self.add(check, State::Warning, message, Some(hint));
    }

    pub(super) fn fail(&mut self, check: &'static str, failure: Failure) {
        self.add(check, State::Failed, failure.message.clone(), failure.hint.as_deref());
        self.worst.get_or_insert(failure);
    }

    pub(super) fn skip(&mut self, checks: &[&'static str]) {
        for check in checks {
            self.add(check, State::Skipped, "needs what failed above", None);
        }
    }
}

impl Record for Check {
    const HEADER: &'static [&'static str] = &["CHECK", "STATE", "FOUND"];
    const FIELDS: &'static [&'static str] = &["check", "state", "message", "hint"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let (word, color) = match self.state {
            State::Ok => ("ok", AnsiColor::Green),
            State::Warning => ("warning", AnsiColor::Yellow),
            State::Failed => ("failed", AnsiColor::Red),
            State::Skipped => ("skipped", AnsiColor::BrightBlack),
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
