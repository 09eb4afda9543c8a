//! The client: settings, and the registries that it talks to.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

#[cfg(feature = "rustls")]
use mlspace_registry_net::speaks_tls;
use mlspace_registry_net::{
    Clock, RetryPolicy, SystemClock, check_scheme, heed_no_proxy, is_loopback, trust,
};
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use crate::compression::compress::Compressors;
use crate::credentials::Credentials;
use crate::credentials::docker::{DockerLogins, Find, Lead};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Observer;
use crate::push::cache::Cache;
use crate::push::place::{Arrival, BlobKey};
use crate::registry::auth::Auth;
use crate::registry::candidates::Candidates;
use crate::registry::http::Registry;
use crate::retry::{Patience, default_policy};
use crate::turns::Turns;

/// Blobs that are moved at the same time, unless set otherwise.
pub const DEFAULT_CONCURRENCY: usize = 4;
/// Time without any movement after which a request counts as lost, unless set otherwise. Registries need
/// minutes to check and store a very large blob.
pub const DEFAULT_IDLE: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(20);

/// Moves images to registries and from them. Cheap to clone; clones share connections, tokens, and the number of
/// blobs that move at the same time, and of a blob that several of their calls push only one sends the bytes.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    http: reqwest::Client,
    certificates: Vec<Vec<u8>>,
    certificate_folders: Vec<PathBuf>,
    credentials: HashMap<String, Vec<Lead>>,
    docker_logins: DockerLogins,
    plain_http: HashSet<String>,
    pub(crate) patience: Patience,
    pub(crate) concurrency: usize,
    /// One for each blob that may move at the same time.
    pub(crate) permits: Semaphore,
    pub(crate) sending: Turns<BlobKey, Arrival>,
    /// By folder and blob.
    pub(crate) fetching: Turns<(PathBuf, Digest), ()>,
    compressors: Mutex<Weak<Compressors>>,
    pub(crate) cache: Cache,
    registries: Mutex<HashMap<String, Arc<OnceCell<Arc<Registry>>>>>,
}

/// Settings of a [`Client`].
#[must_use]
pub struct ClientBuilder {
    credentials: HashMap<String, Vec<Lead>>,
    docker_logins: DockerLogins,
    plain_http: HashSet<String>,
    certificates: Vec<Vec<u8>>,
    certificate_folders: Vec<PathBuf>,
    cache: Option<PathBuf>,
    concurrency: usize,
    idle: Duration,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    observer: Observer,
}

impl Client {
    /// A client to be set up. Without settings: anonymous, no cache.
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            credentials: HashMap::new(),
            docker_logins: DockerLogins::new(),
            plain_http: HashSet::new(),
            certificates: Vec::new(),
            certificate_folders: Vec::new(),
            cache: None,
            concurrency: DEFAULT_CONCURRENCY,
            idle: DEFAULT_IDLE,
            policy: default_policy(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(|_| {}),
        }
    }

    /// The registry of that name, as it appears in references.
    pub(crate) async fn registry(&self, name: &str) -> Result<Arc<Registry>> {
        let registry = {
            let mut registries = self.inner.registries.lock().unwrap_or_else(PoisonError::into_inner);
            registries.entry(name.to_owned()).or_default().clone()
        };
        registry.get_or_try_init(|| self.meet(name)).await.cloned()
    }

    async fn meet(&self, name: &str) -> Result<Arc<Registry>> {
        let (inner, patience) = (&self.inner, self.inner.patience.clone());
        let base = match inner.plain_http.contains(name) {
            true => address("http", name)?,
            false => self.inner.secure_address(name).await?,
        };
        let mut certificates = crate::certificates::of(&inner.certificate_folders, name)?;
        let http = if certificates.is_empty() && !is_loopback(&base) {
            inner.http.clone()
        } else {
            certificates.extend(inner.certificates.iter().cloned());
            http(&certificates, is_loopback(&base))?
        };
        let credentials = inner.credentials.get(name).cloned().unwrap_or_default();
        let candidates =
            Candidates::new(name.to_owned(), credentials, inner.docker_logins.clone(), patience.idle);
        let auth = Auth::new(base.clone(), name.to_owned(), candidates, http.clone(), patience.clone());
        let (learned, referrers) = Default::default();
        Ok(Arc::new(Registry { base, name: name.to_owned(), auth, http, patience, learned, referrers }))
    }
}

