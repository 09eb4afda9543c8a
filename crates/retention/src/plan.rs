//! What a policy would delete of an inventory, and why the rest stays.

mod explain;
mod line;

use std::collections::BTreeMap;
use std::fmt;

use mlspace_registry_api::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::in_use::InUse;
use crate::inventory::{Inventory, Repository};
use crate::judge::{Judge, Outcome, RefVerdict, Verdict};
use crate::policy::{Policy, Rule};
use crate::reason::{Reason, Reasons};
pub use explain::{Explained, ExplainedRule, ExplainedTag, explain};
pub use line::{Line, LineTag, RepositoryName};

/// What a policy would delete, in an order that depends on the names and ids alone: the same input gives the same bytes.
#[derive(Debug)]
pub struct Plan<'i> {
    inventory: &'i Inventory,
    /// The names of the rules, in alphabetical order.
    rules: Vec<String>,
    targets: Vec<Target>,
    kept: Vec<(Place, Reasons)>,
    totals: Totals,
    by_rule: Vec<RuleTotals>,
    protected: BTreeMap<Reason, u64>,
    blocked: Vec<Blocked>,
}

/// The place of an image in an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    repository: u32,
    image: u32,
}

/// Small, because there may be a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    place: Place,
    /// The place of the tag that is deleted; all of the image if there is none.
    tag: Option<u32>,
    rule: u8,
}

/// Sums of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Totals {
    /// Images that are deleted.
    pub images: u64,
    /// The tags that they have.
    pub tags: u64,
    /// Tags that are deleted of images that stay.
    pub untagged: u64,
    /// Repositories in which something is deleted.
    pub repositories: u64,
    /// Bytes of the images that are deleted, as the service lists them: what images share counts for each.
    pub size: i64,
    /// Images that stay.
    pub stay: u64,
    /// Images of repositories in which nothing is judged.
    pub left_out: u64,
}

/// What one rule does. An image that several rules cover counts for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RuleTotals {
    /// The rule's name.
    pub rule: String,
    /// Repositories with images that it covers.
    pub repositories: u64,
    /// Images that it covers.
    pub covered: u64,
    /// Of these, those that stay as they are.
    pub stay: u64,
    /// Those that are deleted.
    pub delete: u64,
    /// Those that lose tags and stay.
    pub untag: u64,
    /// Bytes of those that are deleted, as the service lists them.
    pub size: i64,
}

/// A repository in which the rules about untagged images could not be applied, because it is not known which of its
/// images are parts of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Blocked {
    /// The repository's name.
    pub repository: String,
    /// How many untagged images stay for this reason.
    pub images: u64,
}

/// An image whose manifest has to be read before rules about untagged images can be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// The repository's id.
    pub repository: Uuid,
    /// What docker is told of the repository, with the host and without a tag.
    pub full_name: String,
    /// The image's id.
    pub image: Uuid,
    /// Its digest.
    pub digest: String,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It would delete more than the policy allows.
    TooMany {
        /// Images that it would delete.
        images: u64,
        /// As many as are allowed.
        limit: u64,
    },
    /// Nothing has a pull on record, so that this rule's `keep_pulled_within` would keep nothing.
    NoPulls {
        /// The rule's name.
        rule: String,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { images, limit } => {
                write!(f, "{images} images would be deleted, and limits.images allows {limit}")
            }
            Self::NoPulls { rule } => write!(
                f,
                "the service has no pull of any image on record, so that keep_pulled_within of rule {rule:?} would keep \
                 nothing: take it out of the rule if that is meant"
            ),
        }
    }
}

impl std::error::Error for Refused {}

/// Images whose manifests have to be known before untagged images can go: those of repositories in which such a rule
/// would delete something, as far as they are not known yet.
pub fn unread(inventory: &Inventory, policy: &Policy, in_use: &InUse, now: Timestamp) -> Vec<Unread> {
    let wanting = Judge::new(policy, in_use, now.unix_seconds()).wanting(inventory);
    let unread = wanting.into_iter().map(|(repository, image)| {
        let repository = &inventory.repositories[repository];
        let image = &repository.images[image];
        Unread {
            repository: repository.id,
            full_name: repository.full_name.to_string(),
            image: image.id,
            digest: image.digest.to_string(),
        }
    });
    unread.collect()
}

