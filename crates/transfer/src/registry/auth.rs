//! Signing in to one registry, and staying signed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlspace_registry_net::is_loopback;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Mutex as AsyncMutex;
use url::Url;
use zeroize::Zeroizing;

use crate::credentials::{CredentialKind, Credentials};
use crate::error::{Error, Result};
use crate::registry::answer::{failure, read_capped};
use crate::registry::challenge::Challenge;
use crate::registry::http::{Request, location, same_origin};
use crate::retry::Patience;

/// A token without a stated lifetime lives this long, says the token specification.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// No token is taken to live longer, whatever is said of it: a new one costs one request.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// A token this close to its end is not sent any more.
const MARGIN: Duration = Duration::from_secs(10);
/// Longest answer of a token endpoint.
const TOKEN_CAP: usize = 1024 * 1024;
/// Redirects that a token endpoint may answer with.
const REDIRECTS: usize = 5;

/// The access that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull")])
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull,push")])
    }

    /// Also to read another repository, to mount from it.
    pub(crate) fn and_pull(mut self, repository: &str) -> Self {
        self.0.push(format!("repository:{repository}:pull"));
        self
    }
}

/// A request's signature; tells which token it was that got refused.
pub(crate) struct Signature {
    pub(crate) header: HeaderValue,
    generation: u64,
}

#[derive(Clone)]
enum Scheme {
    /// No challenge seen yet: nothing is sent that was not asked for.
    Unknown,
    Basic,
    Bearer {
        realm: Url,
        service: Option<String>,
    },
}

#[derive(Default)]
struct TokenSlot {
    token: Option<(HeaderValue, Instant)>,
    /// Counts the tokens of this slot, so that one refused token is dropped once.
    generation: u64,
    /// A scope that the registry named itself, where it differs from ours.
    named: Option<String>,
}

pub(crate) struct Auth {
    registry: Url,
    name: String,
    credentials: Credentials,
    http: reqwest::Client,
    patience: Patience,
    scheme: Mutex<Scheme>,
    /// One slot per scope. Its lock is held while a token is fetched: whoever comes meanwhile waits for
    /// that token and does not fetch another.
    slots: Mutex<HashMap<String, Arc<AsyncMutex<TokenSlot>>>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
    /// Seconds, written in many ways.
    expires_in: Option<Box<RawValue>>,
}

impl Auth {
    pub(crate) fn new(
        registry: Url,
        name: String,
        credentials: Credentials,
        http: reqwest::Client,
        patience: Patience,
    ) -> Self {
        let (scheme, slots) = (Mutex::new(Scheme::Unknown), Mutex::default());
        Self { registry, name, credentials, http, patience, scheme, slots }
    }

    fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn slot(&self, scope: &Scope) -> Arc<AsyncMutex<TokenSlot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.0.join(" ")).or_default().clone()
    }

    fn basic(&self) -> Option<HeaderValue> {
        self.credentials.basic().and_then(|basic| secret(&basic))
    }

    fn refusal(&self, detail: impl Into<String>) -> Error {
        Error::SignIn { registry: self.name.clone(), detail: detail.into() }
    }

    /// The signature for a request; `None` as long as the registry has not asked for a sign-in.
    pub(crate) async fn sign(&self, scope: &Scope) -> Result<Option<Signature>> {
        match self.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => match self.basic() {
                Some(header) => Ok(Some(Signature { header, generation: 0 })),
                None => Err(self.refusal("it asks for a user and a password, and there are none for it")),
            },
            Scheme::Bearer { realm, service } => {
                let slot = self.slot(scope);
                let mut slot = slot.lock().await;
                let now = self.patience.clock.now();
                if let Some((header, end)) = &slot.token
                    && *end > now + MARGIN
                {
                    return Ok(Some(Signature { header: header.clone(), generation: slot.generation }));
                }
                let mut scopes = scope.0.clone();
                scopes.extend(slot.named.clone());
                let (header, lifetime) = self.fetch(&realm, service.as_deref(), &scopes).await?;
                // A lifetime within the margin still buys the one request that it is fetched for.
                slot.token = Some((header.clone(), self.patience.clock.now() + lifetime));
                slot.generation += 1;
                Ok(Some(Signature { header, generation: slot.generation }))
            }
        }
    }

    /// Learns from a 401. `Ok` means that signing anew may help.
    pub(crate) async fn refused(
        &self,
        scope: &Scope,
        headers: &HeaderMap,
        used: Option<&Signature>,
    ) -> Result<()> {
        let learned = match Challenge::best(headers) {
            Some(Challenge::Basic) => {
                if used.is_some_and(|used| used.generation == 0) || self.basic().is_none() {
                    return Err(self.refusal(self.advice()));
                }
                Scheme::Basic
            }
            Some(Challenge::Bearer { realm, service, scope: named }) => {
                let realm = self.realm(&realm)?;
                let slot = self.slot(scope);
                let mut slot = slot.lock().await;
                if used.is_some_and(|used| used.generation == slot.generation) {
                    slot.token = None;
                }
                slot.named = named.filter(|named| !scope.0.contains(named));
                Scheme::Bearer { realm, service }
            }
            None => return Err(self.refusal("it answered 401 without saying how to sign in")),
        };
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = learned;
        Ok(())
    }

    /// The final word on a request that was refused however it was signed.
    pub(crate) fn advice(&self) -> &'static str {
        match self.credentials.0 {
            CredentialKind::Anonymous => "it asks for a sign-in, and there are no credentials for it",
            CredentialKind::Password { .. } => {
                "the user or the password is wrong, or has no right to this repository"
            }
            CredentialKind::IdentityToken(_) => {
                "the stored sign-in is not valid any more; run `docker login` again"
            }
        }
    }

    pub(crate) fn refuse(&self) -> Error {
        self.refusal(self.advice())
    }

    /// The token endpoint gets the password: only over TLS, or from this machine to itself. Some write only its
    /// path.
    fn realm(&self, realm: &str) -> Result<Url> {
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
        Ok(url)
    }

    async fn fetch(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
    ) -> Result<(HeaderValue, Duration)> {
        let fetched = self.patience.repeat(|| self.fetch_once(realm, service, scopes)).await;
        fetched.map_err(|error| match error.status() {
            Some(400 | 401 | 403) => self.refuse(),
            _ => error,
        })
    }

    async fn fetch_once(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
    ) -> Result<(HeaderValue, Duration)> {
        let what = || format!("get a token for {}", self.name);
        let mut url = realm.clone();
        let mut form = None;
        if let CredentialKind::IdentityToken(token) = &self.credentials.0 {
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
        let response = self.ask(url, form.as_ref(), &what()).await?;
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
    async fn ask(&self, mut url: Url, form: Option<&Zeroizing<String>>, what: &str) -> Result<Response> {
        for _ in 0..=REDIRECTS {
            let mut request = match form {
                Some(form) => self
                    .http
                    .post(url.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.as_str().to_owned()),
                None => self.http.get(url.clone()),
            };
            if let Some(basic) = self.basic() {
                request = request.header(AUTHORIZATION, basic);
            }
            let sent = tokio::time::timeout(self.patience.idle, request.send()).await;
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
