//! Settings of a client, checked before anything is sent.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_api::{Network, Secret, Transport};
use mlspace_registry_net::{
    Clock, RetryPolicy, SystemClock, check_scheme, heed_no_proxy, is_loopback, trust,
};
use reqwest::header::HeaderValue;
use url::Url;

use crate::call::{Observer, Wait};
use crate::client::Client;
use crate::core::{Core, Settings};
use crate::error::{Error, Result};
use crate::limiter::Limiter;
use crate::verify::Verify;

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
/// How long connecting may take: what crosses a continent takes well under a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: balancers close theirs after 60 s (Amazon's) or 75 s (nginx),
/// and what is sent just then gets lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// All paths of the API begin with it; some tools store the address with it and some without.
const PREFIX: &str = "/public/v2";

/// Builds a [`Client`]. Only [`credentials`](Self::credentials) must be given.
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    credentials: Option<(String, Secret)>,
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
    transport: Arc<dyn Transport>,
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
            transport: Arc::new(Network),
            on_wait: None,
        }
    }

    /// The key to sign in with: its id and its secret, of a service account or a person.
    pub fn credentials(mut self, key_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.credentials = Some((key_id.into(), secret.into()));
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
    /// [`full_name`](Client::full_name). By default it is learned from the service.
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

    /// Certificates to trust besides the operating system's, in PEM.
    pub fn extra_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(pem.into());
        self
    }

    /// Allows plain http to other machines. Keys and tokens then travel readable.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.plain_http = allow;
        self
    }

    /// Refuses every operation that changes something before it is sent, those of [`Client::api`] included.
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

    /// How finished requests leave the machine. For tests and recorders: of what signs a request they see the
    /// names of the headers, and an HTTP client of their own sends it unsigned.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = transport;
        self
    }

    /// Checks the settings and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the setting that is wrong or missing.
    pub fn build(self) -> Result<Client> {
        let invalid = |problem: String| Err(Error::Invalid(problem));
        let Some((client_id, client_secret)) = self.credentials else {
            return invalid("no credentials: give a key id and a key secret".into());
        };
        if client_id.is_empty() || client_secret.expose().is_empty() {
            return invalid("the key id or the key secret is empty".into());
        }
        if self.api_key.is_some() && self.workspace.is_none() {
            return invalid("an api key belongs to a workspace: give the workspace's id as well".into());
        }
        let url = parse_base_url(&self.base_url)?;
        let loopback = is_loopback(&url);
        if url.scheme() == "http" && !loopback && !self.plain_http {
            return invalid(format!(
                "{} is plain http, which would show keys to everybody on the way; use https",
                self.base_url
            ));
        }
        let name = concat!("mlspace-registry/", env!("CARGO_PKG_VERSION"));
        let user_agent = self.user_agent.map_or(name.to_owned(), |own| format!("{own} {name}"));
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| Error::Invalid("the user agent holds characters that no header can carry".into()))?;
        let mut http = reqwest::Client::builder()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the api key to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        http = if loopback { http.no_proxy() } else { heed_no_proxy(http) };
        let http = check_scheme(&url)
            .and_then(|()| trust(http, &self.certificates))
            .map_err(|error| Error::Invalid(error.to_string()))?
            .build()
            .map_err(|error| Error::Invalid(format!("the HTTP client cannot be made: {error}")))?;
        let settings = Settings {
            base_url: url.as_str().trim_end_matches('/').to_owned(),
            client_id,
            client_secret,
            workspace: self.workspace,
            workspace_key: self.api_key,
            registry_host: self.registry_host,
            retry: self.retry,
            timeout: self.timeout,
            deadline: self.deadline,
            read_only: self.read_only,
            user_agent,
            verify: self.verify,
            clock: self.clock,
            transport: self.transport,
            on_wait: self.on_wait,
        };
        Ok(Client::of(Core::new(settings, http, Limiter::new(self.rate))))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("client_id", &self.credentials.as_ref().map(|(id, _)| id))
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// The address without `/public/v2` and without a slash at its end.
fn parse_base_url(text: &str) -> Result<Url> {
    // The text may hold a password; it is not repeated.
    let invalid = |problem: &str| Error::Invalid(format!("the base URL is not usable: {problem}"));
    let mut url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid("it must begin with https:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it must not hold a user or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it must not hold `?` or `#`"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(PREFIX).unwrap_or(path).trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(url: &str) -> Result<Client> {
        Client::builder().credentials("id", "secret").base_url(url).build()
    }

    #[test]
    fn the_address_may_end_with_the_prefix_or_not() {
        for url in [
            "http://localhost:1",
            "http://localhost:1/",
            "http://localhost:1/public/v2",
            "http://localhost:1/public/v2/",
        ] {
            assert_eq!(built(url).unwrap().base_url(), "http://localhost:1", "{url}");
        }
        assert_eq!(built("http://127.0.0.1/gate/public/v2").unwrap().base_url(), "http://127.0.0.1/gate");
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_a_password_in_it() {
        for url in [
            "",
            "api.ai.cloud.ru",
            "ftp://host",
            "http://example.com",
            "https://u:hunter2@h",
            "https://h/?q=hunter2",
        ] {
            let error = built(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn missing_settings_are_named() {
        let message = |builder: ClientBuilder| builder.build().unwrap_err().to_string();
        assert!(message(Client::builder()).contains("no credentials"));
        assert!(message(Client::builder().credentials("", "x")).contains("empty"));
        let half = Client::builder().credentials("id", "secret").api_key("key");
        assert!(message(half).contains("workspace's id"));
    }
}
