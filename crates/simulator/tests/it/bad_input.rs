//! Bad input of every kind gets the 4xx that says what is wrong, and changes nothing.

use crate::wire::{Answer, REGISTRY, Wire};
use mlspace_registry_simulator::{OPERATION_IDS, Simulator};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One good call for each operation of the registry: id, method, path, body.
struct Calls(Vec<(&'static str, &'static str, String, Option<Value>)>);

impl Calls {
    fn new(simulator: &Simulator) -> Self {
        let repository = simulator.repositories()[0].id;
        let image = simulator.images(repository)[0].id;
        let tag = simulator.tags(image)[0].id;
        let at = |path: String| format!("{REGISTRY}{path}");
        Self(vec![
            (
                "generate_password",
                "GET",
                "/public/v2/docker_registry/v1/users/generate_password".into(),
                None,
            ),
            ("registry_get", "GET", at("/registries/current".into()), None),
            ("repository_list", "GET", at("/repositories/".into()), None),
            ("repository_get", "GET", at(format!("/repositories/{repository}")), None),
            (
                "repository_update",
                "PUT",
                at(format!("/repositories/{repository}")),
                Some(json!({ "description": "d", "labels": ["a"], "labels_to_delete": ["b"] })),
            ),
            (
                "repository_favorite",
                "POST",
                at(format!("/repositories/{repository}/fav")),
                Some(json!({ "favorite": true })),
            ),
            ("image_list", "GET", at(format!("/images/?repository_id={repository}")), None),
            ("image_get", "GET", at(format!("/images/{image}")), None),
            ("tag_list", "GET", at(format!("/tags/?image_id={image}")), None),
            (
                "tag_create",
                "POST",
                at("/tags/".into()),
                Some(json!({ "image_id": image, "name": "n", "color": "c" })),
            ),
            ("tag_update", "PUT", at(format!("/tags/{tag}")), Some(json!({ "color": "c" }))),
            ("tag_delete", "DELETE", at("/tags/".into()), Some(json!({ "tag_ids": [tag] }))),
            ("image_delete", "DELETE", at("/images/".into()), Some(json!({ "image_ids": [image] }))),
            (
                "repository_delete",
                "DELETE",
                at("/repositories/".into()),
                Some(json!({ "repository_ids": [repository] })),
            ),
        ])
    }

    fn get(&self, id: &str) -> &(&'static str, &'static str, String, Option<Value>) {
        self.0.iter().find(|call| call.0 == id).unwrap()
    }
}

fn with_body(request: RequestBuilder, body: Option<&Value>) -> RequestBuilder {
    if let Some(body) = body { request.json(body) } else { request }
}

/// The places that a 422 names.
fn places(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 422, "{answer:?}");
    answer.json()["detail"].as_array().unwrap().iter().map(|problem| problem["loc"].clone()).collect()
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["error_code"].clone())
}

#[tokio::test]
async fn every_registry_operation_checks_token_workspace_and_api_key_in_that_order() {
    let simulator = Simulator::start().await.unwrap();
    let old = Wire::with_key(&simulator, simulator.personal()).await;
    simulator.expire_tokens();
    let wire = Wire::with_key(&simulator, simulator.personal()).await;
    let workspace = simulator.workspace_id().to_string();
    let calls = Calls::new(&simulator);
    assert_eq!(calls.0.len(), OPERATION_IDS.len() - 3);
    for (id, method, path, body) in &calls.0 {
        let bare = || with_body(wire.bare(method, path), body.as_ref());
        let token = || bare().bearer_auth(wire.token());
        assert_eq!(code(&wire.send(bare()).await), (401, 19.into()), "{id}");
        assert_eq!(code(&wire.send(bare().bearer_auth("wrong")).await), (401, 21.into()), "{id}");
        assert_eq!(code(&wire.send(bare().bearer_auth(old.token())).await), (401, 20.into()), "{id}");
        let basic = bare().header("authorization", format!("Basic {}", wire.token()));
        assert_eq!(code(&wire.send(basic).await), (401, 21.into()), "{id}");
        assert_eq!(places(&wire.send(token()).await), [json!(["header", "x-workspace-id"])], "{id}");
        for workspace in ["", "wrong", "3fa85f64-5717-4562-b3fc-2c963f66afa6"] {
            let answer = wire.send(token().header("x-workspace-id", workspace)).await;
            assert_eq!(answer.status, 403, "{id} {answer:?}");
        }
        let there = || token().header("x-workspace-id", &workspace);
        assert_eq!(code(&wire.send(there()).await), (401, 9.into()), "{id}");
        assert_eq!(code(&wire.send(there().header("x-api-key", "wrong")).await), (401, 10.into()), "{id}");
    }
    // None of that changed anything, so every call is still good.
    for (id, method, path, body) in &calls.0 {
        let answer = wire.send(with_body(wire.signed(method, path), body.as_ref())).await;
        assert_eq!(answer.status, 200, "{id} {answer:?}");
    }
}

