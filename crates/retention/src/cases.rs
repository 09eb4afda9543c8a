//! Tests of a policy: images with the verdict that is expected of it.

use std::collections::BTreeMap;
use std::fmt;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::in_use::InUse;
use crate::inventory::{Inventory, InventoryBuilder, Manifest, SavedRepository};
use crate::judge::{Judge, Outcome, Verdict};
use crate::policy::{Policy, PolicyError, Span, read};

/// Images with the verdicts that are expected of a policy, written as TOML or as JSON of the same shape.
///
/// ```
/// use mlspace_registry_retention::{Cases, Policy};
///
/// let policy: Policy = r#"
/// version = 1
/// [[rule]]
/// name = "ci builds"
/// repositories = ["train/**"]
/// tags = ["ci-*"]
/// keep_within = "14d"
/// "#.parse()?;
/// let cases: Cases = r#"
/// now = "2026-11-28T12:00:00Z"
/// [[image]]
/// repository = "train/resnet"
/// tags = ["ci-1"]
/// pushed = "30d"
/// expect = "delete"
/// because = "ci builds"
/// [[image]]
/// repository = "train/resnet"
/// tags = ["ci-2"]
/// pushed = "20d"
/// expect = "keep"
/// because = "newest"
/// "#.parse()?;
/// assert_eq!(cases.run(&policy), []);
/// # Ok::<(), mlspace_registry_retention::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Cases {
    /// The moment that they are judged at.
    pub now: Timestamp,
    /// The images.
    #[serde(rename = "image")]
    pub images: Vec<Case>,
}

/// An image with the verdict that is expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// The repository that it is in.
    pub repository: String,
    /// The labels of that repository; those of all its images count.
    #[serde(default)]
    pub labels: Vec<String>,
    /// True if that repository is a favourite.
    #[serde(default)]
    pub favorite: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The colours of tags, by their names.
    #[serde(default)]
    pub colors: BTreeMap<String, String>,
    /// Those of its tags that are signed.
    #[serde(default)]
    pub signed: Vec<String>,
    /// How long ago it and its tags were pushed, such as `30d`, or when; not known, if it is left out.
    pub pushed: Option<When>,
    /// How long ago it was last pulled, or when.
    pub pulled: Option<When>,
    /// A name for it, so that others can have it as a part.
    pub name: Option<String>,
    /// The names of the images that it is an index of.
    #[serde(default)]
    pub parts: Vec<String>,
    /// True if something that runs uses it.
    #[serde(default)]
    pub in_use: bool,
    /// The verdict.
    pub expect: Expected,
    /// The name of a rule by which it goes, or a reason for which it stays.
    pub because: Option<String>,
}

/// A moment, as it is or by how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum When {
    /// So long ago.
    Ago(Span),
    /// At this moment.
    At(Timestamp),
}

/// `delete`, `keep`, or `untag:NAME` for a tag that goes while the image stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Expected {
    /// The image is deleted.
    Delete,
    /// It stays as it is.
    Keep,
    /// It stays, and this tag is deleted.
    Untag(String),
}

impl TryFrom<String> for Expected {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.strip_prefix("untag:")) {
            ("delete", _) => Ok(Self::Delete),
            ("keep", _) => Ok(Self::Keep),
            (_, Some(tag)) if !tag.is_empty() => Ok(Self::Untag(tag.to_owned())),
            _ => Err("expected delete, keep or untag:NAME".to_owned()),
        }
    }
}

impl From<Expected> for String {
    fn from(expected: Expected) -> Self {
        expected.to_string()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => f.write_str("delete"),
            Self::Keep => f.write_str("keep"),
            Self::Untag(tag) => write!(f, "untag:{tag}"),
        }
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Expected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(delete|keep|untag:.+)$" })
    }
}

/// A case that did not come out as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Failed {
    /// Its number among the cases, from 1.
    pub case: usize,
    /// The repository.
    pub repository: String,
    /// The tags.
    pub tags: Vec<String>,
    /// What was expected.
    pub expected: String,
    /// What the policy says, with the rules or the reasons for it.
    pub found: String,
}

impl std::str::FromStr for Cases {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        read(text)
    }
}

impl Cases {
    /// Judges all images together, and answers those that did not come out as expected. What manifests are is known:
    /// an image is an index if it has parts.
    pub fn run(&self, policy: &Policy) -> Vec<Failed> {
        let inventory = self.inventory();
        let in_use = self.in_use(&inventory);
        let judge = Judge::new(policy, &in_use, self.now.unix_seconds());
        let mut failed = Vec::new();
        for repository in &inventory.repositories {
            for (image, verdict) in repository.images.iter().zip(judge.judge(repository)) {
                let number = image.id.as_u128() as usize;
                let case = &self.images[number - 1];
                if !case.is_met(&judge, image, &verdict) {
                    let because = case
                        .because
                        .as_ref()
                        .map_or_else(String::new, |because| format!(" because {because}"));
                    failed.push(Failed {
                        case: number,
                        repository: case.repository.clone(),
                        tags: case.tags.clone(),
                        expected: format!("{}{because}", case.expect),
                        found: found(&judge, image, &verdict),
                    });
                }
            }
        }
        failed.sort_by_key(|failed| failed.case);
        failed
    }

