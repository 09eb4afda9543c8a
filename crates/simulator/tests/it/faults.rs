//! What goes wrong on purpose, as a client sees it.

use std::time::Duration;

use crate::wire::{REGISTRY, Wire, ids};
use mlspace_registry_simulator::{ErrorBody, Fault, FaultError, NewImage, Seed, Simulator};
use serde_json::{Value, json};

async fn simulator() -> (Simulator, Wire) {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    simulator.push_image(NewImage::new("a", ["v1", "v2", "v3", "v4"]));
    let wire = Wire::new(&simulator).await;
    (simulator, wire)
}

fn tag_ids(simulator: &Simulator) -> Vec<String> {
    simulator.repositories()[0].tags.iter().map(|tag| tag.id.to_string()).collect()
}

#[tokio::test]
async fn a_status_comes_in_the_shape_that_was_asked_for_and_nothing_is_done() {
    let (simulator, wire) = simulator().await;
    for (shape, content_type, sign) in [
        (ErrorBody::Detail, "application/json", r#"{"detail":""#),
        (ErrorBody::DetailReason, "application/json", r#"{"detail":{"reason":"#),
        (ErrorBody::Fields, "application/json", r#"{"detail":[{"#),
        (ErrorBody::Reason, "application/json", r#""status":503"#),
        (ErrorBody::Message, "application/json", r#"{"message":"#),
        (ErrorBody::Code, "application/json", r#"{"error_code":503"#),
        (ErrorBody::Text, "text/plain; charset=utf-8", "a fault"),
        (ErrorBody::Html, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        (ErrorBody::HtmlInJson, "application/json", "\"<!DOCTYPE html>"),
        (ErrorBody::Broken, "application/json", r#"{"detail": "a fault"#),
        (ErrorBody::Empty, "application/json", ""),
    ] {
        simulator.fail("tag_delete", Fault::answer(503, shape).times(1)).unwrap();
        let answer = wire.write("DELETE", "/tags/", json!({ "tag_ids": tag_ids(&simulator) })).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (503, content_type), "{shape:?}");
        assert!(answer.text.contains(sign), "{shape:?}: {}", answer.text);
        assert_eq!(
            serde_json::from_str::<Value>(&answer.text).is_ok(),
            content_type == "application/json" && !matches!(shape, ErrorBody::Broken | ErrorBody::Empty)
        );
    }
    assert_eq!(tag_ids(&simulator).len(), 4);
}

#[tokio::test]
async fn the_firewall_and_the_rate_limit_look_as_they_do_in_earnest() {
    let (simulator, wire) = simulator().await;
    simulator.fail("registry_get", Fault::firewall().times(1)).unwrap();
    simulator
        .fail(
            "registry_get",
            Fault::answer(429, ErrorBody::Code).retry_after("Wed, 21 Oct 2026 07:28:00 GMT").times(1),
        )
        .unwrap();
    simulator.fail("registry_get", Fault::html().times(1)).unwrap();
    simulator.fail("registry_get", Fault::html_in_json().times(1)).unwrap();
    let firewall = wire.get("/registries/current").await;
    assert_eq!((firewall.status, firewall.content_type.as_str()), (445, "text/html; charset=utf-8"));
    let limit = wire.get("/registries/current").await;
    assert_eq!(
        (limit.status, &limit.headers["retry-after"]),
        (429, &"Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap())
    );
    assert_eq!(wire.get("/registries/current").await.content_type, "text/html; charset=utf-8");
    assert!(wire.get("/registries/current").await.json().as_str().unwrap().starts_with("<!DOCTYPE html>"));
    wire.get("/registries/current").await.ok();
}

#[tokio::test]
async fn a_lost_answer_may_have_been_done_or_not() {
    let (simulator, wire) = simulator().await;
    let tags = tag_ids(&simulator);
    let delete =
        |ids: &[String]| wire.signed("DELETE", &format!("{REGISTRY}/tags/")).json(&json!({ "tag_ids": ids }));
    simulator.fail("tag_delete", Fault::lost_before().times(1)).unwrap();
    let error = wire.try_send(delete(&tags[..1])).await.unwrap_err();
    assert!(!error.is_connect() && !error.is_status(), "{error:?}");
    assert_eq!(tag_ids(&simulator).len(), 4);
    simulator.fail("tag_delete", Fault::lost_after().times(1)).unwrap();
    wire.try_send(delete(&tags[..1])).await.unwrap_err();
    assert_eq!(tag_ids(&simulator), tags[1..]);
    let statuses: Vec<_> = simulator
        .journal()
        .iter()
        .filter(|one| one.operation == Some("tag_delete"))
        .map(|one| one.status)
        .collect();
    assert_eq!(statuses, [None, None]);
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_length() {
    let (simulator, wire) = simulator().await;
    simulator.fail("repository_list", Fault::truncated().times(1)).unwrap();
    let response = wire.signed("GET", &format!("{REGISTRY}/repositories/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    response.bytes().await.unwrap_err();
    wire.get("/repositories/").await.ok();
}

#[tokio::test]
async fn a_hanging_request_outlasts_any_patience_and_ends_with_the_simulator() {
    let (simulator, wire) = simulator().await;
    simulator.fail("registry_get", Fault::hang()).unwrap();
    let request = wire.signed("GET", &format!("{REGISTRY}/registries/current"));
    let hanging = tokio::spawn(async move { request.send().await });
    while simulator.requests("registry_get") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    simulator.stop().await;
    hanging.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_delay_lasts_until_the_simulated_clock_has_passed_it() {
    let (simulator, wire) = simulator().await;
    simulator.fail("registry_get", Fault::delay(Duration::from_secs(60)).times(1)).unwrap();
    let request = wire.signed("GET", &format!("{REGISTRY}/registries/current"));
    let waiting = tokio::spawn(async move { request.send().await });
    while simulator.requests("registry_get") == 0 {
        tokio::task::yield_now().await;
    }
    simulator.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    simulator.advance(Duration::from_secs(1));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn deletes_can_be_partial_underreported_or_not_done_at_all() {
    let (simulator, wire) = simulator().await;
    let tags = tag_ids(&simulator);
    let delete = async |ids: &[String]| wire.write("DELETE", "/tags/", json!({ "tag_ids": ids })).await.ok();
    simulator.fail("tag_delete", Fault::delete_not_done().times(1)).unwrap();
    assert_eq!(delete(&tags).await, json!(tags));
    assert_eq!(tag_ids(&simulator), tags);
    simulator.fail("tag_delete", Fault::partial_delete().times(1)).unwrap();
    assert_eq!(delete(&tags[..2]).await, json!(tags[..1]));
    assert_eq!(tag_ids(&simulator), tags[1..]);
    simulator.fail("tag_delete", Fault::partial_answer().times(1)).unwrap();
    assert_eq!(delete(&tags[1..3]).await, json!(tags[1..2]));
    assert_eq!(tag_ids(&simulator), tags[3..]);
    simulator.fail("tag_delete", Fault::wrong_ids().times(1)).unwrap();
    let answer = delete(&tags[3..]).await;
    assert_eq!(answer.as_array().unwrap().len(), 1);
    assert_ne!(answer, json!(tags[3..]));
    assert!(tag_ids(&simulator).is_empty());
}

#[tokio::test]
async fn a_poison_id_spoils_the_delete_that_names_it_and_no_other() {
    let (simulator, wire) = simulator().await;
    let tags = tag_ids(&simulator);
    simulator.fail("tag_delete", Fault::reject_id(tags[1].parse().unwrap())).unwrap();
    let answer = wire.write("DELETE", "/tags/", json!({ "tag_ids": tags })).await;
    assert_eq!((answer.status, &answer.json()["detail"][0]["loc"]), (422, &json!(["body", "tag_ids", 1])));
    assert_eq!(tag_ids(&simulator), tags);
    wire.write("DELETE", "/tags/", json!({ "tag_ids": [tags[0], tags[2]] })).await.ok();
    assert_eq!(tag_ids(&simulator), [tags[1].clone(), tags[3].clone()]);
}

#[tokio::test]
async fn a_change_can_be_answered_and_not_kept() {
    let (simulator, wire) = simulator().await;
    let path = format!("/repositories/{}", simulator.repositories()[0].id);
    simulator.fail("repository_update", Fault::labels_do_not_stick()).unwrap();
    let answer = wire.write("PUT", &path, json!({ "labels": ["x"], "description": "kept" })).await.ok();
    assert_eq!(answer["labels"], json!(["x"]));
    simulator.fail("repository_favorite", Fault::favorites_do_not_stick()).unwrap();
    let answer = wire.write("POST", &format!("{path}/fav"), json!({ "favorite": true })).await.ok();
    assert_eq!(answer["favorite"], true);
    let read = wire.get(&path).await.ok();
    assert_eq!(
        (&read["labels"], &read["favorite"], &read["description"]),
        (&json!([]), &json!(false), &json!("kept"))
    );
}

#[tokio::test]
async fn stamps_can_lose_their_offset_and_answers_their_ids() {
    let (simulator, wire) = simulator().await;
    simulator.fail("repository_list", Fault::naive_timestamps().times(1)).unwrap();
    let list = wire.get("/repositories/").await.ok();
    assert_eq!(list[0]["created_at"], "2026-11-01T12:00:00");
    assert_eq!(list[0]["recent_image"]["tags"][0]["push_time"], "2026-11-01T12:00:00");
    let right = wire.get("/repositories/").await.ok();
    assert_eq!(right[0]["created_at"], "2026-11-01T12:00:00Z");
    simulator.fail("repository_list", Fault::wrong_ids().times(1)).unwrap();
    assert_ne!(ids(&wire.get("/repositories/").await.ok()), ids(&right));
}

#[tokio::test]
async fn a_fault_that_cannot_strike_is_refused_and_faults_can_be_cleared() {
    let (simulator, wire) = simulator().await;
    assert_eq!(simulator.fail("tags_list", Fault::hang()), Err(FaultError::Operation("tags_list".into())));
    let error = simulator.fail("tag_list", Fault::partial_delete()).unwrap_err();
    assert_eq!(error.to_string(), "that fault can do nothing in `tag_list`");
    assert_eq!(simulator.fail("tag_list", Fault::status(101)), Err(FaultError::Status("101".into())));
    assert!(simulator.fail("tag_list", Fault::html().header("a b", "c")).is_err());
    simulator.fail("registry_get", Fault::status(503)).unwrap();
    assert_eq!(wire.get("/registries/current").await.status, 503);
    simulator.clear_faults();
    wire.get("/registries/current").await.ok();
}

#[tokio::test]
async fn faults_can_be_armed_before_the_start() {
    let builder = Simulator::builder().fault("service_auth=503;times=1".parse().unwrap());
    let simulator = builder.start().await.unwrap();
    let status = reqwest::Client::new()
        .post(format!("{}/public/v2/service_auth", simulator.base_url()))
        .send()
        .await
        .unwrap()
        .status();
    assert_eq!(status, 503);
}

#[tokio::test]
async fn a_fault_can_be_aimed_at_a_repository_an_id_a_page_or_whatever_a_test_says() {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let images: Vec<_> =
        ["a", "b", "c"].map(|name| simulator.push_image(NewImage::new(name, ["v1"]))).to_vec();
    let wire = Wire::new(&simulator).await;
    let repositories: Vec<_> = simulator.repositories().iter().map(|one| one.id).collect();
    let list =
        async |at: usize| wire.get(&format!("/images/?repository_id={}", repositories[at])).await.status;
    simulator.fail("image_list", Fault::status(403).repository("b")).unwrap();
    assert_eq!([list(0).await, list(1).await, list(2).await], [200, 403, 200]);
    // What is in a repository is about it as well.
    simulator.fail("image_get", Fault::status(403).repository("b").nth(2)).unwrap();
    let get = async |at: usize| wire.get(&format!("/images/{}", images[at])).await.status;
    assert_eq!([get(1).await, get(0).await, get(1).await, get(1).await], [200, 200, 403, 200]);
    simulator.fail("tag_create", Fault::status(500).id(images[2])).unwrap();
    let create = async |at: usize| {
        wire.write("POST", "/tags/", json!({ "image_id": images[at], "name": "v2" })).await.status
    };
    assert_eq!([create(0).await, create(2).await], [200, 500]);
    simulator.fail("image_delete", Fault::status(500).id(images[2])).unwrap();
    let delete = json!({ "image_ids": [images[0], images[2]] });
    assert_eq!(wire.write("DELETE", "/images/", delete).await.status, 500);
    simulator.fail("repository_list", Fault::status(502).page(2)).unwrap();
    let page = async |query: &str| wire.get(&format!("/repositories/{query}")).await.status;
    assert_eq!([page("").await, page("?page=1").await, page("?page=2").await], [200, 200, 502]);
    simulator.fail("repository_list", Fault::status(504).page(1)).unwrap();
    assert_eq!(page("").await, 504);
    let asks_for_many = |request: &mlspace_registry_simulator::Recorded| {
        assert_eq!(request.headers["authorization"], "[redacted]");
        request.query.iter().any(|(name, value)| name == "page_size" && value.len() > 2)
    };
    simulator.fail("repository_list", Fault::status(400).when(asks_for_many)).unwrap();
    assert_eq!([page("?page=3&page_size=10").await, page("?page=3&page_size=100").await], [200, 400]);
    assert_eq!(simulator.journal().last().unwrap().status, Some(400));
}

#[tokio::test]
async fn a_fault_of_the_registry_can_be_aimed_at_a_repository() {
    let open = "registry-auth=open".parse().unwrap();
    let simulator = Simulator::builder().seed(Seed::Empty).quirk(open).start().await.unwrap();
    simulator.fail("oci_tag_list", Fault::status(503).repository("b")).unwrap();
    let id = simulator.registry().id;
    for (name, status) in [("a", 404), ("b", 503), (&*format!("{id}/b"), 503)] {
        let url = format!("http://{}/v2/{name}/tags/list", simulator.registry_address());
        assert_eq!(reqwest::get(url).await.unwrap().status(), status, "{name}");
    }
    let refused = simulator.fail("registry_get", Fault::hang().repository("a")).unwrap_err();
    assert!(matches!(refused, FaultError::DoesNotFit { .. }));
}
