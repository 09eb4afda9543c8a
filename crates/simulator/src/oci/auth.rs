//! Rights in the registry.
//!
//! The user is the person's address, the password the one that `generate_password` gave last; before the first one
//! nobody can sign in. A token dies with the password that it was asked with.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use mlspace_registry_api::Secret;

use crate::accounts::EMAIL;
use crate::accounts::registry::Token;
use crate::names::is_repository_name;
use crate::oci::error::Refusal;
use crate::oci::route::{Endpoint, Route, TOKEN};
use crate::quirks::{Mounts, RegistryAuth};
use crate::service::Service;
use crate::state::digest::{Algorithm, Digest};

/// The list of all repositories, as scopes name it. No repository can be called so.
const CATALOG: &str = "registry:catalog";

/// The right that a request needs: an action on a repository. The repository is named as in requests, or nothing is needed
/// but to be signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    pub(crate) actions: &'static [&'static str],
}

impl Scope {
    /// The right that a route needs.
    pub(crate) fn of(route: &Route) -> Self {
        if route.endpoint == Endpoint::Catalog {
            return Self { repository: CATALOG.to_owned(), actions: &["*"] };
        }
        let actions: &[&str] = match route.operation {
            "oci_blob_delete" | "oci_manifest_delete" => &["delete"],
            "oci_upload_start" | "oci_upload_patch" | "oci_upload_put" | "oci_upload_status"
            | "oci_upload_cancel" | "oci_manifest_put" => &["pull", "push"],
            _ => &["pull"],
        };
        Self { repository: route.name.clone(), actions }
    }

    /// The right that a mount needs besides. Without it the mount becomes an upload.
    fn of_mount(route: &Route, query: Option<&str>) -> Option<Self> {
        let query = query.filter(|_| route.endpoint == Endpoint::Uploads)?;
        let (_, from) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "from")?;
        is_repository_name(&from).then(|| Self::to_pull(&from))
    }

    fn to_pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), actions: &["pull"] }
    }
}

/// The repositories from which a request may pull.
pub(crate) enum Pulls {
    All,
    Only(HashSet<String>),
}

impl Pulls {
    pub(crate) fn covers(&self, repository: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(repository),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.repository == CATALOG {
            return write!(f, "{CATALOG}:*");
        }
        write!(f, "repository:{}:{}", self.repository, self.actions.join(","))
    }
}

/// `repository:NAME:ACTION,ACTION`, as requests for tokens have it.
fn read_scope(text: &str) -> Option<(String, Vec<String>)> {
    if text.strip_prefix(CATALOG) == Some(":*") {
        return Some((CATALOG.to_owned(), vec!["*".to_owned()]));
    }
    let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
    let actions = actions.split(',').flat_map(|action| match action {
        "*" => vec!["pull".to_owned(), "push".to_owned(), "delete".to_owned()],
        "pull" | "push" | "delete" => vec![action.to_owned()],
        _ => Vec::new(),
    });
    Some((name.to_owned(), actions.collect()))
}

impl Service {
    /// Lets a request in, or says how to sign in. `host` is where the client reached the registry.
    pub(crate) fn admit_to_registry(&self, route: &Route, parts: &Parts, host: &str) -> Result<(), Refusal> {
        if route.endpoint == Endpoint::Token {
            return Ok(());
        }
        if let Endpoint::Stored(digest) = &route.endpoint {
            return self.admit_to_storage(digest, parts);
        }
        match self.quirks.registry_auth {
            RegistryAuth::Open => Ok(()),
            RegistryAuth::Basic if self.basic(&parts.headers).is_some() => Ok(()),
            RegistryAuth::Basic => {
                let challenge = format!("Basic realm=\"{host}\"");
                Err(unauthorized("sign in with the e-mail and the registry password", &challenge))
            }
            RegistryAuth::Bearer => self.bearer(route, parts, host),
        }
    }

