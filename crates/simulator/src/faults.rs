//! Faults: what goes wrong, in which operation, and when.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::operations::OPERATION_IDS;
use crate::quirks::Switch;
use crate::reply::{HTML, JSON, Reply, page};

/// A fault, to be armed for an operation with [`Simulator::fail`](crate::Simulator::fail).
///
/// It strikes every request until it is told otherwise: [`times`](Fault::times) ends it, [`after`](Fault::after)
/// lets the first requests through, [`every`](Fault::every) strikes only each n-th. If several faults of an
/// operation are due, the one that was armed first strikes, alone.
///
/// ```
/// use mlspace_registry_simulator::Fault;
///
/// // The second and the third request get 503.
/// let fault = Fault::status(503).after(1).times(2);
/// # let _ = fault;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) effect: Effect,
    headers: Vec<(&'static str, String)>,
    after: u64,
    every: u64,
    times: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Answer { status: u16, content_type: &'static str, body: Vec<u8> },
    Hang,
    Delay(Duration),
    LostBefore,
    LostAfter,
    Truncated,
    NaiveTimestamps,
    WrongIds,
    PartialDelete,
    PartialAnswer,
    DeleteNotDone,
    LabelsDoNotStick,
    FavoritesDoNotStick,
    RejectIds(Arc<HashSet<Uuid>>),
}

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

const SHAPES: &[(&str, ErrorBody)] = &[
    ("detail", ErrorBody::Detail),
    ("detail-reason", ErrorBody::DetailReason),
    ("fields", ErrorBody::Fields),
    ("reason", ErrorBody::Reason),
    ("message", ErrorBody::Message),
    ("code", ErrorBody::Code),
    ("text", ErrorBody::Text),
    ("html", ErrorBody::Html),
    ("html-in-json", ErrorBody::HtmlInJson),
    ("broken", ErrorBody::Broken),
    ("empty", ErrorBody::Empty),
];

impl ErrorBody {
    fn write(self, status: u16) -> (&'static str, Vec<u8>) {
        let text = "a fault of the simulator";
        let body = match self {
            Self::Detail => json!({ "detail": text }),
            Self::DetailReason => json!({ "detail": { "reason": text } }),
            Self::Fields => json!({ "detail": [{ "loc": ["body"], "msg": text, "type": "value_error" }] }),
            Self::Reason => json!({ "reason": text, "status": status }),
            Self::Message => json!({ "message": text }),
            Self::Code => json!({ "error_code": status, "error_message": text }),
            Self::HtmlInJson => json!(page(text)),
            Self::Broken => return (JSON, br#"{"detail": "a fault of the sim"#.to_vec()),
            Self::Text => return ("text/plain; charset=utf-8", text.into()),
            Self::Html => return (HTML, page(text).into()),
            Self::Empty => return (JSON, Vec::new()),
        };
        (JSON, body.to_string().into())
    }
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self { effect, headers: Vec::new(), after: 0, every: 1, times: None }
    }

    /// Answers that status with `{"detail": "text"}` (445: the firewall's HTML page). Nothing is done.
    pub fn status(status: u16) -> Self {
        Self::answer(status, if status == 445 { ErrorBody::Html } else { ErrorBody::Detail })
    }

    /// Answers that status with an error body of that shape. Nothing is done.
    pub fn answer(status: u16, body: ErrorBody) -> Self {
        let (content_type, body) = body.write(status);
        Self::new(Effect::Answer { status, content_type, body })
    }

    /// Answers that status with that JSON. Nothing is done.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, JSON, body.to_string())
    }

    /// Answers that status with that body. Nothing is done.
    pub fn bytes(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Effect::Answer { status, content_type, body: body.into() })
    }

    /// Answers as the web application firewall does: 445 and an HTML page.
    pub fn firewall() -> Self {
        let Reply { status, content_type, body, .. } = Reply::firewall();
        Self::bytes(status, content_type, body)
    }

    /// Never answers, and does nothing.
    pub fn hang() -> Self {
        Self::new(Effect::Hang)
    }

    /// Waits before the request is looked at. The time is the simulator's: unless its clock runs,
    /// [`Simulator::advance`](crate::Simulator::advance) ends the wait.
    pub fn delay(by: Duration) -> Self {
        Self::new(Effect::Delay(by))
    }

    /// Cuts the connection without an answer. Nothing is done.
    pub fn lost_before() -> Self {
        Self::new(Effect::LostBefore)
    }

    /// Does what was asked, then cuts the connection without an answer.
    pub fn lost_after() -> Self {
        Self::new(Effect::LostAfter)
    }

    /// Does what was asked, then cuts the connection in the middle of the body.
    pub fn truncated() -> Self {
        Self::new(Effect::Truncated)
    }

    /// Answers 200 with an HTML page. Nothing is done.
    pub fn html() -> Self {
        Self::answer(200, ErrorBody::Html)
    }

    /// Answers 200 with an HTML page inside a JSON string. Nothing is done.
    pub fn html_in_json() -> Self {
        Self::answer(200, ErrorBody::HtmlInJson)
    }

    /// Writes the stamps of the answer without an offset.
    pub fn naive_timestamps() -> Self {
        Self::new(Effect::NaiveTimestamps)
    }

    /// Does what was asked and answers with other ids: those of a delete, or the `id` of what is answered.
    pub fn wrong_ids() -> Self {
        Self::new(Effect::WrongIds)
    }

    /// Deletes only the first half of the ids, rounded down, and answers those.
    pub fn partial_delete() -> Self {
        Self::new(Effect::PartialDelete)
    }

    /// Deletes all ids and answers only the first half of those that went, rounded down.
    pub fn partial_answer() -> Self {
        Self::new(Effect::PartialAnswer)
    }

    /// Deletes nothing and answers as if it had.
    pub fn delete_not_done() -> Self {
        Self::new(Effect::DeleteNotDone)
    }

    /// Answers a repository with the labels that were asked for, and does not keep the change.
    pub fn labels_do_not_stick() -> Self {
        Self::new(Effect::LabelsDoNotStick)
    }

    /// Answers a repository with the mark that was asked for, and does not keep it.
    pub fn favorites_do_not_stick() -> Self {
        Self::new(Effect::FavoritesDoNotStick)
    }

    /// Answers 422 to a delete that names this id, and deletes nothing of it.
    pub fn reject_id(id: Uuid) -> Self {
        Self::reject_ids([id])
    }

    /// As [`Fault::reject_id`], for any of these ids.
    pub fn reject_ids(ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self::new(Effect::RejectIds(Arc::new(ids.into_iter().collect())))
    }

    /// Adds `Retry-After` to the answer, as it is given: seconds, a date, or anything else.
    #[must_use]
    pub fn retry_after(self, value: impl Into<String>) -> Self {
        self.header("retry-after", value)
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Strikes that many times and no more.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets that many requests through first. Only requests that the fault could strike count.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Strikes only each n-th request that it could strike, from the n-th on; 0 is taken as 1.
    #[must_use]
    pub fn every(mut self, requests: u64) -> Self {
        self.every = requests.max(1);
        self
    }

    /// The answer with this fault's headers.
    pub(crate) fn dress(&self, reply: Reply) -> Reply {
        self.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value.as_str()))
    }

    /// Whether the fault can do anything in that operation.
    fn fits(&self, operation: &str) -> bool {
        match self.effect {
            Effect::PartialDelete | Effect::PartialAnswer | Effect::DeleteNotDone | Effect::RejectIds(_) => {
                operation.ends_with("_delete")
            }
            Effect::LabelsDoNotStick => operation == "repository_update",
            Effect::FavoritesDoNotStick => operation == "repository_favorite",
            Effect::WrongIds => !matches!(
                operation,
                "service_auth" | "workspace_api_key" | "workspace_list" | "generate_password"
            ),
            Effect::NaiveTimestamps => {
                !operation.ends_with("_delete")
                    && !matches!(
                        operation,
                        "service_auth" | "workspace_api_key" | "workspace_list" | "generate_password"
                    )
            }
            _ => true,
        }
    }
}

