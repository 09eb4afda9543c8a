//! Why a request of the low-level client did not bring what it should.

use std::fmt;

use bytes::Bytes;

use crate::body::Body;
use crate::transport::TransportError;

/// Why a request of the low-level client did not bring what it should. It quotes neither bodies nor URLs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be built, or a rule refuses it. Nothing was sent.
    InvalidRequest(String),
    /// There is no answer.
    Transport(TransportError),
    /// An answer with an error status, its body unread.
    UnexpectedResponse(Box<http::Response<Body>>),
    /// A good answer broke off, or is longer than [`ANSWER_CAP`](crate::ANSWER_CAP).
    ResponseBody(TransportError),
    /// A good answer is not as documented.
    InvalidResponsePayload(Bytes, serde_json::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(why) => f.write_str(why),
            Self::Transport(error) => write!(f, "there is no answer: {error}"),
            Self::UnexpectedResponse(answer) => write!(f, "answered with {}", answer.status().as_u16()),
            Self::ResponseBody(error) => write!(f, "the answer broke off: {error}"),
            Self::InvalidResponsePayload(..) => f.write_str("the answer is not as documented"),
        }
    }
}

impl std::error::Error for Error {}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::InvalidRequest(format!("the request cannot be built: {}", error.without_url()))
    }
}

impl From<progenitor_client::Error<()>> for Error {
    /// What the generator's own code refuses, it refuses before anything is sent.
    fn from(error: progenitor_client::Error<()>) -> Self {
        match error {
            progenitor_client::Error::InvalidRequest(why) => Self::InvalidRequest(why),
            _ => Self::InvalidRequest("the request cannot be built".into()),
        }
    }
}

impl From<http::header::InvalidHeaderValue> for Error {
    fn from(_: http::header::InvalidHeaderValue) -> Self {
        Self::InvalidRequest("a value holds characters that no header can carry".into())
    }
}
