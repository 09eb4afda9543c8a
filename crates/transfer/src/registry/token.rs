//! Getting a token: who asks for it, where, and what the answer says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mlspace_registry_net::is_loopback;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;
use zeroize::Zeroizing;

use crate::credentials::{CredentialKind, Credentials};
use crate::error::{Error, Result};
use crate::registry::answer::{exchange, failure, read_capped};
use crate::registry::candidates::Candidates;
use crate::registry::http::{Request, location, same_origin};
use crate::retry::Patience;

/// A token without a stated lifetime lives this long, says the token specification.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// No token is taken to live longer, whatever is said of it: a new one costs one request.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest answer of a token endpoint.
const TOKEN_CAP: usize = 1024 * 1024;
/// Redirects that a token endpoint may answer with.
const REDIRECTS: usize = 5;

/// Where a registry's tokens are to be had.
#[derive(Clone)]
pub(crate) struct Endpoint {
    realm: Url,
    service: Option<String>,
}

/// A proof of who somebody is, ready to be sent.
#[derive(Clone)]
pub(crate) struct Proof {
    pub(crate) header: HeaderValue,
    /// The number of the candidate whose it is.
    pub(crate) candidate: usize,
}

/// Those who may sign in to one registry.
pub(crate) struct SignIn {
    pub(crate) registry: Url,
    pub(crate) name: String,
    pub(crate) candidates: Candidates,
    /// The candidates before it are nobody to this registry.
    pub(crate) first: AtomicUsize,
    pub(crate) http: reqwest::Client,
    pub(crate) patience: Patience,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
    /// Seconds, written in many ways.
    expires_in: Option<Box<RawValue>>,
}

impl SignIn {
    /// The final word on a request that was refused whoever it came from.
    pub(crate) async fn refusal(&self) -> Error {
        Error::SignIn { registry: self.name.clone(), detail: self.candidates.advice().await }
    }

    /// The password of the first candidate from that one on who has one.
    pub(crate) async fn password(&self, from: usize) -> Result<Proof> {
        let mut candidate = from.max(self.first.load(Ordering::Relaxed));
        while let Some(credentials) = self.candidates.get(candidate).await {
            if let Some(header) = credentials.basic().and_then(|basic| secret(&basic)) {
                return Ok(Proof { header, candidate });
            }
            candidate += 1;
        }
        Err(self.refusal().await)
    }

