//! The seam at the bottom: what every request passes on its way out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use reqwest::Url;
use serde_json::Value;

use crate::Error;
use crate::body::{Body, TooLong};

/// The longest answer that is read, in bytes: 128 MiB. The longest good ones are lists of images, of which
/// one with its configuration takes some 10 KiB.
pub const ANSWER_CAP: usize = 128 << 20;

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send + 'a>>;

/// Refuses requests before they leave, saying why.
pub type Rule = Arc<dyn Fn(&'static str, &Request<Bytes>) -> Result<(), String> + Send + Sync>;

/// Carries finished requests to the service: [`Network`] does, and whoever wants to see requests, change answers or
/// make them up puts a transport of their own around it, or in its place.
///
/// A transport sees requests as they leave the machine, but for the secrets: of headers that sign a request, and of the
/// body that signs in, there are the names, and the values stay with the request for [`Network`] alone, which signs only what goes to the service's
/// own address. A transport that sends by an HTTP client of its own sends unsigned requests, and can lead no secret to
/// another host.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use mlspace_registry_api::{Sending, Transport};
///
/// /// Says how long each request took.
/// struct Timed<T>(T);
///
/// impl<T: Transport> Transport for Timed<T> {
///     fn send<'a>(&'a self, operation: &'static str, request: Request<Bytes>) -> Sending<'a> {
///         Box::pin(async move {
///             let start = std::time::Instant::now();
///             let answer = self.0.send(operation, request).await;
///             let status = answer.as_ref().map(|answer| answer.status().as_u16());
///             println!("{operation}: {status:?} after {:?}", start.elapsed());
///             answer
///         })
///     }
/// }
/// ```
pub trait Transport: Send + Sync {
    /// Sends one request of the operation with that id.
    fn send<'a>(&'a self, operation: &'static str, request: Request<Bytes>) -> Sending<'a>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send<'a>(&'a self, operation: &'static str, request: Request<Bytes>) -> Sending<'a> {
        (**self).send(operation, request)
    }
}

/// Where a request or its answer got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No connection: wrong address, no network, or refused.
    Connect,
    /// The service's certificate was not taken, so nothing was sent. The cause says why and what to do.
    Certificate,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer began.
    Interrupted,
    /// The connection broke within a good answer: the service has acted.
    Truncated,
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "cannot connect to the service",
            Self::Certificate => "no connection to the service is safe",
            Self::Timeout => "no answer in time",
            Self::Interrupted => "the connection broke before the answer came",
            Self::Truncated => "the connection broke within the answer",
        })
    }
}

/// A request or its answer got lost.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportKind,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// Lost there, for no reason that is known.
    pub fn new(kind: TransportKind) -> Self {
        Self { kind, source: None }
    }

    /// Lost there, for that reason. Its text is shown, so it must quote no secret.
    pub fn because(kind: TransportKind, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { kind, source: Some(Arc::new(source)) }
    }

    pub(crate) fn too_long() -> Self {
        Self::because(TransportKind::Truncated, TooLong)
    }

    /// Where.
    pub fn kind(&self) -> TransportKind {
        self.kind
    }

    /// True if an answer was given up because it is longer than [`ANSWER_CAP`].
    pub fn is_too_long(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<TooLong>())
    }

    /// The reason.
    pub fn into_source(self) -> Option<Arc<dyn std::error::Error + Send + Sync>> {
        self.source
    }

    fn of(error: reqwest::Error) -> Self {
        let kind = if error.is_connect() {
            TransportKind::Connect
        } else if error.is_timeout() {
            TransportKind::Timeout
        } else {
            TransportKind::Interrupted
        };
        Self::because(kind, error.without_url())
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// What signs a request, unseen: only [`Network`] can use it.
#[derive(Clone)]
struct Signature {
    service: Option<Url>,
    headers: Arc<HeaderMap>,
    /// The body, where it holds secrets.
    body: Option<Bytes>,
}

/// Sends requests by HTTP.
#[derive(Clone, Debug)]
pub struct Network(reqwest::Client);

impl Network {
    /// Sends by this HTTP client, which must follow no redirects: it would take what signs a request along.
    pub fn new(http: reqwest::Client) -> Self {
        Self(http)
    }

    async fn execute(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let (mut parts, mut body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| TransportError::because(TransportKind::Connect, error))?;
        let mut is_sealed = false;
        if let Some(signature) = parts.extensions.remove::<Signature>() {
            let own = signature.service.as_ref().is_some_and(|service| service.origin() == url.origin());
            for (name, value) in &*signature.headers {
                match own {
                    true => parts.headers.insert(name, value.clone()),
                    false => parts.headers.remove(name),
                };
            }
            is_sealed = signature.body.is_some();
            body = signature.body.filter(|_| own).unwrap_or(body);
        }
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        if !body.is_empty() {
            // What is sent as a stream can be sent once, so that no HTTP client takes it along where a redirect points.
            let body = if is_sealed { reqwest::Body::wrap(Full::new(body)) } else { body.into() };
            *request.body_mut() = Some(body);
        }
        let answer: Response<reqwest::Body> =
            self.0.execute(request).await.map_err(TransportError::of)?.into();
        Ok(answer.map(|body| Body::stream(Pieces(body))))
    }
}

impl Transport for Network {
    fn send<'a>(&'a self, _operation: &'static str, request: Request<Bytes>) -> Sending<'a> {
        Box::pin(self.execute(request))
    }
}

/// The pieces of an answer as they come.
struct Pieces(reqwest::Body);

impl Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        use http_body::Body as _;
        loop {
            let frame = std::task::ready!(Pin::new(&mut self.0).poll_frame(context));
            return std::task::Poll::Ready(match frame {
                None => None,
                Some(Err(error)) => {
                    Some(Err(TransportError::because(TransportKind::Truncated, error.without_url())))
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(Ok(data)),
                    // Trailers.
                    Err(_) => continue,
                },
            });
        }
    }
}

