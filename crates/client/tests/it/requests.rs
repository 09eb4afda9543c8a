//! What leaves the machine: one snapshot for each operation of the API, with every shape that its request has.
//!
//! A recorder stands where the network is, below sign-in and retries, so that a snapshot shows every byte
//! that would be sent but for what the HTTP library adds. Secrets are recognised by their mark.
//! `cargo xtask mutate` has the recorder change what it gets, and asks that the snapshots notice.

mod mutants;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use mlspace_registry::{Client, OPERATIONS, RotationConsent, Sending, Transport, Uuid};
use serde_json::{Value, json};

const ID: Uuid = Uuid::from_u128(0x1111_1111_1111_1111_1111_1111_1111_1111);
const OTHER: Uuid = Uuid::from_u128(0x2222_2222_2222_2222_2222_2222_2222_2222);
const SECRETS: [&str; 4] = ["the-key-secret", "the-token", "the-api-key", "the-password"];

/// Keeps requests and answers them as the document says.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(&'static str, Sent)>>);

impl Transport for Recorder {
    fn send<'a>(&'a self, operation: &'static str, request: http::Request<Bytes>) -> Sending<'a> {
        let sent = Sent::new(&request);
        let body = serde_json::to_vec(&answer(operation, &sent.body)).unwrap();
        self.0.lock().unwrap().push((operation, mutants::chosen(operation, sent)));
        let answer = http::Response::builder().header("content-type", "application/json").body(body.into());
        Box::pin(async move { Ok(answer.unwrap()) })
    }
}

/// A request as it would be sent.
#[derive(Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Sent {
    fn new(request: &http::Request<Bytes>) -> Self {
        let (url, body) = (request.uri(), request.body());
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        Self {
            method: request.method().to_string(),
            path: url.path().into(),
            query: url.query().map(str::to_owned),
            headers: request.headers().iter().map(header).collect(),
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() },
        }
    }

    fn render(mut self) -> String {
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut text = format!("{} {}{query}\n", self.method, self.path);
        for (name, value) in self.headers {
            text += &format!("{name}: {}\n", value.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
        }
        if let Some(secret) = self.body.get_mut("client_secret") {
            *secret = json!("[secret]");
        }
        if !self.body.is_null() {
            text += &format!("\n{}\n", serde_json::to_string_pretty(&self.body).unwrap());
        }
        text
    }
}

/// The answer of the document's shape, with what the request set.
fn answer(operation: &str, sent: &Value) -> Value {
    let mut answer = canned(operation, sent);
    for (name, value) in sent.as_object().into_iter().flatten() {
        if let Some(field) = answer.get_mut(name) {
            *field = value.clone();
        }
    }
    answer
}

fn canned(operation: &str, sent: &Value) -> Value {
    let tag = json!({"id": OTHER, "name": "v1", "full_name": "cr.example/r/n:v1", "image_id": ID, "repository_id": ID,
        "push_time": "2026-10-19T12:00:00Z", "signed": false, "color": "#2f81f7"});
    let image = json!({"id": ID, "digest": "sha256:0", "full_name": "cr.example/r/n", "repository_id": ID, "size": 1,
        "push_time": "2026-10-19T12:00:00Z", "extra_attrs": {}, "tags": [tag]});
    let repository = json!({"id": ID, "name": "n", "full_name": "cr.example/r/n", "description": "d",
        "labels": ["prod"], "created_at": "2026-10-19T12:00:00Z", "updated_at": "2026-10-19T12:00:00Z",
        "registry_id": ID, "tags": [], "favorite": true, "images_count": 2});
    match operation {
        "service_auth" => json!({"token": {"access_token": "the-token", "expires_in": 3600}}),
        "workspace_list" => json!({"workspaces": [{"id": ID, "name": "w"}]}),
        "workspace_api_key" => json!({"x-api-key": "the-api-key"}),
        "generate_password" => json!({"password": "the-password"}),
        "registry_get" => json!({"id": ID, "name": "r", "created_at": "2026-10-19T12:00:00Z",
            "updated_at": "2026-10-19T12:00:00Z", "repositories_count": 2}),
        "repository_list" => json!([repository]),
        "repository_get" | "repository_update" | "repository_favorite" => repository,
        "image_list" => json!([image]),
        "image_get" => image,
        "tag_list" => json!([tag]),
        "tag_create" | "tag_update" => tag,
        "repository_delete" | "image_delete" | "tag_delete" => {
            sent.as_object().unwrap().values().next().unwrap().clone()
        }
        other => panic!("no answer for {other}"),
    }
}