#[tokio::test]
async fn sign_in_without_a_workspace_needs_the_token_alone() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    for path in ["/public/v2/workspaces/v3/", "/public/v2/workspaces/v1/x_api_key"] {
        assert_eq!(code(&wire.send(wire.bare("GET", path)).await), (401, 19.into()));
        assert_eq!(code(&wire.send(wire.bare("GET", path).bearer_auth("x")).await), (401, 21.into()));
    }
    let list = wire.bare("GET", "/public/v2/workspaces/v3/").bearer_auth(wire.token());
    let workspace = wire.send(list).await.ok()["workspaces"][0]["id"].clone();
    assert_eq!(workspace, simulator.workspace_id().to_string());
    let key = || wire.bare("GET", "/public/v2/workspaces/v1/x_api_key").bearer_auth(wire.token());
    assert_eq!(places(&wire.send(key()).await), [json!(["header", "x-workspace-id"])]);
    let answer = wire.send(key().header("x-workspace-id", workspace.as_str().unwrap())).await;
    assert_eq!(answer.ok()["x-api-key"], simulator.api_key().expose());
}

#[tokio::test]
async fn a_key_that_is_wrong_or_incomplete_does_not_sign_in() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let send = async |body: Value| wire.send(wire.bare("POST", "/public/v2/service_auth").json(&body)).await;
    let (service, person) = (simulator.service_account(), simulator.personal());
    for (id, secret) in [
        (service.client_id.as_str(), person.client_secret.expose()),
        (service.client_id.as_str(), ""),
        ("", service.client_secret.expose()),
    ] {
        let answer = send(json!({ "client_id": id, "client_secret": secret })).await;
        assert_eq!(code(&answer), (401, 1.into()));
    }
    let answer = send(json!({ "client_id": 7 })).await;
    assert_eq!(places(&answer), [json!(["body", "client_id"]), json!(["body", "client_secret"])]);
    simulator.revoke_service_account();
    let answer =
        send(json!({ "client_id": service.client_id, "client_secret": service.client_secret })).await;
    assert_eq!(code(&answer), (401, 1.into()));
    assert_eq!(code(&wire.get("/registries/current").await), (401, 21.into()));
}

