//! What leaves the machine: one snapshot for each operation of the API.
//!
//! A recorder stands where the network is, below sign-in and retries, so that a snapshot shows every byte
//! that would be sent but for what the HTTP library adds. Secrets are recognised by their mark.

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use mlspace_registry::api::{Http, Sending, Transport};
use mlspace_registry::{Client, OPERATIONS, RotationConsent, Uuid};
use serde_json::{Value, json};

const ID: Uuid = Uuid::from_u128(0x1111_1111_1111_1111_1111_1111_1111_1111);
const OTHER: Uuid = Uuid::from_u128(0x2222_2222_2222_2222_2222_2222_2222_2222);
const SECRETS: [&str; 4] = ["the-key-secret", "the-token", "the-api-key", "the-password"];

/// Keeps requests and answers them as the document says.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(&'static str, String)>>);

impl Transport for Recorder {
    fn send<'a>(
        &'a self,
        operation: &'static str,
        _: &'a Http,
        mut request: reqwest::Request,
    ) -> Sending<'a> {
        let body = serde_json::to_vec(&answer(operation)).unwrap();
        let response =
            http::Response::builder().header("content-type", "application/json").body(body).unwrap();
        Box::pin(async move {
            let body = request.body_mut().take().unwrap_or_default().collect().await.unwrap().to_bytes();
            self.0.lock().unwrap().push((operation, render(&request, &body)));
            Ok(response.into())
        })
    }
}

fn render(request: &reqwest::Request, body: &[u8]) -> String {
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut text = format!("{} {}{query}\n", request.method(), url.path());
    let mut headers: Vec<_> = request.headers().iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        let value = value.to_str().unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        text += &format!("{name}: {value}\n");
    }
    if !body.is_empty() {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        if let Some(secret) = body.get_mut("client_secret") {
            *secret = json!("[secret]");
        }
        text += &format!("\n{}\n", serde_json::to_string_pretty(&body).unwrap());
    }
    text
}

fn answer(operation: &str) -> Value {
    let tag = json!({"id": OTHER, "name": "v1", "full_name": "cr.example/r/n:v1", "image_id": ID, "repository_id": ID,
        "push_time": "2026-10-19T12:00:00Z", "signed": false, "color": "#2f81f7"});
    let image = json!({"id": ID, "digest": "sha256:0", "full_name": "cr.example/r/n", "repository_id": ID, "size": 1,
        "push_time": "2026-10-19T12:00:00Z", "extra_attrs": {}, "tags": [tag]});
    let repository = json!({"id": ID, "name": "n", "full_name": "cr.example/r/n", "description": "d",
        "labels": ["prod"], "created_at": "2026-10-19T12:00:00Z", "updated_at": "2026-10-19T12:00:00Z",
        "registry_id": ID, "tags": [], "favorite": true, "images_count": 1});
    match operation {
        "service_auth" => json!({"token": {"access_token": "the-token", "expires_in": 3600}}),
        "workspace_list" => json!({"workspaces": [{"id": ID, "name": "w"}]}),
        "workspace_api_key" => json!({"x-api-key": "the-api-key"}),
        "generate_password" => json!({"password": "the-password"}),
        "registry_get" => json!({"id": ID, "name": "r", "created_at": "2026-10-19T12:00:00Z",
            "updated_at": "2026-10-19T12:00:00Z", "repositories_count": 1}),
        "repository_list" => json!([repository]),
        "repository_get" | "repository_update" | "repository_favorite" => repository,
        "image_list" => json!([image]),
        "image_get" => image,
        "tag_list" => json!([tag]),
        "tag_create" | "tag_update" => tag,
        "repository_delete" | "image_delete" | "tag_delete" => json!([ID, OTHER]),
        other => panic!("no answer for {other}"),
    }
}