/// Why a fault cannot be armed, or a text is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no operation of that id.
    Operation(String),
    /// The fault can do nothing in that operation.
    DoesNotFit {
        /// The operation.
        operation: String,
    },
    /// Not a status that can end a request: 200 to 999.
    Status(String),
    /// The header cannot be sent.
    Header(String),
    /// There is no such fault.
    Fault(String),
    /// There is no such addition to a fault, or not to this one.
    Addition(String),
    /// The text is not `OPERATION=FAULT`.
    Form(String),
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(name) => {
                write!(f, "there is no operation `{name}`; there are: {}", OPERATION_IDS.join(", "))
            }
            Self::DoesNotFit { operation } => write!(f, "that fault can do nothing in `{operation}`"),
            Self::Status(status) => write!(f, "`{status}` is no status of an answer; it takes 200 to 999"),
            Self::Header(name) => write!(f, "the header `{name}` cannot carry that value"),
            Self::Fault(name) => {
                let names: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
                write!(f, "there is no fault `{name}`; there are: {}", names.join(", "))
            }
            Self::Addition(text) => {
                let shapes: Vec<_> = SHAPES.iter().map(|(name, _)| *name).collect();
                write!(
                    f,
                    "`{text}` does not belong here; a fault takes times=NUMBER, after=NUMBER, every=NUMBER and \
                     retry-after=TEXT, a status also body= one of {}",
                    shapes.join(", ")
                )
            }
            Self::Form(text) => {
                write!(f, "`{text}` is not OPERATION=FAULT, as in repository_list=503;times=2")
            }
        }
    }
}

