//! What programs make for their own tests.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use mlspace_registry::{
    ApiError, Body, BulkReport, Client, Completeness, Error, ManualClock, Outcome, Sending, Token, Transport,
    Uuid, sample,
};
use serde_json::{Value, json};

/// Answers by operation, without a socket; of what has no answer it says 404.
#[derive(Default)]
struct Scripted {
    answers: HashMap<&'static str, Value>,
    seen: Mutex<Vec<&'static str>>,
}

impl Scripted {
    fn on(mut self, operation: &'static str, answer: impl serde::Serialize) -> Self {
        self.answers.insert(operation, serde_json::to_value(answer).unwrap());
        self
    }
}

impl Transport for Scripted {
    fn send<'a>(&'a self, operation: &'static str, _: Request<Bytes>) -> Sending<'a> {
        self.seen.lock().unwrap().push(operation);
        let answer = Response::builder().header("content-type", "application/json");
        let answer = match self.answers.get(operation) {
            Some(value) => answer.body(Body::from(value.to_string())),
            None => answer.status(404).body(Body::from(r#"{"detail": "nothing is scripted"}"#)),
        };
        Box::pin(async move { Ok(answer.unwrap()) })
    }
}

#[tokio::test]
async fn a_program_is_tested_without_a_socket() {
    let repository = sample::repository("train/base").images_count(2);
    let images = [sample::image(&repository, "v1"), sample::image(&repository, "v2").tags([])];
    let script = Scripted::default()
        .on("registry_get", sample::registry().repositories_count(1))
        .on("repository_list", [&repository])
        .on("repository_get", &repository)
        .on("image_list", &images);
    let client = Client::builder()
        .token_source(Token::new("a token"))
        .workspace(Uuid::nil())
        .api_key("a key")
        .clock(std::sync::Arc::new(ManualClock::new()))
        .transport(move |_network| script)
        .build()
        .unwrap();
    let repositories = client.repositories().list().collect_complete().await.unwrap();
    assert_eq!(repositories, [repository]);
    let read = client.images().list_in(&repositories[0]).collect_complete().await.unwrap();
    assert_eq!(read, images);
    let error = client.images().get(images[0].id).await.unwrap_err();
    assert_eq!(error.to_string(), "image_get: 404 nothing is scripted");
}

#[test]
fn errors_and_reports_can_be_made_and_written_down() {
    let refused = ApiError::of_answer("image_delete", 409, br#"{"code": 7, "detail": "in use"}"#);
    let outcomes = [
        (Uuid::nil(), Outcome::Deleted),
        (Uuid::max(), Outcome::Rejected(refused.clone().into())),
        (Uuid::from_u128(1), Outcome::Unknown(Some(Error::from(refused.clone()).into()))),
    ];
    let report = BulkReport::new(outcomes, Some(refused.clone().into()));
    assert!(report.stopped_by().unwrap().is_conflict() && report.has_unknown() && !report.all_gone());
    let written: Vec<Value> = report.outcomes().iter().map(|(_, outcome)| json!(outcome)).collect();
    let reason = "image_delete: 409 in use (code 7)";
    assert_eq!(
        written,
        [
            json!({"outcome": "deleted"}),
            json!({"outcome": "rejected", "reason": reason}),
            json!({"outcome": "unknown", "reason": reason})
        ]
    );
    assert_eq!(json!(Completeness::Short { missing: 3 }), json!({"verdict": "short", "missing": 3}));
    assert_eq!(json!(refused)["message"], "in use");
    assert!(json!(refused).get("body").is_none());
}
