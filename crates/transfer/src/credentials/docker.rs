//! Sign-ins as docker, podman and CI systems keep them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::credentials::{CredentialKind, Credentials};

/// Some write the padding of base64 and some do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The name that docker signs in to its own registry under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The places where docker, podman and CI systems keep sign-ins: configuration files, and the credential helpers
/// that are named in them. They are looked at, and helpers run, when a registry asks for a sign-in and not before;
/// a place that is empty, damaged or missing is passed over, and told of if nothing else helps.
#[derive(Clone, Default)]
pub struct DockerLogins {
    places: Vec<Place>,
    /// Helpers that are not run.
    passed_over: Vec<String>,
}

#[derive(Clone)]
enum Place {
    Text(Zeroizing<String>),
    File(PathBuf),
}

/// One way to credentials for a registry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lead {
    Known(Credentials),
    Helper {
        /// Without `docker-credential-`.
        name: String,
        /// The registry as the helper knows it.
        server: String,
    },
    /// Only a function knows.
    Wanted(Find),
    /// It ends here, and this is why.
    Lost(String),
}

/// A function that finds credentials when they are wanted, and may block.
#[derive(Clone)]
pub(crate) struct Find(pub(crate) Arc<dyn Fn() -> Result<Credentials, String> + Send + Sync>);

impl PartialEq for Find {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Find")
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthFile {
    auths: Option<BTreeMap<String, Option<AuthEntry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct AuthEntry {
    auth: Option<Zeroizing<String>>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    identitytoken: Option<Zeroizing<String>>,
}

impl DockerLogins {
    /// No place at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// The usual places of this process's environment; see [`from_variables`](Self::from_variables).
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The usual places of an environment, in this order: the text in `DOCKER_AUTH_CONFIG`, the file that
    /// `REGISTRY_AUTH_FILE` names, docker's `config.json` (in `DOCKER_CONFIG`, else `~/.docker`), and unless
    /// `REGISTRY_AUTH_FILE` is set podman's `containers/auth.json` (in `XDG_RUNTIME_DIR`, then in
    /// `XDG_CONFIG_HOME`, else `~/.config`).
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let folder = |name: &str| get(name).map(PathBuf::from);
        let home = folder("HOME").or_else(|| folder("USERPROFILE"));
        let at_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let mut logins = Self::new();
        if let Some(text) = get("DOCKER_AUTH_CONFIG") {
            logins = logins.json(text);
        }
        let chosen = folder("REGISTRY_AUTH_FILE");
        let podman = [folder("XDG_RUNTIME_DIR"), folder("XDG_CONFIG_HOME").or_else(|| at_home(".config"))];
        let podman = podman.into_iter().flatten().map(|folder| folder.join("containers").join("auth.json"));
        let podman = podman.filter(|_| chosen.is_none());
        let docker = folder("DOCKER_CONFIG").or_else(|| at_home(".docker"));
        let docker = docker.map(|folder| folder.join("config.json"));
        chosen.iter().cloned().chain(docker).chain(podman).fold(logins, Self::file)
    }

    /// Also a file in the form of docker's `config.json`. It need not exist.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.places.push(Place::File(path.into()));
        self
    }

    /// Also the text of such a file, which is copied.
    #[must_use]
    pub fn json(mut self, text: impl AsRef<str>) -> Self {
        self.places.push(Place::Text(Zeroizing::new(text.as_ref().to_owned())));
        self
    }

    /// Passes over the credential helper of that name, without `docker-credential-`: for a program that is one.
    #[must_use]
    pub fn without_helper(mut self, name: impl Into<String>) -> Self {
        self.passed_over.push(name.into());
        self
    }

    /// What there is for a registry, the likeliest first.
    pub(crate) fn leads(&self, registry: &str) -> VecDeque<Lead> {
        let leads = self.places.iter().flat_map(|place| place.leads(registry));
        let is_own = |lead: &Lead| match lead {
            Lead::Helper { name, .. } => self.passed_over.contains(name),
            _ => false,
        };
        leads.filter(|lead| !is_own(lead)).collect()
    }
}

