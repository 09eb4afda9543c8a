//! Each switch that changes how answers are written, and the strict mode, which watches how requests are.

use mlspace_registry_simulator::{NewImage, Quirk, Seed, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::{Wire, ids};

/// Two repositories; the first has an image with configuration and a tag, the second a bare one without a tag.
async fn with(quirks: &[&str]) -> (Simulator, Wire, Uuid) {
    let builder = Simulator::builder().seed(Seed::Empty);
    let quirks = quirks.iter().map(|quirk| quirk.parse().unwrap());
    let simulator = quirks.fold(builder, |builder, quirk| builder.quirk(quirk)).start().await.unwrap();
    let attrs = json!({ "os": "linux", "created_at": "as its maker wrote it", "layers": [] });
    let extra_attrs = attrs.as_object().unwrap().clone();
    simulator.push_image(NewImage { size: 1002, extra_attrs, ..NewImage::new("full", ["v1"]) });
    let bare = simulator.push_image(NewImage::new("bare", [""; 0]));
    let wire = Wire::new(&simulator).await;
    (simulator, wire, bare)
}

async fn repositories(quirks: &[&str]) -> Value {
    with(quirks).await.1.get("/repositories/").await.ok()
}

#[tokio::test]
async fn lists_and_maps_without_contents_may_be_null() {
    let (simulator, wire, image) = with(&["empty-lists=null"]).await;
    let list = wire.get("/repositories/").await.ok();
    assert_eq!((&list[0]["labels"], &list[1]["tags"]), (&Value::Null, &Value::Null));
    assert_eq!(list[1]["recent_image"]["extra_attrs"], Value::Null);
    assert_eq!(list[0]["recent_image"]["extra_attrs"]["layers"], json!([]), "the maker's own");
    assert_eq!(wire.get(&format!("/tags/?image_id={image}")).await.ok(), Value::Null);
    let nothing = json!({ "tag_ids": [Uuid::nil()] });
    assert_eq!(wire.write("DELETE", "/tags/", nothing).await.ok(), Value::Null);
    assert!(simulator.repositories()[1].tags.is_empty(), "the handle sees what is there");
}

#[tokio::test]
async fn the_configuration_may_be_missing_or_null() {
    for (quirk, full, bare) in [
        ("extra-attrs=absent-if-empty", true, None),
        ("extra-attrs=absent", false, None),
        ("extra-attrs=null", false, Some(&Value::Null)),
    ] {
        let list = repositories(&[quirk]).await;
        let attrs = |row: usize| list[row]["recent_image"].get("extra_attrs");
        assert_eq!(attrs(0).is_some_and(Value::is_object), full, "{quirk}");
        assert_eq!(attrs(1), bare, "{quirk}");
    }
}

#[tokio::test]
async fn every_object_may_have_fields_that_nobody_knows() {
    let (_simulator, wire, _) = with(&["unknown-fields=on"]).await;
    let list = wire.get("/repositories/").await.ok();
    let workspaces = wire.send(wire.signed("GET", "/public/v2/workspaces/v3/")).await.ok();
    for object in [&list[0], &list[0]["tags"][0], &list[0]["recent_image"], &workspaces["workspaces"][0]] {
        assert_eq!(object["x_text"], "unknown");
        assert!(object["x_object"]["nested"]["list"].is_array());
    }
    assert_eq!(list[0]["recent_image"]["extra_attrs"].as_object().unwrap().len(), 3, "the maker's own");
}

#[tokio::test]
async fn the_type_of_a_token_may_be_an_unknown_word() {
    let (simulator, wire, _) = with(&["token-type=unknown"]).await;
    let key = simulator.service_account();
    let body = json!({ "client_id": key.client_id, "client_secret": key.client_secret });
    let answer = wire.send(wire.bare("POST", "/public/v2/service_auth").json(&body)).await.ok();
    assert_eq!(answer["token"]["token_type"], "DPoP");
}

#[tokio::test]
async fn numbers_may_be_written_with_a_point() {
    let list = repositories(&["whole-floats=on"]).await;
    assert_eq!(list[0]["images_count"].to_string(), "1.0");
    assert_eq!(list[0]["recent_image"]["size"].to_string(), "1002.0");
}

#[tokio::test]
async fn stamps_may_be_long_at_the_end_of_time_or_before_it_began() {
    for (quirks, stamp) in [
        (&["stamps=long"][..], "2026-11-01T12:00:00.123456789012Z"),
        (&["stamps=long", "naive-timestamps"], "2026-11-01T12:00:00.123456789012"),
        (&["stamps=maximum"], "9999-12-31T23:59:59.999999"),
        (&["stamps=zero"], "0001-01-01T00:00:00Z"),
    ] {
        let list = repositories(quirks).await;
        assert_eq!(
            (&list[0]["created_at"], &list[0]["tags"][0]["push_time"]),
            (&json!(stamp), &json!(stamp))
        );
        let image = &list[0]["recent_image"];
        assert_eq!((&image["push_time"], &image["pull_time"]), (&json!(stamp), &Value::Null));
        assert_eq!(image["extra_attrs"]["created_at"], "as its maker wrote it");
    }
}

#[tokio::test]
async fn what_was_never_pulled_may_say_so_in_other_ways() {
    for (quirk, stamp) in [("never-pulled=zero", "0001-01-01T00:00:00Z"), ("never-pulled=empty", "")] {
        let (simulator, wire, bare) = with(&[quirk]).await;
        simulator.pull_image(bare, None);
        let list = wire.get("/repositories/").await.ok();
        assert_eq!(list[0]["recent_image"]["pull_time"], stamp);
        assert_eq!(list[0]["tags"][0]["pull_time"], stamp);
        assert_eq!(list[1]["recent_image"]["pull_time"], "2026-11-01T12:00:00Z");
    }
}

#[tokio::test]
async fn a_row_may_be_odd_among_good_ones() {
    let (simulator, wire, image) = with(&["odd-row=2", "nameless-row=2"]).await;
    let list = wire.get("/repositories/").await.ok();
    assert!(list[0]["tags"].is_array() && list[0]["name"].is_string());
    assert_eq!((&list[1]["tags"], &list[1]["name"]), (&json!("none"), &Value::Null));
    assert_eq!(ids(&list).len(), 2, "its id is there");
    let one = wire.get(&format!("/repositories/{}", ids(&list)[1])).await.ok();
    assert!(one["tags"].is_array(), "alone it is as good as any");
    assert_eq!(wire.get(&format!("/tags/?image_id={image}")).await.ok(), json!([]));
    simulator.push_image(NewImage::new("bare", ["v1", "v2"]));
    let images = wire.get(&format!("/images/?repository_id={}", ids(&list)[1])).await.ok();
    assert_eq!((&images[1]["digest"], &images[1]["tags"]), (&Value::Null, &json!("none")));
    let tags = wire.get(&format!("/tags/?image_id={}", ids(&images)[1])).await.ok();
    assert_eq!((&tags[1]["name"], &tags[1]["signed"]), (&Value::Null, &json!("no")));
}

#[tokio::test]
async fn the_strict_mode_refuses_what_the_document_does_not_name() {
    let (simulator, wire, image) = with(&["strict"]).await;
    let repository = simulator.repository_ids()[0];
    let put = async |body: Value| wire.write("PUT", &format!("/repositories/{repository}"), body).await;
    put(json!({ "labels": ["a"] })).await.ok();
    let refused = put(json!({ "labels": ["b"], "lables": [] })).await;
    let problem = json!({ "loc": ["body", "lables"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden" });
    assert_eq!((refused.status, &refused.json()["detail"]), (422, &json!([problem])));
    assert_eq!(
        simulator.repositories()[0].labels.as_deref(),
        Some(&["a".to_owned()][..]),
        "nothing was done"
    );

    for query in ["page=1&page=2", "pageSize=2", "repository_id=x"] {
        let refused = wire.get(&format!("/repositories/?{query}")).await;
        assert_eq!(refused.json()["detail"][0]["type"], "extra_forbidden", "{query}");
    }
    wire.get("/repositories/?page=1&page_size=2").await.ok();
    let sign_in = wire.signed("POST", "/public/v2/service_auth").json(&json!({}));
    assert_eq!(
        wire.send(sign_in).await.text.matches("extra_forbidden").count(),
        3,
        "none of the three headers"
    );
    let with_body =
        wire.signed("GET", &format!("/public/v2/docker_registry/v2/images/{image}")).json(&json!({}));
    assert_eq!(wire.send(with_body).await.json()["detail"][0]["loc"], json!(["body"]));
}

#[tokio::test]
async fn the_strict_mode_takes_no_bare_token() {
    let (simulator, wire, _) = with(&["bare-token=on"]).await;
    let current = "/public/v2/docker_registry/v2/registries/current";
    let bare = async || {
        let request = wire.bare("GET", current).header("authorization", wire.token());
        let request = request.header("x-workspace-id", simulator.workspace_id().to_string());
        wire.send(request.header("x-api-key", simulator.api_key().expose())).await
    };
    bare().await.ok();
    simulator.quirk(Quirk::Strict(true));
    assert_eq!((bare().await.status, wire.get("/registries/current").await.status), (401, 200));
}
