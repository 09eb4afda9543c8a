//! Every status, every shape, cut and spoilt in every way.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mlspace_registry::{Client, Error, ManualClock, RetryPolicy, Sending, Transport};
use serde_json::json;

/// Answers everything with the same response, but for the sign-in.
#[derive(Clone, Default)]
struct Canned {
    status: u16,
    body: Vec<u8>,
    content_type: &'static str,
}

/// What is answered at the moment; one client serves a whole test.
#[derive(Default)]
struct Answers(Mutex<Canned>);

impl Transport for Answers {
    fn send<'a>(&'a self, operation: &'static str, _: http::Request<Bytes>) -> Sending<'a> {
        let canned = self.0.lock().unwrap().clone();
        let response = http::Response::builder();
        let response = if operation == "service_auth" {
            let token = br#"{"token": {"access_token": "the-token", "expires_in": 3600}}"#;
            response.header("content-type", "application/json").body(token.to_vec())
        } else {
            let response = response.status(canned.status).header("content-type", canned.content_type);
            response.header("x-request-id", "req-1").body(canned.body)
        };
        Box::pin(async move { Ok(response.unwrap().map(Into::into)) })
    }
}

struct World {
    client: Client,
    answers: Arc<Answers>,
}

impl World {
    fn new() -> Self {
        let answers = Arc::new(Answers::default());
        let client = Client::builder()
            .credentials("the-key-id", "the-key-secret")
            .workspace("w")
            .api_key("the-api-key")
            .base_url("http://127.0.0.1:9")
            .retry(RetryPolicy::none())
            .rate_limit(None)
            .clock(Arc::new(ManualClock::new()))
            .transport({
                let answers = answers.clone();
                move |_| answers
            })
            .build()
            .unwrap();
        Self { client, answers }
    }

    fn answer(&self, status: u16, body: impl Into<Vec<u8>>, content_type: &'static str) {
        *self.answers.0.lock().unwrap() = Canned { status, body: body.into(), content_type };
    }

    async fn error(&self, status: u16, body: impl Into<Vec<u8>>, content_type: &'static str) -> Error {
        self.answer(status, body, content_type);
        self.client.registry().await.unwrap_err()
    }
}

const PAGE: &str = "<!DOCTYPE html><html><body>the-page</body></html>";

/// Shapes that services of this family use, and what must survive of each.
fn shapes() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let json = |value: serde_json::Value| value.to_string().into_bytes();
    vec![
        (
            json(json!({"detail": [{"loc": ["body", "image_ids", 0], "msg": "the-reason", "type": "t"}]})),
            None,
        ),
        (json(json!({"detail": "the-reason"})), Some("the-reason")),
        (json(json!({"detail": {"reason": "the-reason"}})), Some("the-reason")),
        (json(json!({"reason": "the-reason", "status": "INVALID_ARGUMENT"})), Some("the-reason")),
        (json(json!({"message": "the-reason"})), Some("the-reason")),
        (json(json!({"error_code": 9, "error_message": "the-reason"})), Some("the-reason")),
        (b"the-reason".to_vec(), Some("the-reason")),
        (PAGE.into(), None),
        (json(json!(PAGE)), None),
        (json(json!([1, 2, 3])), None),
        (json(json!(null)), None),
        (Vec::new(), None),
        (b"\xff\xfe\x00the".to_vec(), Some("\u{fffd}\u{fffd} the")),
    ]
}

fn essentials_survive(error: &Error, status: u16) {
    assert_eq!(error.status(), Some(status), "{error:?}");
    assert_eq!(error.api().unwrap().request_id(), Some("req-1"));
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(&status.to_string()));
    assert!(!shown.contains('<') && !shown.contains("the-page") && !shown.contains("127.0.0.1"), "{shown}");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    assert!(shown.len() < 8_000, "{}", shown.len());
}

#[tokio::test]
async fn every_status_with_every_shape_keeps_its_essentials() {
    let world = World::new();
    for status in 400..=599 {
        for (body, message) in shapes() {
            let error = world.error(status, body, "application/json").await;
            essentials_survive(&error, status);
            assert_eq!(error.api().unwrap().message(), message);
        }
    }
}

#[tokio::test]
async fn a_body_cut_anywhere_keeps_the_status() {
    let world = World::new();
    for (body, _) in shapes() {
        for length in 0..body.len() {
            essentials_survive(&world.error(503, body[..length].to_vec(), "application/json").await, 503);
        }
    }
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_not_kept() {
    let world = World::new();
    for filling in ["x", "[", "{\"detail\":", "<p>"] {
        let body = filling.repeat(10 * 1024 * 1024 / filling.len()).into_bytes();
        let error = world.error(500, body, "text/plain; charset=utf-16").await;
        essentials_survive(&error, 500);
        assert!(error.api().unwrap().body().unwrap().len() <= 8 * 1024);
    }
}

#[tokio::test]
async fn field_errors_name_their_places() {
    let world = World::new();
    let detail =
        json!({"detail": [{"loc": ["body", "image_ids", 0], "msg": "not a UUID", "type": "uuid_parsing"}]});
    let error = world.error(422, detail.to_string(), "application/json").await;
    let field = &error.api().unwrap().fields()[0];
    assert_eq!((field.location.as_str(), field.kind.as_str()), ("body.image_ids.0", "uuid_parsing"));
    assert_eq!(error.to_string(), "registry_get: 422 body.image_ids.0: not a UUID [request req-1]");
}

#[tokio::test]
async fn a_secret_that_the_service_repeats_is_not_shown() {
    let world = World::new();
    for secret in ["the-key-secret", "the-token", "the-api-key"] {
        let body = json!({"error_code": secret, "error_message": format!("bad {secret}!"), "detail": [
            {"loc": ["body", secret], "msg": secret, "type": secret}]});
        let error = world.error(401, body.to_string(), "application/json").await;
        let shown = format!("{error} {error:?} {:?}", error.api().unwrap().body());
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn the_firewall_is_named_with_the_fields_that_were_sent() {
    let world = World::new();
    world.answer(445, PAGE, "text/html");
    let update = world.client.repositories().update(uuid::Uuid::nil()).description("$(rm -rf /)").send();
    let text = update.await.unwrap_err().to_string();
    assert!(text.contains("firewall") && text.contains("repository_id, description"), "{text}");
    assert!(!text.contains("labels") && !text.contains("rm -rf"), "{text}");
}

#[tokio::test]
async fn a_success_that_is_none_says_what_was_wrong_without_quoting_it() {
    let world = World::new();
    for (body, expected) in [
        (PAGE.as_bytes(), "a page of HTML"),
        (b"".as_slice(), "an empty answer"),
        (br#"{"id": "the-page"}"#.as_slice(), "UUID"),
        (br#""the-page""#.as_slice(), "expected struct Registry"),
        (br#"{"id": 1"#.as_slice(), "invalid type: integer"),
    ] {
        let error = world.error(200, body.to_vec(), "application/json").await;
        let text = error.to_string();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        assert!(text.contains(expected) && !text.contains("the-page"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let world = World::new();
    let error = world.error(307, Vec::new(), "text/plain").await;
    assert!(error.to_string().contains("redirected"), "{error}");
}
