//! The verdict on one image, with everything that led to it.

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::in_use::InUse;
use crate::inventory::{Image, Inventory, Repository};
use crate::judge::{Judge, Outcome, Verdict};
use crate::policy::{Policy, Rule};
use crate::reason::Reason;

/// The verdict on one image, with everything that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Explained {
    /// The repository's name.
    pub repository: String,
    /// The image's id.
    pub image_id: Uuid,
    /// Its digest.
    pub digest: String,
    /// `delete`, `untag` or `stay`.
    pub verdict: String,
    /// Why it stays; empty where it is deleted.
    pub reasons: Vec<Reason>,
    /// Its tags, each with its own verdict; one without a name for an image that has none.
    pub tags: Vec<ExplainedTag>,
    /// The rules that cover any of them.
    pub rules: Vec<ExplainedRule>,
}

/// The verdict on a tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExplainedTag {
    /// Its name.
    pub name: Option<String>,
    /// True if a rule lets it go, and nothing keeps or protects it.
    pub expires: bool,
    /// True if it is deleted though its image stays.
    pub untag: bool,
    /// Why it does not expire, or stays all the same.
    pub reasons: Vec<Reason>,
    /// The names of the rules that cover it.
    pub rules: Vec<String>,
}

/// What one rule says of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExplainedRule {
    /// Its name.
    pub rule: String,
    /// Seconds since the image was last pushed or tagged, as the rule sees it; `None` where that is not known.
    pub age: Option<i64>,
    /// Seconds that the rule keeps everything.
    pub keep_within: i64,
    /// Its place among the images that the rule covers in this repository, from 1, the newest first.
    pub rank: Option<usize>,
    /// How many these are.
    pub of: usize,
    /// How many of these the rule keeps.
    pub keep_last: u32,
    /// Seconds since its last pull, if there is one on record.
    pub pulled: Option<i64>,
}

/// Explains the verdict on the image of this id: what [`plan`](crate::plan) says of it, and the numbers behind it.
/// `None` if the inventory has no such image in that repository.
pub fn explain(
    inventory: &Inventory,
    policy: &Policy,
    in_use: &InUse,
    now: Timestamp,
    repository: &str,
    image: Uuid,
) -> Option<Explained> {
    let repository = inventory.repositories.iter().find(|one| *one.name == *repository)?;
    let place = repository.images.binary_search_by_key(&image, |image| image.id).ok()?;
    let judge = Judge::new(policy, in_use, now.unix_seconds());
    let mut verdicts = judge.judge(repository);
    let covered = verdicts[place].covered;
    let rules = judge.rules().filter(|(rule, _)| covered >> rule & 1 == 1);
    let rules = rules.map(|(at, rule)| numbers(&judge, at, rule, repository, place, &mut verdicts)).collect();
    let image = &repository.images[place];
    Some(Explained {
        repository: repository.name.to_string(),
        image_id: image.id,
        digest: image.digest.to_string(),
        verdict: match verdicts[place].outcome {
            Outcome::Delete => "delete",
            Outcome::Untag => "untag",
            Outcome::Stay => "stay",
        }
        .to_owned(),
        reasons: verdicts[place].reasons.iter().collect(),
        tags: tags(&judge, image, &verdicts[place]),
        rules,
    })
}

fn tags(judge: &Judge<'_>, image: &Image, verdict: &Verdict) -> Vec<ExplainedTag> {
    let names = image.tags.iter().map(|tag| Some(tag.name.to_string())).chain([None]);
    let tags = names.zip(&verdict.refs).map(|(name, one)| ExplainedTag {
        name,
        expires: one.expires,
        untag: one.untagged,
        reasons: one.reasons.iter().collect(),
        rules: judge
            .rules()
            .filter(|(at, _)| one.covered >> at & 1 == 1)
            .map(|(_, rule)| rule.name.clone())
            .collect(),
    });
    tags.collect()
}

fn numbers(
    judge: &Judge<'_>,
    at: usize,
    rule: &Rule,
    repository: &Repository,
    place: usize,
    verdicts: &mut [Verdict],
) -> ExplainedRule {
    // What this notes at the verdicts is noted there already.
    let population = judge.population(at, rule, repository, verdicts);
    let (stamp, pulled) = judge.seen_by(at, &repository.images[place], &verdicts[place]);
    ExplainedRule {
        rule: rule.name.clone(),
        age: stamp.map(|stamp| judge.now - stamp),
        keep_within: rule.keep_within.seconds(),
        rank: population.iter().position(|one| one.image == place).map(|rank| rank + 1),
        of: population.len(),
        keep_last: rule.keep_last,
        pulled: pulled.seconds().map(|pulled| judge.now - pulled),
    }
}
