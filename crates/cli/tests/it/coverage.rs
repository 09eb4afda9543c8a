//! Every operation of the API has all that belongs to it, or a reason why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mlspace_registry::{OPERATIONS, Operation};
use mlspace_registry_simulator::{OPERATION_IDS, Simulator};

use crate::support::Mlcr;

/// What belongs to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A call in the client; that a public method leads to it is what its snapshot shows.
    Method,
    /// A snapshot of its request.
    Snapshot,
    /// A route in the simulator.
    Route,
    /// A step of `mlcr demo`.
    Demo,
    /// A command that sends it.
    Command,
}

/// What may be missing, and why. One that is not missing fails the test as well.
const EXCEPTIONS: [(&str, Part, &str); 5] = [
    ("service_auth", Part::Demo, "signing in is no step of its own"),
    ("workspace_list", Part::Demo, "a part of signing in, no step of its own"),
    ("workspace_api_key", Part::Demo, "a part of signing in, no step of its own"),
    ("registry_get", Part::Demo, "the walk-through does not look at the registry"),
    ("repository_get", Part::Demo, "the walk-through reads a repository only in lists"),
];

/// Each operation and a command line that sends it. Where the command does not exist, the part is missing.
const COMMANDS: [(&str, &str); 17] = [
    ("service_auth", "registry show"),
    ("workspace_list", "registry show"),
    ("workspace_api_key", "registry show"),
    ("registry_get", "registry show"),
    ("repository_list", "repo ls"),
    ("repository_get", "repo show {repository}"),
    ("repository_update", "repo edit {repository} --description new"),
    ("repository_favorite", "repo fav {repository}"),
    ("repository_delete", "repo rm {repository} --yes"),
    ("image_list", "image ls {repository}"),
    ("image_get", "image show {image}"),
    ("image_delete", "image rm {image} --yes"),
    ("tag_list", "tag ls {image}"),
    ("tag_create", "tag add {image} new"),
    ("tag_update", "tag color {tag} none"),
    ("tag_delete", "tag rm {tag} --yes"),
    ("generate_password", "password rotate --yes"),
];

#[tokio::test]
async fn every_operation_has_all_its_parts_or_a_reason() {
    let ids: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    let parts = [
        (Part::Method, methods()),
        (Part::Snapshot, snapshots()),
        (Part::Route, OPERATION_IDS.iter().map(|id| (*id).to_owned()).collect()),
        (Part::Demo, demo().await),
        (Part::Command, commands().await),
    ];
    let mut missing = BTreeSet::new();
    for (part, has) in &parts {
        let unknown: Vec<_> = has.iter().filter(|id| !ids.contains(id.as_str())).collect();
        assert!(unknown.is_empty(), "{part:?} of no operation: {unknown:?}");
        missing.extend(ids.iter().filter(|id| !has.contains(**id)).map(|id| (*id, *part)));
    }
    let excepted: BTreeSet<_> = EXCEPTIONS.iter().map(|(id, part, _)| (*id, *part)).collect();
    let unexcused: Vec<_> = missing.difference(&excepted).collect();
    let stale: Vec<_> = excepted.difference(&missing).collect();
    assert!(unexcused.is_empty(), "missing without a reason: {unexcused:?}");
    assert!(stale.is_empty(), "exceptions to remove, for nothing is missing there: {stale:?}");
}

fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../client")
}

/// Operations whose generated method is called somewhere in the client.
fn methods() -> BTreeSet<String> {
    let mut folders = vec![client().join("src")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &std::fs::read_to_string(&path).unwrap();
            }
        }
    }
    let called = OPERATIONS.iter().filter(|operation| text.contains(&format!(".{}(", operation.id)));
    called.map(|operation| operation.id.to_owned()).collect()
}

/// Snapshots of requests; each is of a call that a test makes through a public method.
fn snapshots() -> BTreeSet<String> {
    let files = entries(&client().join("tests/it/snapshots"));
    let names = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    names
        .filter_map(|name| Some(name.strip_prefix("it__requests__")?.strip_suffix(".snap")?.to_owned()))
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Operations that a step of the demo is about.
async fn demo() -> BTreeSet<String> {
    let done = Mlcr::bare().run("demo -o json").await;
    assert_eq!(done.code, 0, "{done}");
    let steps = done.json();
    let steps = steps.as_array().unwrap().iter();
    let exchanges = steps.map(|step| (step["method"].as_str().unwrap(), step["path"].as_str().unwrap()));
    let operations = exchanges.filter_map(|(method, path)| {
        // A path without parameters goes before one that would take its words for them.
        let fitting = OPERATIONS.iter().filter(|one| one.method == method && fits(one, path));
        fitting.min_by_key(|one| one.path.matches('{').count())
    });
    operations.map(|operation| operation.id.to_owned()).collect()
}

fn fits(operation: &Operation, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let (template, parts): (Vec<_>, Vec<_>) =
        (operation.path.split('/').collect(), path.split('/').collect());
    template.len() == parts.len()
        && template
            .iter()
            .zip(parts)
            .all(|(one, part)| if one.starts_with('{') { !part.is_empty() } else { *one == part })
}

/// Operations whose command line ends well and sends them.
async fn commands() -> BTreeSet<String> {
    let mut sent = BTreeSet::new();
    for (id, line) in COMMANDS {
        let mut command = &mlspace_registry_cli::command();
        let words = line.split(' ').take(2);
        let found = words.into_iter().all(|word| match command.find_subcommand(word) {
            Some(inner) => {
                command = inner;
                true
            }
            None => false,
        });
        if !found {
            continue;
        }
        let simulator = Simulator::start().await.unwrap();
        let of_person = simulator.personal();
        let folder = tempfile::tempdir().unwrap();
        let repository = &simulator.repositories()[0];
        let image = simulator.images(repository.id).into_iter().find(|image| !image.tags.is_empty()).unwrap();
        let line = line.replace("{repository}", &repository.id.to_string());
        let line = line.replace("{image}", &image.id.to_string());
        let line = line.replace("{tag}", &image.tags[0].id.to_string());
        let mut mlcr = Mlcr::at(&simulator)
            .variable("MLSPACE_CLIENT_ID", of_person.client_id)
            .variable("MLSPACE_CLIENT_SECRET", of_person.client_secret.expose())
            .variable("MLCR_CONFIG_DIR", folder.path().to_str().unwrap());
        // What a full setting makes needless is found by asking.
        if id.starts_with("workspace_") {
            mlcr.variables
                .retain(|name, _| !["MLSPACE_WORKSPACE_ID", "MLSPACE_API_KEY"].contains(&name.as_str()));
        }
        let done = mlcr.run(&line).await;
        assert_eq!(done.code, 0, "{done}");
        assert!(simulator.requests(id) > 0, "`mlcr {line}` does not send {id}");
        sent.insert(id.to_owned());
    }
    sent
}
