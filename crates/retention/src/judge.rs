//! The verdict on every image and tag of one repository.
//!
//! A *ref* is an image with one of its tags, or an untagged image. A rule covers refs; it keeps images. A ref expires
//! if a rule covers it, no rule that covers it keeps its image, nothing protects it, and its age is known. An image is
//! deleted only if all of its refs expire.

mod keep;
mod protect;

use crate::in_use::InUse;
use crate::inventory::{Image, Inventory, Manifest, Moment, Repository, Tag};
use crate::policy::{How, Policy, Rule};
use crate::reason::{Reason, Reasons};

/// 2000-01-01: a stamp before it is the mark of a clock that was not set, or of a build that wants to be repeatable.
const EARLIEST: i64 = 946_684_800;

/// Rules by their places, a bit for each.
pub(crate) type Rules = u64;

/// Everything that verdicts depend on.
pub(crate) struct Judge<'j> {
    pub(crate) policy: &'j Policy,
    /// By name, so that the order in which they were written is irrelevant.
    pub(crate) rules: Vec<&'j Rule>,
    pub(crate) in_use: &'j InUse,
    pub(crate) now: i64,
    /// Judges untagged images as if it were known which are parts of an index.
    pub(crate) assume_known: bool,
}

/// What becomes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delete,
    /// Some of its tags are deleted.
    Untag,
    Stay,
}

/// The verdict on an image.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// Why it stays; empty where it is deleted.
    pub(crate) reasons: Reasons,
    /// One for each tag, or one for an image without.
    pub(crate) refs: Vec<RefVerdict>,
    /// The rules that cover any of its refs.
    pub(crate) covered: Rules,
}

/// The verdict on a ref.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RefVerdict {
    pub(crate) covered: Rules,
    pub(crate) expires: bool,
    /// The tag is deleted, and its image stays.
    pub(crate) untagged: bool,
    /// Why it does not expire.
    pub(crate) reasons: Reasons,
}

impl<'j> Judge<'j> {
    pub(crate) fn new(policy: &'j Policy, in_use: &'j InUse, now: i64) -> Self {
        let mut rules: Vec<_> = policy.rules.iter().collect();
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        Self { policy, rules, in_use, now, assume_known: false }
    }

