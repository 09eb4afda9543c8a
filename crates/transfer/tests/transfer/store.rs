//! What the registry within the test keeps, and how it answers.

use std::collections::HashMap;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use mlspace_registry_transfer::Digest;

use crate::fake::{Store, error, plain};

impl Store {
    pub(super) fn token(&mut self, authorization: Option<&str>) -> Response {
        // user:password
        if authorization != Some("Basic dXNlcjpwYXNzd29yZA==") {
            return error(401, "UNAUTHORIZED");
        }
        let token = format!("token{}", self.tokens.len());
        self.tokens.insert(token.clone(), 0);
        plain(200).body(format!(r#"{{"token":"{token}","expires_in":300}}"#).into()).unwrap()
    }

    pub(super) fn refuse(&mut self, authorization: Option<&str>) -> Option<Response> {
        let challenge = match self.quirks.auth? {
            "Basic" if authorization == Some("Basic dXNlcjpwYXNzd29yZA==") => return None,
            "Basic" => "Basic realm=\"fake\"".to_owned(),
            _ => {
                let limit = self.quirks.token_uses.unwrap_or(u32::MAX);
                let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
                if let Some(uses) = token.and_then(|token| self.tokens.get_mut(token))
                    && *uses < limit
                {
                    *uses += 1;
                    return None;
                }
                format!("Bearer realm=\"{}/token\",service=\"fake\"", self.base)
            }
        };
        Some(plain(401).header("www-authenticate", challenge).body(Body::empty()).unwrap())
    }

    pub(super) fn route(
        &mut self,
        method: &Method,
        path: &str,
        query: &HashMap<String, String>,
        headers: &HeaderMap,
        body: Vec<u8>,
        whole: bool,
    ) -> Response {
        let path = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, id)) = path.split_once("/blobs/uploads/") {
            return self.upload(method, repository, id, query, headers, body, whole);
        }
        if let Some((repository, digest)) = path.split_once("/blobs/") {
            return self.blob(method, repository, &digest.parse().unwrap(), headers);
        }
        let Some((repository, target)) = path.split_once("/manifests/") else {
            return error(404, "NAME_UNKNOWN");
        };
        let key = (repository.to_owned(), target.to_owned());
        if *method == Method::PUT {
            let media_type = headers["content-type"].to_str().unwrap().to_owned();
            let (digest, value) = (Digest::of(&body), (media_type, Bytes::from(body)));
            if let Some(missing) = self.missing(repository, &value.1) {
                return error(404, &missing);
            }
            self.manifests.insert((repository.to_owned(), digest.to_string()), value.clone());
            self.manifests.insert(key, value);
            return plain(201).header("docker-content-digest", digest.as_str()).body(Body::empty()).unwrap();
        }
        match self.manifests.get(&key) {
            Some((media_type, bytes)) => plain(200)
                .header("content-type", media_type)
                .header("docker-content-digest", Digest::of(bytes).as_str())
                .body(bytes.clone().into())
                .unwrap(),
            None => error(404, "MANIFEST_UNKNOWN"),
        }
    }

    /// A manifest is taken only when all that it names is there.
    fn missing(&self, repository: &str, manifest: &[u8]) -> Option<String> {
        let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
        let list = |key: &str| manifest[key].as_array().cloned().unwrap_or_default();
        let digest = |entry: &serde_json::Value| entry["digest"].as_str().unwrap().to_owned();
        let blobs = list("layers").into_iter().chain(manifest.get("config").cloned());
        let is_here = |blob: &serde_json::Value| {
            self.blobs.contains_key(&(repository.to_owned(), digest(blob).parse().unwrap()))
        };
        let child = list("manifests")
            .iter()
            .map(digest)
            .find(|child| !self.manifests.contains_key(&(repository.to_owned(), child.clone())));
        child.or_else(|| blobs.into_iter().find(|blob| !is_here(blob)).map(|blob| digest(&blob)))
    }

