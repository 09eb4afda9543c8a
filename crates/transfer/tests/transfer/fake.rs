//! A registry within the test: small, strict, and faulty where a test asks for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use mlspace_registry_transfer::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the registry behaves.
#[derive(Clone, Default)]
pub(crate) struct Quirks {
    /// A POST with `digest` stores the blob.
    pub(crate) single_post: bool,
    /// PATCH is not known.
    pub(crate) no_patch: bool,
    /// A PATCH without a length gets 411.
    pub(crate) no_streams: bool,
    /// Longer bodies get 413.
    pub(crate) body_cap: Option<usize>,
    /// Uploads are forgotten when the connection breaks.
    pub(crate) forgetful: bool,
    /// Mounts are answered with 202.
    pub(crate) no_mount: bool,
    /// `Basic` or `Bearer`.
    pub(crate) auth: Option<&'static str>,
    /// Requests for which a token is good.
    pub(crate) token_uses: Option<u32>,
    /// Where blobs are downloaded from.
    pub(crate) redirect: Option<String>,
    /// Downloads ignore `Range`.
    pub(crate) no_ranges: bool,
}

/// An answer that is given instead of the right one, once.
pub(crate) struct Fault {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) quirks: Quirks,
    pub(crate) faults: Vec<Fault>,
    pub(crate) blobs: HashMap<(String, Digest), Bytes>,
    pub(crate) manifests: HashMap<(String, String), (String, Bytes)>,
    pub(crate) uploads: HashMap<String, Vec<u8>>,
    /// `METHOD path?query`, in order.
    pub(crate) log: Vec<String>,
    /// The credentials that came with each request.
    pub(crate) authorizations: Vec<Option<String>>,
    pub(crate) received: usize,
    pub(crate) tokens: HashMap<String, u32>,
    pub(crate) base: String,
}

#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    store: Arc<Mutex<Store>>,
    _server: Arc<Abort>,
}

/// Ends a task with the test that started it.
pub(crate) struct Abort(JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Registry {
    pub(crate) async fn start(quirks: Quirks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://{address}");
        let store = Arc::new(Mutex::new(Store { quirks, base, ..Store::default() }));
        let app = axum::Router::new().fallback(answer).with_state(store.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, store, _server: Arc::new(Abort(server)) }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    pub(crate) fn fault(&self, method: Method, path: &'static str, status: u16) {
        self.fault_with(method, path, status, vec![], String::new());
    }

    pub(crate) fn fault_with(
        &self,
        method: Method,
        path: &'static str,
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    ) {
        self.store().faults.push(Fault { method, path, status, headers, body });
    }

    /// How many requests of that method had this in their path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let store = self.store();
        store.log.iter().filter(|line| line.starts_with(&format!("{method} ")) && line.contains(path)).count()
    }

    pub(crate) fn clear_log(&self) {
        let mut store = self.store();
        store.log.clear();
        store.received = 0;
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<_> = self
            .store()
            .manifests
            .keys()
            .map(|(_, tag)| tag.clone())
            .filter(|tag| !tag.contains(':'))
            .collect();
        tags.sort();
        tags
    }
}

/// Passes connections on, and breaks one after so many bytes in one direction.
pub(crate) async fn cutting(to: SocketAddr, up: Option<usize>, down: Option<usize>) -> (SocketAddr, Abort) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let budgets = Arc::new(Mutex::new((up, down)));
    let task = tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(to).await.unwrap();
            let budgets = budgets.clone();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let up = pass(&mut from_client, &mut to_server, |n| spend(&mut budgets.lock().unwrap().0, n));
                let down =
                    pass(&mut from_server, &mut to_client, |n| spend(&mut budgets.lock().unwrap().1, n));
                tokio::select! { () = up => {}, () = down => {} }
            });
        }
    });
    (address, Abort(task))
}

/// How much may still pass; when it is used up, the next connections are not limited.
fn spend(budget: &mut Option<usize>, n: usize) -> Option<usize> {
    let Some(left) = budget else { return Some(n) };
    if n < *left {
        *left -= n;
        return Some(n);
    }
    *budget = None;
    None
}

async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    spend: impl Fn(usize) -> Option<usize>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n) = from.read(&mut buffer).await {
        if n == 0 || spend(n).is_none() || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

fn plain(status: u16) -> axum::http::response::Builder {
    Response::builder().status(status)
}

fn error(status: u16, code: &str) -> Response {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"told to"}}]}}"#);
    plain(status).body(body.into()).unwrap()
}

async fn answer(State(shared): State<Arc<Mutex<Store>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    {
        let mut store = shared.lock().unwrap();
        store.log.push(format!("{} {}", parts.method, parts.uri));
        let authorization =
            parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        store.authorizations.push(authorization.clone());
        let fits = |fault: &Fault| fault.method == parts.method && parts.uri.to_string().contains(fault.path);
        if let Some(at) = store.faults.iter().position(fits) {
            let fault = store.faults.remove(at);
            let response =
                fault.headers.iter().fold(plain(fault.status), |r, (name, value)| r.header(*name, value));
            return response.body(fault.body.into()).unwrap();
        }
        if path == "/token" {
            return store.token(authorization.as_deref());
        }
        if let Some(refusal) = store.refuse(authorization.as_deref()) {
            return refusal;
        }
    }
    let is_chunked = parts.headers.contains_key("transfer-encoding");
    let cap = shared.lock().unwrap().quirks.body_cap.unwrap_or(usize::MAX);
    let length = parts.headers.get("content-length").map(|value| value.to_str().unwrap().parse().unwrap());
    if length.is_some_and(|length: usize| length > cap) {
        return error(413, "SIZE_INVALID");
    }
    if parts.method == Method::PATCH {
        let quirks = shared.lock().unwrap().quirks.clone();
        if quirks.no_patch {
            return error(404, "UNSUPPORTED");
        }
        if is_chunked && quirks.no_streams {
            return error(411, "LENGTH_REQUIRED");
        }
    }
    let (body, whole) = read(body).await;
    let mut store = shared.lock().unwrap();
    store.received += body.len();
    store.route(&parts.method, &path, &query, &parts.headers, body, whole)
}

/// The body, or as much of it as came.
async fn read(body: Body) -> (Vec<u8>, bool) {
    let (mut bytes, mut stream) = (Vec::new(), body.into_data_stream());
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

impl Store {
    fn token(&mut self, authorization: Option<&str>) -> Response {
        // user:password
        if authorization != Some("Basic dXNlcjpwYXNzd29yZA==") {
            return error(401, "UNAUTHORIZED");
        }
        let token = format!("token{}", self.tokens.len());
        self.tokens.insert(token.clone(), 0);
        plain(200).body(format!(r#"{{"token":"{token}","expires_in":300}}"#).into()).unwrap()
    }

    fn refuse(&mut self, authorization: Option<&str>) -> Option<Response> {
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

    fn route(
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
