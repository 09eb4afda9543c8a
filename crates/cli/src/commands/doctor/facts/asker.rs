//! Asks the service, and keeps what the headers of its answers say.

use std::collections::BTreeMap;
use std::time::Duration;

use mlspace_registry::{Client, DEFAULT_TIMEOUT, api};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;

const ROOT: &str = "/public/v2/docker_registry/v2/";

/// What the headers said.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) date: bool,
    /// Limits by the header's name; only numbers, which name nobody.
    pub(super) limits: BTreeMap<String, String>,
    /// How many answers were a 429.
    pub(super) refused: usize,
}

/// Sends each request once, signed.
pub(super) struct Asker {
    api: api::Client,
    base: String,
    timeout: Duration,
    pub(super) seen: Seen,
}

/// An answer: JSON with a good status, or why it is none.
pub(super) struct Answer {
    body: Result<Value, String>,
    /// The status with which what was asked for was refused, and the limit that the refusal names.
    refused: Option<(u16, Option<u64>)>,
}

impl Asker {
    pub(super) async fn new(client: &Client, context: &Context<'_>) -> Result<Self, Failure> {
        let timeout = context.global.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let base = format!("{}{ROOT}", client.base_url());
        Ok(Self { api: client.api().await?, base, timeout, seen: Seen::default() })
    }

    /// One GET below the registry's part of the API. `path` is made of words and of ids that the service gave.
    pub(super) async fn get(&mut self, path: &str, query: &[(&str, String)]) -> Answer {
        let none = |why: &str| Answer { body: Err(why.to_owned()), refused: None };
        let Ok(mut url) = format!("{}{path}", self.base).parse::<Url>() else {
            return none("its address cannot be made");
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request::new(Method::GET, url);
        let answered = tokio::time::timeout(self.timeout, async {
            let (parts, body) = self.api.send(request).await.map_err(|_| "no answer came")?.into_parts();
            self.seen.note(&parts.headers, parts.status.as_u16());
            Ok((parts.status, body.bytes().await.map_err(|_| "the answer broke off")?))
        });
        let (status, bytes) = match answered.await.unwrap_or(Err("no answer came")) {
            Ok(answer) => answer,
            Err(why) => return none(why),
        };
        let body = serde_json::from_slice(&bytes);
        if !status.is_success() {
            let status = status.as_u16();
            let limit = body.ok().as_ref().and_then(stated_limit);
            let refused = matches!(status, 400 | 422).then_some((status, limit));
            return Answer { body: Err(format!("answered with {status}")), refused };
        }
        Answer { body: body.map_err(|_| "the answer is no JSON".to_owned()), refused: None }
    }
}

impl Seen {
    fn note(&mut self, headers: &HeaderMap, status: u16) {
        self.date |= headers.contains_key("date");
        self.refused += usize::from(status == 429);
        for (name, value) in headers {
            let name = name.as_str();
            let about =
                name.starts_with("ratelimit") || name.starts_with("x-ratelimit") || name == "retry-after";
            let value = value.to_str().ok().filter(|value| value.parse::<f64>().is_ok());
            if let (true, Some(value)) = (about, value) {
                self.limits.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Answer {
    pub(super) fn value(&self) -> Result<&Value, String> {
        self.body.as_ref().map_err(Clone::clone)
    }

    pub(super) fn rows(&self) -> Result<Vec<Value>, String> {
        let body = self.value()?;
        body.as_array().cloned().ok_or_else(|| "the answer is no list".to_owned())
    }

    /// A page of a list: how many rows it has, or how asking for so many was refused.
    pub(super) fn page(&self, asked: usize) -> Result<Value, String> {
        match self.refused {
            Some((status, limit)) => Ok(json!({ "asked": asked, "refused_with": status, "limit": limit })),
            None => Ok(json!({ "asked": asked, "rows": self.rows()?.len() })),
        }
    }
}

/// The limit that a refusal by FastAPI names.
fn stated_limit(body: &Value) -> Option<u64> {
    body["detail"].as_array()?.iter().find_map(|entry| {
        let context = &entry["ctx"];
        ["le", "limit_value"].iter().find_map(|name| context[*name].as_u64())
    })
}
