//! Answers, and the service's ways of saying no.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};

use crate::response::{BLOCKED, HTML, JSON, Response, page, response};

/// An answer before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// The result of a handler; an `Err` is a refusal.
pub(crate) type Answer = Result<Reply, Reply>;

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::new(status, JSON, body),
            Err(error) => Self::new(500, JSON, json!({ "detail": error.to_string() }).to_string()),
        }
    }

    pub(crate) fn ok(body: &impl Serialize) -> Answer {
        Ok(Self::json(200, body))
    }

    pub(crate) fn detail(status: u16, text: &str) -> Self {
        Self::json(status, &json!({ "detail": text }))
    }

    /// `{"error_code", "error_message"}`, as sign-in and the rate limit answer.
    pub(crate) fn code(status: u16, code: i64, message: &str) -> Self {
        Self::json(status, &json!({ "error_code": code, "error_message": message }))
    }

    /// `{"reason", "status"}`, as the platform's older parts answer.
    pub(crate) fn reason(status: u16, reason: &str) -> Self {
        Self::json(status, &json!({ "reason": reason, "status": status }))
    }

    pub(crate) fn not_found(html: bool, what: &str) -> Self {
        if html { Self::html(404, "404 Not Found") } else { Self::detail(404, what) }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        Self::new(status, HTML, page(title))
    }

    /// The answer of the web application firewall.
    pub(crate) fn firewall() -> Self {
        Self::html(445, BLOCKED)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = response(status, [(CONTENT_TYPE, self.content_type)], self.body);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The faults of a request, one entry for each, as FastAPI reports them.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Value>);

/// The most things that are reported: a body of 4 MiB can have two million.
const MOST_PROBLEMS: usize = 1_000;

impl Problems {
    pub(crate) fn add(&mut self, at: &[Value], kind: &str, message: &str) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(json!({ "loc": at, "msg": message, "type": kind }));
        }
    }

    /// A single problem as a refusal.
    pub(crate) fn one(at: &[Value], kind: &str, message: &str) -> Reply {
        let mut problems = Self::default();
        problems.add(at, kind, message);
        problems.reply()
    }

    /// Goes on only if there was nothing to report.
    pub(crate) fn check(self) -> Result<(), Reply> {
        if self.0.is_empty() { Ok(()) } else { Err(self.reply()) }
    }

    fn reply(self) -> Reply {
        Reply::json(422, &json!({ "detail": self.0 }))
    }
}
