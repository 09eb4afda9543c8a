use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;
const ID: &str = "6f1c2f1e-6a5c-4d55-8d4b-1f2f3a4b5c6d";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW).unwrap()
}

fn problem<T: Filtered>(text: &str) -> String {
    text.parse::<Filter<T>>().unwrap_err().to_string()
}

#[test]
fn filters_are_read_or_refused_with_what_was_expected() {
    for text in [
        "base*",
        "name=favorite",
        "label=prod",
        "favorite",
        "favourite",
        "b?se",
        "name=base",
        "older=1d",
        "newer=1.5h",
        "!favorite",
        "label=a,cost center 42",
        "train/**,name=base",
        "{a,b}*",
    ] {
        assert!(text.parse::<Filter<Repository>>().is_ok(), "{text}");
    }
    for text in [
        "",
        "!",
        "name=",
        "older=",
        "older=soon",
        "older=90",
        "older=d",
        "older=200y",
        "size=1",
        "larger=1",
        "base",
    ] {
        assert!(problem::<Repository>(text).contains("expected"), "{text}");
    }
    for text in [
        "larger=big",
        "larger=-1",
        "larger=1e30",
        "digest=zz",
        "digest=abc",
        "untagged=1",
        "favorite=",
        "!!signed",
    ] {
        assert!(problem::<Image>(text).contains("expected"), "{text}: {}", problem::<Image>(text));
    }
    for (text, nearest) in [
        ("favorit", "did you mean favorite?"),
        ("never_pulled", "did you mean never-pulled?"),
        ("Never-Pulled", "did you mean never-pulled?"),
        ("lable=prod", "did you mean label?"),
        ("oldr=1d", "did you mean older?"),
        ("tagged", "did you mean untagged?"),
        ("base", "a name is written name=base"),
        ("tag=v[1", "`[` is not closed"),
        ("tag=!v1", "stands before the whole filter"),
    ] {
        assert!(problem::<Image>(text).contains(nearest), "{text}: {}", problem::<Image>(text));
    }
}

#[test]
fn a_comma_is_or_between_conditions_and_between_values() {
    let filter = |text: &str| text.parse::<Filter<Image>>().unwrap().any;
    let name = |text: &str| Condition::Name(text.parse().unwrap());
    assert_eq!(filter("tag=v*,prod"), [name("v*"), name("prod")]);
    assert_eq!(filter("tag=v*,untagged"), [name("v*"), Condition::Untagged]);
    assert_eq!(filter("{a,b}*,c*"), [name("{a,b}*"), name("c*")]);
    assert_eq!(filter("label=a=b,c=d"), [Condition::Label("a=b".into()), Condition::Label("c=d".into())]);
    assert_eq!(filter("larger=1.5KiB"), [Condition::Larger(1536)]);
    assert_eq!(filter("color=none"), [Condition::Color(None)]);
}

/// What an image is made of, for the model.
#[derive(Clone, Debug)]
struct Facts {
    labels: Vec<&'static str>,
    favorite: bool,
    /// Name, days since its pull, colour, signed.
    tags: Vec<(&'static str, Option<i64>, Option<&'static str>, bool)>,
    pushed: Option<i64>,
    pulled: Option<i64>,
    size: i64,
    digest: &'static str,
    platform: Option<&'static str>,
}

const NAMES: [&str; 4] = ["v1", "v2", "prod", "ci-7"];
const LABELS: [&str; 3] = ["keep", "cost center 42", "важное"];
const DIGESTS: [&str; 2] = ["sha256:abcd01", "sha256:abce02"];
const COLORS: [&str; 2] = ["#2ea043", "#2F81F7"];

fn facts() -> impl Strategy<Value = Facts> {
    let days = || prop::option::of(0..6_i64);
    let tag = (
        prop::sample::select(&NAMES[..]),
        days(),
        prop::option::of(prop::sample::select(&COLORS[..])),
        any::<bool>(),
    );
    (
        prop::sample::subsequence(&LABELS[..], 0..3),
        any::<bool>(),
        prop::collection::vec(tag, 0..3),
        (days(), days()),
        0..6_i64,
        prop::sample::select(&DIGESTS[..]),
        prop::option::of(prop::sample::select(vec!["linux/amd64", "linux/arm64"])),
    )
        .prop_map(|(labels, favorite, tags, (pushed, pulled), size, digest, platform)| Facts {
            labels,
            favorite,
            tags,
            pushed,
            pulled,
            size,
            digest,
            platform,
        })
}

