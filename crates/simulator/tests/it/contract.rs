//! Every operation of the OpenAPI document is answered, and every answer is one that the document describes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::wire::{Answer, REGISTRY, Wire};
use mlspace_registry_simulator::{ErrorBody, Fault, OPERATION_IDS, Quirk, Simulator};
use serde_json::{Value, json};

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/resolved.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The operations of the document: id, method, path.
fn operations(document: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                found.push((id.to_owned(), method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

/// OpenAPI 3.0 writes `nullable` where JSON Schema has a type of its own.
fn without_nullable(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nullable);
            if fields.remove("nullable") == Some(true.into()) {
                let schema = Value::Object(std::mem::take(fields));
                fields.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_nullable),
        _ => {}
    }
}

struct Contract {
    document: Value,
    seen: BTreeSet<(String, u16)>,
}

impl Contract {
    fn new() -> Self {
        Self { document: document(), seen: BTreeSet::new() }
    }

    /// Holds the answer against what the document says about that operation and status.
    fn check(&mut self, id: &str, answer: &Answer) -> Value {
        assert_eq!(answer.content_type, "application/json", "{id}: {answer:?}");
        let (_, method, path) = operations(&self.document).into_iter().find(|one| one.0 == id).unwrap();
        let responses = &self.document["paths"][&path][method.to_lowercase()]["responses"];
        let response = &responses[answer.status.to_string()];
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{id} may not answer {}: {answer:?}", answer.status);
        let mut schema = json!({ "components": self.document["components"], "allOf": [schema] });
        without_nullable(&mut schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let body = answer.json();
        let errors: Vec<_> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{id}: {errors:?} in {body}");
        self.seen.insert((id.to_owned(), answer.status));
        body
    }
}

#[test]
fn the_simulator_answers_exactly_the_operations_of_the_document() {
    let described: BTreeSet<_> = operations(&document()).into_iter().map(|one| one.0).collect();
    let answered: BTreeSet<_> = OPERATION_IDS.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(described, answered);
}

#[tokio::test]
async fn every_documented_answer_of_every_operation_has_the_documented_form() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let person = Wire::with_key(&simulator, simulator.personal()).await;
    let mut contract = Contract::new();
    let repository = simulator.repositories().into_iter().find(|one| one.images_count > 1).unwrap();
    let image = &simulator.images(repository.id)[0];
    let tag = &simulator.tags(image.id)[0];

    let key = simulator.service_account();
    let good = json!({ "client_id": key.client_id, "client_secret": key.client_secret });
    let bad = json!({ "client_id": key.client_id, "client_secret": "wrong" });
    let sign_in = |body: &Value| wire.bare("POST", "/public/v2/service_auth").json(body);
    contract.check("service_auth", &wire.send(sign_in(&good)).await);
    contract.check("service_auth", &wire.send(sign_in(&bad)).await);
    contract.check("service_auth", &wire.send(sign_in(&json!({}))).await);

    let list = "/public/v2/workspaces/v3/";
    contract.check("workspace_list", &wire.send(wire.signed("GET", list)).await);
    contract.check("workspace_list", &wire.send(wire.bare("GET", list)).await);
    let api_key = wire.send(wire.signed("GET", "/public/v2/workspaces/v1/x_api_key")).await;
    contract.check("workspace_api_key", &api_key);
    let password = "/public/v2/docker_registry/v1/users/generate_password";
    contract.check("generate_password", &person.send(person.signed("GET", password)).await);

    // The first body or address is good, the second is not valid.
    let (repository, image, tag) = (repository.id, image.id, tag.id);
    let calls = [
        ("registry_get", "GET", "/registries/current".into(), None),
        ("repository_list", "GET", "/repositories/?page=1&page_size=2".into(), None),
        ("repository_list", "GET", "/repositories/?page=0".into(), None),
        ("repository_get", "GET", format!("/repositories/{repository}"), None),
        ("repository_get", "GET", "/repositories/1".into(), None),
        ("repository_update", "PUT", format!("/repositories/{repository}"), Some(json!({ "labels": ["x"] }))),
        ("repository_update", "PUT", format!("/repositories/{repository}"), Some(json!({ "labels": "x" }))),
        (
            "repository_favorite",
            "POST",
            format!("/repositories/{repository}/fav"),
            Some(json!({ "favorite": true })),
        ),
        ("repository_favorite", "POST", format!("/repositories/{repository}/fav"), Some(json!({}))),
        ("image_list", "GET", format!("/images/?repository_id={repository}"), None),
        ("image_list", "GET", "/images/".into(), None),
        ("image_get", "GET", format!("/images/{image}"), None),
        ("image_get", "GET", "/images/1".into(), None),
        ("tag_list", "GET", format!("/tags/?image_id={image}"), None),
        ("tag_list", "GET", "/tags/?image_id=1".into(), None),
        (
            "tag_create",
            "POST",
            "/tags/".into(),
            Some(json!({ "image_id": image, "name": "n", "color": "red" })),
        ),
        ("tag_create", "POST", "/tags/".into(), Some(json!({ "image_id": image }))),
        ("tag_update", "PUT", format!("/tags/{tag}"), Some(json!({ "color": null }))),
        ("tag_update", "PUT", format!("/tags/{tag}"), Some(json!({}))),
        ("tag_delete", "DELETE", "/tags/".into(), Some(json!({ "tag_ids": [tag] }))),
        ("tag_delete", "DELETE", "/tags/".into(), Some(json!({ "tag_ids": [1] }))),
        ("image_delete", "DELETE", "/images/".into(), Some(json!({ "image_ids": [image] }))),
        ("image_delete", "DELETE", "/images/".into(), Some(json!({}))),
        (
            "repository_delete",
            "DELETE",
            "/repositories/".into(),
            Some(json!({ "repository_ids": [repository] })),
        ),
        ("repository_delete", "DELETE", "/repositories/".into(), Some(json!([]))),
    ];
    for (id, method, path, body) in calls {
        let request = wire.signed(method, &format!("{REGISTRY}{path}"));
        let request = if let Some(body) = &body { request.json(body) } else { request };
        let answer = wire.send(request).await;
        contract.check(id, &answer);
    }
    // The two calls whose only documented 422 is a missing header.
    for (id, path) in [
        ("registry_get", "/public/v2/docker_registry/v2/registries/current"),
        ("generate_password", "/public/v2/docker_registry/v1/users/generate_password"),
    ] {
        let request = wire.bare("GET", path).bearer_auth(wire.token());
        contract.check(id, &wire.send(request).await);
    }
    // Too many requests, and failures, which only a fault brings about.
    for (id, request) in [("service_auth", sign_in(&good)), ("workspace_list", wire.signed("GET", list))] {
        simulator.quirk(Quirk::RateLimit(Some(1)));
        let copy = request.try_clone().unwrap();
        wire.send(copy.try_clone().unwrap()).await;
        contract.check(id, &wire.send(copy).await);
        simulator.quirk(Quirk::RateLimit(None));
        simulator.fail(id, Fault::answer(500, ErrorBody::Code).times(1)).unwrap();
        contract.check(id, &wire.send(request).await);
    }

    let mut described = BTreeSet::new();
    for (id, method, path) in operations(&contract.document) {
        let operation = &contract.document["paths"][&path][method.to_lowercase()];
        for status in operation["responses"].as_object().unwrap().keys() {
            described.insert((id.clone(), status.parse::<u16>().unwrap()));
        }
    }
    // A key may come as any text, so nothing that is sent to it is badly formed.
    described.remove(&("workspace_list".to_owned(), 422));
    assert_eq!(contract.seen, described);
}

#[tokio::test]
async fn the_strict_mode_knows_the_parameters_and_fields_of_the_document() {
    let simulator = Simulator::builder().quirk(Quirk::Strict(true)).start().await.unwrap();
    let wire = Wire::new(&simulator).await;
    let document = document();
    for (id, method, path) in operations(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let query: Vec<_> = parameters
            .filter(|one| one["in"] == "query")
            .map(|one| (one["name"].as_str().unwrap(), "1"))
            .collect();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = body.as_str().and_then(|reference| document.pointer(&reference[1..]));
        let names = schema.into_iter().flat_map(|schema| schema["properties"].as_object().unwrap().keys());
        let fields: serde_json::Map<_, _> = names.map(|name| (name.clone(), json!(1))).collect();
        let path = path.split('{').next().unwrap().to_owned() + if path.contains('{') { "1" } else { "" };
        let path = if id == "repository_favorite" { path + "/fav" } else { path };

        let extra = async |query: &[(&str, &str)], fields: &serde_json::Map<String, Value>| {
            let request = match id.as_str() {
                "service_auth" => wire.bare(&method, &path),
                _ => wire.signed(&method, &path),
            };
            let request = request.query(query);
            let request = if fields.is_empty() { request } else { request.json(fields) };
            wire.send(request).await.text.matches("extra_forbidden").count()
        };
        assert_eq!(extra(&query, &fields).await, 0, "{id} takes all that it is said to take");
        let (mut more_query, mut more_fields) = (query.clone(), fields.clone());
        more_query.push(("other", "1"));
        more_fields.insert("other".to_owned(), json!(1));
        assert_eq!(extra(&more_query, &fields).await, 1, "{id} takes no other parameter");
        assert!(extra(&query, &more_fields).await > 0, "{id} takes no other field");
    }
}

#[tokio::test]
async fn the_answers_keep_their_form_under_every_way_of_writing() {
    for quirk in ["commands=empty", "commands=null", "commands=absent", "registry-host=localhost:5000"] {
        let simulator = Simulator::builder().quirk(quirk.parse().unwrap()).start().await.unwrap();
        let wire = Wire::new(&simulator).await;
        let mut contract = Contract::new();
        contract.check("repository_list", &wire.get("/repositories/").await);
        contract.check("registry_get", &wire.get("/registries/current").await);
    }
}
