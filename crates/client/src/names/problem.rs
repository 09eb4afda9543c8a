//! Why a name leads to nothing that could be used.

use std::fmt;

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// Nothing has it.
    NotFound,
    /// Several things have it.
    Ambiguous,
    /// One thing was found, and the service's list lacks some that may have the name as well.
    Incomplete,
    /// A row of the service's list that cannot be read may be what it names.
    Unreadable,
    /// It names another kind of thing than is wanted, such as a tag where a repository is.
    Unfit,
}

/// A name that does not lead to one thing. Nothing was changed.
///
/// As text it says what happened, to which name, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    pub(super) problem: NameProblem,
    pub(super) message: String,
    pub(super) candidates: Vec<String>,
    pub(super) advice: Option<String>,
    pub(super) repository: Option<String>,
}

impl NameError {
    pub(super) fn new(problem: NameProblem, message: impl Into<String>) -> Self {
        Self { problem, message: message.into(), candidates: Vec::new(), advice: None, repository: None }
    }

    pub(super) fn unfit(message: impl Into<String>) -> Self {
        Self::new(NameProblem::Unfit, message)
    }

    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// What is wrong.
    pub fn problem(&self) -> NameProblem {
        self.problem
    }

    /// What happened, to which name: the beginning of the whole text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The names that may have been meant, at most ten: those that fit where several do, and otherwise those that look
    /// like it.
    pub fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// What to do about it.
    pub fn next_step(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The repository that has no such tag, where the tag is what was not found.
    pub fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.candidates.is_empty() {
            write!(f, " ({})", self.candidates.join(", "))?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NameError {}
