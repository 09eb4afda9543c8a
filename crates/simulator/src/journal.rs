//! The journal: the requests to the simulator, without the secrets.

use std::collections::{BTreeMap, HashMap, VecDeque};

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde_json::Value;

/// The target of the log line that each answered request writes: method, path and status. What could be a secret is in
/// queries, headers and bodies, and none of them is in it.
pub(crate) const REQUESTS: &str = "mlspace_registry_simulator::requests";

/// The number of requests that the journal keeps; older ones are dropped, and still counted.
pub(crate) const KEPT: usize = 10_000;

/// The text that stands where a secret was.
const REDACTED: &str = "[redacted]";

const SECRET_HEADERS: [&str; 4] = ["authorization", "x-api-key", "cookie", "proxy-authorization"];
const SECRET_FIELDS: [&str; 4] = ["client_secret", "password", "access_token", "x-api-key"];

/// A request as it came in. Secrets are replaced by `[redacted]`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The operation id, or `None` for a path or method that the service does not have.
    pub operation: Option<&'static str>,
    /// The method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query, decoded, in the order it was sent.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body if it was JSON of at most 256 KiB, sent by somebody who is signed in or to sign in.
    pub body: Option<Value>,
    /// The number of bytes of the body that were taken; what is only read to be thrown away does not count.
    pub received: u64,
    /// The status that was answered; `None` while there is none, and for good if the answer was lost on purpose.
    pub status: Option<u16>,
}

impl Recorded {
    /// A request with its body, as far as it is kept.
    pub(crate) fn of(parts: &Parts, operation: Option<&'static str>, mut body: Option<Value>) -> Self {
        let text = |name: &HeaderName, value: &HeaderValue| match SECRET_HEADERS.contains(&name.as_str()) {
            true => REDACTED.to_owned(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        body.iter_mut().for_each(redact);
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        Self {
            operation,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: form_urlencoded::parse(query).into_owned().collect(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(name, value)))
                .collect(),
            body,
            received: 0,
            status: None,
        }
    }
}

/// A request with its body as text, which takes much less memory than the document that it is.
#[derive(Debug)]
struct Entry {
    request: Recorded,
    body: Option<String>,
    bytes: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: VecDeque<Entry>,
    bytes: usize,
    dropped: usize,
    counts: HashMap<&'static str, usize>,
}

impl Journal {
    /// Notes a request and returns its number. Of all together `most` bytes are kept: those of paths, headers and
    /// bodies as they were sent.
    pub(crate) fn arrived(&mut self, mut request: Recorded, most: usize) -> usize {
        let body = request.body.take().map(|body| body.to_string());
        if let Some(operation) = request.operation {
            *self.counts.entry(operation).or_default() += 1;
        }
        let pairs = request.query.iter().map(|(name, value)| name.len() + value.len());
        let headers = request.headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes =
            request.path.len() + pairs.chain(headers).sum::<usize>() + body.as_ref().map_or(0, String::len);
        self.records.push_back(Entry { request, body, bytes });
        self.bytes += bytes;
        // The newest one stays whatever its size, so that a test finds what it has just sent.
        while self.records.len() > KEPT || (self.bytes > most && self.records.len() > 1) {
            self.bytes -= self.records.pop_front().map_or(0, |entry| entry.bytes);
            self.dropped += 1;
        }
        self.dropped + self.records.len() - 1
    }

    pub(crate) fn answered(&mut self, number: usize, status: u16) {
        if let Some(record) = self.record(number) {
            record.status = Some(status);
        }
    }

    pub(crate) fn received(&mut self, number: usize, bytes: u64) {
        if let Some(record) = self.record(number) {
            record.received = bytes;
        }
    }

    fn record(&mut self, number: usize) -> Option<&mut Recorded> {
        self.records.get_mut(number.checked_sub(self.dropped)?).map(|entry| &mut entry.request)
    }

    pub(crate) fn records(&self) -> Vec<Recorded> {
        let body = |entry: &Entry| serde_json::from_str(entry.body.as_deref()?).ok();
        self.records.iter().map(|entry| Recorded { body: body(entry), ..entry.request.clone() }).collect()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.counts.get(operation).copied().unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.dropped += self.records.len();
        self.records.clear();
        self.bytes = 0;
        self.counts.clear();
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if SECRET_FIELDS.contains(&name.as_str()) {
                    *value = REDACTED.into();
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 16 * 1024 * 1024;

    fn request(path: String) -> Recorded {
        Recorded { operation: Some("image_get"), method: "GET".to_owned(), path, ..Recorded::default() }
    }

    #[test]
    fn a_full_journal_drops_the_oldest_and_answers_find_their_request() {
        let mut journal = Journal::default();
        let first = journal.arrived(request("/first".to_owned()), MOST);
        for number in 0..KEPT {
            let number = journal.arrived(request(format!("/{number}")), MOST);
            journal.answered(number, 200);
        }
        journal.answered(first, 500);
        assert_eq!(journal.records().len(), KEPT);
        assert!(journal.records().iter().all(|record| record.status == Some(200)));
        assert_eq!(journal.count("image_get"), KEPT + 1);
    }

    #[test]
    fn a_journal_of_large_requests_keeps_as_many_as_fit() {
        let mut journal = Journal::default();
        let large = |number: usize| request(format!("/{number}/{}", "x".repeat(1024 * 1024)));
        let numbers: Vec<_> = (0..20).map(|number| journal.arrived(large(number), MOST)).collect();
        assert_eq!(journal.records().len(), 15);
        numbers.into_iter().for_each(|number| journal.answered(number, 200));
        assert!(journal.records().iter().all(|record| record.status == Some(200)));
        journal.arrived(request("x".repeat(2 * MOST)), MOST);
        assert_eq!(journal.records().len(), 1, "the newest stays");
        assert_eq!(journal.count("image_get"), 21);
    }
}