    fn inventory(&self) -> Inventory {
        let mut repositories: BTreeMap<&str, SavedRepository> = BTreeMap::new();
        let mut builder = InventoryBuilder::new();
        for (number, case) in self.images.iter().enumerate() {
            let place = repositories.len() as u128 + 1;
            let repository = repositories.entry(&case.repository).or_insert_with(|| SavedRepository {
                repository: case.repository.clone(),
                id: Uuid::from_u128(place),
                full_name: format!("registry/{}", case.repository),
                labels: Vec::new(),
                favorite: false,
                left_out: None,
                accepted: false,
                images: Vec::new(),
            });
            repository.labels.extend(case.labels.iter().cloned());
            repository.favorite |= case.favorite;
            repository.images.push(case.image(number + 1, self.now));
        }
        for repository in repositories.into_values() {
            builder.add_read(repository);
        }
        builder.build()
    }

    fn in_use(&self, inventory: &Inventory) -> InUse {
        let used = self.images.iter().enumerate().filter(|(_, case)| case.in_use);
        let text: Vec<_> = used.map(|(number, case)| case.digest(number + 1)).collect();
        let mut scanner = InUse::scanner(inventory);
        // Reading from memory does not fail.
        let _ = scanner.scan("cases", text.join("\n").as_bytes());
        scanner.finish()
    }
}

impl Case {
    /// One that others name by is that name's, any other one its number's.
    fn digest(&self, number: usize) -> String {
        digest_of(self.name.as_ref().unwrap_or(&number.to_string()))
    }

    fn image(&self, number: usize, now: Timestamp) -> crate::inventory::SavedImage {
        use crate::inventory::{SavedImage, SavedTag};
        let moment = |when: Option<When>| match when? {
            When::At(moment) => Some(moment),
            When::Ago(span) => Timestamp::from_unix_seconds(now.unix_seconds() - span.seconds()),
        };
        let (pushed, pulled) = (moment(self.pushed), moment(self.pulled));
        let tags = self.tags.iter().enumerate().map(|(place, name)| SavedTag {
            name: name.clone(),
            id: Uuid::from_u128((number as u128) << 32 | place as u128),
            color: self.colors.get(name).cloned(),
            pushed,
            pulled,
            signed: self.signed.contains(name),
        });
        let manifest = match self.parts.is_empty() {
            true => Manifest::Image { subject: None },
            false => Manifest::Index { children: self.parts.iter().map(|part| digest_of(part)).collect() },
        };
        SavedImage {
            id: Uuid::from_u128(number as u128),
            digest: self.digest(number),
            pushed,
            pulled,
            size: 0,
            tags: tags.collect(),
            attributes: true,
            manifest: Some(manifest),
        }
    }

    fn is_met(&self, judge: &Judge<'_>, image: &crate::inventory::Image, verdict: &Verdict) -> bool {
        let gone = |tag: &str| {
            image.tags.iter().zip(&verdict.refs).any(|(own, one)| *own.name == *tag && one.untagged)
        };
        let as_expected = match &self.expect {
            Expected::Delete => verdict.outcome == Outcome::Delete,
            Expected::Keep => verdict.outcome == Outcome::Stay,
            Expected::Untag(tag) => gone(tag),
        };
        let because = |because: &String| match verdict.outcome {
            Outcome::Stay => verdict.reasons.iter().any(|reason| reason.as_str() == because),
            _ => judge.rules().any(|(at, rule)| verdict.covered >> at & 1 == 1 && rule.name == *because),
        };
        as_expected && self.because.as_ref().is_none_or(because)
    }
}

fn digest_of(name: &str) -> String {
    let hex: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// `keep because keep_last, tag`.
fn found(judge: &Judge<'_>, image: &crate::inventory::Image, verdict: &Verdict) -> String {
    let rules =
        || judge.rules().filter(|(at, _)| verdict.covered >> at & 1 == 1).map(|(_, rule)| rule.name.as_str());
    let (what, why): (String, Vec<&str>) = match verdict.outcome {
        Outcome::Delete => ("delete".to_owned(), rules().collect()),
        Outcome::Stay => ("keep".to_owned(), verdict.reasons.iter().map(|reason| reason.as_str()).collect()),
        Outcome::Untag => {
            let tags = image.tags.iter().zip(&verdict.refs).filter(|(_, one)| one.untagged);
            let tags: Vec<_> = tags.map(|(tag, _)| format!("untag:{}", tag.name)).collect();
            (tags.join(" "), rules().collect())
        }
    };
    format!("{what} because {}", why.join(", "))
}
