//! A plain HTTP client that signs its requests, for the tests of this crate.
#![allow(dead_code)]

use mlspace_registry_simulator::{Key, Simulator};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub(crate) const REGISTRY: &str = "/public/v2/docker_registry/v2";

pub(crate) struct Wire {
    http: reqwest::Client,
    base_url: String,
    token: String,
    workspace: String,
    api_key: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

impl Wire {
    /// Signed in with the service account's key.
    pub(crate) async fn new(simulator: &Simulator) -> Self {
        Self::with_key(simulator, simulator.service_account()).await
    }

    pub(crate) async fn with_key(simulator: &Simulator, key: Key) -> Self {
        let mut wire = Self {
            http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            base_url: simulator.base_url().to_owned(),
            token: String::new(),
            workspace: simulator.workspace_id().to_string(),
            api_key: simulator.api_key().expose().to_owned(),
        };
        wire.sign_in(key).await;
        wire
    }

    pub(crate) async fn sign_in(&mut self, key: Key) {
        let body = json!({ "client_id": key.client_id, "client_secret": key.client_secret });
        let answer = self.send(self.bare("POST", "/public/v2/service_auth").json(&body)).await;
        self.token = answer.ok()["token"]["access_token"].as_str().unwrap().to_owned();
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request without any of the three headers.
    pub(crate) fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.base_url))
    }

    /// A request with all three.
    pub(crate) fn signed(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .bearer_auth(&self.token)
            .header("x-workspace-id", &self.workspace)
            .header("x-api-key", &self.api_key)
    }

    pub(crate) async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let content_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        Ok(Answer { status, content_type, headers, text: response.text().await? })
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.signed("GET", &format!("{REGISTRY}{path}"))).await
    }

    pub(crate) async fn write(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(self.signed(method, &format!("{REGISTRY}{path}")).json(&body)).await
    }
}

/// The ids of a list.
pub(crate) fn ids(list: &Value) -> Vec<String> {
    let id = |item: &Value| item["id"].as_str().unwrap_or_else(|| panic!("no id in {item}")).to_owned();
    list.as_array().unwrap().iter().map(id).collect()
}
