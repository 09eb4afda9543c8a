//! Why a command ends without having done what it should: one message, one exit code.

use anstyle::AnsiColor;
use mlspace_registry::{ApiError, Error, NameError, NameProblem};
use schemars::JsonSchema;
use serde::Serialize;

use crate::io::Stderr;
use crate::output::text::printable;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Other = 1,
    Usage = 2,
    SignIn = 3,
    NotFound = 4,
    Partly = 5,
    Safety = 6,
    Unknown = 7,
    Limit = 8,
    Firewall = 9,
    Interrupted = 130,
}

/// A failure.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct Failure {
    /// A word for the kind of failure.
    pub(crate) code: &'static str,
    /// The exit code of the process.
    #[serde(rename = "exit_code", serialize_with = "exit_code")]
    #[schemars(with = "u8")]
    pub(crate) exit: Exit,
    /// The event, and the thing that it happened to.
    pub(crate) message: String,
    /// The next thing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Names that may have been meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) candidates: Vec<String>,
    /// The service's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<Box<Answered>>,
}

/// The service's own error.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answered {
    /// The operation id.
    pub(crate) operation: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The service's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The id to quote to the vendor's support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// Problems by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
}

/// The problem of one field.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Field {
    /// Where: names and indexes joined by dots.
    pub(crate) location: String,
    /// The problem.
    pub(crate) message: String,
}

fn exit_code<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, exit, message, hint: None, candidates: Vec::new(), service: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(Exit::Other, "failed", message)
    }

    pub(crate) fn safety(message: impl Into<String>) -> Self {
        Self::new(Exit::Safety, "refused", message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted")
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same without advice to run a command, for when that is the one that failed.
    pub(crate) fn without_advice_to(mut self, command: &str) -> Self {
        let parts = self.hint.iter().flat_map(|hint| hint.split("; ")).filter(|part| !part.contains(command));
        self.hint = Some(parts.collect::<Vec<_>>().join("; ")).filter(|hint| !hint.is_empty());
        self
    }

    /// Writes it to stderr: one line of JSON, or lines for people. A closed pipe is no news.
    pub(crate) fn report(&self, stderr: &Stderr, json: bool, color: bool) {
        if self.code == CLOSED_PIPE {
            return;
        }
        if json {
            stderr.line(&crate::output::text::json_line(&serde_json::json!({ "error": self })));
            return;
        }
        // The colours that the parser of the command line has for its own errors.
        let head = |word: &str, of: AnsiColor| {
            let style = of.on_default().bold();
            if color { format!("{style}{word}{style:#}") } else { word.to_owned() }
        };
        stderr.line(&format!("{} {}", head("error:", AnsiColor::Red), printable(&self.message)));
        for candidate in &self.candidates {
            stderr.line(&format!("  {}", printable(candidate)));
        }
        if let Some(hint) = &self.hint {
            stderr.line(&format!("{} {}", head("hint:", AnsiColor::Green), printable(hint)));
        }
    }
}

/// The end of a command whose report could not be printed, or could: what the command came to goes before that.
pub(crate) fn ended<T>(printed: Result<T, Failure>, verdict: Result<Exit, Failure>) -> Result<Exit, Failure> {
    verdict.and_then(|exit| printed.map(|_| exit))
}

const CLOSED_PIPE: &str = "closed_pipe";

/// Writing to stdout failed, or stdin is not text. If nobody reads any more, all that was wanted has been read.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, CLOSED_PIPE, String::new());
        }
        if error.kind() == std::io::ErrorKind::InvalidData {
            return Self::usage("cannot read the input: it is not text");
        }
        Self::other(format!("cannot write the output: {error}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        if let Some(error) = error.name() {
            return Self::from(error);
        }
        let (exit, code, hint) = kind(error);
        let service = error.api().map(|error| Box::new(Answered::from(error)));
        Self { hint: hint.map(str::to_owned), service, ..Self::new(exit, code, causes(error)) }
    }
}

impl From<&NameError> for Failure {
    fn from(error: &NameError) -> Self {
        let (exit, code) = match error.problem() {
            NameProblem::NotFound => (Exit::NotFound, "not_found"),
            NameProblem::Ambiguous => (Exit::NotFound, "ambiguous"),
            NameProblem::Incomplete | NameProblem::Unreadable => (Exit::Safety, "refused"),
            _ => (Exit::Usage, "usage"),
        };
        let advice = error.next_step();
        let hint = match (error.problem(), error.repository()) {
            (NameProblem::NotFound, Some(repository)) if error.candidates().is_empty() => {
                Some(format!("`mlcr image ls {repository}` shows the tags that there are"))
            }
            (NameProblem::Unreadable, _) => advice.map(|advice| format!("{advice}; {ODD_ANSWER}")),
            _ => advice.map(str::to_owned),
        };
        let candidates = error.candidates().to_vec();
        Self { hint, candidates, ..Self::new(exit, code, error.message()) }
    }
}

