//! Requests to one registry: signed, repeated where that is safe, never redirected unseen.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use mlspace_registry_net::is_loopback;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, LOCATION};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::error::{Error, Result};
use crate::registry::answer::{exchange, failure, read_capped};
use crate::registry::auth::{Auth, Scope};
use crate::retry::Patience;

/// Redirects that one request may take.
const REDIRECTS: usize = 5;

/// Habits of a registry that were learned while talking to it.
#[derive(Default)]
pub(crate) struct Learned {
    /// A POST with the whole blob was not taken.
    pub(crate) no_single_post: std::sync::atomic::AtomicBool,
    /// A PATCH was not taken.
    pub(crate) no_chunks: std::sync::atomic::AtomicBool,
    /// Mounts are not known.
    pub(crate) no_mounts: std::sync::atomic::AtomicBool,
    /// A PATCH without a length was not taken.
    pub(crate) no_streams: std::sync::atomic::AtomicBool,
    /// The longest body to send; 0 stands for no limit.
    pub(crate) body_cap: AtomicU64,
}

/// An answer whose body came to its end.
pub(crate) struct WholeAnswer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// One registry.
pub(crate) struct Registry {
    pub(crate) base: Url,
    pub(crate) name: String,
    pub(crate) auth: Auth,
    pub(crate) http: reqwest::Client,
    pub(crate) patience: Patience,
    pub(crate) learned: Learned,
    /// Held by the one of this client that changes a list of referrers.
    pub(crate) referrers: tokio::sync::Mutex<()>,
}

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) what: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(what: impl Into<String>, method: Method, url: Url) -> Self {
        Self { what: what.into(), method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Adds a header; a value that is none is a mistake of this crate and is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }
}

impl Registry {
    /// An address below `/v2/`. `path` is made of validated parts only.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{path}"));
        url
    }

    /// Sends, signs, follows and repeats. Any answer that is not a passing failure is returned, good or bad.
    pub(crate) async fn send(&self, scope: &Scope, request: &Request) -> Result<Response> {
        self.patience.repeat(|| self.followed(scope, request)).await
    }

    /// The same with the body, which is no longer than `cap`. An answer that breaks off is asked for again; a
    /// refusal is an error.
    pub(crate) async fn fetch(&self, scope: &Scope, request: &Request, cap: usize) -> Result<WholeAnswer> {
        self.patience
            .repeat(|| async {
                let response = self.followed(scope, request).await?;
                if !response.status().is_success() {
                    return Err(failure(&self.patience, request.what.clone(), response).await);
                }
                let headers = response.headers().clone();
                let body = read_capped(&self.patience, request.what.clone(), response, cap).await?;
                Ok(WholeAnswer { headers, body })
            })
            .await
    }

    /// One attempt, wherever redirects lead: what reads is followed without the credentials where that is
    /// elsewhere, and never from https to http; what writes only within the registry.
    pub(crate) async fn followed(&self, scope: &Scope, request: &Request) -> Result<Response> {
        let mut request = Cow::Borrowed(request);
        let mut redirects = 0;
        loop {
            let response = self.send_once(scope, &request, None).await?;
            if Patience::is_passing_status(response.status().as_u16()) {
                return Err(failure(&self.patience, request.what.clone(), response).await);
            }
            let url = match self.redirected(&request, &response) {
                Ok(None) => return Ok(response),
                Ok(Some(_)) if redirects == REDIRECTS => {
                    Err(Error::protocol(&request.what, "too many redirects"))
                }
                Ok(Some(url)) => Ok(url),
                Err(error) => Err(error),
            };
            match url {
                Ok(url) => request.to_mut().url = url,
                // A look that leads nowhere has seen nothing, which is no failure.
                Err(_) if request.method == Method::HEAD => return Ok(response),
                Err(error) => return Err(error),
            }
            redirects += 1;
        }
    }

    /// Where an answer sends the request; `None` if it is no redirect.
    pub(crate) fn redirected(&self, request: &Request, response: &Response) -> Result<Option<Url>> {
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let keeps_the_method = match response.status().as_u16() {
            307 | 308 => true,
            301..=303 => false,
            _ => return Ok(None),
        };
        let url = location(request, response.headers())?;
        if is_read || keeps_the_method && same_origin(&url, &request.url) {
            return Ok(Some(url));
        }
        // Whether an image may go elsewhere, and under which name, is for its owner to say.
        let status = response.status().as_u16();
        let mut place = url;
        place.set_query(None);
        Err(Error::protocol(
            &request.what,
            format!("{status} leads to {place}, and writes do not go elsewhere"),
        ))
    }

    /// Sends once, signed; a 401 leads to a new signature and another go, unless the body is a stream,
    /// which cannot be sent twice: then the next signature is prepared and the 401 returned.
    pub(crate) async fn send_once(
        &self,
        scope: &Scope,
        request: &Request,
        mut stream: Option<reqwest::Body>,
    ) -> Result<Response> {
        let ours = same_origin(&request.url, &self.base);
        // Addresses outside may be signed by themselves, and storage refuses what is signed twice.
        let mut signs = ours && request.url.path().starts_with("/v2/");
        let mut goes = 0;
        loop {
            let signature = if signs { self.auth.sign(scope).await? } else { None };
            let mut headers = request.headers.clone();
            if let Some(signature) = &signature {
                headers.insert(AUTHORIZATION, signature.header());
            }
            let is_stream = stream.is_some();
            let body = stream.take().unwrap_or_else(|| request.body.clone().into());
            let sending =
                self.http.request(request.method.clone(), request.url.clone()).headers(headers).body(body);
            let sending = exchange(&self.patience, sending);
            let sending = async {
                match &signature {
                    Some(signature) => signature.alongside(sending).await,
                    None => sending.await,
                }
            };
            // Whoever sends a stream watches it; the wait for an answer is part of that.
            let response = if is_stream {
                sending.await
            } else {
                let limited = tokio::time::timeout(self.patience.idle, sending).await;
                limited.map_err(|_| Patience::stalled(&request.what))?
            };
            let response = response.map_err(|error| Error::transport(&request.what, error))?;
            if response.status() != StatusCode::UNAUTHORIZED || !ours {
                return Ok(response);
            }
            signs = true;
            goes += 1;
            if goes == 3 {
                // These credentials are no good for this; others may be.
                self.auth.give_up(scope, signature.as_ref()).await?;
                goes = 1;
            } else {
                self.auth.refused(scope, response.headers(), signature.as_ref()).await?;
            }
            if is_stream {
                return Ok(response);
            }
        }
    }
}

