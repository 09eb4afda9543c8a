//! The service's own behaviour: what it holds, and how calls change it.

use std::time::Duration;

use crate::wire::{Wire, ids};
use mlspace_registry_simulator::{NewImage, Quirk, Seed, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

async fn empty() -> (Simulator, Wire) {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    (simulator, wire)
}

fn names(tags: &Value) -> Vec<&str> {
    tags.as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_push_makes_the_repository_the_image_and_its_tags() {
    let (simulator, wire) = empty().await;
    let attrs = json!({ "os": "linux" });
    let id = simulator.push_image(NewImage {
        size: 42,
        extra_attrs: attrs.as_object().unwrap().clone(),
        ..NewImage::new("a/b", ["v1", "latest"])
    });
    let registry = wire.get("/registries/current").await.ok();
    assert_eq!(registry["repositories_count"], 1);
    let repositories = wire.get("/repositories/").await.ok();
    let repository = &repositories[0];
    assert_eq!((&repository["name"], &repository["images_count"]), (&json!("a/b"), &json!(1)));
    assert_eq!(names(&repository["tags"]), ["v1", "latest"]);
    assert_eq!(repository["recent_image"]["id"], id.to_string());
    let image = wire.get(&format!("/images/{id}")).await.ok();
    assert_eq!((&image["size"], &image["extra_attrs"]), (&json!(42), &attrs));
    let host = simulator.registry_address();
    assert_eq!(image["full_name"], format!("{host}/{}/a/b", registry["id"].as_str().unwrap()));
    let tags = wire.get(&format!("/tags/?image_id={id}")).await.ok();
    assert_eq!(tags, image["tags"]);
    assert_eq!(tags[0]["full_name"], format!("{}:v1", image["full_name"].as_str().unwrap()));
}

#[tokio::test]
async fn a_tag_that_is_pushed_to_another_image_moves_and_keeps_its_id_and_colour() {
    let (simulator, wire) = empty().await;
    let old = simulator.push_image(NewImage::new("a", ["latest"]));
    let tag = simulator.tags(old)[0].id;
    wire.write("PUT", &format!("/tags/{tag}"), json!({ "color": "#f00" })).await.ok();
    let new = simulator.push_image(NewImage::new("a", ["latest"]));
    assert!(simulator.tags(old).is_empty());
    let moved = &simulator.tags(new)[0];
    assert_eq!((moved.id, moved.color.as_deref(), moved.image_id), (tag, Some("#f00"), new));
    assert_eq!(simulator.repositories()[0].tags.len(), 1);
    let elsewhere = simulator.push_image(NewImage::new("b", ["latest"]));
    assert_ne!(simulator.tags(elsewhere)[0].id, tag);
}

#[tokio::test]
async fn the_same_digest_is_the_same_image_and_becomes_the_recent_one() {
    let (simulator, _) = empty().await;
    let digest = Some(format!("sha256:{}", "0".repeat(64)));
    let first = simulator.push_image(NewImage { digest: digest.clone(), ..NewImage::new("a", ["v1"]) });
    let second = simulator.push_image(NewImage::new("a", ["v2"]));
    simulator.advance(Duration::from_secs(60));
    let again = simulator.push_image(NewImage { digest, ..NewImage::new("a", ["v3"]) });
    assert_eq!(first, again);
    let repository = &simulator.repositories()[0];
    assert_eq!(repository.images_count, 2);
    assert_eq!(repository.recent_image.as_ref().unwrap().id, first);
    let images = simulator.images(repository.id);
    assert_eq!(images.iter().map(|image| image.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(images[1].tags.len(), 2);
    assert!(images[1].push_time > images[0].push_time);
}

#[tokio::test]
async fn labels_are_added_and_removed_and_the_rest_stays() {
    let (simulator, wire) = empty().await;
    simulator.push_image(NewImage::new("a", ["v1"]));
    let id = simulator.repositories()[0].id;
    let put = async |body: Value| wire.write("PUT", &format!("/repositories/{id}"), body).await.ok();
    let before = put(json!({ "description": "text", "labels": ["x", "y", "x"] })).await;
    assert_eq!((&before["description"], &before["labels"]), (&json!("text"), &json!(["x", "y"])));
    simulator.advance(Duration::from_secs(5));
    let after = put(json!({ "labels": ["z"], "labels_to_delete": ["x", "never"] })).await;
    assert_eq!((&after["description"], &after["labels"]), (&json!("text"), &json!(["y", "z"])));
    assert_ne!(before["updated_at"], after["updated_at"]);
    assert_eq!(wire.get(&format!("/repositories/{id}")).await.ok(), after);
}

#[tokio::test]
async fn favourites_belong_to_the_key_that_set_them() {
    let (simulator, wire) = empty().await;
    let person = Wire::with_key(&simulator, simulator.personal()).await;
    simulator.push_image(NewImage::new("a", ["v1"]));
    let path = format!("/repositories/{}", simulator.repositories()[0].id);
    let fav = format!("{path}/fav");
    assert_eq!(person.write("POST", &fav, json!({ "favorite": true })).await.ok()["favorite"], true);
    assert_eq!(person.get(&path).await.ok()["favorite"], true);
    assert_eq!(wire.get(&path).await.ok()["favorite"], false);
    assert_eq!(person.write("POST", &fav, json!({ "favorite": false })).await.ok()["favorite"], false);
}

#[tokio::test]
async fn tags_are_made_coloured_and_deleted() {
    let (simulator, wire) = empty().await;
    let image = simulator.push_image(NewImage::new("a", ["v1"]));
    let body = json!({ "image_id": image, "name": "v2", "color": "any text" });
    let tag = wire.write("POST", "/tags/", body).await.ok();
    assert_eq!((&tag["name"], &tag["color"]), (&json!("v2"), &json!("any text")));
    let path = format!("/tags/{}", tag["id"].as_str().unwrap());
    assert_eq!(wire.write("PUT", &path, json!({ "color": null })).await.ok()["color"], Value::Null);
    let unknown = Uuid::from_u128(7);
    let deleted =
        wire.write("DELETE", "/tags/", json!({ "tag_ids": [unknown, tag["id"], tag["id"]] })).await.ok();
    assert_eq!(deleted, json!([tag["id"]]));
    assert!(simulator.contains_image(image));
    assert_eq!(names(&wire.get(&format!("/tags/?image_id={image}")).await.ok()), ["v1"]);
    let bad = wire.write("POST", "/tags/", json!({ "image_id": image, "name": "a b" })).await;
    assert_eq!(bad.status, 422);
}

#[tokio::test]
async fn deletes_answer_only_what_went_and_take_along_what_belongs_to_it() {
    let (simulator, wire) = empty().await;
    let image = simulator.push_image(NewImage::new("a", ["v1", "v2"]));
    let other = simulator.push_image(NewImage::new("a", ["v3"]));
    simulator.push_image(NewImage::new("b", ["v1"]));
    let (tag, other_tag) = (simulator.tags(image)[0].id, simulator.tags(other)[0].id);
    let repository = simulator.repositories()[0].id;

    let went =
        wire.write("DELETE", "/images/", json!({ "image_ids": [image, Uuid::nil(), repository] })).await;
    assert_eq!(went.ok(), json!([image]));
    assert!(!simulator.contains_image(image) && !simulator.contains_tag(tag));
    let left = wire.get(&format!("/repositories/{repository}")).await.ok();
    assert_eq!((&left["images_count"], names(&left["tags"])), (&json!(1), vec!["v3"]));
    assert_eq!(left["recent_image"]["id"], other.to_string());

    let body = json!({ "repository_ids": [repository] });
    assert_eq!(wire.write("DELETE", "/repositories/", body.clone()).await.ok(), json!([repository]));
    assert_eq!(wire.write("DELETE", "/repositories/", body).await.ok(), json!([]));
    assert!(!simulator.contains_image(other) && !simulator.contains_tag(other_tag));
    assert_eq!(simulator.registry().repositories_count, 1);
    // The name is free again, for a new repository.
    simulator.push_image(NewImage::new("a", ["v1"]));
    assert_ne!(simulator.repositories()[1].id, repository);
}

#[tokio::test]
async fn the_last_image_leaves_a_repository_without_a_recent_one() {
    let (simulator, wire) = empty().await;
    let image = simulator.push_image(NewImage::new("a", ["v1"]));
    wire.write("DELETE", "/images/", json!({ "image_ids": [image] })).await.ok();
    let left = wire.get("/repositories/").await.ok();
    assert_eq!((&left[0]["recent_image"], &left[0]["images_count"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn the_password_is_a_persons_and_the_old_one_ends_with_the_new() {
    let (simulator, wire) = empty().await;
    let path = "/public/v2/docker_registry/v1/users/generate_password";
    let refused = wire.send(wire.signed("GET", path)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["detail"].is_string());
    assert!(simulator.registry_password().is_none());
    let person = Wire::with_key(&simulator, simulator.personal()).await;
    let first = person.send(person.signed("GET", path)).await.ok()["password"].clone();
    assert_eq!(simulator.registry_password().unwrap().expose(), first);
    let second = person.send(person.signed("GET", path)).await.ok()["password"].clone();
    assert_ne!(first, second);
    assert_eq!(simulator.registry_password().unwrap().expose(), second);
}

#[tokio::test]
async fn tokens_end_by_the_simulators_clock() {
    let (simulator, mut wire) = empty().await;
    simulator.advance(Duration::from_secs(3599));
    wire.get("/registries/current").await.ok();
    simulator.advance(Duration::from_secs(1));
    assert_eq!(wire.get("/registries/current").await.json()["error_code"], 20);
    wire.sign_in(simulator.service_account()).await;
    wire.get("/registries/current").await.ok();
}

#[tokio::test]
async fn repositories_come_in_pages_that_together_are_the_list() {
    let seed = Seed::Counts { repositories: 7, images: 1, tags: 1 };
    let simulator = Simulator::builder().seed(seed).start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let whole = ids(&wire.get("/repositories/").await.ok());
    let mut paged = Vec::new();
    for (page, length) in [(1, 3), (2, 3), (3, 1), (4, 0)] {
        let shown = ids(&wire.get(&format!("/repositories/?page={page}&page_size=3")).await.ok());
        assert_eq!(shown.len(), length);
        paged.extend(shown);
    }
    assert_eq!(whole, paged);
    assert_eq!(whole.len(), 7);
}

#[tokio::test]
async fn pages_of_images_split_an_image_by_its_tags() {
    let (simulator, wire) = empty().await;
    let first = simulator.push_image(NewImage::new("a", ["v1", "v2", "v3"]));
    let second = simulator.push_image(NewImage::new("a", [""; 0]));
    let repository = simulator.repositories()[0].id;
    let page = async |page: u32| {
        let path = format!("/images/?repository_id={repository}&page={page}&page_size=2");
        let shown = wire.get(&path).await.ok();
        let names = shown.as_array().unwrap().iter().flat_map(|image| names(&image["tags"]));
        (ids(&shown), names.map(str::to_owned).collect::<Vec<_>>())
    };
    let (first, second) = (first.to_string(), second.to_string());
    assert_eq!(page(1).await, (vec![first.clone()], vec!["v1".into(), "v2".into()]));
    assert_eq!(page(2).await, (vec![first.clone(), second], vec!["v3".into()]));
    assert_eq!(page(3).await, (vec![], vec![]));
    let tags = wire.get(&format!("/tags/?image_id={first}&page=2&page_size=2")).await.ok();
    assert_eq!(names(&tags), ["v3"]);
}

#[tokio::test]
async fn the_demo_has_one_of_everything_that_lists_trip_over() {
    let simulator = Simulator::start().await.unwrap();
    let repositories = simulator.repositories();
    let images: Vec<_> = repositories.iter().flat_map(|one| simulator.images(one.id)).collect();
    assert!(repositories.iter().any(|one| one.name.contains('/')));
    assert!(repositories.iter().any(|one| one.images_count == 0 && one.recent_image.is_none()));
    assert_eq!(repositories.iter().filter(|one| one.favorite).count(), 1);
    assert!(repositories.iter().any(|one| one.labels.iter().flatten().count() > 1));
    assert!(images.iter().any(|image| image.tags.is_empty()));
    assert!(images.iter().any(|image| image.pull_time.is_none()));
    assert!(images.iter().flat_map(|image| &image.tags).any(|tag| tag.color.is_some()));
    let untagged = images.iter().find(|image| image.tags.is_empty()).unwrap();
    let pulled = images.iter().find(|image| image.pull_time.is_none() && !image.tags.is_empty()).unwrap();
    simulator.pull_image(pulled.id, Some(&pulled.tags[0].name));
    simulator.pull_image(untagged.id, None);
    assert_eq!(simulator.tags(pulled.id)[0].pull_time, Some(simulator.now()));
}

#[tokio::test]
async fn two_simulators_of_one_seed_are_the_same_and_independent() {
    let host: Quirk = "registry-host=cr.ai.cloud.ru".parse().unwrap();
    let start = || Simulator::builder().quirk(host.clone()).start();
    let (one, other) = (start().await.unwrap(), start().await.unwrap());
    assert_eq!(one.repositories(), other.repositories());
    assert_eq!(one.workspace_id(), other.workspace_id());
    assert_ne!(one.base_url(), other.base_url());
    one.push_image(NewImage::new("only/here", ["v1"]));
    assert_ne!(one.repositories(), other.repositories());
}

#[tokio::test]
async fn a_hundred_thousand_repositories_are_paged_and_deleted_without_a_scan_for_each_id() {
    let seed = Seed::Counts { repositories: 100_000, images: 1, tags: 1 };
    let simulator = Simulator::builder().seed(seed).start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let last = ids(&wire.get("/repositories/?page=1000&page_size=100").await.ok());
    assert_eq!(last.len(), 100);
    let all = simulator.repository_ids();
    assert_eq!(all[99_999].to_string(), last[99]);
    let went = wire.write("DELETE", "/repositories/", json!({ "repository_ids": all })).await.ok();
    assert_eq!(went.as_array().unwrap().len(), 100_000);
    assert_eq!(simulator.registry().repositories_count, 0);
    assert!(simulator.repositories().is_empty());
}
