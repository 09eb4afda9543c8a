//! The seam at the bottom: what every request passes on its way out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::HeaderMap;

use crate::Client;

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
/// A session never changes. Whoever refreshes a token makes a new one, so that two calls cannot mix
/// their headers.
#[derive(Clone)]
pub struct Session {
    headers: Arc<HeaderMap>,
    transport: Arc<dyn Transport>,
}

impl Session {
    /// A session whose requests carry `headers`. Mark secret values as sensitive: recorders go by that.
    pub fn new(headers: HeaderMap, transport: Arc<dyn Transport>) -> Self {
        Self { headers: Arc::new(headers), transport }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new(HeaderMap::new(), Arc::new(Network))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: a value may be a secret that somebody forgot to mark.
        f.debug_struct("Session").field("headers", &self.headers.keys().collect::<Vec<_>>()).finish()
    }
}

impl Client {
    /// The same client with another session.
    pub fn with_session(&self, session: Session) -> Self {
        Self { inner: session, ..self.clone() }
    }

    /// Sends a request that is no operation of the document, signed like those that are.
    ///
    /// # Errors
    /// When there is no answer. An answer with an error status is an answer.
    pub async fn send(&self, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        self.exec(request, &OperationInfo { operation_id: "raw" }).await
    }
}

impl ClientHooks<Session> for Client {
    async fn exec(
        &self,
        mut request: reqwest::Request,
        info: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        let headers = request.headers_mut();
        // The generator sends the document's version, of which the service knows nothing.
        headers.remove("api-version");
        for (name, value) in &*self.inner.headers {
            headers.insert(name, value.clone());
        }
        self.inner.transport.send(info.operation_id, &self.client, request).await
    }
}