    fn blob(&self, method: &Method, repository: &str, digest: &Digest, headers: &HeaderMap) -> Response {
        let Some(bytes) = self.blobs.get(&(repository.to_owned(), digest.clone())) else {
            return error(404, "BLOB_UNKNOWN");
        };
        if *method == Method::HEAD {
            return plain(200).header("content-length", bytes.len()).body(Body::empty()).unwrap();
        }
        if let Some(to) = &self.quirks.redirect {
            return plain(307)
                .header("location", format!("{to}/{digest}?signature=x"))
                .body(Body::empty())
                .unwrap();
        }
        let range = headers.get("range").filter(|_| !self.quirks.no_ranges);
        let Some(range) = range else { return plain(200).body(bytes.clone().into()).unwrap() };
        let start: usize = range.to_str().unwrap()["bytes=".len()..].trim_end_matches('-').parse().unwrap();
        plain(206)
            .header("content-range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()))
            .body(bytes.slice(start..).into())
            .unwrap()
    }

    #[allow(clippy::too_many_arguments)] // One request.
    fn upload(
        &mut self,
        method: &Method,
        repository: &str,
        id: &str,
        query: &HashMap<String, String>,
        headers: &HeaderMap,
        body: Vec<u8>,
        whole: bool,
    ) -> Response {
        if *method == Method::POST {
            return self.open(repository, query, body);
        }
        // The address is relative and has a query, which must come back.
        assert_eq!(query.get("_state").map(String::as_str), Some("a=b c"), "the Location's query got lost");
        let Some(upload) = self.uploads.get_mut(id) else { return error(404, "BLOB_UPLOAD_UNKNOWN") };
        if let Some(range) = headers.get("content-range") {
            let (start, end) = range.to_str().unwrap().split_once('-').unwrap();
            let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
            if start != upload.len() || whole && end - start + 1 != body.len() {
                return error(416, "RANGE_INVALID");
            }
        }
        upload.extend_from_slice(&body);
        let length = upload.len();
        if !whole && self.quirks.forgetful {
            self.uploads.remove(id);
        }
        if *method != Method::PUT || !whole {
            let status = if *method == Method::GET { 204 } else { 202 };
            return plain(status)
                .header("location", place(id))
                .header("range", format!("0-{}", length.saturating_sub(1)))
                .body(Body::empty())
                .unwrap();
        }
        let bytes = self.uploads.remove(id).unwrap();
        self.keep(repository, &query["digest"], bytes)
    }

    fn open(&mut self, repository: &str, query: &HashMap<String, String>, body: Vec<u8>) -> Response {
        if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from")) {
            let found = self.blobs.get(&(from.clone(), digest.parse().unwrap())).cloned();
            if let Some(bytes) = found.filter(|_| !self.quirks.no_mount) {
                self.blobs.insert((repository.to_owned(), digest.parse().unwrap()), bytes);
                return plain(201).body(Body::empty()).unwrap();
            }
        }
        if let Some(digest) = query.get("digest").filter(|_| self.quirks.single_post) {
            return self.keep(repository, digest, body);
        }
        let id = format!("upload{}", self.log.len());
        self.uploads.insert(id.clone(), Vec::new());
        plain(202)
            .header("location", format!("/v2/{repository}/blobs/uploads/{}", place(&id)))
            .body(Body::empty())
            .unwrap()
    }

    fn keep(&mut self, repository: &str, digest: &str, bytes: Vec<u8>) -> Response {
        let found = Digest::of(&bytes);
        if found.as_str() != digest {
            return error(400, "DIGEST_INVALID");
        }
        self.blobs.insert((repository.to_owned(), found.clone()), bytes.into());
        plain(StatusCode::CREATED.as_u16())
            .header("docker-content-digest", digest)
            .body(Body::empty())
            .unwrap()
    }
}

fn place(id: &str) -> String {
    format!("{id}?_state=a%3Db%20c")
}
