//! The requests that a fault is for.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::journal::Recorded;
use crate::operations::OPERATIONS;

/// A request, and what it is about.
pub(crate) struct Subject<'r> {
    pub(crate) request: &'r Recorded,
    /// The ids that its path, query and body name.
    pub(crate) ids: Vec<Uuid>,
    /// The names of the repositories that are named, or that have what is named.
    pub(crate) repositories: Vec<String>,
}

/// What a request must be for a fault to strike it; whatever is not set does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Aim {
    pub(crate) repository: Option<String>,
    pub(crate) id: Option<Uuid>,
    pub(crate) page: Option<u64>,
    pub(crate) condition: Option<Condition>,
}

/// A condition that a test states itself.
#[derive(Clone)]
pub(crate) struct Condition(pub(crate) Arc<dyn Fn(&Recorded) -> bool + Send + Sync>);

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

impl Aim {
    pub(crate) fn meets(&self, subject: &Subject<'_>) -> bool {
        self.repository.as_ref().is_none_or(|name| subject.repositories.contains(name))
            && self.id.is_none_or(|id| subject.ids.contains(&id))
            && self.page.is_none_or(|page| page_of(subject.request) == Some(page))
            && self.condition.as_ref().is_none_or(|condition| condition.0(subject.request))
    }

    /// True if a request of that operation can be what it must be.
    pub(crate) fn fits(&self, operation: &str) -> bool {
        let known = OPERATIONS.iter().find(|known| known.id == operation);
        let names_ids = known.is_some_and(|known| {
            let words = known.query.iter().chain(known.fields);
            let mut of_contents =
                words.filter(|word| ["repository", "image", "tag"].iter().any(|noun| word.starts_with(noun)));
            known.path.contains("{}")
                || of_contents.any(|word| word.ends_with("_id") || word.ends_with("_ids"))
        });
        let names_repository = names_ids
            || known.is_none()
                && !["oci_ping", "oci_token", "oci_catalog", "oci_storage_get"].contains(&operation);
        let has_pages = known.is_some_and(|known| known.query.contains(&"page"));
        (self.repository.is_none() || names_repository)
            && (self.id.is_none() || names_ids)
            && (self.page.is_none() || has_pages)
    }
}

/// The page of a list that is asked for; without a word about it, the first.
fn page_of(request: &Recorded) -> Option<u64> {
    match request.query.iter().rev().find(|(name, _)| name == "page") {
        Some((_, page)) => page.parse().ok(),
        None => Some(1),
    }
}
