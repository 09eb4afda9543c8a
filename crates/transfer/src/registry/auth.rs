//! Signing requests to one registry, and staying signed in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mlspace_registry_net::Cache;
use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

use crate::error::{Error, Result};
use crate::registry::candidates::Candidates;
use crate::registry::challenge::Challenge;
use crate::registry::token::{Endpoint, Proof, SignIn};
use crate::retry::Patience;

/// The access that a request needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    proof: Proof,
    /// Where its token is from; a password is from nowhere.
    token: Option<(Arc<Slot>, u64)>,
}

impl Signature {
    pub(crate) fn header(&self) -> HeaderValue {
        self.proof.header.clone()
    }

    /// Does other work, and drives on meanwhile the fetch of the token that comes after this one.
    pub(crate) async fn alongside<W: Future>(&self, work: W) -> W::Output {
        match &self.token {
            Some((slot, _)) => slot.tokens.alongside(work).await,
            None => work.await,
        }
    }

    fn forget(&self) {
        if let Some((slot, generation)) = &self.token {
            slot.tokens.forget(*generation);
        }
    }
}

#[derive(Clone)]
enum Scheme {
    /// No challenge seen yet: nothing is sent that was not asked for.
    Unknown,
    Basic,
    Bearer(Endpoint),
}

/// What is known of one scope.
#[derive(Default)]
struct Slot {
    tokens: Cache<Proof, Error>,
    /// A scope that the registry named itself, where it differs from ours.
    named: Mutex<Option<String>>,
    /// The candidates before it do not get through.
    candidate: AtomicUsize,
}

pub(crate) struct Auth {
    sign_in: Arc<SignIn>,
    scheme: Mutex<Scheme>,
    slots: Mutex<HashMap<Scope, Arc<Slot>>>,
}

impl Auth {
    pub(crate) fn new(
        registry: Url,
        name: String,
        candidates: Candidates,
        http: reqwest::Client,
        patience: Patience,
    ) -> Self {
        let first = AtomicUsize::new(0);
        let sign_in = Arc::new(SignIn { registry, name, candidates, first, http, patience });
        Self { sign_in, scheme: Mutex::new(Scheme::Unknown), slots: Mutex::default() }
    }

    fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slot of a scope. A new one is the occasion to drop those whose tokens have ended.
    fn slot(&self, scope: &Scope) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(scope) {
            let clock = &*self.sign_in.patience.clock;
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.tokens.has_ended(clock));
        }
        slots.entry(scope.clone()).or_default().clone()
    }

    /// The signature for a request; `None` as long as the registry has not asked for a sign-in.
    pub(crate) async fn sign(&self, scope: &Scope) -> Result<Option<Signature>> {
        match self.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => {
                let slot = self.slot(scope);
                let proof = self.sign_in.password(slot.candidate.load(Ordering::Relaxed)).await?;
                Ok(Some(Signature { proof, token: None }))
            }
            Scheme::Bearer(endpoint) => self.token(scope, endpoint).await.map(Some),
        }
    }

    async fn token(&self, scope: &Scope, endpoint: Endpoint) -> Result<Signature> {
        let (slot, patience) = (self.slot(scope), &self.sign_in.patience);
        let fetch = || {
            let (sign_in, from) = (self.sign_in.clone(), slot.candidate.load(Ordering::Relaxed));
            let mut scopes = scope.0.clone();
            scopes.extend(slot.named.lock().unwrap_or_else(PoisonError::into_inner).clone());
            async move {
                let (proof, life) = sign_in.token(&endpoint, &scopes, from).await?;
                Ok((proof, Some(life)))
            }
        };
        // Longer than a request, its repetition, and a credential helper before them may take.
        let got = slot.tokens.get(&patience.clock, patience.idle.saturating_mul(3), fetch).await;
        let cached = got.map_err(|error| match &*error {
            Error::SignIn { registry, detail } => {
                Error::SignIn { registry: registry.clone(), detail: detail.clone() }
            }
            _ => Error::NoToken(error),
        })?;
        slot.candidate.fetch_max(cached.value.candidate, Ordering::Relaxed);
        Ok(Signature { proof: cached.value, token: Some((slot, cached.generation)) })
    }

    /// Learns from a 401. `Ok` means that signing anew may help.
    pub(crate) async fn refused(
        &self,
        scope: &Scope,
        headers: &HeaderMap,
        used: Option<&Signature>,
    ) -> Result<()> {
        let learned = match (Challenge::best(headers), used) {
            (Some(Challenge::Basic), Some(Signature { token: None, .. })) => {
                return self.give_up(scope, used).await;
            }
            (Some(Challenge::Basic), _) => Scheme::Basic,
            (Some(Challenge::Bearer { realm, service, scope: named }), _) => {
                let endpoint = self.sign_in.endpoint(&realm, service)?;
                let named = named.filter(|named| !scope.0.contains(named));
                *self.slot(scope).named.lock().unwrap_or_else(PoisonError::into_inner) = named;
                if let Some(used) = used {
                    used.forget();
                }
                Scheme::Bearer(endpoint)
            }
            (None, _) => {
                let detail = "it answered 401 without saying how to sign in".into();
                return Err(Error::SignIn { registry: self.sign_in.name.clone(), detail });
            }
        };
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = learned;
        Ok(())
    }

    /// Passes on to the next candidate, if there is one.
    pub(crate) async fn give_up(&self, scope: &Scope, used: Option<&Signature>) -> Result<()> {
        let Some(used) = used else { return Err(self.sign_in.refusal().await) };
        let (slot, next) = (self.slot(scope), used.proof.candidate + 1);
        // Another request may have been first.
        let next = slot.candidate.fetch_max(next, Ordering::Relaxed).max(next);
        used.forget();
        match self.sign_in.candidates.get(next).await {
            Some(_) => Ok(()),
            None => Err(self.sign_in.refusal().await),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_slots_of_tokens_that_have_ended_are_dropped_unless_somebody_uses_them() {
        use mlspace_registry_net::ManualClock;
        let manual = Arc::new(ManualClock::new());
        let clock: Arc<dyn mlspace_registry_net::Clock> = manual.clone();
        let (policy, observer) = (crate::retry::default_policy(), Arc::new(|_: &crate::Event| {}));
        let patience = Patience { policy, clock: clock.clone(), observer, idle: Duration::from_secs(1) };
        let logins = crate::DockerLogins::new();
        let candidates = Candidates::new("h.io".into(), Vec::new(), logins, patience.idle);
        let registry = Url::parse("https://h.io").unwrap();
        let auth = Auth::new(registry, "h.io".into(), candidates, reqwest::Client::new(), patience);
        let mut used = None;
        for n in 0..4 {
            let slot = auth.slot(&Scope::pull(&format!("a{n}")));
            if n > 0 {
                let proof = Proof { header: HeaderValue::from_static("t"), candidate: 0 };
                let fetch = || async { Ok((proof, Some(Duration::from_secs(60)))) };
                assert!(slot.tokens.get(&clock, Duration::MAX, fetch).await.is_ok());
            }
            used = Some(slot);
        }
        manual.advance(Duration::from_secs(60));
        auth.slot(&Scope::pull("b"));
        // The one that never had a token, the one that is used, and the new one.
        assert_eq!(auth.slots.lock().unwrap().len(), 3);
        drop(used);
        auth.slot(&Scope::pull("c"));
        assert_eq!(auth.slots.lock().unwrap().len(), 3);
    }
}
