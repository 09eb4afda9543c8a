//! What wins over every rule.

use std::collections::HashMap;

use super::{Judge, Verdict, related, subject_of_tag};
use crate::inventory::{Digest, Image, Manifest, Repository, Tag};
use crate::policy::Protect;
use crate::reason::{Reason, Reasons};

impl Judge<'_> {
    /// Why a tag does not go whatever the rules say.
    pub(super) fn tag_protection(&self, repository: &Repository, tag: &Tag) -> Reasons {
        let Protect { tags, colors, signed, .. } = &self.policy.protect;
        let mut reasons = Reasons::default();
        let colored = |own: &str| colors.iter().any(|color| color.eq_ignore_ascii_case(own));
        for (is, reason) in [
            (tags.matches(&tag.name), Reason::Tag),
            (tag.color.as_deref().is_some_and(colored), Reason::Color),
            (*signed && tag.signed, Reason::Signed),
            (self.in_use.has_tag(repository.id, &tag.name), Reason::InUse),
        ] {
            if is {
                reasons.add(reason);
            }
        }
        reasons
    }

    /// Notes at images why they do not go whatever the rules say; their tags are frozen with them.
    pub(super) fn protect(&self, repository: &Repository, verdicts: &mut [Verdict]) {
        let whole = self.repository_protection(repository);
        let protected: Vec<_> =
            self.policy.protect.digests.iter().map(|digest| Digest::new(digest)).collect();
        for (image, verdict) in repository.images.iter().zip(&mut *verdicts) {
            verdict.reasons.extend(whole);
            if protected.contains(&image.digest) {
                verdict.reasons.add(Reason::Digest);
            }
            if self.in_use.has_digest(&image.digest) {
                verdict.reasons.add(Reason::InUse);
            }
        }
        self.protect_newest(repository, verdicts);
        protect_related(repository, verdicts);
    }

    fn repository_protection(&self, repository: &Repository) -> Reasons {
        let Protect { labels, favorites, repositories, .. } = &self.policy.protect;
        let mut reasons = Reasons::default();
        for (is, reason) in [
            (labels.iter().any(|label| repository.labels.iter().any(|own| **own == **label)), Reason::Label),
            (*favorites && repository.favorite, Reason::Favorite),
            (repositories.matches(&repository.name), Reason::Repository),
        ] {
            if is {
                reasons.add(reason);
            }
        }
        reasons
    }

    /// The newest tagged image, by its own push and those of all its tags, and what ties with it: always, not only where
    /// it would be the last, or else protecting one image could let another go.
    fn protect_newest(&self, repository: &Repository, verdicts: &mut [Verdict]) {
        let newest_of = |image: &Image| {
            let tags = image.tags.iter().filter_map(|tag| self.plausible(tag.pushed));
            tags.chain(self.plausible(image.pushed)).max().filter(|_| !image.tags.is_empty())
        };
        let Some(newest) = repository.images.iter().filter_map(newest_of).max() else { return };
        for (image, verdict) in repository.images.iter().zip(verdicts) {
            let lifted = verdict.covered != 0
                && self.rules().all(|(place, rule)| verdict.covered >> place & 1 == 0 || rule.may_empty);
            if newest_of(image) == Some(newest) && !lifted {
                verdict.reasons.add(Reason::Newest);
            }
        }
    }
}

/// Parts of an index, and what is attached to an image, go in no plan in which the other still is: once it has gone
/// they are ordinary. Where a part is in use, so is the whole.
fn protect_related(repository: &Repository, verdicts: &mut [Verdict]) {
    let tagged = |image: &Image| image.tags.iter().any(|tag| tag.name.starts_with("sha256-"));
    if repository.manifests.is_empty() && !repository.images.iter().any(tagged) {
        return;
    }
    let places: HashMap<&Digest, usize> =
        repository.images.iter().enumerate().map(|(place, image)| (&image.digest, place)).collect();
    let place = |digest: &String| places.get(&Digest::new(digest)).copied();
    for (image, tags) in repository.images.iter().map(|image| &image.tags).enumerate() {
        if tags.iter().filter_map(subject_of_tag).any(|subject| place(&subject).is_some_and(|at| at != image))
        {
            verdicts[image].reasons.add(Reason::Referrer);
        }
    }
    for (at, manifest) in &repository.manifests {
        let at = *at as usize;
        for other in related(manifest).filter_map(place).filter(|other| *other != at) {
            match manifest {
                Manifest::Index { .. } => verdicts[other].reasons.add(Reason::Child),
                Manifest::Image { .. } => verdicts[at].reasons.add(Reason::Referrer),
            }
        }
    }
    // An index may be a part of another one, so that this goes on until nothing changes.
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for (at, manifest) in &repository.manifests {
            let at = *at as usize;
            let Manifest::Index { children } = manifest else { continue };
            if !verdicts[at].reasons.has(Reason::InUse)
                && children.iter().filter_map(place).any(|child| is_used(&verdicts[child]))
            {
                verdicts[at].reasons.add(Reason::InUse);
                changed = true;
            }
        }
    }
}

fn is_used(verdict: &Verdict) -> bool {
    verdict.reasons.has(Reason::InUse) || verdict.refs.iter().any(|one| one.reasons.has(Reason::InUse))
}