impl From<&ApiError> for Answered {
    fn from(error: &ApiError) -> Self {
        let field = |field: &mlspace_registry::FieldError| Field {
            location: field.location.clone(),
            message: field.message.clone(),
        };
        Self {
            operation: error.operation().to_owned(),
            status: error.status(),
            code: error.code().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
            fields: error.fields().iter().map(field).collect(),
        }
    }
}

/// Where a fault of our own is reported.
pub(crate) const REPORT: &str = concat!("please report it: ", env!("CARGO_PKG_REPOSITORY"), "/issues");

/// What to do about an answer that is not as documented.
pub(crate) const ODD_ANSWER: &str = concat!(
    "`mlcr api GET PATH` shows the answer; please report it: ",
    env!("CARGO_PKG_REPOSITORY"),
    "/issues"
);

/// The one place that maps errors of the client to exit codes and advice.
fn kind(error: &Error) -> (Exit, &'static str, Option<&'static str>) {
    const NETWORK: &str =
        "`mlcr doctor` checks the address (MLSPACE_BASE_URL), the proxy and the certificates";
    if error.is_outcome_unknown() {
        return (
            Exit::Unknown,
            "outcome_unknown",
            Some("read first, and repeat it only if it did not happen"),
        );
    }
    if let Error::NotApplied { .. } = error {
        return (Exit::Other, "not_applied", Some("it is safe to run the command again"));
    }
    if error.is_blocked_by_firewall() {
        let hint = "change the values of the fields that were sent: no shell characters, no `..`";
        return (Exit::Firewall, "blocked_by_firewall", Some(hint));
    }
    if error.is_rate_limited() {
        return (
            Exit::Limit,
            "rate_limited",
            Some("wait a minute, or share the limit among processes with --rate"),
        );
    }
    if error.is_deadline() {
        return (Exit::Limit, "deadline", Some("give it more time with --deadline"));
    }
    let of_workspace = error.api().is_some_and(|error| error.operation() == "workspace_api_key");
    if of_workspace && matches!(error.status(), Some(400 | 403 | 404 | 422)) {
        let hint = "this key may not see the workspace, or not read its api key: name another one with --workspace, \
                    or set MLSPACE_API_KEY; `mlcr doctor` says more";
        return (Exit::SignIn, "sign_in_refused", Some(hint));
    }
    if error.is_sign_in() && matches!(error.status(), Some(404 | 405)) {
        let hint = "nobody signs in at this address: check MLSPACE_BASE_URL; `mlcr auth status` shows where it comes from";
        return (Exit::SignIn, "sign_in_refused", Some(hint));
    }
    if error.is_unauthenticated() || error.is_sign_in() && matches!(error.status(), Some(400..=499)) {
        let hint =
            "check the key id, the key secret and the api key; `mlcr auth status` shows where they come from";
        return (Exit::SignIn, "sign_in_refused", Some(hint));
    }
    if error.is_forbidden() {
        let hint = "this key's role does not allow it; ask the workspace's owner";
        return (Exit::SignIn, "forbidden", Some(hint));
    }
    if error.is_not_found() {
        return (Exit::NotFound, "not_found", None);
    }
    match root(error) {
        Error::Invalid(_) => (Exit::Usage, "invalid", None),
        Error::Internal(_) => (Exit::Other, "internal", Some(REPORT)),
        Error::Protocol(_) => (Exit::Other, "unexpected_answer", None),
        Error::Transport { .. } => (Exit::Other, "not_reached", Some(NETWORK)),
        // A page comes from something in between.
        Error::Decode { detail, .. } if detail.contains("HTML") => {
            (Exit::Other, "unexpected_answer", Some(NETWORK))
        }
        Error::Decode { .. } => (Exit::Other, "unexpected_answer", Some(ODD_ANSWER)),
        _ => (Exit::Other, "failed", None),
    }
}

/// The error that the wrapping ones are about.
fn root(error: &Error) -> &Error {
    match error {
        Error::SignIn { source, .. } => root(source),
        Error::Exhausted { source, .. } => root(source),
        other => other,
    }
}

/// The error and its causes in one line, without what is said twice.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let operation = line.split_once(": ").map_or(String::new(), |(operation, _)| format!("{operation}: "));
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        let text = text.strip_prefix(&operation).unwrap_or(&text);
        if !line.contains(text) {
            line.push_str(": ");
            line.push_str(text);
        }
        cause = error.source();
    }
    line
}
