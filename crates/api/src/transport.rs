//! The seam at the bottom: what every request passes on its way out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::{Full, LengthLimitError, Limited};
use progenitor_client::Error;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};

/// The longest answer that is read, in bytes: 128 MiB. The longest good ones are lists of images, of which
/// one with its configuration takes some 10 KiB.
pub const ANSWER_CAP: usize = 128 << 20;

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send + 'a>>;

/// Refuses requests before they leave, saying why.
pub type Rule = Arc<dyn Fn(&'static str, &reqwest::Request) -> Result<(), String> + Send + Sync>;

/// Carries finished requests to the service. The one implementation that programs need is [`Network`];
/// tests put a recorder here, and see requests as they would leave the machine, but for the secrets: of
/// headers that sign a request there are the names, and [`Http`] alone knows the values. A transport that sends
/// by an HTTP client of its own sends unsigned requests, and can lead no secret to another host.
pub trait Transport: Send + Sync {
    /// Sends one request of the operation with that id.
    fn send<'a>(&'a self, operation: &'static str, http: &'a Http, request: reqwest::Request) -> Sending<'a>;
}

/// Sends requests as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network;

impl Transport for Network {
    fn send<'a>(
        &'a self,
        _operation: &'static str,
        http: &'a Http,
        request: reqwest::Request,
    ) -> Sending<'a> {
        Box::pin(http.execute(request))
    }
}

/// The HTTP client, and the headers that it alone knows. Signs only what goes to the service's own address.
pub struct Http {
    client: reqwest::Client,
    service: Option<Url>,
    headers: Arc<HeaderMap>,
}

impl Http {
    /// Signs a request and sends it.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn execute(&self, mut request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        let url = request.url();
        let own = self.service.as_ref().is_some_and(|service| service.origin() == url.origin());
        for (name, value) in &*self.headers {
            match own {
                true => request.headers_mut().insert(name, value.clone()),
                false => request.headers_mut().remove(name),
            };
        }
        self.client.execute(request).await
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("headers", &Names(&self.headers)).finish_non_exhaustive()
    }
}

/// What a call carries besides its arguments: the headers that sign it, the rules, and the way out.
///
/// It never changes. Whoever refreshes a token makes a new one, so that two calls cannot mix their
/// headers.
#[derive(Clone)]
pub struct Signing {
    headers: Arc<HeaderMap>,
    transport: Arc<dyn Transport>,
    user_agent: Option<HeaderValue>,
    rule: Option<Rule>,
    seals_bodies: bool,
}

impl Signing {
    /// Requests are signed with `headers`, whose values no transport sees.
    pub fn new(headers: HeaderMap, transport: Arc<dyn Transport>) -> Self {
        Self { headers: Arc::new(headers), transport, user_agent: None, rule: None, seals_bodies: false }
    }

    /// Names the program, whichever HTTP client sends the request.
    #[must_use]
    pub fn user_agent(self, name: HeaderValue) -> Self {
        Self { user_agent: Some(name), ..self }
    }

    /// Asks `rule` before each request.
    #[must_use]
    pub fn rule(self, rule: Option<Rule>) -> Self {
        Self { rule, ..self }
    }

    /// Bodies hold secrets: they are handed to the transport as streams, which can be sent once, so that no
    /// HTTP client takes one along where a redirect points.
    #[must_use]
    pub fn seal_bodies(self, seal: bool) -> Self {
        Self { seals_bodies: seal, ..self }
    }

    /// Sends one request of an operation.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        client: &reqwest::Client,
        mut request: reqwest::Request,
        baseurl: &str,
    ) -> Result<reqwest::Response, Error<()>> {
        if let Some(rule) = &self.rule {
            rule(operation, &request).map_err(Error::InvalidRequest)?;
        }
        if let Some(name) = &self.user_agent {
            request.headers_mut().insert(reqwest::header::USER_AGENT, name.clone());
        }
        for (name, value) in &*self.headers {
            request.headers_mut().insert(name, shown(value));
        }
        if self.seals_bodies
            && let Some(body) = request.body().and_then(reqwest::Body::as_bytes)
        {
            let body = Full::new(body.to_vec().into());
            *request.body_mut() = Some(reqwest::Body::wrap::<Full<bytes::Bytes>>(body));
        }
        let http =
            Http { client: client.clone(), service: Url::parse(baseurl).ok(), headers: self.headers.clone() };
        Ok(capped(self.transport.send(operation, &http, request).await?))
    }
}

/// A header's value as a transport sees it: the scheme of an authorization, and nothing that is worth keeping.
fn shown(value: &HeaderValue) -> HeaderValue {
    let bearer = value.as_bytes().starts_with(b"Bearer ");
    let mut shown = HeaderValue::from_static(if bearer { "Bearer [secret]" } else { "[secret]" });
    shown.set_sensitive(true);
    shown
}

fn capped(response: reqwest::Response) -> reqwest::Response {
    let response: http::Response<reqwest::Body> = response.into();
    response.map(|body| reqwest::Body::wrap(Limited::new(body, ANSWER_CAP))).into()
}

/// True if an answer was given up because it is longer than [`ANSWER_CAP`].
pub fn is_too_long(error: &reqwest::Error) -> bool {
    let first: Option<&(dyn std::error::Error + 'static)> = Some(error);
    std::iter::successors(first, |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

impl Default for Signing {
    fn default() -> Self {
        Self::new(HeaderMap::new(), Arc::new(Network))
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("headers", &Names(&self.headers)).finish_non_exhaustive()
    }
}

/// Names only: a value may be a secret that somebody forgot to mark.
struct Names<'h>(&'h HeaderMap);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
