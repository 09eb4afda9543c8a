//! The service's errors: many shapes on the wire, one here.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// Bytes of an error's body that are kept: enough for any documented shape, and for a support ticket.
pub(crate) const BODY_CAP: usize = 8 * 1024;
/// Characters of a message that are shown.
const MESSAGE_CAP: usize = 500;

/// An error that the service answered with.
///
/// `Display`, `Debug` and what it serialises to never show the body: it can be a page of HTML, or repeat what was sent.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiError {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) fields: Vec<FieldError>,
    #[serde(skip)]
    pub(crate) sent_fields: Vec<&'static str>,
    pub(crate) request_id: Option<String>,
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
    #[serde(skip)]
    pub(crate) body: Option<String>,
}

/// One thing that the service finds wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

    /// The error that an answer with this status and this body is, for tests of programs that take errors apart.
    ///
    /// ```
    /// use mlspace_registry::{ApiError, Error};
    ///
    /// let error = Error::from(ApiError::of_answer("tag_create", 409, br#"{"detail": "taken"}"#));
    /// assert!(error.is_conflict());
    /// assert_eq!(error.to_string(), "tag_create: 409 taken");
    /// ```
    pub fn of_answer(operation: &'static str, status: u16, body: &[u8]) -> Self {
        let mut error = Self::new(operation, status);
        error.read_body(body, &Secrets(Vec::new()));
        error
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

    /// Reads what can be read out of a body, whatever its shape. Secrets go first, should the service have repeated
    /// one: a cut could leave half of it, which nothing finds any more.
    pub(crate) fn read_body(&mut self, body: &[u8], secrets: &Secrets<'_>) {
        let mut text = secrets.hidden(&String::from_utf8_lossy(body));
        if body.len() > BODY_CAP {
            secrets.cut_begun(&mut text);
        }
        self.body = Some(text.chars().take(BODY_CAP).collect());
        match serde_json::from_str::<Value>(&text) {
            // Escapes may have kept a secret from being seen before, and keep it in the body.
            Ok(object @ Value::Object(_)) => {
                let mut hidden = object.clone();
                secrets.hide_in(&mut hidden);
                if hidden != object {
                    self.body = None;
                }
                self.read_object(&hidden);
            }
            Ok(Value::String(inner)) => self.message = readable(&secrets.hidden(&inner)),
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
}

/// What no error may show.
pub(crate) struct Secrets<'s>(pub(crate) Vec<&'s str>);

impl Secrets<'_> {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().copied().filter(|secret| !secret.is_empty())
    }

    /// The length of the longest, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.all().map(str::len).max().unwrap_or(0)
    }

    /// The text without them.
    pub(crate) fn hidden(&self, text: &str) -> String {
        self.all().fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }

    fn hide_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hidden(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.hide_in(item)),
            _ => {}
        }
    }

    /// Takes away the beginning of one at the end of a text that goes on.
    fn cut_begun(&self, text: &mut String) {
        let begun = |secret: &str| {
            let ends = secret.char_indices().map(|(end, _)| end).rev();
            ends.filter(|end| *end > 0).find(|end| text.ends_with(&secret[..*end]))
        };
        if let Some(length) = self.all().filter_map(begun).max() {
            text.truncate(text.len() - length);
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cret-of-the-key";

    fn read(body: &str) -> String {
        let mut error = ApiError::new("registry_get", 500);
        error.read_body(body.as_bytes(), &Secrets(vec![SECRET, ""]));
        let shown = format!("{:?} {:?} {:?}", error.message, error.fields, error.body);
        assert!(!shown.contains("s3c"), "of {} bytes", body.len());
        shown
    }

    #[test]
    fn no_cut_leaves_a_piece_of_a_secret() {
        // Around every place where a message or a body is cut.
        for end in [MESSAGE_CAP, BODY_CAP] {
            for start in end - SECRET.len() - 3..=end + 3 {
                let text = format!("{}{SECRET} rest", "x ".repeat(start / 2) + &"y".repeat(start % 2));
                read(&text);
                read(
                    &serde_json::json!({ "message": text, "detail": [{ "loc": ["a"], "msg": text }] })
                        .to_string(),
                );
            }
        }
        // As much of a body is read as is kept, and a secret more.
        for start in BODY_CAP - 20..BODY_CAP + 20 {
            let text = "x".repeat(start) + SECRET + &"y".repeat(100);
            read(&text[..BODY_CAP + 1 + SECRET.len()]);
        }
        assert!(
            read(r#"{"message":"key s3cret\u002dof-the-key is wrong"}"#).contains("key [secret] is wrong")
        );
    }
}