/// Calls the methods of an operation with and without each optional part; lists go on to the second page.
async fn call(client: &Client, operation: &str) {
    let (one, two) = ([ID], [ID, OTHER]);
    match operation {
        "service_auth" => drop(client.sign_in().await.unwrap()),
        "workspace_list" => {
            client.workspaces().list().await.unwrap();
            client.workspaces().list_of_customer("a customer").await.unwrap();
        }
        "workspace_api_key" => drop(client.workspaces().api_key(&OTHER.to_string()).await.unwrap()),
        "generate_password" => {
            let consent = RotationConsent::OldPasswordStopsWorkingEverywhere;
            drop(client.password().rotate(consent).await.unwrap());
        }
        "registry_get" => drop(client.registry().await.unwrap()),
        "repository_list" => {
            client.repositories().list().collect_all().await.unwrap();
            client.repositories().list().page_size(NonZeroU32::MIN).collect_all().await.unwrap();
        }
        "repository_get" => drop(client.repositories().get(ID).await.unwrap()),
        "repository_update" => {
            let update = || client.repositories().update(ID);
            let all = update().description("d").add_label("prod").remove_label("old");
            for update in
                [all, update().description("d"), update().add_label("prod"), update().remove_label("old")]
            {
                update.verify(false).send().await.unwrap();
            }
        }
        "repository_favorite" => {
            client.repositories().set_favorite(ID, true).await.unwrap();
            client.repositories().set_favorite(ID, false).await.unwrap();
        }
        "repository_delete" => {
            assert!(client.repositories().delete_many(one).send().await.all_gone());
            assert!(client.repositories().delete_many(two).send().await.all_gone());
        }
        "image_list" => drop(client.images().list(ID).collect_all().await.unwrap()),
        "image_get" => drop(client.images().get(ID).await.unwrap()),
        "image_delete" => {
            assert!(client.images().delete_many(one).send().await.all_gone());
            assert!(client.images().delete_many(two).send().await.all_gone());
        }
        "tag_list" => drop(client.tags().list(ID).collect_all().await.unwrap()),
        "tag_create" => {
            client.tags().create(ID, "v1").send().await.unwrap();
            client.tags().create(ID, "v1").color("#2f81f7").send().await.unwrap();
        }
        "tag_update" => {
            client.tags().set_color(OTHER, Some("#2f81f7")).await.unwrap();
            client.tags().set_color(OTHER, None).await.unwrap();
        }
        "tag_delete" => {
            assert!(client.tags().delete_many(one).send().await.all_gone());
            assert!(client.tags().delete_many(two).send().await.all_gone());
        }
        other => panic!("the operation {other} has no method"),
    }
}

/// All that is sent when an operation is called, each shape once.
async fn recorded(operation: &'static str) -> Vec<(&'static str, Sent)> {
    let recorder = Arc::new(Recorder::default());
    let client = Client::builder()
        .credentials("the-key-id", "the-key-secret")
        .base_url("http://127.0.0.1:9")
        .transport({
            let recorder = recorder.clone();
            move |_| recorder
        })
        .build()
        .unwrap();
    call(&client, operation).await;
    let mut shapes = Vec::new();
    for sent in std::mem::take(&mut *recorder.0.lock().unwrap()) {
        if !shapes.contains(&sent) {
            shapes.push(sent);
        }
    }
    shapes
}

#[tokio::test]
async fn every_operation_leaves_the_machine_as_recorded() {
    for operation in OPERATIONS {
        let requests = recorded(operation.id).await;
        let of_operation = requests.into_iter().filter(|(id, _)| *id == operation.id);
        let shapes: Vec<_> = of_operation.map(|(_, shape)| shape.render()).collect();
        assert!(!shapes.is_empty(), "{} was never sent", operation.id);
        insta::assert_snapshot!(operation.id, shapes.join("\n----\n"));
    }
}

#[tokio::test]
async fn no_request_shows_a_secret() {
    for operation in OPERATIONS {
        for (_, shape) in recorded(operation.id).await {
            let shape = shape.render();
            let leaked = SECRETS.iter().find(|secret| shape.contains(**secret));
            assert_eq!(leaked, None, "in {shape}");
        }
    }
}

#[tokio::test]
async fn there_are_many_changes_that_the_snapshots_would_notice() {
    let mut names = BTreeSet::new();
    for operation in OPERATIONS {
        for (id, shape) in recorded(operation.id).await {
            let changes = mutants::of(&shape).into_iter().filter(|(_, changed)| *changed != shape);
            names.extend(changes.map(|(change, _)| format!("{id} {change}")));
        }
    }
    assert!(names.len() >= 40, "{names:?}");
    for name in names {
        println!("mutant: {name}");
    }
}
