//! One error type, its variants by what the caller can do about them.

use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_api::TransportKind;

use crate::api_error::ApiError;
use crate::names::{NameError, NameProblem};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure. `Display` says this layer only; the cause is in `source()`.
///
/// ```
/// # fn handle(error: mlspace_registry::Error) {
/// if error.is_not_found() {
///     println!("it is gone");
/// } else if error.is_outcome_unknown() {
///     println!("look before you do it again");
/// }
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request or the settings are wrong. Nothing was sent; correct it and call again.
    #[error("{0}")]
    Invalid(String),

    /// A fault of this crate. Nothing was sent; there is nothing to correct, so please report it.
    #[error("a fault of the client's own, please report it: {0}")]
    Internal(String),

    /// The service's answers do not fit together, or lack what the next step needs. There is nothing to
    /// correct; it may pass.
    #[error("{0}")]
    Protocol(String),

    /// There is no valid token, workspace or api key to sign the call with. The call itself was not sent.
    #[error("cannot sign in")]
    #[non_exhaustive]
    SignIn {
        /// Why; shared among all calls that waited for the same sign-in.
        source: Arc<Error>,
    },

    /// The request or its answer got lost on the way.
    #[error("{operation}: {kind}")]
    #[non_exhaustive]
    Transport {
        /// The operation id.
        operation: &'static str,
        /// Where on the way.
        kind: TransportKind,
        /// The cause, as the HTTP library tells it, without the URL.
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },

    /// The service answered with an error.
    #[error(transparent)]
    Api(Box<ApiError>),

    /// A name does not lead to one thing. It carries what may have been meant.
    #[error(transparent)]
    Name(Box<NameError>),

    /// A list lacks items, or is not known to have all, so that it is not what it seems.
    #[error("{operation}: {}", incomplete(*missing))]
    #[non_exhaustive]
    Incomplete {
        /// The operation id.
        operation: &'static str,
        /// How many more the service counts; `None` where that is not known.
        missing: Option<u64>,
    },

    /// The service said yes, and what came with it is not what the document promises.
    #[error("{operation}: the answer is not as documented ({detail})")]
    #[non_exhaustive]
    Decode {
        /// The operation id.
        operation: &'static str,
        /// The expectation and the place that failed it; never the answer itself.
        detail: String,
    },

    /// The time for the whole call ran out, waits and repetitions included.
    #[error("{operation}: not finished within {} s", deadline.as_secs_f64())]
    #[non_exhaustive]
    Deadline {
        /// The operation id.
        operation: &'static str,
        /// The time that was allowed.
        deadline: Duration,
        /// How far the request got.
        sent: Sent,
        /// The end of the last attempt, if one ended.
        source: Option<Box<Error>>,
    },

    /// Several attempts, and every one failed. Predicates look through to the last.
    #[error("{operation}: gave up after {attempts} attempts")]
    #[non_exhaustive]
    Exhausted {
        /// The operation id.
        operation: &'static str,
        /// How many requests were sent.
        attempts: u32,
        /// The end of the last one.
        source: Box<Error>,
    },

    /// A write got lost, and reading afterwards shows that it did not happen.
    #[error("{operation}: {what} was not applied")]
    #[non_exhaustive]
    NotApplied {
        /// The operation id.
        operation: &'static str,
        /// The change that was wanted.
        what: String,
        /// How the write got lost.
        source: Box<Error>,
    },

    /// A write may or may not have happened. Look before you repeat it.
    #[error(
        "{operation}: {what} could not be confirmed; it may have been applied, so read before repeating it"
    )]
    #[non_exhaustive]
    Unconfirmed {
        /// The operation id.
        operation: &'static str,
        /// The change that was wanted.
        what: String,
        /// Why it could not be confirmed, where something failed; `None` if the service said yes and
        /// reading does not show it.
        source: Option<Box<Error>>,
    },
}

fn incomplete(missing: Option<u64>) -> String {
    match missing {
        Some(1) => "the list lacks one item that the service counts".into(),
        Some(missing) => format!("the list lacks {missing} items that the service counts"),
        None => "the list is not known to be complete".into(),
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::Name(Box::new(error))
    }
}

/// How far a request got: the service may have acted on it, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It never saw it, or refused it unseen.
    No,
    /// It may have.
    Maybe,
    /// It has seen it and answered.
    Yes,
}

impl Error {
    /// The service's error, if that is what it is.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => self.inner().and_then(Self::api),
        }
    }

    /// The HTTP status of the service's error.
    pub fn status(&self) -> Option<u16> {
        self.api().map(ApiError::status)
    }

    /// The thing asked for does not exist, as far as the service lets us see.
    pub fn is_not_found(&self) -> bool {
        self.name().is_some_and(|error| error.problem() == NameProblem::NotFound)
            || self.status() == Some(404)
    }

    /// The name that does not lead to one thing, if that is what it is.
    pub fn name(&self) -> Option<&NameError> {
        match self {
            Self::Name(error) => Some(error),
            _ => None,
        }
    }

    /// It is in conflict with what is there, such as a tag of that name on another image.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// A list lacks items, or is not known to have all.
    pub fn is_incomplete(&self) -> bool {
        matches!(self, Self::Incomplete { .. })
    }

    /// The sign-in is missing, wrong or expired.
    pub fn is_unauthenticated(&self) -> bool {
        self.status() == Some(401)
    }

    /// Signed in, and not allowed to do this.
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// The failure came before the call itself, while signing in.
    pub fn is_sign_in(&self) -> bool {
        matches!(self, Self::SignIn { .. }) || self.inner().is_some_and(Self::is_sign_in)
    }

    /// Too many requests, and waiting as long as was allowed did not help.
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// The web application firewall refused the request because of what is in its fields.
    pub fn is_blocked_by_firewall(&self) -> bool {
        self.status() == Some(445)
    }

    /// The time for the whole call ran out.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Deadline { .. }) || self.inner().is_some_and(Self::is_deadline)
    }

    /// A write may or may not have happened.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }

    /// How far the request got.
    pub fn was_sent(&self) -> Sent {
        match self {
            Self::Invalid(_) | Self::Internal(_) | Self::SignIn { .. } | Self::Name(_) => Sent::No,
            Self::Transport { kind: TransportKind::Connect | TransportKind::Certificate, .. } => Sent::No,
            Self::Transport { kind: TransportKind::Truncated, .. } => Sent::Yes,
            Self::Transport { .. } | Self::Unconfirmed { .. } => Sent::Maybe,
            // A gateway's answer does not say what the service behind it did.
            Self::Api(error) if matches!(error.status(), 502..=504) => Sent::Maybe,
            Self::Api(error) if matches!(error.status(), 401 | 429) => Sent::No,
            Self::Api(_) | Self::Decode { .. } | Self::Protocol(_) | Self::Incomplete { .. } => Sent::Yes,
            Self::Deadline { sent, .. } => *sent,
            Self::Exhausted { source, .. } => source.was_sent(),
            Self::NotApplied { .. } => Sent::No,
        }
    }

    /// The error that this one wraps, where predicates should look through.
    fn inner(&self) -> Option<&Error> {
        match self {
            Self::SignIn { source } => Some(source),
            Self::Exhausted { source, .. } | Self::NotApplied { source, .. } => Some(source),
            Self::Deadline { source, .. } | Self::Unconfirmed { source, .. } => source.as_deref(),
            _ => None,
        }
    }
}
