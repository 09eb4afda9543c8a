//! A registry within the test: small, strict, and faulty where a test asks for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::Method;
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

pub(crate) fn plain(status: u16) -> axum::http::response::Builder {
    Response::builder().status(status)
}

pub(crate) fn error(status: u16, code: &str) -> Response {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"told to"}}]}}"#);
    plain(status).body(body.into()).unwrap()
}

async fn answer(State(shared): State<Arc<Mutex<Store>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let authorization = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    {
        let mut store = shared.lock().unwrap();
        store.log.push(format!("{} {}", parts.method, parts.uri));
        store.authorizations.push(authorization.clone());
    }
    // To the end even where it is refused: else the connection breaks, and the answer may get lost.
    let (body, whole) = read(body).await;
    {
        let mut store = shared.lock().unwrap();
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
