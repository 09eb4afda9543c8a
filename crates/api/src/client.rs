//! The low-level client: one method for each operation, generated, and what all of them share.

use http::Response;
use progenitor_client::ResponseValue;
use serde::de::DeserializeOwned;

use crate::rows::{self, Rows};
use crate::{Body, Error, Signing};

/// What an operation answers with. An answer with an error status is an
/// [`UnexpectedResponse`](Error::UnexpectedResponse), with its body unread.
pub type Answer<T> = Result<ResponseValue<T>, Error>;

/// The low-level client. It has a method for each operation, which begins a request; `send` sends it.
///
/// It neither signs in nor repeats: `mlspace-registry` does.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
    pub(crate) signing: Signing,
}

impl Client {
    /// A client of the service at `baseurl`: scheme, host, and port and path where there are any, without a
    /// slash at the end. `client` must follow no redirects: it would take what signs a request along.
    pub fn new_with_client(baseurl: &str, client: reqwest::Client, signing: Signing) -> Self {
        Self { baseurl: baseurl.to_owned(), client, signing }
    }

    /// The same client, signing another way.
    pub fn with_signing(&self, signing: Signing) -> Self {
        Self { signing, ..self.clone() }
    }

    /// Sends a request that is no operation of the document, signed like those that are.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if a rule refuses it; [`Error::Transport`] when there is no answer. An
    /// answer with an error status is an answer.
    pub async fn send(&self, request: reqwest::Request) -> Result<Response<Body>, Error> {
        self.signing.send("raw", &self.client, request, &self.baseurl).await
    }

    /// Sends a request whose answer is JSON.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> Answer<T> {
        self.decode(request, operation, rows::read).await
    }

    /// Sends a request whose answer is a list.
    pub(crate) async fn read_rows<T: DeserializeOwned>(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> Answer<Rows<T>> {
        self.decode(request, operation, Rows::read).await
    }

    async fn decode<T>(
        &self,
        request: reqwest::Request,
        operation: &'static str,
        read: fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Answer<T> {
        let response = self.good(request, operation).await?;
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status, parts.headers);
        let body = body.bytes().await.map_err(Error::ResponseBody)?;
        match read(&body) {
            Ok(value) => Ok(ResponseValue::new(value, status, headers)),
            Err(error) => Err(Error::InvalidResponsePayload(body, error)),
        }
    }

    /// Sends a request whose answer says nothing but its status.
    #[allow(dead_code)] // The document decides which of these are needed.
    pub(crate) async fn read_nothing(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> Answer<()> {
        let (parts, _) = self.good(request, operation).await?.into_parts();
        Ok(ResponseValue::new((), parts.status, parts.headers))
    }

    /// Sends a request whose answer is no JSON.
    #[allow(dead_code)] // The document decides which of these are needed.
    pub(crate) async fn read_bytes(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> Answer<Body> {
        let (parts, body) = self.good(request, operation).await?.into_parts();
        Ok(ResponseValue::new(body, parts.status, parts.headers))
    }

    async fn good(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> Result<Response<Body>, Error> {
        let response = self.signing.send(operation, &self.client, request, &self.baseurl).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(Error::UnexpectedResponse(Box::new(response)))
        }
    }
}
