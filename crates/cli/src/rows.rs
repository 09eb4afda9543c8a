//! Images and tags as rows of lists over repositories.

use std::cmp::Ordering;
use std::sync::Arc;

use mlspace_registry::{Filter, Image, Repository, Tag, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::listing::Listed;
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// The column that says nothing where there is one repository.
pub(crate) const REPOSITORY: &str = "REPOSITORY";

/// Something with the repository that it is in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InRepository<T> {
    /// The repository's name.
    #[serde(rename = "repository")]
    name: String,
    #[serde(flatten)]
    pub(crate) item: T,
    #[serde(skip)]
    repository: Arc<Repository>,
}

impl<T> InRepository<T> {
    pub(crate) fn new(repository: &Arc<Repository>, item: T) -> Self {
        Self { name: repository.name.clone(), item, repository: repository.clone() }
    }
}

impl Record for InRepository<Image> {
    const HEADER: &'static [&'static str] = &[REPOSITORY, "DIGEST", "TAGS", "SIZE", "PUSHED", "PULLED", "ID"];
    const WIDE: &'static [&'static str] = &["ID"];
    const GIVES_WAY: &'static [&'static str] = &["PULLED", "PUSHED"];
    const FIELDS: &'static [&'static str] = &[
        "id",
        "digest",
        "full_name",
        "size",
        "push_time",
        "pull_time",
        "repository_id",
        "tags",
        "repository",
    ];

    fn row(&self, look: &Look) -> Vec<Cell> {
        self.with_name(self.item.row(look))
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        self.item.card(look)
    }
}

impl Record for InRepository<Tag> {
    const HEADER: &'static [&'static str] =
        &[REPOSITORY, "NAME", "COLOUR", "PUSHED", "PULLED", "SIGNED", "ID"];
    const WIDE: &'static [&'static str] = &["ID"];
    const GIVES_WAY: &'static [&'static str] = &["SIGNED", "PULLED", "PUSHED"];
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "full_name",
        "color",
        "signed",
        "push_time",
        "pull_time",
        "image_id",
        "repository_id",
        "repository",
    ];

    fn row(&self, look: &Look) -> Vec<Cell> {
        self.with_name(self.item.row(look))
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        self.item.card(look)
    }
}

impl<T> InRepository<T> {
    fn with_name(&self, row: Vec<Cell>) -> Vec<Cell> {
        [Cell::new(&self.name)].into_iter().chain(row).collect()
    }
}

impl Listed for InRepository<Image> {
    type Noun = Image;
    const SORTS: &'static [&'static str] = &["pushed", "pulled", "size", "tags", "repository"];

    fn fits(&self, filter: &Filter<Image>, now: Timestamp) -> bool {
        filter.matches(&self.item, &self.repository, now)
    }

    fn compare(&self, other: &Self, by: &str) -> Ordering {
        let (one, two) = (&self.item, &other.item);
        match by {
            "pulled" => one.pull_time.cmp(&two.pull_time),
            "size" => one.size.cmp(&two.size),
            "tags" => one.tags.len().cmp(&two.tags.len()),
            "repository" => self.name.cmp(&other.name),
            _ => one.push_time.cmp(&two.push_time),
        }
    }

    fn listed_size(&self) -> i64 {
        self.item.size
    }
}

impl Listed for InRepository<Tag> {
    type Noun = Tag;
    const SORTS: &'static [&'static str] = &["name", "pushed", "pulled", "repository"];

    fn fits(&self, filter: &Filter<Tag>, now: Timestamp) -> bool {
        filter.matches(&self.item, &self.repository, now)
    }

    fn compare(&self, other: &Self, by: &str) -> Ordering {
        let (one, two) = (&self.item, &other.item);
        match by {
            "pushed" => one.push_time.cmp(&two.push_time),
            "pulled" => one.pull_time.cmp(&two.pull_time),
            "repository" => self.name.cmp(&other.name),
            _ => one.name.cmp(&two.name),
        }
    }
}
