//! Random registries and policies, small enough that everything in them meets.

use std::fmt::Write as _;

use mlspace_registry_api::Timestamp;
use mlspace_registry_api::types::{Image, Repository};
use mlspace_registry_retention::{InUse, Inventory, InventoryBuilder, ListState, Manifest, Policy};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const NOW: i64 = 1_790_000_000;
pub(crate) const HOUR: i64 = 3_600;
const NAMES: [&str; 4] = ["train/a", "train/b", "serve", "golden"];
const TAGS: [&str; 6] = ["latest", "v1", "v2", "ci-1", "ci-2", "prod"];
const LABELS: [&str; 2] = ["keep", "scratch"];
const COLOR: &str = "#2ea043";

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) repositories: Vec<Repo>,
}

#[derive(Clone, Debug)]
pub(crate) struct Repo {
    pub(crate) name: &'static str,
    pub(crate) labels: Vec<&'static str>,
    pub(crate) favorite: bool,
    pub(crate) complete: bool,
    pub(crate) images: Vec<Img>,
}

#[derive(Clone, Debug)]
pub(crate) struct Img {
    pub(crate) number: u8,
    pub(crate) digest: u8,
    /// Seconds.
    pub(crate) pushed: Option<i64>,
    pub(crate) pulled: Option<i64>,
    pub(crate) tags: Vec<Tg>,
    /// The digests of its parts, if it is an index; what it is attached to, if it is; `None` if that was not read.
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Unread,
    Image,
    Index(Vec<u8>),
    AttachedTo(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Tg {
    pub(crate) name: &'static str,
    pub(crate) green: bool,
    pub(crate) signed: bool,
    pub(crate) pushed: Option<i64>,
    pub(crate) pulled: Option<i64>,
}

/// A rule, plain.
#[derive(Clone, Debug)]
pub(crate) struct Rl {
    pub(crate) name: &'static str,
    pub(crate) repositories: Vec<&'static str>,
    pub(crate) scratch_only: bool,
    /// Empty for untagged ones.
    pub(crate) tags: Vec<&'static str>,
    pub(crate) within: u32,
    pub(crate) last: u32,
    pub(crate) daily: u32,
    pub(crate) weekly: u32,
    pub(crate) monthly: u32,
    pub(crate) yearly: u32,
    pub(crate) pulled_within: Option<u32>,
    pub(crate) untag: bool,
    pub(crate) may_empty: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Pol {
    pub(crate) rules: Vec<Rl>,
    pub(crate) labels: bool,
    pub(crate) favorites: bool,
    pub(crate) signed: bool,
    pub(crate) green: bool,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) golden: bool,
    pub(crate) digests: Vec<u8>,
    pub(crate) read_manifests: bool,
    /// Text that names what is in use: tags and digests.
    pub(crate) used_tags: Vec<(&'static str, &'static str)>,
    pub(crate) used_digests: Vec<u8>,
}

pub(crate) fn id(kind: u8, repository: &str, number: u8) -> Uuid {
    let place = NAMES.iter().position(|name| *name == repository).unwrap() as u8;
    Uuid::from_bytes([kind, place, number, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16])
}

pub(crate) fn digest(number: u8) -> String {
    format!("sha256:{}", format!("{number:02x}").repeat(32))
}

fn stamp() -> impl Strategy<Value = Option<i64>> {
    // Days and hours apart, so that ties and equal days are common; a few that are not known or cannot be true.
    prop_oneof![
        40 => (0..60_i64, prop::sample::select(vec![0, 1, 5])).prop_map(|(days, hours)| Some(NOW - days * 24 * HOUR - hours * HOUR)),
        10 => (60..900_i64).prop_map(|days| Some(NOW - days * 24 * HOUR)),
        1 => Just(None),
        1 => Just(Some(NOW + HOUR)),
        1 => Just(Some(0)),
    ]
}

fn image(number: u8) -> impl Strategy<Value = Img> {
    let tag = (any::<bool>(), any::<u8>(), stamp(), prop::option::of(0..40_i64));
    let tags = (prop::sample::subsequence(&TAGS[..], 0..4), prop::collection::vec(tag, 6));
    let kind = prop_oneof![
        24 => Just(Kind::Image),
        1 => Just(Kind::Unread),
        3 => prop::collection::vec(0..6_u8, 0..3).prop_map(Kind::Index),
        1 => (0..6_u8).prop_map(Kind::AttachedTo),
    ];
    (0..6_u8, stamp(), prop::option::of(0..40_i64), tags, kind).prop_map(
        move |(digest, pushed, pulled, (names, facts), kind)| {
            let ago = |days: Option<i64>| days.map(|days| NOW - days * 24 * HOUR);
            let tags = names.into_iter().zip(facts).map(|(name, (green, signed, pushed, pulled))| Tg {
                name,
                green: green && signed % 3 == 0,
                signed: signed % 7 == 0,
                pushed,
                pulled: ago(pulled),
            });
            Img { number, digest, pushed, pulled: ago(pulled), tags: tags.collect(), kind }
        },
    )
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let repository = |name: &'static str| {
        let images: Vec<_> = (0..6).map(image).collect();
        let labels = prop_oneof![2 => Just(vec!["scratch"]), 1 => Just(vec![]), 1 => prop::sample::subsequence(&LABELS[..], 0..3)];
        (labels, 0..8_u8, 0..8_u8, images, 2..=6_usize).prop_map(
            move |(labels, favorite, incomplete, mut images, number)| {
                images.truncate(number);
                // A name belongs to one image of a repository, and so does a digest.
                let (mut names, mut digests) = (Vec::new(), Vec::new());
                for image in &mut images {
                    image.tags.retain(|tag| !names.contains(&tag.name));
                    names.extend(image.tags.iter().map(|tag| tag.name));
                }
                images.retain(|image| {
                    let new = !digests.contains(&image.digest);
                    digests.push(image.digest);
                    new
                });
                Repo { name, labels, favorite: favorite == 0, complete: incomplete > 0, images }
            },
        )
    };
    prop::sample::subsequence(&NAMES[..], 1..=3)
        .prop_flat_map(move |names| names.into_iter().map(repository).collect::<Vec<_>>())
        .prop_map(|repositories| World { repositories })
}

fn rule(name: &'static str, tags: Vec<Vec<&'static str>>) -> impl Strategy<Value = Rl> {
    let repositories = prop::sample::select(vec![
        vec!["**"],
        vec!["**"],
        vec!["**"],
        vec!["train/*"],
        vec!["**", "!golden"],
    ]);
    let tags = prop::sample::select(tags);
    // Most rules keep little, or else hardly anything would go and there would be little to see.
    let few = || prop_oneof![3 => Just(0_u32), 1 => 1..3_u32];
    let keep = (few(), few(), few(), few(), few());
    let flags = (prop::bool::weighted(0.2), any::<bool>(), any::<bool>());
    (repositories, tags, 1..10_u32, keep, prop::option::weighted(0.2, 1..30_u32), flags).prop_map(
        move |(
            repositories,
            tags,
            within,
            (last, daily, weekly, monthly, yearly),
            pulled_within,
            (scratch_only, untag, may_empty),
        )| {
            let tagged = !tags.is_empty();
            Rl {
                name,
                repositories,
                scratch_only,
                tags,
                within,
                last,
                daily,
                weekly,
                monthly,
                yearly,
                pulled_within,
                untag: untag && tagged,
                may_empty: may_empty && tagged,
            }
        },
    )
}

pub(crate) fn policy() -> impl Strategy<Value = Pol> {
    let some = vec![vec![], vec!["ci-*"], vec!["*", "!v*"], vec!["v1", "prod"], vec!["*"]];
    let most = vec![vec!["*"], vec!["*"], vec!["*", "!latest"]];
    let rules = (rule("b", most), rule("a", vec![vec![]]), rule("c", some), 1..=3_usize).prop_map(
        |(b, a, c, number)| {
            let mut rules = vec![b, a, c];
            rules.truncate(number);
            rules
        },
    );
    let rarely = || prop::bool::weighted(0.3);
    let flags = (rarely(), rarely(), rarely(), rarely(), rarely(), any::<bool>());
    let used =
        prop::collection::vec((prop::sample::select(&NAMES[..]), prop::sample::select(&TAGS[..])), 0..3);
    let digests = || prop::collection::vec(0..6_u8, 0..2);
    (rules, flags, prop::sample::subsequence(&TAGS[..], 0..2), digests(), used, digests()).prop_map(
        |(
            rules,
            (labels, favorites, signed, green, golden, read_manifests),
            tags,
            digests,
            used_tags,
            used_digests,
        )| Pol {
            rules,
            labels,
            favorites,
            signed,
            green,
            tags,
            golden,
            digests,
            read_manifests,
            used_tags,
            used_digests,
        },
    )
}

impl World {
    pub(crate) fn inventory(&self) -> Inventory {
        let mut builder = InventoryBuilder::new();
        for one in &self.repositories {
            let images: Vec<Image> = one.images.iter().map(|image| image.listed(one.name)).collect();
            let state = if one.complete { ListState::Complete } else { ListState::Short };
            builder.add(&one.listed(&images), images, state);
            for image in &one.images {
                let digests = |numbers: &[u8]| numbers.iter().map(|number| digest(*number)).collect();
                let manifest = match &image.kind {
                    Kind::Unread => continue,
                    Kind::Image => Manifest::Image { subject: None },
                    Kind::Index(children) => Manifest::Index { children: digests(children) },
                    Kind::AttachedTo(subject) => Manifest::Image { subject: Some(digest(*subject)) },
                };
                builder.manifest(id(1, one.name, 0), id(2, one.name, image.number), manifest);
            }
        }
        builder.build()
    }
}

impl Repo {
    fn listed(&self, images: &[Image]) -> Repository {
        let tags: Vec<_> = images.iter().flat_map(|image| image.tags.clone()).collect();
        let id = id(1, self.name, 0);
        serde_json::from_value(json!({"id": id, "name": self.name, "full_name": format!("cr.example/{id}/{}", self.name),
            "labels": self.labels, "favorite": self.favorite, "images_count": images.len(), "registry_id": id, "tags": tags}))
        .unwrap()
    }
}

fn written(stamp: Option<i64>) -> Value {
    json!(stamp.map(|stamp| Timestamp::from_unix_seconds(stamp).unwrap()))
}

impl Img {
    fn listed(&self, repository: &str) -> Image {
        let image_id = id(2, repository, self.number);
        let tags: Vec<_> = self.tags.iter().map(|tag| {
            let number = TAGS.iter().position(|name| *name == tag.name).unwrap() as u8;
            json!({"id": id(3, repository, number), "name": tag.name, "full_name": tag.name, "image_id": image_id,
                "repository_id": id(1, repository, 0), "color": tag.green.then_some(COLOR), "signed": tag.signed,
                "push_time": written(tag.pushed), "pull_time": written(tag.pulled)})
        }).collect();
        serde_json::from_value(json!({"id": image_id, "digest": digest(self.digest), "full_name": "f", "size": 1000 + i64::from(self.number),
            "repository_id": id(1, repository, 0), "push_time": written(self.pushed), "pull_time": written(self.pulled),
            "tags": tags, "extra_attrs": {}}))
        .unwrap()
    }
}

impl Pol {
    pub(crate) fn toml(&self) -> String {
        let mut text = String::from("version = 1\ntimezone = \"+03:00\"\n[protect]\n");
        let list = |all: &[&str]| format!("{all:?}");
        writeln!(text, "labels = {}", list(if self.labels { &["keep"] } else { &[] })).unwrap();
        writeln!(text, "favorites = {}\nsigned = {}", self.favorites, self.signed).unwrap();
        writeln!(text, "colors = {}", list(if self.green { &["#2EA043"] } else { &[] })).unwrap();
        writeln!(text, "tags = {}", list(&self.tags)).unwrap();
        writeln!(text, "repositories = {}", list(if self.golden { &["gold*"] } else { &[] })).unwrap();
        writeln!(
            text,
            "digests = {:?}",
            self.digests.iter().map(|number| digest(*number)).collect::<Vec<_>>()
        )
        .unwrap();
        writeln!(text, "[indexes]\nhow = \"{}\"", if self.read_manifests { "manifests" } else { "none" })
            .unwrap();
        for rule in &self.rules {
            writeln!(text, "[[rule]]\nname = {:?}\nrepositories = {}", rule.name, list(&rule.repositories))
                .unwrap();
            if rule.scratch_only {
                writeln!(text, "labels = [\"scratch\"]").unwrap();
            }
            match rule.tags.is_empty() {
                true => writeln!(text, "untagged = true"),
                false => writeln!(text, "tags = {}", list(&rule.tags)),
            }
            .unwrap();
            writeln!(text, "keep_within = \"{}d\"\nkeep_last = {}", rule.within, rule.last).unwrap();
            writeln!(text, "keep_daily = {}\nkeep_weekly = {}", rule.daily, rule.weekly).unwrap();
            writeln!(text, "keep_monthly = {}\nkeep_yearly = {}", rule.monthly, rule.yearly).unwrap();
            if let Some(days) = rule.pulled_within {
                writeln!(text, "keep_pulled_within = \"{days}d\"").unwrap();
            }
            if rule.untag {
                writeln!(text, "untag = true").unwrap();
            }
            if rule.may_empty {
                writeln!(text, "may_empty = true").unwrap();
            }
        }
        text
    }

    pub(crate) fn policy(&self) -> Policy {
        self.toml().parse().unwrap()
    }

    pub(crate) fn in_use(&self, inventory: &Inventory) -> InUse {
        let mut text = String::new();
        for (repository, tag) in &self.used_tags {
            writeln!(text, "image: cr.example/{}/{repository}:{tag}", id(1, repository, 0)).unwrap();
        }
        for number in &self.used_digests {
            writeln!(text, "imageID: {}", digest(*number)).unwrap();
        }
        let mut scanner = InUse::scanner(inventory);
        scanner.scan("text", text.as_bytes()).unwrap();
        scanner.finish()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW).unwrap()
}
