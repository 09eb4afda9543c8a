//! The shapes in which errors are written.

use serde_json::json;

use crate::response::{HTML, JSON, page};

/// The shapes in which services of this family write an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorBody {
    /// `{"detail": "text"}`
    Detail,
    /// `{"detail": {"reason": "text"}}`
    DetailReason,
    /// `{"detail": [{"loc", "msg", "type"}]}`
    Fields,
    /// `{"reason": "text", "status": 503}`
    Reason,
    /// `{"message": "text"}`
    Message,
    /// `{"error_code": 503, "error_message": "text"}`
    Code,
    /// `{"errors": [{"code", "message", "detail"}]}`, as the image registry answers.
    Errors,
    /// Plain text.
    Text,
    /// An HTML page.
    Html,
    /// An HTML page inside a JSON string.
    HtmlInJson,
    /// JSON that ends too early.
    Broken,
    /// No body at all.
    Empty,
}

/// The shapes and their names as text.
pub(crate) const SHAPES: &[(&str, ErrorBody)] = &[
    ("detail", ErrorBody::Detail),
    ("detail-reason", ErrorBody::DetailReason),
    ("fields", ErrorBody::Fields),
    ("reason", ErrorBody::Reason),
    ("message", ErrorBody::Message),
    ("code", ErrorBody::Code),
    ("errors", ErrorBody::Errors),
    ("text", ErrorBody::Text),
    ("html", ErrorBody::Html),
    ("html-in-json", ErrorBody::HtmlInJson),
    ("broken", ErrorBody::Broken),
    ("empty", ErrorBody::Empty),
];

impl ErrorBody {
    pub(crate) fn write(self, status: u16) -> (&'static str, Vec<u8>) {
        let text = "a fault of the simulator";
        let body = match self {
            Self::Detail => json!({ "detail": text }),
            Self::DetailReason => json!({ "detail": { "reason": text } }),
            Self::Fields => json!({ "detail": [{ "loc": ["body"], "msg": text, "type": "value_error" }] }),
            Self::Reason => json!({ "reason": text, "status": status }),
            Self::Message => json!({ "message": text }),
            Self::Code => json!({ "error_code": status, "error_message": text }),
            Self::Errors => json!({ "errors": [{ "code": code(status), "message": text, "detail": null }] }),
            Self::HtmlInJson => json!(page(text)),
            Self::Broken => return (JSON, br#"{"detail": "a fault of the sim"#.to_vec()),
            Self::Text => return ("text/plain; charset=utf-8", text.into()),
            Self::Html => return (HTML, page(text).into()),
            Self::Empty => return (JSON, Vec::new()),
        };
        (JSON, body.to_string().into())
    }
}

/// The code that a registry most likely gives with a status.
fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        404 => "NAME_UNKNOWN",
        405 => "UNSUPPORTED",
        413 => "SIZE_INVALID",
        416 => "BLOB_UPLOAD_INVALID",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    }
}
