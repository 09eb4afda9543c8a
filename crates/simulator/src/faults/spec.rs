//! Faults as text, and which fault can strike where.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;

use super::shapes::SHAPES;
use super::{Effect, Fault};
use crate::operations::{OCI_OPERATION_IDS, OPERATION_IDS};
use crate::quirks::Switch;

/// The reason for which a fault cannot be armed, or a text is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no operation of that id.
    Operation(String),
    /// The fault can do nothing in that operation, or its requests are never those that it is for.
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
                let ids: Vec<_> = OPERATION_IDS.iter().chain(OCI_OPERATION_IDS).copied().collect();
                write!(f, "there is no operation `{name}`; there are: {}", ids.join(", "))
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
                    "`{text}` does not belong here; a fault takes times=NUMBER, after=NUMBER, every=NUMBER, nth=NUMBER, \
                     repository=NAME, id=UUID, page=NUMBER and retry-after=TEXT, a status also body= one of {}",
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
    about(
        "cut-after",
        "BYTES",
        "Cuts the connection after so many bytes of a blob or manifest that is sent or got.",
    ),
    about("disk-full", "BYTES", "Lets the disk be full after so many bytes of a blob that is sent; 500."),
    about("expire-token", "", "Ends the tokens of the image registry, so that the request gets 401."),
];

const fn about(name: &'static str, values: &'static str, about: &'static str) -> Switch {
    Switch { name, values, about }
}

/// A fault and its operation as text: `OPERATION=FAULT[:VALUE]`, and after a `;` each `times=N`, `after=N`, `every=N`,
/// `nth=N`, `repository=NAME`, `id=UUID`, `page=N`.
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
    /// The fault.
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
        ("cut-after", Some(bytes)) => Fault::cut_after(bytes.parse().ok()?),
        ("disk-full", Some(bytes)) => Fault::disk_full(bytes.parse().ok()?),
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
        ("expire-token", _) => Fault::expire_token(),
        (status, _) => Fault::status(status.parse().ok()?),
    })
}

fn add(fault: Fault, addition: &str, name: &str) -> Option<Fault> {
    let (key, value) = addition.split_once('=')?;
    Some(match key {
        "times" => fault.times(value.parse().ok()?),
        "after" => fault.after(value.parse().ok()?),
        "nth" => fault.nth(value.parse().ok().filter(|number| *number > 0)?),
        "repository" => fault.repository(value),
        "id" => fault.id(value.parse().ok()?),
        "page" => fault.page(value.parse().ok().filter(|page| *page > 0)?),
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

/// Says why the fault cannot be armed for the operation, if it cannot.
pub(crate) fn check(operation: &str, fault: &Fault) -> Result<(), FaultError> {
    if !OPERATION_IDS.contains(&operation) && !OCI_OPERATION_IDS.contains(&operation) {
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_fault_of_the_help_can_be_written() {
        let id = Uuid::from_u128(7);
        for fault in FAULTS {
            let operation = match fault.name {
                "labels-do-not-stick" => "repository_update",
                "favorites-do-not-stick" => "repository_favorite",
                "naive-timestamps" => "image_get",
                "cut-after" | "disk-full" | "expire-token" => "oci_upload_patch",
                _ => "image_delete",
            };
            let word = if fault.name == "STATUS" { "503" } else { fault.name };
            let value = match fault.values {
                "" => String::new(),
                "SECONDS" => ":1.5".to_owned(),
                "BYTES" => ":65536".to_owned(),
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
        for addition in ["nth=0", "page=0", "page=x", "id=7"] {
            let text = format!("image_list=503;{addition}");
            assert_eq!(error(&text), FaultError::Addition(addition.into()));
        }
        for text in ["registry_get=503;repository=a", "repository_get=503;page=1", "oci_tag_list=503;page=1"]
        {
            assert!(matches!(error(text), FaultError::DoesNotFit { .. }), "{text}");
        }
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