/// Where the registry says that it goes on. It may be relative and may have a query.
pub(crate) fn location(request: &Request, headers: &HeaderMap) -> Result<Url> {
    let wrong = |why: &str| Error::protocol(&request.what, why);
    let text = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| wrong("there is no Location in it"))?;
    let mut url = request.url.join(text).map_err(|_| wrong("its Location cannot be understood"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("its Location is not http"));
    }
    // A registry behind a proxy that ends TLS may know itself by http only.
    if url.scheme() == "http" && request.url.scheme() == "https" {
        if url.host_str() != request.url.host_str() || url.port().is_some() {
            return Err(wrong("its Location leads from https to http"));
        }
        let _ = url.set_scheme("https");
        let _ = url.set_port(request.url.port());
    }
    if url.scheme() == "http" && !is_loopback(&url) && url.host_str() != request.url.host_str() {
        return Err(wrong("its Location leads to another host without TLS"));
    }
    Ok(url)
}

pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_may_be_relative_and_keeps_its_query() {
        let at = |base: &str, text: &str| {
            let request = Request::new("x", Method::POST, base.parse().unwrap());
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, text.parse().unwrap());
            location(&request, &headers).map(String::from)
        };
        let base = "https://h.io:444/v2/a/blobs/uploads/";
        assert_eq!(
            at(base, "/v2/a/blobs/uploads/1?_state=x%3D").unwrap(),
            "https://h.io:444/v2/a/blobs/uploads/1?_state=x%3D"
        );
        assert_eq!(at(base, "1").unwrap(), "https://h.io:444/v2/a/blobs/uploads/1");
        assert_eq!(at(base, "https://cdn.io/x?y").unwrap(), "https://cdn.io/x?y");
        assert_eq!(at("https://h.io/v2/", "http://h.io/u").unwrap(), "https://h.io/u");
        for bad in ["http://cdn.io/x", "http://h.io:80a/", "file:///etc/passwd", "http://h.io:8080/u"] {
            assert!(at(base, bad).is_err(), "{bad}");
        }
        assert!(at("http://127.0.0.1:1/v2/", "http://10.0.0.1/").is_err());
    }
}
