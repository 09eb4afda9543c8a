//! Reading a request: its headers, its path and query, its body. Whatever is wrong is reported as FastAPI does.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::reply::{Problems, Reply};
use crate::operations::Operation;

/// A request that was read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it was sent, without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
    /// The number of bytes of the body that came.
    pub(crate) received: u64,
    /// The body, as far as it was kept.
    pub(crate) bytes: Bytes,
    /// Read only when it is asked for, which is after signing in: a document can take many times the memory of its text.
    json: OnceLock<Option<Json>>,
}

/// A body that was read, or where and why it could not be.
type Json = Result<Value, (usize, &'static str)>;

impl Request {
    pub(crate) fn new(parts: &hyper::http::request::Parts, bytes: Bytes, received: u64) -> Self {
        let headers: BTreeMap<_, _> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: form_urlencoded::parse(query).into_owned().collect(),
            headers,
            received,
            bytes,
            json: OnceLock::new(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body if it is JSON.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.parsed()?.as_ref().ok()
    }

    /// The body, if there was one.
    fn parsed(&self) -> Option<&Json> {
        let read = || (!self.bytes.is_empty()).then(|| parse(&self.bytes, self.headers.get("content-type")));
        self.json.get_or_init(read).as_ref()
    }

    /// The value of a query parameter; of several the last counts.
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that must be a UUID.
    pub(crate) fn query_uuid(&self, name: &str, problems: &mut Problems) -> Uuid {
        let at = ["query".into(), name.into()];
        match self.query(name) {
            Some(text) => uuid(text, &at, problems),
            None => {
                problems.add(&at, "missing", "Field required");
                Uuid::nil()
            }
        }
    }

    /// A query parameter that may be left out and otherwise is a number from 1.
    pub(crate) fn query_number(&self, name: &str, problems: &mut Problems) -> Option<usize> {
        let at = ["query".into(), name.into()];
        let text = self.query(name)?;
        match text.trim().parse::<i64>() {
            Err(_) => {
                let message = "Input should be a valid integer, unable to parse string as an integer";
                problems.add(&at, "int_parsing", message);
                None
            }
            Ok(number) if number < 1 => {
                problems.add(&at, "greater_than_equal", "Input should be greater than or equal to 1");
                None
            }
            Ok(number) => Some(usize::try_from(number).unwrap_or(usize::MAX)),
        }
    }

    /// Refuses query parameters, fields and bodies that the document does not name, as FastAPI does where a model
    /// forbids them, and a parameter that is there twice.
    pub(crate) fn strict(&self, operation: &Operation) -> Result<(), Reply> {
        const MESSAGE: &str = "Extra inputs are not permitted";
        let mut problems = Problems::default();
        let mut seen = Vec::new();
        for (name, _) in &self.query {
            if !operation.query.contains(&name.as_str()) || seen.contains(&name) {
                problems.add(&["query".into(), name.as_str().into()], "extra_forbidden", MESSAGE);
            }
            seen.push(name);
        }
        if operation.id == "service_auth" {
            // Signing in is what these headers come from.
            for name in ["authorization", "x-api-key", "x-workspace-id"] {
                if self.headers.contains_key(name) {
                    problems.add(&["header".into(), name.into()], "extra_forbidden", MESSAGE);
                }
            }
        }
        if operation.fields.is_empty() && self.received > 0 {
            problems.add(&["body".into()], "extra_forbidden", MESSAGE);
        }
        for name in self.json().and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            if !operation.fields.contains(&name.as_str()) {
                problems.add(&["body".into(), name.as_str().into()], "extra_forbidden", MESSAGE);
            }
        }
        problems.check()
    }

    /// The body, which must be a JSON object.
    pub(crate) fn fields(&self) -> Result<&Map<String, Value>, Reply> {
        let body = [Value::from("body")];
        match self.parsed() {
            None => Err(Problems::one(&body, "missing", "Field required")),
            Some(Err((at, "json_invalid"))) => {
                Err(Problems::one(&["body".into(), (*at).into()], "json_invalid", "JSON decode error"))
            }
            Some(Ok(Value::Object(fields))) => Ok(fields),
            Some(_) => Err(Problems::one(
                &body,
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
            )),
        }
    }
}

/// As FastAPI does it: a body with another content type than JSON is not even tried.
fn parse(body: &[u8], content_type: Option<&String>) -> Result<Value, (usize, &'static str)> {
    let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence != "application/json" && !essence.ends_with("+json")) {
        return Err((0, "model_attributes_type"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let lines = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
        let at = lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
        (at, "json_invalid")
    })
}

fn uuid(text: &str, at: &[Value], problems: &mut Problems) -> Uuid {
    Uuid::parse_str(text).unwrap_or_else(|error| {
        problems.add(at, "uuid_parsing", &format!("Input should be a valid UUID, {error}"));
        Uuid::nil()
    })
}

/// A part of the path that must be a UUID.
pub(crate) fn path_uuid(text: &str, name: &str, problems: &mut Problems) -> Uuid {
    uuid(text, &["path".into(), name.into()], problems)
}

/// Typed access to the fields of a body. What is wrong goes into `Problems`, and the value does not matter then.
pub(crate) trait Fields {
    fn required(&self, name: &str, problems: &mut Problems) -> Option<&Value>;
    fn boolean(&self, name: &str, problems: &mut Problems) -> bool;
    fn text(&self, name: &str, problems: &mut Problems) -> String;
    fn uuid(&self, name: &str, problems: &mut Problems) -> Uuid;
    fn uuids(&self, name: &str, problems: &mut Problems) -> Vec<Uuid>;
    /// Null counts as left out.
    fn optional_text(&self, name: &str, problems: &mut Problems) -> Option<String>;
    /// Null counts as left out.
    fn optional_texts(&self, name: &str, problems: &mut Problems) -> Vec<String>;
}

impl Fields for Map<String, Value> {
    fn required(&self, name: &str, problems: &mut Problems) -> Option<&Value> {
        let value = self.get(name);
        if value.is_none() {
            problems.add(&["body".into(), name.into()], "missing", "Field required");
        }
        value
    }

    fn boolean(&self, name: &str, problems: &mut Problems) -> bool {
        match self.required(name, problems) {
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                let at = ["body".into(), name.into()];
                problems.add(&at, "bool_type", "Input should be a valid boolean");
                false
            }
            None => false,
        }
    }

    fn text(&self, name: &str, problems: &mut Problems) -> String {
        let value = self.required(name, problems);
        value.map(|value| string(value, &["body".into(), name.into()], problems)).unwrap_or_default()
    }

    fn uuid(&self, name: &str, problems: &mut Problems) -> Uuid {
        let value = self.required(name, problems);
        value.map(|value| json_uuid(value, &["body".into(), name.into()], problems)).unwrap_or_default()
    }

    fn uuids(&self, name: &str, problems: &mut Problems) -> Vec<Uuid> {
        let value = self.required(name, problems);
        value.map(|value| list(value, name, problems, json_uuid)).unwrap_or_default()
    }

    fn optional_text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        let value = self.get(name).filter(|value| !value.is_null())?;
        Some(string(value, &["body".into(), name.into()], problems))
    }

    fn optional_texts(&self, name: &str, problems: &mut Problems) -> Vec<String> {
        let value = self.get(name).filter(|value| !value.is_null());
        value.map(|value| list(value, name, problems, string)).unwrap_or_default()
    }
}

fn list<T>(
    value: &Value,
    name: &str,
    problems: &mut Problems,
    item: impl Fn(&Value, &[Value], &mut Problems) -> T,
) -> Vec<T> {
    let Value::Array(items) = value else {
        problems.add(&["body".into(), name.into()], "list_type", "Input should be a valid list");
        return Vec::new();
    };
    let each = |(at, value)| item(value, &["body".into(), name.into(), Value::from(at)], problems);
    items.iter().enumerate().map(each).collect()
}

fn string(value: &Value, at: &[Value], problems: &mut Problems) -> String {
    if let Value::String(text) = value {
        return text.clone();
    }
    problems.add(at, "string_type", "Input should be a valid string");
    String::new()
}

fn json_uuid(value: &Value, at: &[Value], problems: &mut Problems) -> Uuid {
    if let Value::String(text) = value {
        return uuid(text, at, problems);
    }
    problems.add(at, "uuid_type", "UUID input should be a string, bytes or UUID object");
    Uuid::nil()
}
