//! The lines of a plan's file.

use std::borrow::Cow;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Place, Plan, Target};
use crate::inventory::{Image, Repository, Tag};
use crate::reason::Reason;

/// What is done with an image or a tag, and in whose name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Line<'l> {
    /// The image is deleted, with all its tags.
    DeleteImage {
        /// Where it is.
        #[serde(borrow)]
        repository: RepositoryName<'l>,
        /// Its id.
        image_id: Uuid,
        /// Its digest.
        digest: Cow<'l, str>,
        /// All its tags.
        #[serde(borrow)]
        tags: Vec<LineTag<'l>>,
        /// When it was last pushed or tagged.
        stamp: Option<Timestamp>,
        /// Bytes, as the service lists them.
        size: i64,
        /// The rule, of several the first by name.
        rule: Cow<'l, str>,
    },
    /// The tag is deleted, and its image stays for another one.
    DeleteTag {
        /// Where it is.
        #[serde(borrow)]
        repository: RepositoryName<'l>,
        /// The image's id.
        image_id: Uuid,
        /// The image's digest.
        digest: Cow<'l, str>,
        /// The tag.
        #[serde(borrow)]
        tag: LineTag<'l>,
        /// When it was last pushed.
        stamp: Option<Timestamp>,
        /// The rule, of several the first by name.
        rule: Cow<'l, str>,
    },
    /// The image stays.
    Keep {
        /// Where it is.
        #[serde(borrow)]
        repository: RepositoryName<'l>,
        /// The image's id.
        image_id: Uuid,
        /// Why, as far as it is known: at least one.
        reasons: Vec<Reason>,
    },
}

/// A repository in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct RepositoryName<'l> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'l, str>,
}

/// A tag in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct LineTag<'l> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'l, str>,
    /// Its colour, if it has one.
    #[serde(borrow)]
    pub color: Option<Cow<'l, str>>,
}

impl Plan<'_> {
    /// What is deleted, a line for each.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.targets.iter().map(|target| self.line(*target))
    }

    /// What stays, a line for each image.
    pub fn kept(&self) -> impl Iterator<Item = Line<'_>> {
        self.kept.iter().map(|(place, reasons)| {
            let (repository, image) = self.at(*place);
            Line::Keep {
                repository: repository.into(),
                image_id: image.id,
                reasons: reasons.iter().collect(),
            }
        })
    }

    fn at(&self, place: Place) -> (&Repository, &Image) {
        let repository = &self.inventory.repositories[place.repository as usize];
        (repository, &repository.images[place.image as usize])
    }

    fn line(&self, target: Target) -> Line<'_> {
        let (repository, image) = self.at(target.place);
        let (repository, image_id) = (repository.into(), image.id);
        let digest = Cow::Owned(image.digest.to_string());
        let rule = Cow::Borrowed(self.rules[usize::from(target.rule)].as_str());
        match target.tag {
            Some(tag) => {
                let tag = &image.tags[tag as usize];
                Line::DeleteTag {
                    repository,
                    image_id,
                    digest,
                    tag: tag.into(),
                    stamp: tag.pushed.stamp(),
                    rule,
                }
            }
            None => {
                let stamps = image.tags.iter().map(|tag| tag.pushed);
                let stamp = stamps.chain([image.pushed]).max().and_then(|stamp| stamp.stamp());
                let tags = image.tags.iter().map(LineTag::from).collect();
                Line::DeleteImage { repository, image_id, digest, tags, stamp, size: image.size, rule }
            }
        }
    }
}

impl<'l> From<&'l Repository> for RepositoryName<'l> {
    fn from(repository: &'l Repository) -> Self {
        Self { id: repository.id, name: Cow::Borrowed(&repository.name) }
    }
}

impl<'l> From<&'l Tag> for LineTag<'l> {
    fn from(tag: &'l Tag) -> Self {
        Self { id: tag.id, name: Cow::Borrowed(&tag.name), color: tag.color.as_deref().map(Cow::Borrowed) }
    }
}
