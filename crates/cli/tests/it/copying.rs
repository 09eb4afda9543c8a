//! Copying images between repositories and registries.

use insta::assert_snapshot;
use mlspace_registry_simulator::{Fault, Seed, Simulator};

use crate::fixture::{Person, layout, shown};
use crate::support::{Done, Mlcr};

/// A registry that is somebody else's, open to everyone, with images of these names.
async fn other(names: &[&str]) -> Simulator {
    let builder = Simulator::builder().seed(Seed::Empty).quirk("registry-auth=open".parse().unwrap());
    let simulator = builder.start().await.unwrap();
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        layout(folder.path(), name.as_bytes());
        let line = format!("image push {} {}/{name}", folder.path().display(), simulator.registry_address());
        let done = Mlcr::bare().run(&line).await;
        assert_eq!(done.code, 0, "{done}");
    }
    simulator.clear_journal();
    simulator
}

/// Somebody with images of these names in the registry.
async fn person(simulator: &Simulator, names: &[&str]) -> Person {
    let person = Person::new(simulator).await;
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        layout(folder.path(), name.as_bytes());
        let done = person.run(simulator, &format!("image push {} {name}", folder.path().display())).await;
        assert_eq!(done.code, 0, "{done}");
    }
    person
}

async fn digest(person: &Person, simulator: &Simulator, name: &str) -> Option<String> {
    let done = person.run(simulator, &format!("image show {name} -o json")).await;
    (done.code == 0).then(|| done.json()["digest"].as_str().unwrap().to_owned())
}

fn fetched(simulator: &Simulator) -> usize {
    simulator.requests("oci_blob_get")
}

#[tokio::test]
async fn an_image_goes_to_another_repository_without_its_layers_being_moved() {
    let simulator = Simulator::start().await.unwrap();
    let person = person(&simulator, &["team/app:v1"]).await;
    simulator.clear_journal();
    let done = person.run(&simulator, "image cp team/app:v1 prod/app:v2").await;
    assert_eq!((done.code, fetched(&simulator)), (0, 0), "{done}");
    let registry = simulator.registry().id.to_string();
    assert_snapshot!("within", shown(&done, person.home.path()).replace(&registry, "[id]"));
    let source = digest(&person, &simulator, "team/app:v1").await;
    assert!(source.is_some() && digest(&person, &simulator, "prod/app:v2").await == source);
    // Named by its digest it needs a tag, and has one without being told where it has one.
    let by_digest = format!("image cp team/app@{} again/app", source.unwrap());
    assert_eq!(person.run(&simulator, &by_digest).await.code, 2);
    let done = person.run(&simulator, "image cp team/app:v1 again/app -o json").await;
    assert!(done.json()["images"][0]["to"].as_str().unwrap().ends_with("/again/app:v1"), "{done}");
    // What refers to it is asked for only where it is wanted.
    assert_eq!(simulator.requests("oci_referrer_list"), 0);
    let along = person.run(&simulator, "image cp team/app:v1 signed/app --referrers").await;
    assert_eq!((along.code, simulator.requests("oci_referrer_list")), (0, 1), "{along}");
    let schema = Mlcr::bare().run("schema copy").await.json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&done.json()), "{done}");
}

#[tokio::test]
async fn images_come_from_another_registry_with_all_their_tags_and_go_there_without_a_key() {
    let there = other(&["base:v1", "base:v2", "tool:v3"]).await;
    let simulator = Simulator::start().await.unwrap();
    let person = person(&simulator, &[]).await;
    let host = there.registry_address();
    let line = format!("image cp {host}/base {host}/tool team/all --all-tags -o json");
    let done = person.run(&simulator, &line).await;
    assert_eq!((done.code, done.json()["images"].as_array().unwrap().len()), (0, 3), "{done}");
    assert!(done.json()["bytes_sent"].as_u64() > Some(0), "{done}");
    for tag in ["v1", "v2", "v3"] {
        assert!(digest(&person, &simulator, &format!("team/all:{tag}")).await.is_some());
    }
    assert_eq!(person.run(&simulator, &line).await.json()["bytes_sent"], 0);
    // Between strangers no key is needed.
    let done = Mlcr::bare().run(&format!("image cp {host}/base:v1 {host}/other:v1 -o json")).await;
    assert_eq!((done.code, done.json()["bytes_sent"].as_u64()), (0, Some(0)), "{done}");
    assert!(!done.to_string().contains(person.password.expose()));
}

/// What comes of a copy over a tag that is another image.
async fn over(person: &Person, simulator: &Simulator, extra: &str, typed: Option<&str>) -> Done {
    let mlcr = person.mlcr(simulator);
    let mlcr = match typed {
        Some(typed) => mlcr.typing(typed),
        None => mlcr,
    };
    mlcr.run(&format!("image cp new/app:v1 old/app:v1{extra}")).await
}

#[tokio::test]
async fn a_tag_that_names_another_image_is_moved_only_where_somebody_says_so() {
    for (extra, typed, code) in
        [("", None, 6), ("", Some("n\n"), 6), ("", Some("y\n"), 0), (" --move", None, 0), (" --yes", None, 0)]
    {
        let simulator = Simulator::start().await.unwrap();
        let person = person(&simulator, &["old/app:v1", "new/app:v1"]).await;
        let before = digest(&person, &simulator, "old/app:v1").await;
        let done = over(&person, &simulator, extra, typed).await;
        assert_eq!(done.code, code, "{done}");
        let wanted = if code == 0 { digest(&person, &simulator, "new/app:v1").await } else { before };
        assert_eq!(digest(&person, &simulator, "old/app:v1").await, wanted, "{done}");
        assert!(code == 0 || done.stderr.contains("--move"), "{done}");
    }
}

#[tokio::test]
async fn one_failure_ends_no_other_copy_and_mistakes_are_told_before_anything_is_sent() {
    let there = other(&["a:v1", "b:v2"]).await;
    let simulator = Simulator::start().await.unwrap();
    let person = person(&simulator, &[]).await;
    let host = there.registry_address();
    let line = format!("image cp {host}/a:v1 {host}/missing:v9 {host}/b:v2 team/all");
    let done = person.run(&simulator, &line).await;
    assert_eq!((done.code, done.stdout.matches("not copied").count()), (5, 1), "{done}");
    assert!(digest(&person, &simulator, "team/all:v2").await.is_some());
    simulator.clear_journal();
    for (line, code) in [
        (format!("image cp {host}/a:v1 {host}/b:v2 team/all:v1"), 2),
        (format!("image cp {host}/a:v1 {host}/b:v1 team/all"), 2),
        (format!("image cp {host}/a:v1 team/all:v1 --any-platform"), 2),
        (format!("image cp {host}/a team/all:v1 --all-tags"), 2),
        ("image cp team/all".to_owned(), 2),
        (format!("image cp {host}/a:v1 team/new:v1 --dry-run"), 0),
    ] {
        let done = person.run(&simulator, &line).await;
        assert_eq!(done.code, code, "{done}");
    }
    let done = person.mlcr(&simulator).variable("MLSPACE_READONLY", "1").run("image cp a:v1 b:v1").await;
    assert_eq!(done.code, 6, "{done}");
    assert!(simulator.journal().iter().all(|request| !request.path.starts_with("/v2/")));
    there.fail("oci_blob_get", Fault::status(403)).unwrap();
    let done = person.run(&simulator, &format!("image cp {host}/a:v1 other:v1")).await;
    assert!(done.code == 3 && done.stdout.is_empty(), "{done}");
}
