//! The service's errors: many shapes on the wire, one here.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// Bytes of an error's body that are kept: enough for any documented shape, and for a support ticket.
pub(crate) const BODY_CAP: usize = 8 * 1024;
/// Characters of a message that are shown.
const MESSAGE_CAP: usize = 500;

/// An error that the service answered with.
///
/// `Display` and `Debug` never show the body: it can be a page of HTML, or repeat what was sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) fields: Vec<FieldError>,
    pub(crate) sent_fields: Vec<&'static str>,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Option<String>,
}

/// One thing that the service finds wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// Where: names and indexes joined by dots, such as `body.image_ids.0`.
    pub location: String,
    /// The mistake, in the service's words.
    pub message: String,
    /// The service's word for the kind of mistake.
    pub kind: String,
}

impl ApiError {
    /// The id of the operation that was answered.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The service's own code for the error, if it gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The service's own words, in one line; `None` when it said nothing that a person can read.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The mistakes, field by field, if the service names them.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// The request's id, to quote to the vendor's support.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The beginning of the body as it came, at most 8 KiB; `None` where it may hold a secret. For logs
    /// that you control: it is the service's text and may repeat what was sent.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    pub(crate) fn new(operation: &'static str, status: u16) -> Self {
        Self {
            operation,
            status,
            code: None,
            message: None,
            fields: Vec::new(),
            sent_fields: Vec::new(),
            request_id: None,
            retry_after: None,
            body: None,
        }
    }

    /// Reads what can be read out of a body, whatever its shape.
    pub(crate) fn read_body(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        self.body = Some(text.chars().take(BODY_CAP).collect());
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(map)) => self.read_object(&Value::Object(map)),
            Ok(Value::String(inner)) => self.message = readable(&inner),
            Ok(_) => {}
            // JSON that breaks off is no sentence.
            Err(_) if text.trim_start().starts_with(['{', '[', '"']) => {}
            Err(_) => self.message = readable(&text),
        }
    }

    fn read_object(&mut self, body: &Value) {
        let text = |value: &Value| match value {
            Value::String(text) => readable(text),
            _ => None,
        };
        let code = |value: &Value| match value {
            Value::String(code) => readable(code),
            Value::Number(code) => Some(code.to_string()),
            _ => None,
        };
        self.code = ["error_code", "code", "status"].iter().find_map(|key| code(&body[key]));
        self.message =
            ["error_message", "message", "reason", "error", "title"].iter().find_map(|key| text(&body[key]));
        match &body["detail"] {
            Value::Array(entries) => self.fields = entries.iter().filter_map(field_error).collect(),
            Value::Object(detail) => {
                let said = ["reason", "message", "msg"].iter().find_map(|key| text(detail.get(*key)?));
                self.message = said.or(self.message.take());
            }
            detail => self.message = text(detail).or(self.message.take()),
        }
    }

    /// Takes secrets out of everything that may be shown, should the service have repeated one.
    pub(crate) fn redact(&mut self, secrets: &[&str]) {
        let hide = |text: &mut String| {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                if text.contains(secret) {
                    *text = text.replace(secret, "[secret]");
                }
            }
        };
        let shown = [&mut self.code, &mut self.message, &mut self.body, &mut self.request_id];
        shown.into_iter().flatten().for_each(hide);
        for field in &mut self.fields {
            [&mut field.location, &mut field.message, &mut field.kind].into_iter().for_each(hide);
        }
    }
}

fn field_error(entry: &Value) -> Option<FieldError> {
    let part = |part: &Value| match part {
        Value::String(name) => readable(name),
        Value::Number(index) => Some(index.to_string()),
        _ => None,
    };
    let location: Vec<_> = entry["loc"].as_array().into_iter().flatten().filter_map(part).collect();
    let text = |key: &str| entry[key].as_str().and_then(readable).unwrap_or_default();
    let field = FieldError { location: location.join("."), message: text("msg"), kind: text("type") };
    (!field.location.is_empty() || !field.message.is_empty()).then_some(field)
}

/// The text as one printable line, or `None` if it is markup or empty.
fn readable(text: &str) -> Option<String> {
    let is_tag = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "!/?".contains(c));
    let markup = text.trim_start().starts_with('<') || text.split('<').skip(1).any(is_tag);
    if markup {
        return None;
    }
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MESSAGE_CAP {
            line = line.chars().take(MESSAGE_CAP).collect();
            line.push('…');
            break;
        }
    }
    (!line.is_empty()).then_some(line)
}

/// The meaning of a status here, for when the service says nothing that a person can read.
fn meaning(status: u16) -> &'static str {
    match status {
        401 => "the sign-in is missing, wrong or expired",
        403 => "not allowed",
        404 => "not found (an answer that does not tell a wrong id from an unknown address)",
        405 => "this address does not take this method",
        408 => "the service waited too long for the request",
        409 => "in conflict with the present state",
        413 => "the request is too large",
        422 => "the request is not valid",
        429 => "too many requests",
        445 => "blocked by the web application firewall",
        500 => "the service failed",
        502..=504 => "the service cannot be reached behind its gateway",
        300..=399 => "redirected, which this client does not follow",
        400..=499 => "the request was refused",
        _ => "the service failed",
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ", self.operation, self.status)?;
        match (&self.message, self.fields.is_empty()) {
            (Some(message), _) => f.write_str(message)?,
            (None, true) => f.write_str(meaning(self.status))?,
            (None, false) => {}
        }
        for (number, field) in self.fields.iter().enumerate() {
            let separator = if number > 0 || self.message.is_some() { "; " } else { "" };
            write!(f, "{separator}{}: {}", field.location, field.message)?;
        }
        if self.status == 445 {
            write!(f, "; shell characters or `..` in a field set it off")?;
            if !self.sent_fields.is_empty() {
                write!(f, ": sent were {}", self.sent_fields.join(", "))?;
            }
        }
        if let Some(code) = &self.code {
            write!(f, " (code {code})")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("message", &self.message)
            .field("fields", &self.fields)
            .field("request_id", &self.request_id)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ApiError {}