impl Place {
    fn leads(&self, registry: &str) -> Vec<Lead> {
        let (name, text) = match self {
            Self::Text(text) => ("DOCKER_AUTH_CONFIG".into(), text.clone()),
            Self::File(path) => match read(path) {
                Ok(text) => (path.display().to_string(), text),
                Err(problem) => return vec![Lead::Lost(problem)],
            },
        };
        if text.trim().is_empty() {
            return Vec::new();
        }
        match serde_json::from_str::<AuthFile>(&text) {
            Ok(file) => file.leads(registry),
            // The parser's own message may quote a secret.
            Err(error) => vec![Lead::Lost(format!(
                "{name} is not a configuration of docker: line {}, column {}",
                error.line(),
                error.column()
            ))],
        }
    }
}

/// The text of a file, empty if there is none.
fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Zeroizing::default())
        }
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

impl AuthFile {
    fn leads(self, registry: &str) -> Vec<Lead> {
        let host = host_of(registry);
        let server = if host == host_of(DOCKER_HUB) { DOCKER_HUB } else { registry };
        let helper = |name: String| Lead::Helper { name, server: server.to_owned() };
        let is_meant = |key: &String| host_of(key) == host;
        let helpers = self.cred_helpers.unwrap_or_default();
        let own = helpers.into_iter().filter(|(key, name)| is_meant(key) && !name.is_empty());
        let mut leads: Vec<_> = own.map(|(_, name)| helper(name)).collect();
        let auths = self.auths.unwrap_or_default();
        // The key that is the name to the letter comes first.
        let (exact, spelled): (Vec<_>, Vec<_>) =
            auths.into_iter().filter(|(key, _)| is_meant(key)).partition(|(key, _)| key == registry);
        let entries = exact.into_iter().chain(spelled).filter_map(|(key, entry)| Some((key, entry?)));
        leads.extend(entries.filter_map(|(key, entry)| entry.lead(&key)));
        leads.extend(self.creds_store.filter(|name| !name.is_empty()).map(helper));
        leads
    }
}

impl AuthEntry {
    fn lead(self, key: &str) -> Option<Lead> {
        if let Some(token) = self.identitytoken.filter(|token| !token.is_empty()) {
            return Some(Lead::Known(Credentials(CredentialKind::IdentityToken(token))));
        }
        let encoded = self.auth.map(|auth| Zeroizing::new(auth.trim().to_owned()));
        if let Some(encoded) = encoded.filter(|encoded| !encoded.is_empty()) {
            let lost =
                || Lead::Lost(format!("docker's entry for {key} cannot be read; run `docker login` again"));
            let Some((user, password)) = decode(&encoded) else { return Some(lost()) };
            if !user.is_empty() || !password.is_empty() {
                return Some(Lead::Known(Credentials::password(user, password)));
            }
        }
        match (self.username, self.password) {
            (Some(user), Some(password)) if !user.is_empty() => {
                Some(Lead::Known(Credentials::password(user, password)))
            }
            _ => None,
        }
    }
}

/// User and password out of `auth`. Docker itself cuts zeros off the end.
fn decode(encoded: &str) -> Option<(String, Zeroizing<String>)> {
    let bytes = Zeroizing::new(BASE64.decode(encoded).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), Zeroizing::new(password.trim_end_matches('\0').to_owned())))
}

/// The host of a registry in any of the spellings that docker and podman take for a key.
fn host_of(key: &str) -> String {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".into(),
        _ => host,
    }
}

