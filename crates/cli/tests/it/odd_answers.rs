//! What the service writes otherwise than documented.

use mlspace_registry_simulator::{NewImage, Quirk, Seed, Simulator};

use crate::support::Mlcr;

async fn simulator(quirks: &[&str]) -> Simulator {
    let mut builder = Simulator::builder().seed(Seed::Empty);
    for quirk in quirks {
        builder = builder.quirk(quirk.parse::<Quirk>().unwrap());
    }
    let simulator = builder.start().await.unwrap();
    for (repository, tag) in [("app", "v1"), ("app", "v2"), ("base", "v1")] {
        simulator.push_image(NewImage::new(repository, [tag]));
    }
    simulator
}

#[tokio::test]
async fn an_odd_row_costs_one_row_and_is_named() {
    let simulator = simulator(&["odd-row=2"]).await;
    let done = Mlcr::at(&simulator).run("repo ls -o json").await;
    assert_eq!(done.code, 5, "{done}");
    let names: Vec<_> = done.json().as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["app"]);
    assert!(done.stderr.contains("item 2 (base).tags: invalid type"), "{done}");
    assert!(done.stderr.contains("`mlcr api GET PATH` shows the answer"), "{done}");

    let done = Mlcr::at(&simulator).run("image ls app").await;
    assert_eq!(done.code, 5, "{done}");
    assert_eq!(done.stdout.matches("sha256:").count(), 1, "{done}");
    let done = Mlcr::at(&simulator).run("doctor").await;
    assert!(done.stdout.contains("a row of the list cannot be read: item 2 (base)"), "{done}");
}

/// Reading goes on with what a name surely or probably means; what changes something does not.
#[tokio::test]
async fn a_name_that_an_odd_row_could_have_is_not_written_to() {
    let named = simulator(&["odd-row=2"]).await;
    for (line, code) in [
        ("repo show app", 0),
        ("repo edit app --description text", 0),
        ("repo show base", 6),
        ("repo edit base --description text", 6),
    ] {
        let done = Mlcr::at(&named).run(line).await;
        assert_eq!(done.code, code, "{done}");
        assert!(code == 0 || done.stderr.contains("give the whole id"), "{done}");
    }
    let nameless = simulator(&["nameless-row=2"]).await;
    for (line, code) in [
        ("repo show app", 0),
        ("repo edit app --description text", 6),
        ("repo rm app --yes", 6),
        ("tag add app:v1 v3", 6),
        ("image rm app@sha256:00000000 --yes", 6),
        ("repo show base", 4),
    ] {
        let done = Mlcr::at(&nameless).run(line).await;
        assert_eq!(done.code, code, "{done}");
    }
    assert_eq!(nameless.repositories().len(), 2, "nothing was deleted");
}

#[tokio::test]
async fn what_was_never_pulled_or_has_no_age_is_taken_for_that() {
    let simulator = simulator(&["stamps=zero"]).await;
    let count = |done: &crate::support::Done| done.json().as_array().unwrap().len();
    for (filter, fitting) in [("never-pulled", 2), ("older=1s", 0), ("newer=90d", 0)] {
        let done = Mlcr::at(&simulator).run(&format!("image ls app -o json --filter {filter}")).await;
        assert_eq!((done.code, count(&done)), (0, fitting), "{done}");
    }
    let done = Mlcr::at(&simulator).run("image ls app").await;
    assert!(!done.stdout.contains("ago"), "{done}");
}