    /// The places of the rules, with the rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (usize, &'j Rule)> + '_ {
        self.rules.iter().copied().enumerate()
    }

    /// The verdicts on all images, in the inventory's order.
    pub(crate) fn judge(&self, repository: &Repository) -> Vec<Verdict> {
        if repository.left_out.is_some() {
            return repository.images.iter().map(left_out).collect();
        }
        let rules: Vec<_> = self.rules().filter(|(_, rule)| covers_repository(rule, repository)).collect();
        let blocked = !self.assume_known && !self.knows_children(repository);
        let mut verdicts: Vec<_> =
            repository.images.iter().map(|image| self.begin(repository, image, &rules, blocked)).collect();
        for (place, rule) in &rules {
            self.keep(*place, rule, repository, &mut verdicts);
        }
        self.protect(repository, &mut verdicts);
        for (image, verdict) in repository.images.iter().zip(&mut verdicts) {
            self.decide(image, verdict);
        }
        verdicts
    }

    /// Which rules cover which refs, and what of that nothing else can change.
    fn begin(
        &self,
        repository: &Repository,
        image: &Image,
        rules: &[(usize, &Rule)],
        blocked: bool,
    ) -> Verdict {
        let mut refs = vec![RefVerdict::default(); image.tags.len().max(1)];
        for (place, rule) in rules {
            if image.tags.is_empty() {
                refs[0].covered |= u64::from(rule.untagged) << place;
            } else if !rule.untagged {
                for (verdict, tag) in refs.iter_mut().zip(&image.tags) {
                    verdict.covered |= u64::from(rule.tags.matches(&tag.name)) << place;
                }
            }
        }
        if image.tags.is_empty() && blocked && refs[0].covered != 0 {
            refs[0].reasons.add(Reason::IndexChildrenUnknown);
        }
        for (verdict, tag) in refs.iter_mut().zip(&image.tags) {
            verdict.reasons.extend(self.tag_protection(repository, tag));
        }
        let covered = refs.iter().fold(0, |all, one| all | one.covered);
        Verdict { outcome: Outcome::Stay, reasons: Reasons::default(), refs, covered }
    }

    /// True if every manifest of the repository that could be an index is known.
    fn knows_children(&self, repository: &Repository) -> bool {
        self.unread(repository).next().is_none()
    }

    /// The places of the images that could be an index for all that is known.
    pub(crate) fn unread<'r>(&self, repository: &'r Repository) -> impl Iterator<Item = usize> + use<'r> {
        let how = self.policy.indexes.how;
        let unread = move |(place, image): (usize, &Image)| {
            let known = u32::try_from(place).is_ok_and(|place| repository.manifests.contains_key(&place));
            let open = match how {
                How::Manifests => !known,
                How::Attributes => !known && !image.attributes,
                How::None => false,
            };
            open.then_some(place)
        };
        repository.images.iter().enumerate().filter_map(unread)
    }

    /// The image as a rule sees it: when it was last pushed or tagged, if that is known, and last pulled.
    pub(crate) fn seen_by(&self, place: usize, image: &Image, verdict: &Verdict) -> (Option<i64>, Moment) {
        let mut stamp = self.plausible(image.pushed);
        let mut pulled = image.pulled;
        for (tag, one) in image.tags.iter().zip(&verdict.refs) {
            if one.covered >> place & 1 == 1 {
                stamp = stamp.and_then(|stamp| Some(stamp.max(self.plausible(tag.pushed)?)));
                pulled = pulled.max(tag.pulled);
            }
        }
        (stamp, pulled)
    }

    fn plausible(&self, moment: Moment) -> Option<i64> {
        moment.seconds().filter(|seconds| (EARLIEST..=self.now).contains(seconds))
    }

    /// What becomes of the image, after everything that keeps and protects has been noted.
    fn decide(&self, image: &Image, verdict: &mut Verdict) {
        let frozen = !verdict.reasons.is_empty();
        for one in &mut verdict.refs {
            if one.covered == 0 {
                one.reasons.add(Reason::NotCovered);
            }
            one.expires = !frozen && one.reasons.is_empty();
        }
        if frozen {
            return;
        }
        if verdict.refs.iter().all(|one| one.expires) {
            verdict.outcome = Outcome::Delete;
            return;
        }
        let mut reasons = Reasons::default();
        for one in &mut verdict.refs {
            reasons.extend(one.reasons);
            if one.expires {
                let untag = self.rules().all(|(place, rule)| one.covered >> place & 1 == 0 || rule.untag);
                one.untagged = untag && !image.tags.is_empty();
                if one.untagged {
                    verdict.outcome = Outcome::Untag;
                } else {
                    one.reasons.add(Reason::OtherTagStays);
                    reasons.add(Reason::OtherTagStays);
                }
            }
        }
        verdict.reasons = reasons;
    }

    /// Images of repositories in which untagged images would go if it were known which are parts of an index, as far as
    /// that is not known.
    pub(crate) fn wanting(&self, inventory: &Inventory) -> Vec<(usize, usize)> {
        let all = Judge { assume_known: true, rules: self.rules.clone(), ..*self };
        let mut wanting = Vec::new();
        for (at, repository) in inventory.repositories.iter().enumerate() {
            let untagged = self.rules.iter().any(|rule| rule.untagged && covers_repository(rule, repository));
            let go = |(image, verdict): (&Image, &Verdict)| {
                image.tags.is_empty() && verdict.outcome == Outcome::Delete
            };
            if untagged && repository.images.iter().zip(&all.judge(repository)).any(go) {
                wanting.extend(self.unread(repository).map(|image| (at, image)));
            }
        }
        wanting
    }
}

fn covers_repository(rule: &Rule, repository: &Repository) -> bool {
    let labelled = || rule.labels.iter().any(|label| repository.labels.iter().any(|own| **own == **label));
    rule.repositories.matches(&repository.name) && (rule.labels.is_empty() || labelled())
}

fn left_out(image: &Image) -> Verdict {
    let mut reasons = Reasons::default();
    reasons.add(Reason::LeftOut);
    let refs = vec![RefVerdict { reasons, ..RefVerdict::default() }; image.tags.len().max(1)];
    Verdict { outcome: Outcome::Stay, reasons, refs, covered: 0 }
}

/// The digests that an image is made of or attached to, as its manifest says.
fn related(manifest: &Manifest) -> impl Iterator<Item = &String> {
    let (children, subject) = match manifest {
        Manifest::Index { children } => (children.as_slice(), None),
        Manifest::Image { subject } => (&[] as &[String], subject.as_ref()),
    };
    children.iter().chain(subject)
}

/// The subject in the name of a tag by which signatures are attached: `sha256-<hex>.sig`.
fn subject_of_tag(tag: &Tag) -> Option<String> {
    let rest = tag.name.strip_prefix("sha256-")?;
    let (hex, kind) = rest.split_at_checked(64)?;
    let known = matches!(kind, "" | ".sig" | ".att" | ".sbom");
    (known && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| format!("sha256:{hex}"))
}