impl fmt::Debug for DockerLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |place: &Place| match place {
            Place::Text(_) => "a text".to_owned(),
            Place::File(path) => path.display().to_string(),
        };
        f.debug_list().entries(self.places.iter().map(place)).finish()
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn known(user: &str, password: &str) -> Lead {
        Lead::Known(Credentials::password(user, password))
    }

    fn leads(json: serde_json::Value, registry: &str) -> Vec<Lead> {
        DockerLogins::new().json(json.to_string()).leads(registry).into()
    }

    #[test]
    fn every_spelling_of_a_key_that_docker_takes_is_found() {
        let auth = STANDARD.encode("u:p");
        for key in [
            "h.io:5000",
            "H.io:5000",
            "h.io:5000/",
            "h.io:5000/v1/",
            "h.io:5000/v2",
            "http://h.io:5000",
            "https://h.io:5000",
            "https://h.io:5000/v1/",
            "https://h.io:5000/v2/",
            "h.io:5000/team",
        ] {
            let file = serde_json::json!({ "auths": { key: { "auth": auth } } });
            assert_eq!(leads(file, "h.io:5000"), [known("u", "p")], "{key}");
        }
        for key in ["h.io", "h.io:50000", "other/h.io:5000", "https://x.h.io:5000"] {
            let file = serde_json::json!({ "auths": { key: { "auth": auth } } });
            assert_eq!(leads(file, "h.io:5000"), [], "{key}");
        }
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"] {
            let file = serde_json::json!({ "auths": { key: { "auth": auth } }, "credsStore": "s" });
            let helper = Lead::Helper { name: "s".into(), server: DOCKER_HUB.into() };
            assert_eq!(leads(file, "docker.io"), [known("u", "p"), helper], "{key}");
        }
    }

    #[test]
    fn the_likeliest_comes_first_and_what_is_empty_is_nothing() {
        let helper = |name: &str| Lead::Helper { name: name.into(), server: "h.io".into() };
        let file = serde_json::json!({
            "credsStore": "all", "credHelpers": { "h.io": "own", "other.io": "other" },
            "auths": {
                "https://h.io": { "auth": STANDARD_NO_PAD.encode("b:c:d") }, "h.io": { "auth": STANDARD.encode("a:b") },
                "h.io/": {}, "h.io/v1/": null, "h.io/v2/": { "auth": "", "username": "", "password": "" },
                "http://h.io": { "username": "x", "password": "y", "email": "z" },
                "http://h.io/v1/": { "identitytoken": "t", "auth": "!" },
            },
        });
        let token = Lead::Known(Credentials(CredentialKind::IdentityToken("t".to_owned().into())));
        let expected =
            [helper("own"), known("a", "b"), known("x", "y"), token, known("b", "c:d"), helper("all")];
        assert_eq!(leads(file.clone(), "h.io"), expected);
        let without = DockerLogins::new().json(file.to_string()).without_helper("own").leads("h.io");
        assert_eq!(Vec::from(without), expected[1..]);
        for text in ["", " \n", "{}", "{\"auths\":null}"] {
            assert_eq!(DockerLogins::new().json(text).leads("h.io"), [], "{text}");
        }
    }

    #[test]
    fn damage_ends_one_lead_and_not_the_others_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, "{\"auths\": hunter2").unwrap();
        let auths = serde_json::json!({ "h.io": { "auth": "hunter2!" }, "https://h.io": { "auth": STANDARD.encode("u:p") } });
        let logins = DockerLogins::new()
            .file(&path)
            .file(folder.path())
            .file(folder.path().join("missing"))
            .json(serde_json::json!({ "auths": auths }).to_string());
        let leads = logins.leads("h.io");
        assert_eq!(leads.len(), 4, "{leads:?}");
        assert_eq!(leads[3], known("u", "p"));
        assert!(!format!("{leads:?} {logins:?}").contains("hunter2"));
    }

    #[test]
    fn the_usual_places_are_those_of_docker_and_podman() {
        let places = |variables: &[(&str, &str)]| {
            let get = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            format!("{:?}", DockerLogins::from_variables(get))
        };
        assert_eq!(
            places(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("DOCKER_AUTH_CONFIG", "{}")]),
            r#"["a text", "/h/.docker/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"]"#
        );
        let chosen = [("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/a.json"), ("DOCKER_CONFIG", "/d")];
        assert_eq!(places(&chosen), r#"["/a.json", "/d/config.json"]"#);
        assert_eq!(places(&[("HOME", "")]), "[]");
    }

    proptest! {
        #[test]
        fn whatever_a_configuration_holds_there_is_an_answer(text in ".*", registry in "[a-z.:/0-9]{0,20}") {
            let shaped = format!("{{\"auths\":{{\"h.io\":{{\"auth\":{text:?}}}}},\"credsStore\":{text:?}}}");
            for text in [text, shaped] {
                DockerLogins::new().json(text).leads(&registry);
            }
        }

        #[test]
        fn any_user_and_password_come_back(user in "[^:]{1,20}", password in "[^\0]{0,20}", key in "(https?://)?h\\.io(/v[12]/?|/)?") {
            let auth = STANDARD.encode(format!("{user}:{password}"));
            let file = serde_json::json!({ "auths": { key: { "auth": auth } } });
            prop_assert_eq!(leads(file, "h.io"), [known(&user, &password)]);
        }
    }
}
