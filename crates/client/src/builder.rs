//! Settings of a client, checked before anything is sent.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_api::{Secret, Transport};
use mlspace_registry_net::{Clock, RetryPolicy, SystemClock};

use crate::call::{Observer, Wait};
use crate::core::Credentials;
use crate::token::TokenSource;
use crate::verify::Verify;

mod build;

/// The service's address.
pub const DEFAULT_BASE_URL: &str = "https://api.ai.cloud.ru";
/// Requests a minute that a client keeps under by default: the service names 1000 in its own example of a
/// 429, and others may use the same key.
pub const DEFAULT_RATE: u32 = 900;
/// How long one attempt may take by default; other clients of the service allow as much.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one call may take by default, waits and repetitions included: a full minute's wait for the
/// rate limit and four attempts fit.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(360);

/// Puts a transport around another.
type Around = Box<dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

/// Builds a [`Client`](crate::Client). Only [`credentials`](Self::credentials) must be given, or a source of tokens.
///
/// ```
/// use std::time::Duration;
/// use mlspace_registry::Client;
///
/// # fn build(key_secret: String) -> mlspace_registry::Result<()> {
/// let client = Client::builder()
///     .credentials("key-id", key_secret)
///     .workspace("ml-team")
///     .user_agent("tidy/1.2")
///     .deadline(Duration::from_secs(60))
///     .on_wait(|wait| eprintln!("{} waits {:?}", wait.operation, wait.duration))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    credentials: Option<Credentials>,
    workspace: Option<String>,
    api_key: Option<Secret>,
    registry_host: Option<String>,
    retry: RetryPolicy,
    rate: Option<NonZeroU32>,
    timeout: Duration,
    deadline: Duration,
    user_agent: Option<String>,
    certificates: Vec<Vec<u8>>,
    plain_http: bool,
    read_only: bool,
    verify: Verify,
    clock: Arc<dyn Clock>,
    proxy: Option<String>,
    identity: Option<Secret>,
    transports: Vec<Around>,
    on_wait: Option<Observer>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            base_url: DEFAULT_BASE_URL.into(),
            credentials: None,
            workspace: None,
            api_key: None,
            registry_host: None,
            retry: RetryPolicy::default(),
            rate: NonZeroU32::new(DEFAULT_RATE),
            timeout: DEFAULT_TIMEOUT,
            deadline: DEFAULT_DEADLINE,
            user_agent: None,
            certificates: Vec::new(),
            plain_http: false,
            read_only: false,
            verify: Verify::default(),
            clock: Arc::new(SystemClock),
            proxy: None,
            identity: None,
            transports: Vec::new(),
            on_wait: None,
        }
    }

    /// The key to sign in with: its id and its secret, of a service account or a person.
    pub fn credentials(mut self, key_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::Key { id: key_id.into(), secret: secret.into() });
        self
    }

    /// Takes tokens from somebody else who signs in, instead of signing in with a key. A [`Token`](crate::Token) is a
    /// source of itself.
    pub fn token_source(mut self, source: impl TokenSource + 'static) -> Self {
        self.credentials = Some(Credentials::Source(Arc::new(source)));
        self
    }

    /// The workspace to work in, by its id, or by its name, which costs one request to look it up; with an
    /// api key it must be the id. Without it the client looks as well, and takes the only one there is.
    pub fn workspace(mut self, id_or_name: impl ToString) -> Self {
        self.workspace = Some(id_or_name.to_string());
        self
    }

    /// The workspace's api key. Without it the client asks for it, once.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where the service is, with or without `/public/v2`. Default [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The host of the image registry, with its port where it has one, for
    /// [`full_name`](crate::Client::full_name). By default it is learned from the service.
    pub fn registry_host(mut self, host: impl Into<String>) -> Self {
        self.registry_host = Some(host.into());
        self
    }

    /// How often and how patiently calls are repeated. Default [`RetryPolicy::default`].
    ///
    /// Repeated are failures to connect and 429 for every operation but the password's; 502,
    /// 503, 504, timeouts and broken connections only where doing it twice is the same as doing it once.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Requests in any 60 seconds at most, for this client and all its clones; `None` for no limit.
    /// Default [`DEFAULT_RATE`]. Requests above it wait; see [`on_wait`](Self::on_wait).
    pub fn rate_limit(mut self, per_minute: Option<NonZeroU32>) -> Self {
        self.rate = per_minute;
        self
    }

    /// How long one attempt may take. Default [`DEFAULT_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long one call may take, waits and repetitions included. Default [`DEFAULT_DEADLINE`]. A list
    /// and a bulk delete are many calls.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// A name to put before this crate's own in `User-Agent`, such as `tidy/1.2`.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// Certificates to trust besides the operating system's, in PEM: of authorities, or of the service itself.
    pub fn certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(pem.into());
        self
    }

    /// Allows plain http to other machines. Keys and tokens then travel readable.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.plain_http = allow;
        self
    }

    /// Refuses every operation that changes something before it is sent, those of `Client::api` included.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Which writes are read back although the service has said yes. Default [`Verify::Labels`].
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Is told of every wait before it begins: for the rate limit, or before another attempt.
    pub fn on_wait(mut self, observer: impl Fn(&Wait) + Send + Sync + 'static) -> Self {
        self.on_wait = Some(Arc::new(observer));
        self
    }

    /// The time, and how to wait. For tests: a [`ManualClock`](crate::ManualClock) waits for nothing.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sends all requests through this proxy, such as `http://user:password@proxy.example.com:3128`. By default the
    /// environment says which: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`; this machine's own addresses are reached without.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// A certificate of one's own for a service that asks for it: PEM with the certificate and its private key.
    pub fn identity(mut self, pem: impl Into<Secret>) -> Self {
        self.identity = Some(pem.into());
        self
    }

    /// Puts a transport around the one that there is: a log, a meter, a cache; or in its place: a test's own. Called
    /// again, it puts another one around that.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use mlspace_registry::{Body, Client, Sending, Transport};
    ///
    /// /// Answers everything with the same, and needs no network.
    /// struct Canned(&'static str);
    ///
    /// impl Transport for Canned {
    ///     fn send<'a>(&'a self, _operation: &'static str, _request: Request<Bytes>) -> Sending<'a> {
    ///         Box::pin(async { Ok(Response::new(Body::from(self.0))) })
    ///     }
    /// }
    ///
    /// # fn build() -> mlspace_registry::Result<()> {
    /// let client = Client::builder().credentials("id", "secret").transport(|_network| Canned("[]")).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transport<T: Transport + 'static>(
        mut self,
        around: impl FnOnce(Arc<dyn Transport>) -> T + Send + Sync + 'static,
    ) -> Self {
        self.transports.push(Box::new(|inner| Arc::new(around(inner))));
        self
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}