/// Calls the method of an operation.
async fn call(client: &Client, operation: &str) {
    match operation {
        "service_auth" => drop(client.sign_in().await.unwrap()),
        "workspace_list" => drop(client.workspaces().list_of_customer("a customer").await.unwrap()),
        "workspace_api_key" => drop(client.workspaces().api_key(&OTHER.to_string()).await.unwrap()),
        "generate_password" => {
            let consent = RotationConsent::OldPasswordStopsWorkingEverywhere;
            drop(client.password().rotate(consent).await.unwrap());
        }
        "registry_get" => drop(client.registry().await.unwrap()),
        "repository_list" => drop(client.repositories().list().collect_all().await.unwrap()),
        "repository_get" => drop(client.repositories().get(ID).await.unwrap()),
        "repository_update" => {
            let update =
                client.repositories().update(ID).description("d").add_label("prod").remove_label("old");
            drop(update.send().await.unwrap());
        }
        "repository_favorite" => drop(client.repositories().set_favorite(ID, true).await.unwrap()),
        "repository_delete" => {
            assert!(client.repositories().delete_many([ID, OTHER]).send().await.all_gone())
        }
        "image_list" => drop(client.images().list(ID).collect_all().await.unwrap()),
        "image_get" => drop(client.images().get(ID).await.unwrap()),
        "image_delete" => assert!(client.images().delete_many([ID, OTHER]).send().await.all_gone()),
        "tag_list" => drop(client.tags().list(ID).collect_all().await.unwrap()),
        "tag_create" => drop(client.tags().create(ID, "v1").color("#2f81f7").send().await.unwrap()),
        "tag_update" => drop(client.tags().set_color(OTHER, Some("#2f81f7")).await.unwrap()),
        "tag_delete" => assert!(client.tags().delete_many([ID, OTHER]).send().await.all_gone()),
        other => panic!("the operation {other} has no method"),
    }
}

async fn recorded(operation: &'static str) -> Vec<(&'static str, String)> {
    let recorder = Arc::new(Recorder::default());
    let client = Client::builder()
        .credentials("the-key-id", "the-key-secret")
        .base_url("http://127.0.0.1:9")
        .transport(recorder.clone())
        .build()
        .unwrap();
    call(&client, operation).await;
    std::mem::take(&mut *recorder.0.lock().unwrap())
}

#[tokio::test]
async fn every_operation_leaves_the_machine_as_recorded() {
    for operation in OPERATIONS {
        let requests = recorded(operation.id).await;
        let of_operation = requests.iter().filter(|(id, _)| *id == operation.id);
        let shapes: Vec<_> = of_operation.map(|(_, shape)| shape.as_str()).collect();
        assert!(!shapes.is_empty(), "{} was never sent", operation.id);
        insta::assert_snapshot!(operation.id, shapes[0]);
    }
}

#[tokio::test]
async fn no_request_shows_a_secret() {
    for operation in OPERATIONS {
        for (_, shape) in recorded(operation.id).await {
            let leaked = SECRETS.iter().find(|secret| shape.contains(**secret));
            assert_eq!(leaked, None, "in {shape}");
        }
    }
}

#[tokio::test]
async fn clearing_a_colour_sends_null() {
    let recorder = Arc::new(Recorder::default());
    let client =
        Client::builder().credentials("i", "s").base_url("http://127.0.0.1:9").transport(recorder.clone());
    // The canned answer shows another colour, so the outcome is not confirmed; the request is what counts.
    let cleared = client.build().unwrap().tags().set_color(OTHER, None).await;
    assert!(cleared.unwrap_err().is_outcome_unknown());
    let requests = recorder.0.lock().unwrap();
    let (_, shape) = requests.iter().find(|(id, _)| *id == "tag_update").unwrap();
    assert!(shape.contains("\"color\": null"), "{shape}");
}

#[tokio::test]
async fn an_update_sends_nothing_that_was_not_asked_for() {
    let recorder = Arc::new(Recorder::default());
    let client =
        Client::builder().credentials("i", "s").base_url("http://127.0.0.1:9").transport(recorder.clone());
    client.build().unwrap().repositories().update(ID).description("d").send().await.unwrap();
    let requests = recorder.0.lock().unwrap();
    let (_, shape) = requests.iter().find(|(id, _)| *id == "repository_update").unwrap();
    assert!(!shape.contains("labels"), "{shape}");
}