/// What a call carries besides its arguments: the headers that sign it, the rules, and the way out.
///
/// It never changes. Whoever refreshes a token makes a new one, so that two calls cannot mix their
/// headers.
#[derive(Clone, Default)]
pub struct Signing {
    headers: Arc<HeaderMap>,
    transport: Option<Arc<dyn Transport>>,
    user_agent: Option<HeaderValue>,
    rule: Option<Rule>,
    seals_bodies: bool,
}

impl Signing {
    /// Requests are signed with `headers`, whose values no transport sees.
    pub fn new(headers: HeaderMap) -> Self {
        Self { headers: Arc::new(headers), ..Self::default() }
    }

    /// Sends by this transport, and not by the client's own HTTP.
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
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

    /// Bodies hold secrets: transports see their fields and no values, and [`Network`] sends them as streams, which can
    /// be sent once, so that no HTTP client takes one along where a redirect points.
    #[must_use]
    pub fn seal_bodies(self, seal: bool) -> Self {
        Self { seals_bodies: seal, ..self }
    }

    /// Sends one request of an operation.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        client: &reqwest::Client,
        request: reqwest::Request,
        baseurl: &str,
    ) -> Result<Response<Body>, Error> {
        let mut request = taken_apart(request).await?;
        if let Some(rule) = &self.rule {
            rule(operation, &request).map_err(Error::InvalidRequest)?;
        }
        if let Some(name) = &self.user_agent {
            request.headers_mut().insert(http::header::USER_AGENT, name.clone());
        }
        for (name, value) in &*self.headers {
            request.headers_mut().insert(name, shown(value));
        }
        let body = self.seals_bodies.then(|| {
            let shown = shown_body(request.body());
            std::mem::replace(request.body_mut(), shown)
        });
        let signature = Signature { service: Url::parse(baseurl).ok(), headers: self.headers.clone(), body };
        request.extensions_mut().insert(signature);
        let answer = match &self.transport {
            Some(transport) => transport.send(operation, request).await,
            None => Network::new(client.clone()).execute(request).await,
        };
        Ok(answer.map_err(Error::Transport)?.map(|body| body.capped(ANSWER_CAP)))
    }
}

/// The request without the HTTP library that built it.
async fn taken_apart(mut request: reqwest::Request) -> Result<Request<Bytes>, Error> {
    let body = match request.body_mut().take() {
        Some(body) => body.collect().await?.to_bytes(),
        None => Bytes::new(),
    };
    let mut apart = Request::new(body);
    *apart.uri_mut() = request
        .url()
        .as_str()
        .parse()
        .map_err(|error| Error::InvalidRequest(format!("the address cannot be sent: {error}")))?;
    *apart.headers_mut() = std::mem::take(request.headers_mut());
    *apart.method_mut() = request.method().clone();
    Ok(apart)
}

/// A body as a transport sees it: its fields, and nothing that is worth keeping.
fn shown_body(body: &Bytes) -> Bytes {
    fn hide(value: &mut Value) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(hide),
            Value::Array(items) => items.iter_mut().for_each(hide),
            other => *other = "[secret]".into(),
        }
    }
    let mut body = serde_json::from_slice(body).unwrap_or(Value::Null);
    hide(&mut body);
    body.to_string().into()
}

/// A header's value as a transport sees it: the scheme of an authorization, and nothing that is worth keeping.
fn shown(value: &HeaderValue) -> HeaderValue {
    let bearer = value.as_bytes().starts_with(b"Bearer ");
    let mut shown = HeaderValue::from_static(if bearer { "Bearer [secret]" } else { "[secret]" });
    shown.set_sensitive(true);
    shown
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
