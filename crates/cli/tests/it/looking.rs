//! Looking into images, in the registry and in files.

use insta::assert_snapshot;
use mlspace_registry_simulator::{Fault, Simulator};
use serde_json::json;

use crate::fixture::{Person, digest, layout, shown};
use crate::support::{Done, Mlcr};

/// Writes an image into a layout with these lines of its history and this environment.
fn write(folder: &std::path::Path, content: &[u8], made: &str, env: &[&str]) -> String {
    layout(folder, content);
    let blobs = folder.join("blobs/sha256");
    let read = |digest: &str| std::fs::read(blobs.join(digest.trim_start_matches("sha256:"))).unwrap();
    let put = |value: &serde_json::Value| {
        let text = value.to_string().into_bytes();
        let digest = digest(&text);
        std::fs::write(blobs.join(digest.trim_start_matches("sha256:")), &text).unwrap();
        (digest, text.len())
    };
    let mut index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&read(index["manifests"][0]["digest"].as_str().unwrap())).unwrap();
    let mut config: serde_json::Value =
        serde_json::from_slice(&read(manifest["config"]["digest"].as_str().unwrap())).unwrap();
    config["config"] = json!({ "Entrypoint": ["/bin/app"], "Cmd": ["--serve"], "Env": env, "User": "app" });
    config["history"] = json!([{ "created_by": made }, { "created_by": "ENV", "empty_layer": true }]);
    let (digest, size) = put(&config);
    manifest["config"]["digest"] = digest.into();
    manifest["config"]["size"] = size.into();
    let (digest, size) = put(&manifest);
    index["manifests"][0]["digest"] = digest.clone().into();
    index["manifests"][0]["size"] = size.into();
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    digest
}

async fn pushed() -> (Simulator, Person, String) {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let mut manifest = String::new();
    for (tag, content, env) in [
        ("v1", &b"one"[..], &["PATH=/bin", "API_TOKEN=hunter2"][..]),
        ("v2", &b"other"[..], &["PATH=/bin", "MODE=fast"][..]),
    ] {
        let folder = person.home.path().join(tag);
        let digest = write(&folder, content, "RUN API_TOKEN=hunter2 make", env);
        let done = person.run(&simulator, &format!("image push {} app:{tag}", folder.display())).await;
        assert_eq!(done.code, 0, "{done}");
        if tag == "v1" {
            manifest = digest;
        }
    }
    (simulator, person, manifest)
}

fn snapshot(done: &Done, person: &Person, simulator: &Simulator) -> String {
    shown(done, person.home.path()).replace(&simulator.registry().id.to_string(), "[id]")
}

#[tokio::test]
async fn an_image_shows_its_layers_and_how_it_runs_without_its_secrets() {
    let (simulator, person, manifest) = pushed().await;
    let done = person.run(&simulator, "image show app:v1 --layers").await;
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stdout.contains(&manifest) && !done.to_string().contains("hunter2"), "{done}");
    assert_snapshot!("layers", snapshot(&done, &person, &simulator));
    let open = person.run(&simulator, "image show app:v1 --layers --show-env -o json").await;
    assert!(open.stdout.contains("API_TOKEN=hunter2"), "{open}");
    let schema = Mlcr::bare().run("schema inside").await.json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&open.json()), "{open}");
    // The same from a file, and by whoever has no key.
    let line = format!("image show {} --layers --show-env -o json", person.home.path().join("v1").display());
    let file = Mlcr::bare().run(&line).await.json();
    assert_eq!((&file["layers"], &file["config"]), (&open.json()["layers"], &open.json()["config"]));
    assert_eq!(file["source"], "file");
}

#[tokio::test]
async fn without_a_password_what_the_management_api_knows_is_shown_and_said_to_be_that() {
    let (simulator, person, manifest) = pushed().await;
    simulator.fail("oci_token", Fault::status(401)).unwrap();
    let done = person.run(&simulator, "image show app:v1 --layers -o json").await;
    let found = done.json();
    assert_eq!((done.code, found["source"].as_str()), (0, Some("management API")), "{done}");
    assert!(found["layers"].is_null() && found["digest"] == *manifest, "{done}");
    let done = person.run(&simulator, "image diff app:v1 app:v2").await;
    assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{done}");
}

#[tokio::test]
async fn two_images_differ_by_layers_and_by_how_they_run() {
    let (simulator, person, _) = pushed().await;
    let done = person.run(&simulator, "image diff app:v1 app:v2").await;
    assert_eq!(done.code, 0, "{done}");
    assert!(!done.to_string().contains("hunter2"), "{done}");
    assert_snapshot!("diff", snapshot(&done, &person, &simulator));
    let line = format!("image diff {} app:v1 -o json", person.home.path().join("v1").display());
    let same = person.run(&simulator, &line).await.json();
    assert_eq!((&same["gone"], &same["added"], &same["config"]), (&json!([]), &json!([]), &json!([])));
    let schema = Mlcr::bare().run("schema diff").await.json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&same), "{same}");
}

#[tokio::test]
async fn a_manifest_is_printed_byte_for_byte() {
    let (simulator, person, manifest) = pushed().await;
    for line in ["image manifest app:v1".to_owned(), format!("image manifest app@{manifest}")] {
        let done = person.run(&simulator, &line).await;
        assert_eq!((done.code, digest(done.stdout.as_bytes())), (0, manifest.clone()), "{done}");
    }
    assert_eq!(person.run(&simulator, "image manifest app:v9").await.code, 4);
    assert_eq!(person.run(&simulator, "image show app:v1 --show-env").await.code, 2);
}