impl Facts {
    fn image(&self) -> (Image, Repository) {
        let ago =
            |days: Option<i64>| days.map(|days| Timestamp::from_unix_seconds(NOW - days * DAY).unwrap());
        let tags = self.tags.iter().map(|(name, pulled, color, signed)| {
            json!({"id": ID, "name": name, "full_name": "h/r:v", "image_id": ID, "repository_id": ID, "color": color,
                "push_time": null, "pull_time": ago(*pulled), "signed": signed})
        });
        let extra = match self.platform.and_then(|platform| platform.split_once('/')) {
            Some((os, architecture)) => json!({ "os": os, "architecture": architecture }),
            None => json!({}),
        };
        let image = json!({"id": ID, "digest": self.digest, "full_name": "h/r", "size": self.size, "repository_id": ID,
            "push_time": ago(self.pushed), "pull_time": ago(self.pulled), "tags": tags.collect::<Vec<_>>(), "extra_attrs": extra});
        let repository: Value = json!({"id": ID, "name": "team/base", "full_name": "h/r", "labels": self.labels,
            "favorite": self.favorite, "images_count": 1, "registry_id": ID, "tags": []});
        (serde_json::from_value(image).unwrap(), serde_json::from_value(repository).unwrap())
    }

    /// What a condition says of it, in the plainest way.
    fn model(&self, condition: &str) -> Option<bool> {
        let (word, value) = condition.split_once('=').unwrap_or((condition, ""));
        let days = || value.trim_end_matches('d').parse::<i64>().unwrap();
        let pulls: Vec<i64> = self.tags.iter().filter_map(|tag| tag.1).chain(self.pulled).collect();
        let recent = |days: i64| pulls.iter().any(|pull| *pull <= days);
        Some(match word {
            "untagged" => self.tags.is_empty(),
            "never-pulled" => pulls.is_empty(),
            "older" => self.pushed? > days(),
            "newer" => self.pushed? < days(),
            "pulled-within" => recent(days()),
            "not-pulled-for" => !recent(days()),
            "larger" => self.size > value.parse().unwrap(),
            "smaller" => self.size < value.parse().unwrap(),
            "tag" if value == "v*" => self.tags.iter().any(|tag| tag.0.starts_with('v')),
            "tag" => self.tags.iter().any(|tag| tag.0 == value),
            "repo.label" => self.labels.contains(&value),
            "color" if value == "none" => self.tags.iter().any(|tag| tag.2.is_none()),
            "color" => self.tags.iter().any(|tag| tag.2.is_some_and(|own| own.to_lowercase() == value)),
            "signed" => self.tags.iter().any(|tag| tag.3),
            "favorite" => self.favorite,
            "digest" => self.digest.contains(value),
            "platform" => self.platform? == value,
            other => unreachable!("{other}"),
        })
    }
}

fn condition() -> impl Strategy<Value = String> {
    let words = vec![
        "untagged",
        "never-pulled",
        "signed",
        "favorite",
        "tag=v*",
        "tag=v1",
        "tag=prod",
        "repo.label=keep",
        "repo.label=cost center 42",
        "color=#2ea043",
        "color=#2f81f7",
        "color=none",
        "digest=abcd",
        "digest=sha256:abcd",
        "platform=linux/amd64",
    ];
    prop_oneof![
        prop::sample::select(words).prop_map(str::to_owned),
        (prop::sample::select(vec!["older", "newer", "pulled-within", "not-pulled-for"]), 1..6_i64)
            .prop_map(|(word, days)| format!("{word}={days}d")),
        (prop::sample::select(vec!["larger", "smaller"]), 0..6_i64)
            .prop_map(|(word, size)| format!("{word}={size}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_says_what_a_naive_reading_of_its_words_says(
        facts in facts(),
        conditions in prop::collection::vec(condition(), 1..4),
        negated: bool,
    ) {
        let text = format!("{}{}", if negated { "!" } else { "" }, conditions.join(","));
        let filter: Filter<Image> = text.parse().unwrap();
        let said: Vec<Option<bool>> = conditions.iter().map(|condition| facts.model(condition)).collect();
        let expected = match negated {
            false => said.contains(&Some(true)),
            true => said.iter().all(|said| *said == Some(false)),
        };
        let (image, repository) = facts.image();
        prop_assert_eq!(filter.matches(&image, &repository, now()), expected, "{} {:?}", text, facts);
    }

    #[test]
    fn no_text_breaks_the_reading_of_filters(text in "[a-z=,!*{}0-9.]{0,24}") {
        let _ = (text.parse::<Filter<Image>>(), text.parse::<Filter<Tag>>());
    }
}