/// Applies the policy to the inventory as of this moment. Nothing is sent, and nothing but the arguments matters.
///
/// # Errors
/// [`Refused`] where the plan would go beyond what the policy allows, or would not mean what the policy says.
pub fn plan<'i>(
    inventory: &'i Inventory,
    policy: &Policy,
    in_use: &InUse,
    now: Timestamp,
) -> Result<Plan<'i>, Refused> {
    if !inventory.has_pulls()
        && inventory.images() > 0
        && let Some(rule) =
            policy.rules.iter().filter(|rule| rule.keep_pulled_within.is_some()).map(|rule| &rule.name).min()
    {
        return Err(Refused::NoPulls { rule: rule.clone() });
    }
    let judge = Judge::new(policy, in_use, now.unix_seconds());
    let mut plan = Plan::empty(inventory, &judge.rules);
    for (at, repository) in inventory.repositories.iter().enumerate() {
        plan.add(at, repository, &judge);
    }
    let (images, limit) = (plan.totals.images, policy.limits.images);
    if images > limit { Err(Refused::TooMany { images, limit }) } else { Ok(plan) }
}

impl<'i> Plan<'i> {
    fn empty(inventory: &'i Inventory, rules: &[&Rule]) -> Self {
        let rules: Vec<_> = rules.iter().map(|rule| rule.name.clone()).collect();
        let by_rule =
            rules.iter().map(|rule| RuleTotals { rule: rule.clone(), ..RuleTotals::default() }).collect();
        Self {
            inventory,
            rules,
            targets: Vec::new(),
            kept: Vec::new(),
            totals: Totals::default(),
            by_rule,
            protected: BTreeMap::new(),
            blocked: Vec::new(),
        }
    }

    fn add(&mut self, at: usize, repository: &Repository, judge: &Judge<'_>) {
        let (before, mut covered, mut blocked) = (self.targets.len(), 0, 0);
        for (image, verdict) in judge.judge(repository).iter().enumerate() {
            let place = Place { repository: at as u32, image: image as u32 };
            self.count(repository, image, verdict);
            covered |= verdict.covered;
            match verdict.outcome {
                Outcome::Delete => {
                    self.targets.push(Target { place, tag: None, rule: first(verdict.covered) });
                    continue;
                }
                Outcome::Untag => {
                    let tags = verdict.refs.iter().enumerate().filter(|(_, one)| one.untagged);
                    self.targets.extend(tags.map(|(tag, one): (usize, &RefVerdict)| Target {
                        place,
                        tag: Some(tag as u32),
                        rule: first(one.covered),
                    }));
                }
                Outcome::Stay => {}
            }
            blocked += u64::from(verdict.reasons.has(Reason::IndexChildrenUnknown));
            self.kept.push((place, verdict.reasons));
        }
        self.totals.repositories += u64::from(self.targets.len() > before);
        for (rule, totals) in self.by_rule.iter_mut().enumerate() {
            totals.repositories += covered >> rule & 1;
        }
        if blocked > 0 {
            self.blocked.push(Blocked { repository: repository.name.to_string(), images: blocked });
        }
    }

    fn count(&mut self, repository: &Repository, image: usize, verdict: &Verdict) {
        let image = &repository.images[image];
        let (delete, untag) = (verdict.outcome == Outcome::Delete, verdict.outcome == Outcome::Untag);
        let totals = &mut self.totals;
        match verdict.outcome {
            Outcome::Delete => {
                totals.images += 1;
                totals.tags += image.tags.len() as u64;
                totals.size = totals.size.saturating_add(image.size);
            }
            _ if verdict.reasons.has(Reason::LeftOut) => totals.left_out += 1,
            _ => {
                totals.stay += 1;
                totals.untagged += verdict.refs.iter().filter(|one| one.untagged).count() as u64;
            }
        }
        if verdict.covered != 0 {
            for reason in verdict.reasons.iter() {
                *self.protected.entry(reason).or_default() += 1;
            }
        }
        let rules = self.by_rule.iter_mut().enumerate().filter(|(rule, _)| verdict.covered >> rule & 1 == 1);
        for (_, rule) in rules {
            rule.covered += 1;
            rule.delete += u64::from(delete);
            rule.untag += u64::from(untag);
            rule.stay += u64::from(!delete && !untag);
            if delete {
                rule.size = rule.size.saturating_add(image.size);
            }
        }
    }

    /// Sums.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What each rule does, in alphabetical order.
    pub fn rules(&self) -> &[RuleTotals] {
        &self.by_rule
    }

    /// Why images that a rule covers stay: how many for each reason. One that stays for several counts for each.
    pub fn reasons(&self) -> &BTreeMap<Reason, u64> {
        &self.protected
    }

    /// Repositories in which untagged images stay because it is not known which are parts of an index.
    pub fn blocked(&self) -> &[Blocked] {
        &self.blocked
    }

    /// True if nothing is deleted.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// The rule that comes first by its name.
fn first(rules: u64) -> u8 {
    rules.trailing_zeros() as u8
}
