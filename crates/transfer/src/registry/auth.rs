//! Signing in to one registry, and staying signed in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
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
use crate::registry::answer::{exchange, failure, read_capped};
use crate::registry::candidates::Candidates;
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
    candidate: usize,
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
    /// The candidates before it do not get through.
    candidate: usize,
}

pub(crate) struct Auth {
    registry: Url,
    name: String,
    candidates: Candidates,
    /// The candidates before it are nobody to this registry.
    first: AtomicUsize,
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
        candidates: Candidates,
        http: reqwest::Client,
        patience: Patience,
    ) -> Self {
        let (scheme, slots) = (Mutex::new(Scheme::Unknown), Mutex::default());
        Self { registry, name, candidates, first: AtomicUsize::new(0), http, patience, scheme, slots }
    }

    fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slot of a scope. A new one is the occasion to drop those whose tokens have ended.
    fn slot(&self, scope: &Scope) -> Arc<AsyncMutex<TokenSlot>> {
        let key = scope.0.join(" ");
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(&key) {
            let now = self.patience.clock.now();
            slots.retain(|_, slot| {
                let has_ended = |slot: &TokenSlot| slot.token.as_ref().is_some_and(|(_, end)| *end <= now);
                Arc::strong_count(slot) > 1 || !slot.try_lock().is_ok_and(|slot| has_ended(&slot))
            });
        }
        slots.entry(key).or_default().clone()
    }

    /// The final word on a request that was refused whoever it came from.
    async fn refusal(&self) -> Error {
        Error::SignIn { registry: self.name.clone(), detail: self.candidates.advice().await }
    }

    /// The signature for a request; `None` as long as the registry has not asked for a sign-in.
    pub(crate) async fn sign(&self, scope: &Scope) -> Result<Option<Signature>> {
        let scheme = self.scheme();
        if matches!(scheme, Scheme::Unknown) {
            return Ok(None);
        }
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        loop {
            let candidate = slot.candidate.max(self.first.load(Ordering::Relaxed));
            slot.candidate = candidate;
            if let (Scheme::Bearer { .. }, Some((header, end))) = (&scheme, &slot.token)
                && *end > self.patience.clock.now() + MARGIN
            {
                let (header, generation) = (header.clone(), slot.generation);
                return Ok(Some(Signature { header, candidate, generation }));
            }
            let Some(credentials) = self.candidates.get(candidate).await else {
                return Err(self.refusal().await);
            };
            let Scheme::Bearer { realm, service } = &scheme else {
                let basic = credentials.basic().and_then(|basic| secret(&basic));
                if let Some(header) = basic {
                    return Ok(Some(Signature { header, candidate, generation: 0 }));
                }
                slot.candidate += 1;
                continue;
            };
            let mut scopes = scope.0.clone();
            scopes.extend(slot.named.clone());
            match self.fetch(realm, service.as_deref(), &scopes, &credentials).await {
                Ok((header, lifetime)) => {
                    // A lifetime within the margin still buys the one request that it is fetched for.
                    slot.token = Some((header.clone(), self.patience.clock.now() + lifetime));
                    slot.generation += 1;
                    return Ok(Some(Signature { header, candidate, generation: slot.generation }));
                }
                Err(error) if matches!(error.status(), Some(400 | 401 | 403)) => {
                    if error.status() == Some(401) && !credentials.is_anonymous() {
                        self.first.fetch_max(candidate + 1, Ordering::Relaxed);
                    }
                    slot.candidate += 1;
                }
                Err(error) => return Err(error),
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
        let learned = match (Challenge::best(headers), used) {
            (Some(Challenge::Basic), Some(used)) if used.generation == 0 => {
                return self.give_up(scope, Some(used)).await;
            }
            (Some(Challenge::Basic), _) => Scheme::Basic,
            (Some(Challenge::Bearer { realm, service, scope: named }), _) => {
                let realm = self.realm(&realm)?;
                let slot = self.slot(scope);
                let mut slot = slot.lock().await;
                if used.is_some_and(|used| used.generation == slot.generation) {
                    slot.token = None;
                }
                slot.named = named.filter(|named| !scope.0.contains(named));
                Scheme::Bearer { realm, service }
            }
            (None, _) => {
                let detail = "it answered 401 without saying how to sign in".into();
                return Err(Error::SignIn { registry: self.name.clone(), detail });
            }
        };
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = learned;
        Ok(())
    }

    /// Passes on to the next candidate, if there is one.
    pub(crate) async fn give_up(&self, scope: &Scope, used: Option<&Signature>) -> Result<()> {
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        let Some(used) = used else { return Err(self.refusal().await) };
        // Another request may have been first.
        if slot.candidate <= used.candidate {
            slot.candidate = used.candidate + 1;
            slot.token = None;
        }
        match self.candidates.get(slot.candidate).await {
            Some(_) => Ok(()),
            None => Err(self.refusal().await),
        }
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
        credentials: &Credentials,
    ) -> Result<(HeaderValue, Duration)> {
        self.patience.repeat(|| self.fetch_once(realm, service, scopes, credentials)).await
    }

    async fn fetch_once(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
        credentials: &Credentials,
    ) -> Result<(HeaderValue, Duration)> {
        let what = || format!("get a token for {}", self.name);
        let mut url = realm.clone();
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

    #[tokio::test]
    async fn the_slots_of_tokens_that_have_ended_are_dropped_unless_somebody_waits_at_them() {
        use mlspace_registry_net::{Clock as _, ManualClock};
        let clock = Arc::new(ManualClock::new());
        let (policy, observer) = (crate::retry::default_policy(), Arc::new(|_: &crate::Event| {}));
        let patience = Patience { policy, clock: clock.clone(), observer, idle: Duration::from_secs(1) };
        let logins = crate::DockerLogins::new();
        let candidates = Candidates::new("h.io".into(), Vec::new(), logins, patience.idle);
        let registry = Url::parse("https://h.io").unwrap();
        let auth = Auth::new(registry, "h.io".into(), candidates, reqwest::Client::new(), patience);
        let end = clock.now() + Duration::from_secs(60);
        let mut waiting = None;
        for n in 0..4 {
            let slot = auth.slot(&Scope::pull(&format!("a{n}")));
            if n > 0 {
                slot.lock().await.token = Some((HeaderValue::from_static("t"), end));
            }
            waiting = Some(slot);
        }
        clock.advance(Duration::from_secs(60));
        auth.slot(&Scope::pull("b"));
        // The one that never had a token, the one that is waited at, and the new one.
        assert_eq!(auth.slots.lock().unwrap().len(), 3);
        drop(waiting);
        auth.slot(&Scope::pull("c"));
        assert_eq!(auth.slots.lock().unwrap().len(), 3);
    }

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