impl std::error::Error for FaultError {}

/// Every fault as text: its name, what may follow it after `:`, and what it does.
pub const FAULTS: &[Switch] = &[
    about(
        "STATUS",
        "",
        "Answers that status (200 to 999) and does nothing; 429;retry-after=3, 502;body=html.",
    ),
    about("firewall", "", "Answers 445 and an HTML page, and does nothing."),
    about("hang", "", "Never answers, and does nothing."),
    about("delay", "SECONDS", "Waits before the request is looked at."),
    about("lost-before", "", "Cuts the connection without an answer, nothing done."),
    about("lost-after", "", "Does what was asked, then cuts the connection without an answer."),
    about("truncated", "", "Does what was asked, then cuts the connection in the middle of the body."),
    about("html", "", "Answers 200 and an HTML page, and does nothing."),
    about("html-in-json", "", "Answers 200 and an HTML page inside a JSON string, and does nothing."),
    about("empty-list", "", "Answers 200 and an empty list, and does nothing."),
    about("naive-timestamps", "", "Writes the stamps of the answer without an offset."),
    about("wrong-ids", "", "Does what was asked and answers with other ids."),
    about("partial-delete", "", "Deletes only the first half of the ids, and answers those."),
    about("partial-answer", "", "Deletes all ids, and answers only the first half of those that went."),
    about("delete-not-done", "", "Deletes nothing, and answers as if it had."),
    about("labels-do-not-stick", "", "Answers the labels that were asked for, and does not keep the change."),
    about("favorites-do-not-stick", "", "Answers the mark that was asked for, and does not keep it."),
    about(
        "reject-id",
        "UUID[,UUID]…",
        "Answers 422 to a delete that names one of these ids, and deletes nothing.",
    ),
];

const fn about(name: &'static str, values: &'static str, about: &'static str) -> Switch {
    Switch { name, values, about }
}

/// A fault and its operation as text: `OPERATION=FAULT[:VALUE][;times=N][;after=N][;every=N]…`.
///
/// ```
/// use mlspace_registry_simulator::{Fault, FaultSpec};
///
/// let spec: FaultSpec = "image_delete=lost-after;times=2".parse()?;
/// assert_eq!((spec.operation.as_str(), spec.fault), ("image_delete", Fault::lost_after().times(2)));
/// # Ok::<(), mlspace_registry_simulator::FaultError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// The operation id.
    pub operation: String,
    /// What goes wrong there.
    pub fault: Fault,
}

