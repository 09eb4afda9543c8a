//! The policy's meaning, read again from its description and evaluated as plainly as can be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::world::{HOUR, Img, Kind, NOW, Pol, Repo, Rl, Tg, World};

const DAY: i64 = 24 * HOUR;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Delete,
    Untag(BTreeSet<&'static str>),
    Stay,
    LeftOut,
}

pub(crate) type Fates = BTreeMap<(&'static str, u8), Fate>;

pub(crate) fn evaluate(world: &World, policy: &Pol) -> Fates {
    let mut fates = Fates::new();
    for repository in &world.repositories {
        for image in &repository.images {
            let fate = if repository.complete { fate(repository, image, policy) } else { Fate::LeftOut };
            fates.insert((repository.name, image.number), fate);
        }
    }
    fates
}

fn fate(repository: &Repo, image: &Img, policy: &Pol) -> Fate {
    if protected(repository, image, policy) {
        return Fate::Stay;
    }
    let refs: Vec<Option<&Tg>> = match image.tags.is_empty() {
        true => vec![None],
        false => image.tags.iter().map(Some).collect(),
    };
    let expired: Vec<_> = refs.iter().filter(|one| expires(repository, image, **one, policy)).collect();
    if expired.len() == refs.len() {
        return Fate::Delete;
    }
    let goes =
        |tag: &Tg| policy.rules.iter().all(|rule| !covers(rule, repository, image, Some(tag)) || rule.untag);
    let gone: BTreeSet<_> =
        expired.iter().filter_map(|one| **one).filter(|tag| goes(tag)).map(|tag| tag.name).collect();
    if gone.is_empty() { Fate::Stay } else { Fate::Untag(gone) }
}

pub(crate) fn is_match(patterns: &[&str], name: &str) -> bool {
    let fits = |pattern: &str| match pattern {
        "**" => true,
        "*" => !name.contains('/'),
        _ => match pattern.strip_suffix('*') {
            Some(start) => name.strip_prefix(start).is_some_and(|rest| !rest.contains('/')),
            None => name == pattern,
        },
    };
    let out = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(fits);
    !out && patterns.iter().any(|pattern| fits(pattern))
}

fn covers(rule: &Rl, repository: &Repo, image: &Img, tag: Option<&Tg>) -> bool {
    let tag = match tag {
        Some(tag) => is_match(&rule.tags, tag.name),
        None => rule.tags.is_empty() && image.tags.is_empty(),
    };
    tag && is_match(&rule.repositories, repository.name)
        && (!rule.scratch_only || repository.labels.contains(&"scratch"))
}

fn covers_any(rule: &Rl, repository: &Repo, image: &Img) -> bool {
    match image.tags.is_empty() {
        true => covers(rule, repository, image, None),
        false => image.tags.iter().any(|tag| covers(rule, repository, image, Some(tag))),
    }
}

pub(crate) fn plausible(stamp: Option<i64>) -> Option<i64> {
    stamp.filter(|stamp| *stamp <= NOW && *stamp >= 946_684_800)
}

/// The newest of all stamps that the rule looks at, if all are known.
fn stamp(rule: &Rl, repository: &Repo, image: &Img) -> Option<i64> {
    let tags = image.tags.iter().filter(|tag| covers(rule, repository, image, Some(tag)));
    let stamps: Option<Vec<i64>> =
        tags.map(|tag| plausible(tag.pushed)).chain([plausible(image.pushed)]).collect();
    stamps?.into_iter().max()
}

fn keeps(rule: &Rl, repository: &Repo, image: &Img) -> bool {
    let Some(own) = stamp(rule, repository, image) else { return false };
    let all: Vec<i64> = repository
        .images
        .iter()
        .filter(|image| covers_any(rule, repository, image))
        .filter_map(|image| stamp(rule, repository, image))
        .collect();
    let newest_of = |number: u32, period: &dyn Fn(i64) -> (i64, i64)| {
        let newer: BTreeSet<_> =
            all.iter().map(|stamp| period(*stamp)).filter(|one| *one > period(own)).collect();
        let is_newest = all.iter().all(|stamp| period(*stamp) != period(own) || *stamp <= own);
        is_newest && newer.len() < number as usize
    };
    let date = |stamp: i64| -> Date {
        let days = (stamp + 3 * HOUR).div_euclid(DAY);
        Date::new(1970, 1, 1).unwrap().checked_add(jiff::SignedDuration::from_hours(days * 24)).unwrap()
    };
    let day = |stamp: i64| ((stamp + 3 * HOUR).div_euclid(DAY), 0);
    let week = |stamp: i64| {
        let week = date(stamp).iso_week_date();
        (i64::from(week.year()), i64::from(week.week()))
    };
    let month = |stamp: i64| (i64::from(date(stamp).year()), i64::from(date(stamp).month()));
    let year = |stamp: i64| (i64::from(date(stamp).year()), 0);
    let tags = image.tags.iter().filter(|tag| covers(rule, repository, image, Some(tag)));
    let pulls = tags.filter_map(|tag| tag.pulled).chain(image.pulled);
    NOW - own <= i64::from(rule.within) * DAY
        || all.iter().filter(|stamp| **stamp > own).count() < rule.last as usize
        || newest_of(rule.daily, &day)
        || newest_of(rule.weekly, &week)
        || newest_of(rule.monthly, &month)
        || newest_of(rule.yearly, &year)
        || rule
            .pulled_within
            .is_some_and(|days| pulls.max().is_some_and(|pull| NOW - pull <= i64::from(days) * DAY))
}

fn expires(repository: &Repo, image: &Img, tag: Option<&Tg>, policy: &Pol) -> bool {
    let rules: Vec<_> = policy.rules.iter().filter(|rule| covers(rule, repository, image, tag)).collect();
    let tag_is_protected = tag.is_some_and(|tag| {
        policy.tags.contains(&tag.name)
            || policy.green && tag.green
            || policy.signed && tag.signed
            || used(repository, policy, tag)
    });
    let unknown_parts = tag.is_none()
        && policy.read_manifests
        && repository.images.iter().any(|image| image.kind == Kind::Unread);
    !rules.is_empty()
        && !tag_is_protected
        && !unknown_parts
        && rules
            .iter()
            .all(|rule| stamp(rule, repository, image).is_some() && !keeps(rule, repository, image))
}

fn used(repository: &Repo, policy: &Pol, tag: &Tg) -> bool {
    policy.used_tags.contains(&(repository.name, tag.name))
}

pub(crate) fn is_newest(repository: &Repo, image: &Img) -> bool {
    let newest = |image: &Img| {
        let tags = image.tags.iter().filter_map(|tag| plausible(tag.pushed));
        tags.chain(plausible(image.pushed)).max()
    };
    let others = repository.images.iter().filter(|other| !other.tags.is_empty()).filter_map(newest);
    !image.tags.is_empty() && newest(image).is_some() && others.max() == newest(image)
}

fn protected(repository: &Repo, image: &Img, policy: &Pol) -> bool {
    let covering: Vec<_> = policy.rules.iter().filter(|rule| covers_any(rule, repository, image)).collect();
    let may_empty = !covering.is_empty() && covering.iter().all(|rule| rule.may_empty);
    policy.labels && repository.labels.contains(&"keep")
        || policy.favorites && repository.favorite
        || policy.golden && repository.name == "golden"
        || policy.digests.contains(&image.digest)
        || is_newest(repository, image) && !may_empty
        || is_related(repository, image)
        || in_use(repository, image, policy, 0)
}

/// A part of an index that is there, or attached to an image that is there.
fn is_related(repository: &Repo, image: &Img) -> bool {
    let others = || repository.images.iter().filter(|other| other.number != image.number);
    let is_part =
        others().any(|other| matches!(&other.kind, Kind::Index(parts) if parts.contains(&image.digest)));
    let attached = matches!(image.kind, Kind::AttachedTo(to) if others().any(|other| other.digest == to));
    is_part || attached
}

/// By its digest; or it is an index of which a part is, by its digest or a tag.
fn in_use(repository: &Repo, image: &Img, policy: &Pol, depth: usize) -> bool {
    let part_is_used = |digest: &u8| {
        let parts =
            repository.images.iter().filter(|other| other.digest == *digest && other.number != image.number);
        parts.into_iter().any(|part| {
            part.tags.iter().any(|tag| used(repository, policy, tag))
                || in_use(repository, part, policy, depth + 1)
        })
    };
    policy.used_digests.contains(&image.digest)
        || depth < 8 && matches!(&image.kind, Kind::Index(parts) if parts.iter().any(part_is_used))
}
