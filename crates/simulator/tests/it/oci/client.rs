//! A plain client of the image registry.

use mlspace_registry_simulator::{Seed, Simulator};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Digest as _;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) base: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(1000)]);
        write!(f, "{} {:?} {start}", self.status, self.headers)
    }
}

impl Answer {
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Checks for a refusal in the specification's form.
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let error = &self.json()["errors"][0];
        assert_eq!(error["code"], code, "{self:?}");
        assert!(error["message"].is_string() && error.get("detail").is_some(), "{self:?}");
    }
}

/// A registry that lets everybody in, with these quirks.
pub(crate) async fn open(quirks: &[&str]) -> (Simulator, Client) {
    let mut builder = Simulator::builder().seed(Seed::Empty).quirk("registry-auth=open".parse().unwrap());
    for quirk in quirks {
        builder = builder.quirk(quirk.parse().unwrap());
    }
    let simulator = builder.start().await.unwrap();
    let client = Client::new(&simulator);
    (simulator, client)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex("sha256:", &sha2::Sha256::digest(bytes))
}

pub(crate) fn sha512(bytes: &[u8]) -> String {
    hex("sha512:", &sha2::Sha512::digest(bytes))
}

fn hex(algorithm: &str, hash: &[u8]) -> String {
    hash.iter().fold(algorithm.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Bytes that no two calls with different numbers share.
pub(crate) fn bytes(number: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(number)).collect()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

pub(crate) fn index(children: &[(&str, &Value)]) -> Value {
    let children =
        children.iter().map(|(media_type, child)| descriptor(media_type, child.to_string().as_bytes()));
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children.collect::<Vec<_>>() })
}

/// Fetches what a `Location` names.
pub(crate) async fn located(client: &Client, answer: &Answer) -> Vec<u8> {
    client.call("GET", answer.header("location")).await.is(200).body
}

impl Client {
    pub(crate) fn new(simulator: &Simulator) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: format!("http://{}", simulator.registry_address()) }
    }

    /// A request to a path, or to a `Location`.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    pub(crate) async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(self.request(method, path)).await
    }

    pub(crate) async fn with_body(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.send(self.request(method, path).body(body.to_vec())).await
    }

    /// Begins an upload and returns where it goes on.
    pub(crate) async fn start(&self, repository: &str) -> String {
        let answer = self.call("POST", &format!("/v2/{repository}/blobs/uploads/")).await.is(202);
        answer.header("location").to_owned()
    }

    pub(crate) async fn chunk(&self, location: &str, start: usize, body: &[u8]) -> Answer {
        let range = format!("{start}-{}", start + body.len() - 1);
        self.send(self.request("PATCH", location).header("content-range", range).body(body.to_vec())).await
    }

    /// Pushes a blob in one request and returns its digest.
    pub(crate) async fn push_blob(&self, repository: &str, body: &[u8]) -> String {
        let digest = sha256(body);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.with_body("POST", &path, body).await.is(201);
        digest
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: &Value,
    ) -> Answer {
        let request = self.request("PUT", &format!("/v2/{repository}/manifests/{reference}"));
        self.send(request.header(CONTENT_TYPE, media_type).body(manifest.to_string())).await
    }

    /// A manifest whose configuration and single layer are there.
    pub(crate) async fn image(&self, repository: &str, number: u8) -> Value {
        let config = json!({ "os": "linux", "architecture": "amd64", "number": number }).to_string();
        let layer = bytes(number, 1000);
        self.push_blob(repository, config.as_bytes()).await;
        self.push_blob(repository, &layer).await;
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config.as_bytes()),
            "layers": [descriptor(LAYER, &layer)],
        })
    }

    /// Pushes an image by tag and returns its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, number: u8) -> String {
        let manifest = self.image(repository, number).await;
        self.put_manifest(repository, tag, MANIFEST, &manifest).await.is(201);
        sha256(manifest.to_string().as_bytes())
    }

    pub(crate) async fn status(&self, method: &str, path: &str) -> u16 {
        self.call(method, path).await.status
    }
}