impl FromStr for FaultSpec {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (operation, rest) = text.split_once('=').ok_or_else(|| FaultError::Form(text.to_owned()))?;
        let mut parts = rest.split(';').map(str::trim);
        let word = parts.next().unwrap_or_default();
        let (name, value) = word.split_once(':').map_or((word, None), |(name, value)| (name, Some(value)));
        let mut fault = read(name, value).ok_or_else(|| FaultError::Fault(word.to_owned()))?;
        for addition in parts {
            fault = add(fault, addition, name).ok_or_else(|| FaultError::Addition(addition.to_owned()))?;
        }
        let spec = Self { operation: operation.trim().to_owned(), fault };
        check(&spec.operation, &spec.fault)?;
        Ok(spec)
    }
}

fn read(name: &str, value: Option<&str>) -> Option<Fault> {
    Some(match (name, value) {
        ("delay", Some(seconds)) => {
            Fault::delay(Duration::try_from_secs_f64(seconds.parse::<f64>().ok()?).ok()?)
        }
        ("reject-id", Some(ids)) => {
            Fault::reject_ids(ids.split(',').map(|id| id.trim().parse().ok()).collect::<Option<Vec<_>>>()?)
        }
        (_, Some(_)) => return None,
        ("firewall", _) => Fault::firewall(),
        ("hang", _) => Fault::hang(),
        ("lost-before", _) => Fault::lost_before(),
        ("lost-after", _) => Fault::lost_after(),
        ("truncated", _) => Fault::truncated(),
        ("html", _) => Fault::html(),
        ("html-in-json", _) => Fault::html_in_json(),
        ("empty-list", _) => Fault::json(200, &json!([])),
        ("naive-timestamps", _) => Fault::naive_timestamps(),
        ("wrong-ids", _) => Fault::wrong_ids(),
        ("partial-delete", _) => Fault::partial_delete(),
        ("partial-answer", _) => Fault::partial_answer(),
        ("delete-not-done", _) => Fault::delete_not_done(),
        ("labels-do-not-stick", _) => Fault::labels_do_not_stick(),
        ("favorites-do-not-stick", _) => Fault::favorites_do_not_stick(),
        (status, _) => Fault::status(status.parse().ok()?),
    })
}

fn add(fault: Fault, addition: &str, name: &str) -> Option<Fault> {
    let (key, value) = addition.split_once('=')?;
    Some(match key {
        "times" => fault.times(value.parse().ok()?),
        "after" => fault.after(value.parse().ok()?),
        "every" => fault.every(value.parse().ok().filter(|every| *every > 0)?),
        "retry-after" => fault.retry_after(value),
        "body" => {
            let status = name.parse().ok()?;
            let (_, shape) = SHAPES.iter().find(|(name, _)| *name == value)?;
            let effect = Fault::answer(status, *shape).effect;
            Fault { effect, ..fault }
        }
        _ => return None,
    })
}

/// Whether the fault can be armed for the operation.
pub(crate) fn check(operation: &str, fault: &Fault) -> Result<(), FaultError> {
    if !OPERATION_IDS.contains(&operation) {
        return Err(FaultError::Operation(operation.to_owned()));
    }
    if let Effect::Answer { status, .. } = fault.effect
        && !(200..=999).contains(&status)
    {
        return Err(FaultError::Status(status.to_string()));
    }
    for (name, value) in &fault.headers {
        let name_is_good = hyper::header::HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !name_is_good || hyper::header::HeaderValue::from_str(value).is_err() {
            return Err(FaultError::Header((*name).to_owned()));
        }
    }
    if !fault.fits(operation) {
        return Err(FaultError::DoesNotFit { operation: operation.to_owned() });
    }
    Ok(())
}

/// The faults that are armed.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    operation: String,
    fault: Fault,
    seen: u64,
}