    /// A token for the first candidate from that one on who gets one, and how long it lives.
    pub(crate) async fn token(
        &self,
        endpoint: &Endpoint,
        scopes: &[String],
        from: usize,
    ) -> Result<(Proof, Duration)> {
        let mut candidate = from.max(self.first.load(Ordering::Relaxed));
        while let Some(credentials) = self.candidates.get(candidate).await {
            match self.patience.repeat(|| self.fetch(endpoint, scopes, &credentials)).await {
                Ok((header, life)) => return Ok((Proof { header, candidate }, life)),
                Err(error) if matches!(error.status(), Some(400 | 401 | 403)) => {
                    candidate += 1;
                    if error.status() == Some(401) && !credentials.is_anonymous() {
                        self.first.fetch_max(candidate, Ordering::Relaxed);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.refusal().await)
    }

    /// The endpoint gets the password: only over TLS, or from this machine to itself. Some write only its path.
    pub(crate) fn endpoint(&self, realm: &str, service: Option<String>) -> Result<Endpoint> {
        let url = if realm.starts_with('/') { self.registry.join(realm) } else { Url::parse(realm) };
        let unusable =
            |detail: &str| Error::TokenEndpoint { registry: self.name.clone(), detail: detail.into() };
        let url = url.map_err(|_| unusable("its address cannot be understood"))?;
        let safe = match url.scheme() {
            "https" => true,
            "http" => {
                self.registry.scheme() == "http"
                    && (is_loopback(&url) || url.host_str() == self.registry.host_str())
            }
            _ => false,
        };
        if !safe || !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("it is not https; the password was not sent"));
        }
        Ok(Endpoint { realm: url, service })
    }

    async fn fetch(
        &self,
        endpoint: &Endpoint,
        scopes: &[String],
        credentials: &Credentials,
    ) -> Result<(HeaderValue, Duration)> {
        let what = || format!("get a token for {}", self.name);
        let (mut url, service) = (endpoint.realm.clone(), endpoint.service.as_deref());
        let mut form = None;
        if let CredentialKind::IdentityToken(token) = &credentials.0 {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", env!("CARGO_PKG_NAME"))
                .append_pair("scope", &scopes.join(" "))
                .append_pair("refresh_token", token);
            if let Some(service) = service {
                pairs.append_pair("service", service);
            }
            form = Some(Zeroizing::new(pairs.finish()));
        } else {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", scope);
            }
        }
        let response = self.ask(url, form.as_ref(), credentials, &what()).await?;
        if !response.status().is_success() {
            return Err(failure(&self.patience, what(), response).await);
        }
        let body = Zeroizing::new(read_capped(&self.patience, what(), response, TOKEN_CAP).await?);
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| Error::protocol(what(), "it is not the JSON of a token"))?;
        let given = |token: Option<Zeroizing<String>>| token.filter(|token| !token.is_empty());
        let token = given(answer.token)
            .or(given(answer.access_token))
            .ok_or_else(|| Error::protocol(what(), "there is no token in it"))?;
        let header = secret(&Zeroizing::new(format!("Bearer {}", token.as_str())))
            .ok_or_else(|| Error::protocol(what(), "its token holds characters that cannot be sent"))?;
        Ok((header, lifetime(answer.expires_in.as_deref())))
    }

    /// Asks the token endpoint, and follows it within its host: nobody else gets the password.
    async fn ask(
        &self,
        mut url: Url,
        form: Option<&Zeroizing<String>>,
        credentials: &Credentials,
        what: &str,
    ) -> Result<Response> {
        let basic = credentials.basic().and_then(|basic| secret(&basic));
        for _ in 0..=REDIRECTS {
            let mut request = match form {
                Some(form) => self
                    .http
                    .post(url.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.as_str().to_owned()),
                None => self.http.get(url.clone()),
            };
            if let Some(basic) = &basic {
                request = request.header(AUTHORIZATION, basic.clone());
            }
            let sent = tokio::time::timeout(self.patience.idle, exchange(&self.patience, request)).await;
            let response =
                sent.map_err(|_| Patience::stalled(what))?.map_err(|error| Error::transport(what, error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let asked = Request::new(what, Method::GET, url);
            url = location(&asked, response.headers())?;
            if !same_origin(&url, &asked.url) {
                return Err(Error::protocol(
                    what,
                    "it leads to another host, which does not get the password",
                ));
            }
        }
        Err(Error::protocol(what, "too many redirects"))
    }
}

/// The lifetime that an answer states, if it can be understood.
fn lifetime(stated: Option<&RawValue>) -> Duration {
    let seconds = stated.and_then(|text| text.get().trim_matches('"').trim().parse::<f64>().ok());
    match seconds {
        Some(seconds) if seconds >= LONGEST_LIFETIME.as_secs_f64() => LONGEST_LIFETIME,
        Some(seconds) if seconds >= 0.0 => Duration::from_secs_f64(seconds),
        _ => DEFAULT_LIFETIME,
    }
}

/// A header that is not logged; `None` if it cannot be sent.
fn secret(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_understood_however_it_is_written() {
        let seconds = |text: &str| {
            let raw: Option<Box<RawValue>> = serde_json::from_str(text).unwrap();
            lifetime(raw.as_deref()).as_secs()
        };
        for text in ["300", "300.0", "3e2", "\"300\"", "\" 300 \""] {
            assert_eq!(seconds(text), 300, "{text}");
        }
        assert_eq!(seconds("0"), 0);
        for text in
            ["null", "-1", "-0.5", "-9223372036854775808", "\"soon\"", "\"\"", "\"NaN\"", "{}", "[]", "true"]
        {
            assert_eq!(seconds(text), DEFAULT_LIFETIME.as_secs(), "{text}");
        }
        for text in
            ["9223372036854775807", "18446744073709551615", "18446744073709551616", "1e400", "\"inf\""]
        {
            assert_eq!(seconds(text), LONGEST_LIFETIME.as_secs(), "{text}");
        }
    }
}
