//! Faults: what goes wrong, in which operation, and when.

pub(crate) mod aim;
pub(crate) mod armed;
pub(crate) mod run;
pub(crate) mod shapes;
pub(crate) mod spec;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::journal::Recorded;
use crate::response::{BLOCKED, HTML, JSON, page};
use aim::{Aim, Condition};
use shapes::ErrorBody;

/// A fault, to be armed for an operation with [`Simulator::fail`](crate::Simulator::fail).
///
/// It strikes every request until it is told otherwise. [`repository`](Fault::repository), [`id`](Fault::id),
/// [`page`](Fault::page) and [`when`](Fault::when) say which requests it is for. Of these [`times`](Fault::times) ends
/// it, [`after`](Fault::after) lets the first through, [`every`](Fault::every) strikes only each n-th, and
/// [`nth`](Fault::nth) a single one. If several faults of an operation are due, the one that was armed first strikes,
/// alone.
///
/// ```
/// use mlspace_registry_simulator::Fault;
///
/// // The second and the third request get 503.
/// let fault = Fault::status(503).after(1).times(2);
/// // The images of one repository cannot be listed, whatever else goes on at the same time.
/// let fault = Fault::status(403).repository("train/base");
/// // The third page of a list comes too late.
/// let fault = Fault::hang().page(3);
/// // Whoever is not the program under test gets 401.
/// let fault = Fault::status(401).when(|request| !request.headers["user-agent"].starts_with("mine/"));
/// # let _ = fault;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) effect: Effect,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) aim: Aim,
    pub(crate) after: u64,
    pub(crate) every: u64,
    pub(crate) times: Option<u64>,
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
    CutAfter(u64),
    DiskFull(u64),
    ExpireToken,
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self { effect, headers: Vec::new(), aim: Aim::default(), after: 0, every: 1, times: None }
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
        Self::bytes(445, HTML, page(BLOCKED))
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

    /// Cuts the connection after that many bytes of the body: that of the request if it sends a blob or a manifest,
    /// else that of the answer. What of a blob came by then counts, unless a quirk says otherwise. For operations of
    /// the image registry.
    pub fn cut_after(bytes: u64) -> Self {
        Self::new(Effect::CutAfter(bytes))
    }

    /// Lets the disk be full after that many bytes of a blob that is sent: the request gets 500, and the upload is as it
    /// was before it.
    pub fn disk_full(after: u64) -> Self {
        Self::new(Effect::DiskFull(after))
    }

    /// Ends all tokens of the image registry before it looks at the request, which then gets 401.
    pub fn expire_token() -> Self {
        Self::new(Effect::ExpireToken)
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

    /// Strikes only requests that are about the repository of that name: that name it, its id, or an image or a tag
    /// in it. A request of the image registry names it with or without the registry's id.
    #[must_use]
    pub fn repository(mut self, name: impl Into<String>) -> Self {
        self.aim.repository = Some(name.into());
        self
    }

    /// Strikes only requests of the management API whose path, query or body names that id.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.aim.id = Some(id);
        self
    }

    /// Strikes only requests for that page of a list, counted from 1. A request that names no page is for the first.
    #[must_use]
    pub fn page(mut self, page: u64) -> Self {
        self.aim.page = Some(page);
        self
    }

    /// Strikes only requests for which that is true. It sees them as [`Simulator::journal`](crate::Simulator::journal)
    /// has them, while the simulator waits: it must not call the simulator.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Recorded) -> bool + Send + Sync + 'static) -> Self {
        self.aim.condition = Some(Condition(Arc::new(condition)));
        self
    }

    /// Strikes the n-th request that it could strike, counted from 1, and no other.
    #[must_use]
    pub fn nth(self, number: u64) -> Self {
        self.after(number.saturating_sub(1)).times(1)
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

    /// True if the fault can do anything in that operation.
    pub(crate) fn fits(&self, operation: &str) -> bool {
        self.aim.fits(operation) && self.effect_fits(operation)
    }

    fn effect_fits(&self, operation: &str) -> bool {
        let of_registry = operation.starts_with("oci_");
        match self.effect {
            Effect::Answer { .. }
            | Effect::Hang
            | Effect::Delay(_)
            | Effect::LostBefore
            | Effect::LostAfter => true,
            Effect::CutAfter(_) => matches!(
                operation,
                "oci_blob_get"
                    | "oci_storage_get"
                    | "oci_manifest_get"
                    | "oci_manifest_put"
                    | "oci_upload_start"
                    | "oci_upload_patch"
                    | "oci_upload_put"
            ),
            Effect::DiskFull(_) => {
                matches!(operation, "oci_upload_start" | "oci_upload_patch" | "oci_upload_put")
            }
            Effect::ExpireToken => of_registry && !matches!(operation, "oci_token" | "oci_storage_get"),
            Effect::Truncated if of_registry => matches!(
                operation,
                "oci_ping"
                    | "oci_token"
                    | "oci_blob_get"
                    | "oci_storage_get"
                    | "oci_manifest_get"
                    | "oci_tag_list"
                    | "oci_catalog"
                    | "oci_referrer_list"
            ),
            _ if of_registry => false,
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
            Effect::Truncated => true,
        }
    }
}