#[tokio::test]
async fn an_api_key_that_was_replaced_is_no_longer_good() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    simulator.rotate_api_key();
    assert_eq!(code(&wire.get("/registries/current").await), (401, 10.into()));
    let again = wire.signed("GET", "/public/v2/workspaces/v1/x_api_key");
    assert_eq!(wire.send(again).await.ok()["x-api-key"], simulator.api_key().expose());
    Wire::new(&simulator).await.get("/registries/current").await.ok();
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_named_and_one_that_is_unknown_is_not_found() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let calls = Calls::new(&simulator);
    for (id, parameter) in [
        ("repository_get", "repository_id"),
        ("repository_update", "repository_id"),
        ("repository_favorite", "repository_id"),
        ("image_get", "image_id"),
        ("tag_update", "tag_id"),
        ("image_list", "repository_id"),
        ("tag_list", "image_id"),
    ] {
        let (_, method, path, body) = calls.get(id);
        let good = path.split(['/', '=']).find(|part| part.len() == 36).unwrap();
        let place = if path.contains('=') { "query" } else { "path" };
        for bad in
            ["1", "null", "%00", "%FF", "..", "a%20b", "3fa85f64-5717-4562-b3fc-2c963f66afa", "%27%3B--"]
        {
            // A client takes `..` out of a path before it sends it.
            if bad == ".." && place == "path" {
                continue;
            }
            let request = wire.signed(method, &path.replace(good, bad));
            let answer = wire.send(with_body(request, body.as_ref())).await;
            assert_eq!(places(&answer), [json!([place, parameter])], "{id} {bad}");
        }
        let unknown = path.replace(good, "3fa85f64-5717-4562-b3fc-2c963f66afa6");
        let answer = wire.send(with_body(wire.signed(method, &unknown), body.as_ref())).await;
        assert_eq!(answer.status, 404, "{id}");
        assert!(answer.json()["detail"].is_string(), "{id}");
    }
    let answer =
        wire.write("POST", "/tags/", json!({ "image_id": simulator.workspace_id(), "name": "n" })).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_and_the_place_is_named() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let calls = Calls::new(&simulator);
    let sign_in = json!({ "client_id": "i", "client_secret": "s" });
    let mut with_bodies: Vec<_> = calls.0.iter().filter(|call| call.3.is_some()).cloned().collect();
    with_bodies.push(("service_auth", "POST", "/public/v2/service_auth".into(), Some(sign_in)));
    assert_eq!(with_bodies.len(), 8);
    for (id, method, path, body) in with_bodies {
        let request = || wire.signed(method, &path);
        assert_eq!(places(&wire.send(request()).await), [json!(["body"])], "{id}");
        for text in ["{", "nonsense", "{\"a\":\n}", "\u{feff}{}", "{}{}"] {
            let answer = wire.send(request().header("content-type", "application/json").body(text)).await;
            assert_eq!(answer.json()["detail"][0]["type"], "json_invalid", "{id} {text}");
            let place = places(&answer).remove(0);
            assert!(place[0] == "body" && place[1].as_u64().unwrap() <= text.len() as u64, "{place}");
        }
        let nested = "[".repeat(100_000);
        let answer = wire.send(request().header("content-type", "application/json").body(nested)).await;
        assert_eq!(answer.status, 422, "{id}");
        let bytes = request().header("content-type", "application/json").body(vec![0xff, 0xfe, 0x00]);
        assert_eq!(wire.send(bytes).await.status, 422, "{id}");
        for other in [json!(null), json!([]), json!(7), json!("text")] {
            assert_eq!(places(&wire.send(request().json(&other)).await), [json!(["body"])], "{id} {other}");
        }
        let form = request().header("content-type", "text/plain").body("{}");
        assert_eq!(places(&wire.send(form).await), [json!(["body"])], "{id}");

        // Each field with each kind of wrong value, and left out.
        let body = body.unwrap();
        for (field, good) in body.as_object().unwrap() {
            for wrong in
                [json!(7), json!({}), json!([{}]), json!([null]), json!("text"), json!(true), json!(null)]
            {
                let is_fine = wrong.is_string() && good.is_string() && field != "image_id"
                    || wrong.is_boolean() && good.is_boolean()
                    || wrong.is_null() && matches!(id, "repository_update" | "tag_update")
                    || wrong.is_null() && field == "color";
                if is_fine {
                    continue;
                }
                let mut bad = body.clone();
                bad[field] = wrong.clone();
                let answer = wire.send(request().json(&bad)).await;
                let place = places(&answer).remove(0);
                assert_eq!(place[1], *field, "{id} {wrong}");
            }
            let mut bad = body.clone();
            bad.as_object_mut().unwrap().remove(field);
            let answer = wire.send(request().json(&bad)).await;
            if id == "repository_update" || (id, field.as_str()) == ("tag_create", "color") {
                assert_eq!(answer.status, 200, "{id} without {field}");
            } else {
                assert_eq!(places(&answer), [json!(["body", field])], "{id} without {field}");
                assert_eq!(answer.json()["detail"][0]["type"], "missing");
            }
        }
    }
}

