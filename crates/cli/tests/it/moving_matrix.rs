//! Pushing and pulling × everything that can go wrong with it.

use insta::assert_snapshot;
use mlspace_registry_simulator::{FaultSpec, Simulator};

use crate::fixture::{Person, layout, shown};

const FAULTS: [&str; 8] = [
    "404;body=errors",
    "401",
    "403",
    "429;retry-after=1",
    "firewall",
    "html",
    "lost-after;times=1",
    "lost-before",
];

/// The operations of the image registry and of the management API that a push and a pull go through.
const PUSH: [&str; 6] =
    ["repository_list", "oci_token", "oci_blob_head", "oci_upload_start", "oci_manifest_put", "image_list"];
const PULL: [&str; 5] = ["repository_list", "image_get", "oci_token", "oci_manifest_get", "oci_blob_get"];

/// What a command line says when one operation has this fault.
async fn run(command: &str, operation: &str, fault: &str) -> String {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let source = home.join("source");
    layout(&source, b"the content of a layer");
    let line = match command {
        "push" => format!("image push {} app:v1", source.display()),
        _ => {
            let push = format!("image push {} app:v1", source.display());
            assert_eq!(person.run(&simulator, &push).await.code, 0);
            format!("image pull app:v1 {}", home.join("target").display())
        }
    };
    let spec: FaultSpec = format!("{operation}={fault}").parse().unwrap();
    simulator.fail(operation, spec.fault).unwrap();
    let done = person.run(&simulator, &line).await;
    let is_there = match command {
        "push" => simulator.repositories().iter().any(|one| one.name == "app"),
        _ => home.join("target/index.json").exists(),
    };
    // What failed leaves no name, and what is said to be done is there.
    match done.code {
        0 | 5 => assert!(is_there, "{operation} {fault}: {done}"),
        _ => assert!(!is_there && done.stdout.is_empty(), "{operation} {fault}: {done}"),
    }
    assert!(!done.stderr.contains('<'), "{operation} {fault}: {done}");
    assert!(!done.to_string().contains(person.password.expose()), "{operation} {fault}");
    let text = shown(&done, home).replace(&simulator.registry().id.to_string(), "[id]");
    let said = text.split_once("--- stderr\n").unwrap().1.lines().map(steady);
    format!("{operation} {fault} → {}\n{}\n", done.code, said.collect::<Vec<_>>().join("\n"))
}

/// The line without what differs from run to run: which of two blobs was sent first, and what the system says of
/// a connection that broke.
fn steady(line: &str) -> String {
    let line = line.split(": error sending request").next().unwrap();
    match line.split_once("sha256:") {
        Some((before, after)) => {
            format!("{before}[digest]{}", after.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
        }
        None => line.to_owned(),
    }
}

async fn matrix(command: &str, operations: &[&str]) -> String {
    let mut all = String::new();
    for operation in operations {
        for fault in FAULTS {
            all += &format!("{}\n", run(command, operation, fault).await);
        }
    }
    all
}

#[tokio::test]
async fn a_push_meets_every_failure_with_its_exit_code() {
    assert_snapshot!(matrix("push", &PUSH).await);
}

#[tokio::test]
async fn a_pull_meets_every_failure_with_its_exit_code() {
    assert_snapshot!(matrix("pull", &PULL).await);
}