impl Inner {
    /// The threads that compress; one set for all that need them at the time.
    pub(crate) fn compressors(&self) -> Arc<Compressors> {
        let mut shared = self.compressors.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let compressors = Arc::new(Compressors::start());
            *shared = Arc::downgrade(&compressors);
            compressors
        })
    }

    /// The address of a registry that may be spoken to in plain http only if it is on this machine, and then only if
    /// it shows that it knows nothing else.
    async fn secure_address(&self, name: &str) -> Result<Url> {
        let https = address("https", name)?;
        #[cfg(feature = "rustls")]
        if is_loopback(&https) {
            let look = || async {
                let source = match speaks_tls(&https).await {
                    Ok(speaks_tls) => return Ok(speaks_tls),
                    // The usual port of https, which is not that of http.
                    Err(_) if https.port().is_none() => return Ok(false),
                    Err(source) => Some(source.into()),
                };
                Err(Error::Transport {
                    what: format!("reach {name}"),
                    kind: crate::error::TransportKind::Connect,
                    source,
                })
            };
            if !self.patience.repeat(look).await? {
                return address("http", name);
            }
        }
        #[cfg(not(feature = "rustls"))]
        if is_loopback(&https) {
            return address("http", name);
        }
        check_scheme(&https).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(https)
    }
}

fn address(scheme: &str, name: &str) -> Result<Url> {
    Url::parse(&format!("{scheme}://{name}/"))
        .map_err(|_| Error::Invalid(format!("`{name}` is not a registry's address")))
}

/// A client for one or more registries; this machine's own are not asked for through a proxy.
fn http(certificates: &[Vec<u8>], is_loopback: bool) -> Result<reqwest::Client> {
    let http = reqwest::Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
    let http = if is_loopback { http.no_proxy() } else { heed_no_proxy(http) };
    trust(http, certificates)
        .map_err(|error| Error::Invalid(error.to_string()))?
        .build()
        .map_err(|error| Error::Invalid(format!("the HTTP client cannot be set up: {error}")))
}

impl ClientBuilder {
    /// Who to be at a registry, named as in references (`host` or `host:port`). What is given later for the same
    /// one is tried where the registry refuses what was given before.
    pub fn credentials(mut self, registry: impl Into<String>, credentials: Credentials) -> Self {
        self.credentials.entry(registry.into()).or_default().push(Lead::Known(credentials));
        self
    }

    /// As [`credentials`](Self::credentials), of somebody who is found out only when the registry asks for a sign-in:
    /// for what opens a keyring. The function may block for as long as [`idle`](Self::idle); its error is told where
    /// nobody else gets through, and must hold no secret.
    pub fn credentials_when_asked(
        mut self,
        registry: impl Into<String>,
        find: impl Fn() -> Result<Credentials, String> + Send + Sync + 'static,
    ) -> Self {
        let lead = Lead::Wanted(Find(Arc::new(find)));
        self.credentials.entry(registry.into()).or_default().push(lead);
        self
    }

    /// Where to look for the credentials of a registry that asks for some and refuses those that were given.
    pub fn docker_logins(mut self, logins: DockerLogins) -> Self {
        self.docker_logins = logins;
        self
    }

    /// Speaks http without TLS to a registry, so that passwords and images can be read on the way. A registry on
    /// this machine need not be named: there http is spoken if TLS is not understood.
    pub fn plain_http(mut self, registry: impl Into<String>) -> Self {
        self.plain_http.insert(registry.into());
        self
    }

    /// Trusts further certificate authorities, PEM.
    pub fn certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(pem.into());
        self
    }

    /// Trusts what a folder holds for the registry of its name alone, as docker and podman do: in `HOST:PORT`, every
    /// file `*.crt`, PEM. It need not exist, and is read when a registry is spoken to.
    pub fn certificate_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.certificate_folders.push(folder.into());
        self
    }

    /// Keeps in this folder what plain layers become when compressed, some 100 bytes for each, so that
    /// the next push of the same layer need not read it. Also for temporary files. Created when needed.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Blobs that move at the same time; at least one. Default [`DEFAULT_CONCURRENCY`].
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// The longest time without any movement. Default [`DEFAULT_IDLE`].
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Repetition: how often and how patiently a request is repeated, and how often one blob is resumed. Unless
    /// set, 5 attempts and waits of at most 10 s, otherwise [`RetryPolicy::default`].
    ///
    /// Only what is safe twice is repeated: reading, opening an upload, putting a manifest. The bytes of an
    /// upload are not: there the registry is asked how far it got.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Calls this with what happens.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// The client. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the certificates are not PEM or TLS cannot be set up.
    pub fn build(self) -> Result<Client> {
        let http = http(&self.certificates, false)?;
        let patience =
            Patience { policy: self.policy, clock: self.clock, observer: self.observer, idle: self.idle };
        Ok(Client {
            inner: Arc::new(Inner {
                http,
                certificates: self.certificates,
                certificate_folders: self.certificate_folders,
                credentials: self.credentials,
                docker_logins: self.docker_logins,
                plain_http: self.plain_http,
                patience,
                concurrency: self.concurrency,
                permits: Semaphore::new(self.concurrency),
                sending: Turns::default(),
                fetching: Turns::default(),
                compressors: Mutex::default(),
                cache: Cache::new(self.cache),
                registries: Mutex::default(),
            }),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("concurrency", &self.inner.concurrency).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}