impl Faults {
    pub(crate) fn arm(&mut self, operation: &str, fault: Fault) -> Result<(), FaultError> {
        check(operation, &fault)?;
        self.0.push(Armed { operation: operation.to_owned(), fault, seen: 0 });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a request and returns the fault that strikes it. `ids` are those that its body names.
    pub(crate) fn strike(&mut self, operation: &str, ids: &[Uuid]) -> Option<Fault> {
        let mut striking = None;
        for armed in self.0.iter_mut().filter(|armed| armed.operation == operation) {
            if let Effect::RejectIds(rejected) = &armed.fault.effect
                && !ids.iter().any(|id| rejected.contains(id))
            {
                continue;
            }
            armed.seen += 1;
            let due = armed.seen > armed.fault.after
                && (armed.seen - armed.fault.after).is_multiple_of(armed.fault.every)
                && armed.fault.times != Some(0);
            if due && striking.is_none() {
                if let Some(left) = &mut armed.fault.times {
                    *left -= 1;
                }
                striking = Some(armed.fault.clone());
            }
        }
        self.0.retain(|armed| armed.fault.times != Some(0));
        striking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(fault: Fault, requests: usize) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.arm("image_get", fault).unwrap();
        (0..requests).map(|_| faults.strike("image_get", &[]).is_some()).collect()
    }

    #[test]
    fn times_after_and_every_choose_the_requests() {
        assert_eq!(strikes(Fault::hang(), 3), [true, true, true]);
        assert_eq!(strikes(Fault::hang().times(1), 3), [true, false, false]);
        assert_eq!(strikes(Fault::hang().after(1).times(1), 3), [false, true, false]);
        assert_eq!(strikes(Fault::hang().every(2), 4), [false, true, false, true]);
        assert_eq!(strikes(Fault::hang().times(0), 2), [false, false]);
    }

    #[test]
    fn the_fault_that_was_armed_first_strikes_alone() {
        let mut faults = Faults::default();
        faults.arm("image_get", Fault::status(500).times(1)).unwrap();
        faults.arm("image_get", Fault::status(503).times(1)).unwrap();
        faults.arm("image_list", Fault::hang()).unwrap();
        let strike = |faults: &mut Faults| faults.strike("image_get", &[]).map(|fault| fault.effect);
        assert_eq!(strike(&mut faults), Some(Fault::status(500).effect));
        assert_eq!(strike(&mut faults), Some(Fault::status(503).effect));
        assert_eq!(strike(&mut faults), None);
    }

    #[test]
    fn every_fault_of_the_help_can_be_written() {
        let id = Uuid::from_u128(7);
        for fault in FAULTS {
            let operation = match fault.name {
                "labels-do-not-stick" => "repository_update",
                "favorites-do-not-stick" => "repository_favorite",
                "naive-timestamps" => "image_get",
                _ => "image_delete",
            };
            let word = if fault.name == "STATUS" { "503" } else { fault.name };
            let value = match fault.values {
                "" => String::new(),
                "SECONDS" => ":1.5".to_owned(),
                _ => format!(":{id},{id}"),
            };
            let text = format!("{operation}={word}{value};times=2;after=1;every=3");
            assert!(text.parse::<FaultSpec>().is_ok(), "{text}: {:?}", text.parse::<FaultSpec>());
        }
        for (shape, body) in SHAPES {
            let spec: FaultSpec = format!("tag_list=502;body={shape};retry-after=3").parse().unwrap();
            assert_eq!(spec.fault, Fault::answer(502, *body).retry_after("3"));
        }
    }

    #[test]
    fn a_wrong_fault_is_told_what_is_possible() {
        let error = |text: &str| text.parse::<FaultSpec>().unwrap_err();
        assert_eq!(error("image_get"), FaultError::Form("image_get".into()));
        assert!(error("image_gte=503").to_string().contains("image_get, tag_list"));
        assert!(error("image_get=lost").to_string().contains("lost-before, lost-after"));
        assert_eq!(error("image_get=100"), FaultError::Status("100".into()));
        assert_eq!(error("image_get=503;tries=2"), FaultError::Addition("tries=2".into()));
        assert_eq!(error("image_get=hang;body=html"), FaultError::Addition("body=html".into()));
        assert_eq!(error("image_get=503;every=0"), FaultError::Addition("every=0".into()));
        assert_eq!(error("image_get=503;retry-after=a\nb"), FaultError::Header("retry-after".into()));
        assert!(matches!(error("image_get=partial-delete"), FaultError::DoesNotFit { .. }));
        for text in
            ["image_get=delay:x", "image_get=delay:-1", "image_get=hang:3", "tag_delete=reject-id:7", "=", ""]
        {
            assert!(text.parse::<FaultSpec>().is_err(), "{text}");
        }
    }
}
