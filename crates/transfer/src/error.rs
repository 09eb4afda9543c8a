//! One error type, its variants by what the caller can do about them.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_net::{CertificateProblem, certificate_problem};

use crate::digest::Digest;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure. `Display` says this layer only; the cause is in `source()`. No variant carries a
/// password, a token, or the query of an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is wrong. Nothing was sent; correct it and call again.
    #[error("{0}")]
    Invalid(String),

    /// A fault of this crate. There is nothing to correct, so please report it.
    #[error("a fault of the transfer's own, please report it: {0}")]
    Internal(String),

    /// The file or folder is not an image, is damaged, or tries something that no honest image does.
    #[error("{}: {detail}", path.display())]
    #[non_exhaustive]
    Source {
        /// The file or folder.
        path: PathBuf,
        /// The damage, or the trick.
        detail: String,
    },

    /// A file could not be read or written.
    #[error("{}: cannot {action}", path.display())]
    #[non_exhaustive]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The attempt, as a verb.
        action: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The registry does not take the credentials, or there are none and it asks for some.
    #[error("{registry} refuses the sign-in: {detail}")]
    #[non_exhaustive]
    SignIn {
        /// The registry's host.
        registry: String,
        /// Why, and what to do.
        detail: String,
    },

    /// The registry asks for a token, and where it is to be had is not usable. Another password would not help.
    #[error("{registry} cannot be signed in to, because of its token endpoint: {detail}")]
    #[non_exhaustive]
    TokenEndpoint {
        /// The registry's host.
        registry: String,
        /// The fault of the endpoint.
        detail: String,
    },

    /// There is no token to sign a request with, which was not sent. Predicates look through to the reason, which all
    /// requests share that waited for the same token.
    #[error(transparent)]
    NoToken(Arc<Self>),

    /// A request or its answer got lost on the way.
    #[error("{what}: {kind}")]
    #[non_exhaustive]
    Transport {
        /// The request, in words.
        what: String,
        /// Where on the way.
        kind: TransportKind,
        /// The cause, as the HTTP library tells it, without the address.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },

    /// The registry answered with an error.
    #[error(transparent)]
    Registry(Box<RegistryError>),

    /// The registry said yes, and what came with it is not what the specification promises.
    #[error("{what}: the registry's answer is not usable: {detail}")]
    #[non_exhaustive]
    Protocol {
        /// The request, in words.
        what: String,
        /// The fault of the answer.
        detail: String,
    },

    /// Content does not have the digest that it should have.
    #[error("{what}: the content has the digest {found}, not {expected}")]
    #[non_exhaustive]
    Digest {
        /// The content, in words.
        what: String,
        /// The digest that was announced.
        expected: String,
        /// The digest that the bytes have.
        found: String,
    },

    /// A tag names another image already, and was to be left alone.
    #[error("{reference} is another image already: {found}")]
    #[non_exhaustive]
    TagExists {
        /// The full name.
        reference: String,
        /// The digest of the image that it names.
        found: Digest,
    },

    /// A manifest was put, no answer says whether it is there, and reading did not tell. Putting the same again
    /// does no harm.
    #[error("{what}: whether it was put is not known")]
    #[non_exhaustive]
    Unknown {
        /// The request, in words.
        what: String,
        /// The end of the last attempt.
        source: Box<Error>,
    },

    /// Several attempts, and every one failed. Predicates look through to the last.
    #[error("gave up after {attempts} attempts")]
    #[non_exhaustive]
    Exhausted {
        /// Number of attempts.
        attempts: u32,
        /// The end of the last one.
        source: Box<Error>,
    },
}

/// Where a request or its answer got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No connection: wrong address, no network, or refused.
    Connect,
    /// The registry's certificate was not taken, so nothing was sent. The cause says why and what to do.
    Certificate,
    /// Nothing moved for longer than the idle limit.
    Stalled,
    /// The connection broke.
    Interrupted,
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "cannot connect to the registry",
            Self::Certificate => "no connection to the registry is safe",
            Self::Stalled => "nothing moved for too long",
            Self::Interrupted => "the connection broke",
        })
    }
}

/// An error that the registry answered with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistryError {
    /// The request, in words.
    pub what: String,
    /// The HTTP status.
    pub status: u16,
    /// The registry's error code, such as `MANIFEST_UNKNOWN`, where it sent one.
    pub code: Option<String>,
    /// The registry's message, where it sent one; shortened, control characters removed.
    pub message: Option<String>,
    /// The wait that the registry asks for.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the registry answered {}", self.what, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RegistryError {}

impl Error {
    pub(crate) fn source(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        Self::Source { path: path.into(), detail: detail.into() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.into(), action, source }
    }

    pub(crate) fn protocol(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Protocol { what: what.into(), detail: detail.into() }
    }

    /// Sorts what the HTTP library reports; the address is left out, for its query may hold a secret.
    pub(crate) fn transport(what: impl Into<String>, error: reqwest::Error) -> Self {
        let what = what.into();
        if let Some(problem) = certificate_problem(&error) {
            return Self::Transport { what, kind: TransportKind::Certificate, source: Some(problem.into()) };
        }
        let kind = match () {
            () if error.is_connect() => TransportKind::Connect,
            () if error.is_timeout() => TransportKind::Stalled,
            () => TransportKind::Interrupted,
        };
        Self::Transport { what, kind, source: Some(Box::new(error.without_url())) }
    }

    /// A blocking task that ended by itself; only a panic in it does that.
    pub(crate) fn task(error: &tokio::task::JoinError) -> Self {
        Self::Internal(format!("a worker ended early: {error}"))
    }

    /// The registry's error, if that is what it is.
    pub fn registry(&self) -> Option<&RegistryError> {
        match self {
            Self::Registry(error) => Some(error),
            Self::Exhausted { source, .. } => source.registry(),
            Self::NoToken(source) => source.registry(),
            _ => None,
        }
    }

    /// The HTTP status of the registry's error.
    pub fn status(&self) -> Option<u16> {
        self.registry().map(|error| error.status)
    }

    /// Nothing of that name exists, as far as the registry lets us see.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// The credentials are missing, wrong, or do not suffice.
    pub fn is_sign_in(&self) -> bool {
        match self {
            Self::SignIn { .. } | Self::TokenEndpoint { .. } => true,
            Self::Exhausted { source, .. } => source.is_sign_in(),
            Self::NoToken(source) => source.is_sign_in(),
            _ => matches!(self.status(), Some(401 | 403)),
        }
    }

    /// What is wrong with the registry's certificate, if that is why nothing was sent. Another attempt fares no
    /// better.
    pub fn certificate(&self) -> Option<&CertificateProblem> {
        match self {
            Self::Transport { source, .. } => source.as_deref()?.downcast_ref(),
            Self::Exhausted { source, .. } => source.certificate(),
            Self::NoToken(source) => source.certificate(),
            _ => None,
        }
    }

    /// True if nobody knows whether the image has its name now.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// True if the registry may have done what was asked all the same.
    pub(crate) fn may_have_worked(&self) -> bool {
        match self {
            Self::Transport { kind, .. } => {
                !matches!(kind, TransportKind::Connect | TransportKind::Certificate)
            }
            Self::NoToken(_) => false,
            Self::Exhausted { source, .. } => source.may_have_worked(),
            _ => self.status().is_some_and(|status| status >= 500),
        }
    }

    /// The request or its answer got lost.
    pub fn is_transport(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Exhausted { source, .. } => source.is_transport(),
            Self::NoToken(source) => source.is_transport(),
            _ => false,
        }
    }
}