    /// As object storage does: a signed address is enough, and a second proof of who asks is one too many.
    fn admit_to_storage(&self, digest: &Digest, parts: &Parts) -> Result<(), Refusal> {
        if parts.headers.contains_key(AUTHORIZATION) {
            return Err(Refusal::bad("DENIED", "a signed address takes no Authorization"));
        }
        let query = parts.uri.query().unwrap_or_default();
        if query != self.storage_query(digest) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", "the address is not signed"));
        }
        Ok(())
    }

    /// The query that signs the address of a blob in the storage.
    pub(crate) fn storage_query(&self, digest: &Digest) -> String {
        let signed = format!("{}{digest}", self.accounts.service_account.client_secret.expose());
        format!("signature={}", Digest::of(Algorithm::Sha256, signed.as_bytes()).hex())
    }

    fn bearer(&self, route: &Route, parts: &Parts, host: &str) -> Result<(), Refusal> {
        let scope = (route.endpoint != Endpoint::Ping).then(|| Scope::of(route));
        let mut challenge = format!("Bearer realm=\"http://{host}{TOKEN}\",service=\"{host}\"");
        let mut needed: Vec<_> = scope.into_iter().collect();
        let besides = Scope::of_mount(route, parts.uri.query());
        if !needed.is_empty() {
            let scopes: Vec<_> = needed.iter().chain(&besides).map(ToString::to_string).collect();
            challenge += &format!(",scope=\"{}\"", scopes.join(" "));
        }
        if self.quirks.mounts == Mounts::InsufficientScope {
            needed.extend(besides);
        }
        match self.token(&parts.headers) {
            Ok(token) if needed.iter().all(|scope| self.covers(token, scope)) => Ok(()),
            Ok(_) => {
                challenge += ",error=\"insufficient_scope\"";
                Err(unauthorized("the token is for something else", &challenge))
            }
            Err(()) => {
                if parts.headers.contains_key(AUTHORIZATION) {
                    challenge += ",error=\"invalid_token\"";
                }
                Err(unauthorized("sign in with a token of the token endpoint", &challenge))
            }
        }
    }

    fn token(&self, headers: &HeaderMap) -> Result<&Token, ()> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(())?;
        let (scheme, text) = value.split_once(' ').ok_or(())?;
        let token =
            self.tokens.known.get(text.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer")).ok_or(())?;
        let password = self.accounts.password().map(Secret::expose);
        let alive = password == Some(token.password.expose()) && token.expires > self.clock.now();
        alive.then_some(token).ok_or(())
    }

    fn covers(&self, token: &Token, scope: &Scope) -> bool {
        let name = self.repository_name(&scope.repository);
        scope.actions.iter().all(|wanted| {
            token.access.iter().any(|(known, action)| self.repository_name(known) == name && action == wanted)
        })
    }

    /// The repositories from which a request may pull, as mounts need it.
    pub(crate) fn pulls(&self, headers: &HeaderMap) -> Pulls {
        if self.quirks.registry_auth != RegistryAuth::Bearer {
            return Pulls::All;
        }
        let access = self.token(headers).map(|token| token.access.as_slice()).unwrap_or_default();
        let pulls = access.iter().filter(|(_, action)| action == "pull");
        Pulls::Only(pulls.map(|(name, _)| self.repository_name(name).to_owned()).collect())
    }

    /// The password, if the headers have it with the right user.
    fn basic(&self, headers: &HeaderMap) -> Option<Secret> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, text) = value.split_once(' ')?;
        let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok())??;
        let pair = String::from_utf8(pair).ok()?;
        let (user, password) = pair.split_once(':')?;
        self.sign_in_to_registry(user, password)
    }

    fn sign_in_to_registry(&self, user: &str, password: &str) -> Option<Secret> {
        self.accounts.password().filter(|known| user == EMAIL && known.expose() == password).cloned()
    }

    /// A token for those scopes, and how many seconds it lives. The user and the password are in the headers, or in
    /// the fields of a form.
    pub(crate) fn registry_token(
        &mut self,
        headers: &HeaderMap,
        fields: &[(String, String)],
        host: &str,
    ) -> Result<(String, usize), Refusal> {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let by_form = || self.sign_in_to_registry(field("username")?, field("password")?);
        let password = self.basic(headers).or_else(by_form).ok_or_else(|| {
            let challenge = format!("Basic realm=\"{host}\"");
            unauthorized("the e-mail or the registry password is wrong", &challenge)
        })?;
        let scopes = fields.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| value.split(' '));
        let access = scopes
            .filter_map(read_scope)
            .flat_map(|(name, actions)| actions.into_iter().map(move |action| (name.clone(), action)))
            .collect();
        let lifetime = self.quirks.registry_token_lifetime;
        let now = self.clock.now();
        let expires = now.saturating_add(Duration::from_secs(lifetime as u64));
        self.tokens.known.retain(|_, token| token.expires > now);
        let token = self.tokens.ids.hex(4);
        self.tokens.known.insert(token.clone(), Token { password, expires, access });
        Ok((token, lifetime))
    }

    /// The repository that a name in the registry means: the same without the registry's id in front.
    pub(crate) fn repository_name<'n>(&self, name: &'n str) -> &'n str {
        match name.split_once('/') {
            Some((first, rest)) if first == self.world.id.to_string() => rest,
            _ => name,
        }
    }
}

fn unauthorized(message: &str, challenge: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message).header(WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_clients_write_them() {
        let scope = |text| read_scope(text).map(|(name, actions)| (name, actions.join(",")));
        assert_eq!(scope("repository:a/b:pull,push"), Some(("a/b".to_owned(), "pull,push".to_owned())));
        assert_eq!(
            scope("repository:localhost:5000/a:*"),
            Some(("localhost:5000/a".to_owned(), "pull,push,delete".to_owned()))
        );
        assert_eq!(scope("repository:a:admin"), Some(("a".to_owned(), String::new())));
        assert_eq!(scope("registry:catalog:*"), Some(("registry:catalog".to_owned(), "*".to_owned())));
        assert_eq!(scope("registry:other:*"), None);
    }
}
