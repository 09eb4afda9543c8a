//! `mlcr doctor --facts`: under every quirk of the simulator each fact is told right.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use mlspace_registry_simulator::{Fault, NewImage, QUIRKS, Quirk, Seed, Simulator};
use serde_json::{Value, json};

use crate::fixture::{Person, layout};
use crate::support::Mlcr;

type Facts = BTreeMap<String, Value>;

/// A registry with an image of two tags that really is there, and repositories enough for several pages.
async fn world() -> (Simulator, Person) {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"an image to look at");
    let registry = simulator.registry().id;
    for number in 0..8 {
        simulator.push_image(NewImage::new(format!("team/zebra-{number}"), [format!("v{number}")]));
    }
    let host = simulator.registry_address();
    let other = person.home.path().join("other");
    layout(&other, b"another image");
    for (source, tag) in [(&source, "v1"), (&source, "v2"), (&other, "v3")] {
        let line = format!("image push {} {host}/{registry}/secret/zebra:{tag} --yes", source.display());
        let done = Person::at(&simulator, person.home.path())
            .variable("MLCR_PERSONAL_EMAIL", simulator.personal_email())
            .run(&line)
            .await;
        assert_eq!(done.code, 0, "{done}");
    }
    simulator.clear_journal();
    (simulator, person)
}

/// What is found by name; what cannot be seen is `why: …`.
async fn facts(simulator: &Simulator, person: &Person) -> Facts {
    let mlcr = person.mlcr(simulator).variable("MLCR_PERSONAL_EMAIL", simulator.personal_email());
    let done = mlcr.run("doctor --facts").await;
    assert_eq!(done.code, 0, "{done}");
    let rows = done.json();
    let found = |row: &Value| match &row["why"] {
        Value::String(why) => json!(format!("why: {why}")),
        _ => row["found"].clone(),
    };
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| (row["fact"].as_str().unwrap().to_owned(), found(row)))
        .collect()
}

fn lines(facts: &Facts) -> String {
    facts.iter().fold(String::new(), |text, (name, found)| format!("{text}{name}: {found}\n"))
}

#[tokio::test]
async fn the_facts_hold_no_name_no_id_and_no_secret_and_cost_25_requests_at_most() {
    let (simulator, person) = world().await;
    simulator.quirk("max-page-size=2".parse().unwrap());
    let mlcr = person.mlcr(&simulator).variable("MLCR_PERSONAL_EMAIL", simulator.personal_email());
    let done = mlcr.run("doctor --facts").await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done}");
    let journal = simulator.journal();
    assert!(journal.len() <= 25, "{} requests", journal.len());
    assert!(
        journal
            .iter()
            .all(|one| ["GET", "HEAD"].contains(&&*one.method) || one.path.ends_with("service_auth"))
    );
    let key = simulator.personal();
    let mut secrets = vec![
        key.client_id.clone(),
        key.client_secret.expose().to_owned(),
        simulator.api_key().expose().to_owned(),
    ];
    secrets.push(person.password.expose().to_owned());
    secrets.extend(["secret", "team", "zebra", "127.0.0.1", simulator.personal_email()].map(str::to_owned));
    secrets.push(simulator.workspace_id().to_string());
    for id in simulator.repository_ids() {
        secrets.push(id.to_string());
        for image in simulator.images(id) {
            secrets.extend([image.id.to_string(), image.digest[7..].to_owned()]);
        }
    }
    let told = done.stdout.replace("without the registry's password", "");
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret}: {done}");
    }
    let schema = Mlcr::bare().run("schema facts").await.json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&done.json()), "{done}");
}

#[tokio::test]
async fn under_every_quirk_each_fact_is_told_right() {
    let first_world = world().await;
    let (simulator, person) = &first_world;
    let usual = facts(simulator, person).await;
    assert_snapshot!("facts", lines(&usual));
    let mut told = String::new();
    for quirk in QUIRKS {
        let mut values = quirk.values.split('|').map(|value| match value {
            // Less than this, and nobody can sign in.
            "NUMBER" if ["max-head", "max-body"].contains(&quirk.name) => "1000",
            "NUMBER" => "3",
            "SECONDS" => "600",
            "HOST" => simulator.registry_address(),
            word => word,
        });
        let default = values.next().unwrap();
        for value in values {
            // A look that counts as a pull is not undone.
            let other_world = if quirk.name == "pulls" { Some(world().await) } else { None };
            let (simulator, person) = other_world.as_ref().unwrap_or(&first_world);
            set(simulator, quirk.name, value);
            let now = facts(simulator, person).await;
            assert!(now.keys().eq(usual.keys()), "{}={value}", quirk.name);
            let other: Facts = now.into_iter().filter(|(name, found)| usual[name] != *found).collect();
            told += &format!("{}={value}\n", quirk.name);
            told += &lines(&other).lines().fold(String::new(), |text, line| format!("{text}    {line}\n"));
        }
        set(simulator, quirk.name, default);
    }
    assert_snapshot!("facts_by_quirk", told);
    assert_eq!(lines(&facts(simulator, person).await), lines(&usual), "a quirk stayed");
}

fn set(simulator: &Simulator, name: &str, value: &str) {
    simulator.quirk(format!("{name}={value}").parse::<Quirk>().unwrap());
}

#[tokio::test]
async fn what_cannot_be_seen_says_why_and_nothing_is_made_up() {
    let (simulator, person) = world().await;
    simulator.fail("repository_list", Fault::status(500)).unwrap();
    let found = facts(&simulator, &person).await;
    for fact in ["page_size_default", "page_as_large_as_the_count", "second_page", "counts_and_lists"] {
        assert_eq!(found[fact], "why: answered with 500", "{fact}");
    }
    assert_eq!(found["head_content_type"], "why: no image was listed");
    simulator.clear_faults();

    let limited = Fault::status(429).retry_after("17");
    simulator.fail("image_list", limited).unwrap();
    let found = facts(&simulator, &person).await;
    assert_eq!(found["stated_limits"], json!({ "headers": { "retry-after": "17" }, "answers_429": 3 }));

    for fact in ["counts_and_lists", "tags_in_both_lists", "image_pages"] {
        assert_eq!(found[fact], "why: answered with 429", "{fact}");
    }
    simulator.clear_faults();

    simulator.fail("oci_referrer_list", Fault::status(404)).unwrap();
    assert_eq!(facts(&simulator, &person).await["referrers_api"], false);
    simulator.clear_faults();
    set(&simulator, "max-page-size", "3");
    set(&simulator, "page-size-over-maximum", "refused");
    let refused = facts(&simulator, &person).await["page_size_maximum"].clone();
    assert_eq!((&refused["asked"], &refused["refused_with"]), (&json!(1_000_000), &json!(422)));
    set(&simulator, "max-page-size", "unlimited");

    // A service account has no password; an empty registry has nothing to look at.
    let empty = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let done = Mlcr::at(&empty).variable("HOME", home).run("doctor --facts -o ndjson").await;
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stdout.contains("there is no repository"), "{done}");
    let done = Mlcr::at(&simulator).variable("HOME", home).run("doctor --facts").await;
    assert!(done.stdout.contains("no registry password is stored"), "{done}");
}
