//! The seam at the bottom: what every request passes on its way out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::header::HeaderMap;

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send + 'a>>;

/// Carries finished requests to the service. The one implementation that programs need is [`Network`];
/// tests put a recorder here, and see requests as they would leave the machine.
pub trait Transport: Send + Sync {
    /// Sends one request of the operation with that id.
    fn send<'a>(
        &'a self,
        operation: &'static str,
        http: &'a reqwest::Client,
        request: reqwest::Request,
    ) -> Sending<'a>;
}

/// Sends requests as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network;

impl Transport for Network {
    fn send<'a>(
        &'a self,
        _operation: &'static str,
        http: &'a reqwest::Client,
        request: reqwest::Request,
    ) -> Sending<'a> {
        Box::pin(http.execute(request))
    }
}

/// What a call carries besides its arguments: the headers that sign it, and the way out.
///
/// It never changes. Whoever refreshes a token makes a new one, so that two calls cannot mix their
/// headers.
#[derive(Clone)]
pub struct Signing {
    headers: Arc<HeaderMap>,
    transport: Arc<dyn Transport>,
}

impl Signing {
    /// Requests carry `headers`. Mark secret values as sensitive: recorders go by that.
    pub fn new(headers: HeaderMap, transport: Arc<dyn Transport>) -> Self {
        Self { headers: Arc::new(headers), transport }
    }

    /// Sends one request of an operation.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        http: &reqwest::Client,
        mut request: reqwest::Request,
    ) -> reqwest::Result<reqwest::Response> {
        let headers = request.headers_mut();
        for (name, value) in &*self.headers {
            headers.insert(name, value.clone());
        }
        self.transport.send(operation, http, request).await
    }
}

impl Default for Signing {
    fn default() -> Self {
        Self::new(HeaderMap::new(), Arc::new(Network))
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: a value may be a secret that somebody forgot to mark.
        f.debug_struct("Signing").field("headers", &self.headers.keys().collect::<Vec<_>>()).finish()
    }
}
