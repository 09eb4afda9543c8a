//! Each switch changes what it says it changes.

use std::time::Duration;

use crate::wire::{Wire, ids};
use mlspace_registry_simulator::{NewImage, QUIRKS, Quirk, Seed, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

/// Five repositories, the first with one image that has two tags.
async fn with(quirks: &[&str]) -> (Simulator, Wire, Uuid) {
    let mut builder = Simulator::builder().seed(Seed::Empty);
    for quirk in quirks {
        builder = builder.quirk(quirk.parse().unwrap());
    }
    let simulator = builder.start().await.unwrap();
    let image = simulator.push_image(NewImage::new("r0", ["v1", "v2"]));
    for name in ["r1", "r2", "r3", "r4"] {
        simulator.push_image(NewImage::new(name, ["v1"]));
    }
    let wire = Wire::new(&simulator).await;
    (simulator, wire, image)
}

fn quirk(simulator: &Simulator, text: &str) {
    simulator.quirk(text.parse().unwrap());
}

#[tokio::test]
async fn a_delete_may_take_only_so_many_ids() {
    let (simulator, wire, _) = with(&["max-ids-per-delete=2"]).await;
    let all: Vec<_> = simulator.repositories().iter().map(|one| one.id).collect();
    let delete =
        async |ids: &[Uuid]| wire.write("DELETE", "/repositories/", json!({ "repository_ids": ids })).await;
    assert_eq!(delete(&all[..3]).await.status, 422);
    assert_eq!(simulator.repositories().len(), 5);
    assert_eq!(delete(&all[..2]).await.ok(), json!(all[..2]));
}

#[tokio::test]
async fn a_tagged_image_may_be_kept_or_leave_its_tags() {
    let (simulator, wire, image) = with(&["tagged-images=refused"]).await;
    let delete = async || wire.write("DELETE", "/images/", json!({ "image_ids": [image] })).await.ok();
    assert_eq!(delete().await, json!([]));
    assert!(simulator.contains_image(image));
    quirk(&simulator, "tagged-images=keep-tags");
    assert_eq!(delete().await, json!([image]));
    let tags = simulator.tags(image);
    assert!(!simulator.contains_image(image) && tags.len() == 2);
    assert_eq!(simulator.repositories()[0].tags.len(), 2);
    let listed = wire.get(&format!("/tags/?image_id={image}")).await.ok();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    // A tag without an image can be moved and deleted as any other.
    let new = simulator.push_image(NewImage::new("r0", ["v1"]));
    assert_eq!(simulator.tags(new)[0].id, tags[0].id);
    let deleted = wire.write("DELETE", "/tags/", json!({ "tag_ids": [tags[1].id] })).await.ok();
    assert_eq!(deleted, json!([tags[1].id]));
    assert_eq!(wire.get(&format!("/tags/?image_id={image}")).await.status, 404);
}

#[tokio::test]
async fn a_name_that_is_taken_may_move_or_not() {
    let (simulator, wire, image) = with(&[]).await;
    let other = simulator.push_image(NewImage::new("r0", [""; 0]));
    let body = json!({ "image_id": other, "name": "v1" });
    quirk(&simulator, "existing-tag=refused");
    assert_eq!(wire.write("POST", "/tags/", body.clone()).await.status, 409);
    wire.write("POST", "/tags/", json!({ "image_id": image, "name": "v1" })).await.ok();
    quirk(&simulator, "existing-tag=moves");
    wire.write("POST", "/tags/", body).await.ok();
    assert_eq!((simulator.tags(image).len(), simulator.tags(other).len()), (1, 1));
}

#[tokio::test]
async fn an_unknown_parent_may_have_an_empty_list() {
    let (_simulator, wire, _) = with(&["unknown-parent=empty"]).await;
    let unknown = Uuid::from_u128(1);
    assert_eq!(wire.get(&format!("/images/?repository_id={unknown}")).await.ok(), json!([]));
    assert_eq!(wire.get(&format!("/tags/?image_id={unknown}")).await.ok(), json!([]));
}

#[tokio::test]
async fn pages_may_have_a_default_a_maximum_an_overlap_or_no_effect() {
    let (simulator, wire, _) = with(&["default-page-size=2", "max-page-size=3"]).await;
    let all: Vec<_> = simulator.repositories().iter().map(|one| one.id.to_string()).collect();
    let list = async |query: &str| ids(&wire.get(&format!("/repositories/{query}")).await.ok());
    assert_eq!(list("").await, all[..2]);
    assert_eq!(list("?page=3").await, all[4..]);
    assert_eq!(list("?page_size=100").await, all[..3]);
    quirk(&simulator, "page-size-over-maximum=refused");
    assert_eq!(wire.get("/repositories/?page_size=4").await.status, 422);
    quirk(&simulator, "overlapping-pages");
    assert_eq!(list("?page=2&page_size=2").await, all[1..4]);
    quirk(&simulator, "ignores-page");
    assert_eq!(list("?page=2&page_size=2").await, all[..2]);
}

#[tokio::test]
async fn paging_may_be_ignored_on_images_and_tags() {
    let (simulator, wire, image) = with(&["split-images=off"]).await;
    let repository = simulator.repositories()[0].id;
    let images = wire.get(&format!("/images/?repository_id={repository}&page=9&page_size=1")).await.ok();
    assert_eq!(images[0]["tags"].as_array().unwrap().len(), 2);
    let tags = wire.get(&format!("/tags/?image_id={image}&page=1&page_size=1")).await.ok();
    assert_eq!(tags.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn colours_and_names_may_be_checked() {
    let (simulator, wire, image) = with(&["colors=hex"]).await;
    let path = format!("/tags/{}", simulator.tags(image)[0].id);
    for (color, status) in
        [("#f00", 200), ("#2F81f7", 200), ("red", 422), ("#ff00", 422), ("", 422), ("#ggg", 422)]
    {
        let answer = wire.write("PUT", &path, json!({ "color": color })).await;
        assert_eq!(answer.status, status, "{color}");
    }
    wire.write("PUT", &path, json!({ "color": null })).await.ok();
    for name in ["", "a b", ".a", "-a", "ä", &"a".repeat(129)] {
        let body = json!({ "image_id": image, "name": name });
        quirk(&simulator, "tag-names=docker");
        assert_eq!(wire.write("POST", "/tags/", body.clone()).await.status, 422, "{name}");
        quirk(&simulator, "tag-names=any");
        wire.write("POST", "/tags/", body).await.ok();
    }
}

#[tokio::test]
async fn answers_may_be_written_in_other_ways() {
    let (simulator, wire, image) = with(&["naive-timestamps", "registry-host=localhost:5000"]).await;
    let path = format!("/images/{image}");
    let shown = wire.get(&path).await.ok();
    assert_eq!(shown["push_time"], "2026-11-01T12:00:00");
    assert!(shown["full_name"].as_str().unwrap().starts_with("localhost:5000/"));
    assert!(shown["commands"]["pull"].as_str().unwrap().starts_with("docker pull localhost:5000/"));
    quirk(&simulator, "commands=empty");
    assert_eq!(wire.get(&path).await.ok().get("commands"), Some(&json!({})));
    quirk(&simulator, "commands=null");
    assert_eq!(wire.get(&path).await.ok().get("commands"), Some(&Value::Null));
    quirk(&simulator, "commands=absent");
    assert_eq!(wire.get(&path).await.ok().get("commands"), None);
    quirk(&simulator, "html-not-found");
    for path in ["/images/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/nowhere"] {
        let answer = wire.get(path).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (404, "text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn signing_in_may_be_stricter() {
    let (simulator, wire, _) = with(&["api-key-refused", "workspace-list-refused"]).await;
    let signed = |path: &str| wire.signed("GET", path);
    for path in ["/public/v2/workspaces/v3/", "/public/v2/workspaces/v1/x_api_key"] {
        let answer = wire.send(signed(path)).await;
        assert_eq!((answer.status, &answer.json()["status"]), (400, &json!(400)));
        assert!(answer.json()["reason"].is_string());
    }
    let bare = || wire.bare("GET", "/public/v2/workspaces/v3/").header("authorization", wire.token());
    quirk(&simulator, "workspace-list-refused=off");
    wire.send(bare()).await.ok();
    quirk(&simulator, "bare-token=off");
    assert_eq!(wire.send(bare()).await.json()["error_code"], 21);
}

#[tokio::test]
async fn there_may_be_more_workspaces_of_which_one_has_a_registry() {
    let (simulator, wire, _) = with(&["workspaces=3", "api-key-refused=off"]).await;
    let list = wire.send(wire.signed("GET", "/public/v2/workspaces/v3/")).await.ok();
    let workspaces = ids(&list["workspaces"]);
    assert_eq!((workspaces.len(), &workspaces[0]), (3, &simulator.workspace_id().to_string()));
    let at = |path: &str| {
        wire.bare("GET", path).bearer_auth(wire.token()).header("x-workspace-id", &workspaces[1])
    };
    let key = wire.send(at("/public/v2/workspaces/v1/x_api_key")).await.ok()["x-api-key"].clone();
    assert_ne!(key, simulator.api_key().expose());
    let registry = "/public/v2/docker_registry/v2/registries/current";
    let mixed = wire.send(at(registry).header("x-api-key", simulator.api_key().expose())).await;
    assert_eq!(mixed.json()["error_code"], 10);
    assert_eq!(wire.send(at(registry).header("x-api-key", key.as_str().unwrap())).await.status, 404);
}

#[tokio::test]
async fn the_rate_limit_counts_by_the_simulated_minute() {
    let (simulator, wire, _) = with(&[]).await;
    simulator.quirk(Quirk::RateLimit(Some(3)));
    let status = async || wire.get("/registries/current").await.status;
    assert_eq!([status().await, status().await, status().await, status().await], [200, 200, 200, 429]);
    simulator.advance(Duration::from_secs(20));
    let refused = wire.get("/registries/current").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"40".parse().unwrap()));
    assert_eq!(refused.json()["error_message"], "Rate limit exceeded: 3 per 1 minute");
    quirk(&simulator, "retry-after=off");
    assert!(!wire.get("/registries/current").await.headers.contains_key("retry-after"));
    simulator.advance(Duration::from_secs(40));
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn the_firewall_may_watch_what_is_sent() {
    let (simulator, wire, image) = with(&["firewall"]).await;
    let path = format!("/repositories/{}", simulator.repositories()[0].id);
    for text in ["a; rm -rf", "../../etc/passwd", "$(id)", "`id`", "a | b"] {
        let answer = wire.write("PUT", &path, json!({ "description": text })).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (445, "text/html; charset=utf-8"),
            "{text}"
        );
    }
    wire.write("PUT", &path, json!({ "description": "plain text" })).await.ok();
    wire.get(&format!("/images/{image}")).await.ok();
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_is_told_to() {
    let (simulator, wire, _) = with(&["token-lifetime=10"]).await;
    simulator.advance(Duration::from_secs(9));
    wire.get("/registries/current").await.ok();
    simulator.advance(Duration::from_secs(1));
    assert_eq!(wire.get("/registries/current").await.json()["error_code"], 20);
    simulator.quirk(Quirk::TokenLifetime(usize::MAX));
    simulator.advance(Duration::MAX);
    Wire::new(&simulator).await.get("/registries/current").await.ok();
}

#[test]
fn no_quirk_is_without_a_test() {
    let tests = [
        include_str!("quirks.rs"),
        include_str!("contract.rs"),
        include_str!("forms.rs"),
        include_str!("limits.rs"),
        include_str!("oci/auth.rs"),
        include_str!("oci/faults.rs"),
        include_str!("oci/habits.rs"),
        include_str!("oci/management_api.rs"),
        include_str!("oci/push.rs"),
        include_str!("oci/push_manifest.rs"),
    ]
    .concat();
    let names = QUIRKS.iter().map(|quirk| quirk.name);
    // It is set as a value there, not by its name.
    let missing: Vec<_> =
        names.filter(|name| *name != "rate-limit" && !tests.contains(&format!("\"{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
