//! Refusals in the form of the distribution specification.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};

use crate::response::{Cut, JSON, Response, append, response};
use crate::service::{BadPart, PushError};
use crate::state::digest::Digest;
use crate::state::manifest::Part;

/// The reason for which a request gets no success.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    /// The connection ends without an answer.
    Cut,
}

/// A status and one error.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Value,
    headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: Value::Null, headers: Vec::new() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn nothing_here() -> Self {
        Self::missing("UNSUPPORTED", "the registry has nothing at this path")
    }

    pub(crate) fn no_digest(text: &str) -> Self {
        Self::bad("DIGEST_INVALID", "not a digest: sha256 or sha512, a colon, lower-case hexadecimal digits")
            .detail(json!({ "digest": text }))
    }

    pub(crate) fn blob_unknown(digest: &Digest) -> Self {
        Self::missing("BLOB_UNKNOWN", "the repository has no such blob")
            .detail(json!({ "digest": digest.to_string() }))
    }

    pub(crate) fn no_manifest(why: &str) -> Self {
        Self::bad("MANIFEST_INVALID", "not a manifest that this registry takes")
            .detail(json!({ "reason": why }))
    }

    pub(crate) fn immutable() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "DENIED", "the tag is immutable")
    }

    pub(crate) fn manifest_unknown() -> Self {
        Self::missing("MANIFEST_UNKNOWN", "the repository has no such manifest")
    }

    pub(crate) fn upload_unknown() -> Self {
        Self::missing("BLOB_UPLOAD_UNKNOWN", "there is no such upload in the repository")
    }

    pub(crate) fn too_large(code: &'static str, most: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, format!("the body is longer than {most} bytes"))
    }

    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let error = json!({ "code": self.code, "message": self.message, "detail": self.detail });
        let body = json!({ "errors": [error] }).to_string();
        let mut response = response(self.status, [(CONTENT_TYPE, JSON)], body);
        append(&mut response, self.headers);
        response
    }
}

impl From<BadPart> for Refusal {
    fn from(bad: BadPart) -> Self {
        let Part { digest, size } = match &bad {
            BadPart::Unknown(part) | BadPart::Size { part, .. } => part,
        };
        let detail = json!({ "digest": digest.to_string(), "size": size });
        let refusal = match bad {
            BadPart::Unknown(_) => {
                let message = "the manifest refers to something that the repository does not have";
                Self::missing("MANIFEST_BLOB_UNKNOWN", message)
            }
            BadPart::Size { length, .. } => {
                let message =
                    format!("the manifest gives a size that is not that of the content, {length} bytes");
                Self::bad("SIZE_INVALID", message)
            }
        };
        refusal.detail(detail)
    }
}

impl From<PushError> for Failure {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Immutable => Self::Refused(Refusal::immutable()),
            PushError::Part(bad) => Self::Refused(bad.into()),
            PushError::Disk(error) => error.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Something is wrong with the disk.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "the registry cannot read or write its files");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string()).into()
    }
}

impl From<Cut> for Failure {
    fn from(_: Cut) -> Self {
        Self::Cut
    }
}