#[tokio::test]
async fn wrong_query_values_are_named() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    for name in ["page", "page_size"] {
        for bad in ["0", "-1", "x", "", "1.5", "99999999999999999999", "NaN"] {
            let answer = wire.get(&format!("/repositories/?{name}={bad}")).await;
            assert_eq!(places(&answer), [json!(["query", name])], "{name}={bad}");
        }
    }
    assert_eq!(places(&wire.get("/repositories/?page=0&page_size=0").await).len(), 2);
    assert_eq!(places(&wire.get("/images/").await), [json!(["query", "repository_id"])]);
    assert_eq!(places(&wire.get("/tags/?image_id=").await), [json!(["query", "image_id"])]);
    let far = wire.get("/repositories/?page=9223372036854775807&page_size=9223372036854775807").await;
    assert_eq!(far.ok(), json!([]));
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_refused_for_every_operation() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let calls = Calls::new(&simulator);
    for (id, method, path, _) in &calls.0 {
        let answer = wire.send(wire.signed(method, path).body(vec![b' '; 5_000_000])).await;
        assert_eq!(answer.status, 413, "{id}");
    }
    let sign_in = wire.bare("POST", "/public/v2/service_auth").body(vec![b' '; 5_000_000]);
    assert_eq!(wire.send(sign_in).await.status, 413);
    assert_eq!(simulator.repositories().len(), 5);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones_and_does_nothing() {
    let simulator = Simulator::start().await.unwrap();
    let person = Wire::with_key(&simulator, simulator.personal()).await;
    let calls = Calls::new(&simulator);
    let mut paths: Vec<_> = calls.0.iter().map(|call| call.2.clone()).collect();
    paths.extend(
        ["/service_auth", "/workspaces/v3/", "/workspaces/v1/x_api_key"]
            .map(|path| format!("/public/v2{path}")),
    );
    for path in paths {
        for method in ["HEAD", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
            let answer = person.send(person.signed(method, &path)).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer.headers["allow"].to_str().unwrap();
            assert!(!allow.is_empty() && !allow.contains(method), "{method} {path}: {allow}");
        }
    }
    assert!(simulator.registry_password().is_none());
    let answer = person.write("PUT", "/repositories/", json!({})).await;
    assert_eq!(answer.headers["allow"], "GET, DELETE");
}

#[tokio::test]
async fn a_missing_or_added_slash_is_redirected_and_an_unknown_path_is_not_found() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    for (path, target) in [
        ("/repositories?page=2&page_size=1", "/repositories/?page=2&page_size=1"),
        ("/images", "/images/"),
        ("/registries/current/", "/registries/current"),
        ("/repositories/1/", "/repositories/1"),
    ] {
        let answer = wire.get(path).await;
        assert_eq!(answer.status, 307);
        assert_eq!(answer.headers["location"], format!("{}{REGISTRY}{target}", simulator.base_url()));
    }
    for path in [
        "/",
        "/public",
        "/public/v2/docker_registry/v2/",
        "/public/v2/docker_registry/v2/repositories/a/b/c",
        "/public/v2/docker_registry/v2/repositories/a%2Fb",
        "//public/v2/service_auth",
        "/%ff",
    ] {
        let answer = wire.send(wire.signed("GET", path)).await;
        assert_eq!((answer.status, answer.json()), (404, json!({ "detail": "Not Found" })), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_http_ends_the_connection_and_nothing_else() {
    let simulator = Simulator::start().await.unwrap();
    let address = simulator.base_url().strip_prefix("http://").unwrap();
    for nonsense in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{nonsense:?}");
    }
    let wire = Wire::new(&simulator).await;
    wire.get("/registries/current").await.ok();
}
