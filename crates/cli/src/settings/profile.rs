//! This program's own profiles, in one file that only its owner can read. The secrets are in the system's
//! keyring where there is one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlspace_registry::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::files;
use super::layer::Layer;
use crate::failure::{Exit, Failure};
use crate::io::Io;
use crate::options::Global;
use crate::output;

/// The profile that is meant when none is named.
pub(crate) const DEFAULT: &str = "default";
/// The table of all profiles.
const PROFILES: &str = "profiles";

/// All profiles by name.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The one that is used when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One profile.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    pub(crate) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workspace_id: Option<String>,
    /// True if the system's keyring holds the secrets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keyring: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<Secret>,
}

/// The part that nobody but the service may know.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Secrets {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<Secret>,
}

impl Profiles {
    pub(crate) fn path(io: &Io) -> Result<PathBuf, Failure> {
        Ok(files::config_folder(io)?.join("profiles.toml"))
    }

    pub(crate) fn read(io: &Io) -> Result<Self, Failure> {
        let Ok(path) = Self::path(io) else { return Ok(Self::default()) };
        let Some(text) = files::read(&path)? else { return Ok(Self::default()) };
        toml_edit::de::from_str(&text).map_err(|error| broken(&path, &text, &error))
    }

    /// The file with what changed: comments and the order of what is there stay.
    fn written_over(&self, mut file: DocumentMut) -> Result<String, toml_edit::ser::Error> {
        let new = toml_edit::ser::to_document(self)?;
        if let Some(default) = &self.default
            && file.get("default").and_then(Item::as_str) != Some(default)
        {
            file["default"] = toml_edit::value(default);
        }
        let entries = |file: &DocumentMut| {
            file.get(PROFILES).and_then(Item::as_table_like).map(known).unwrap_or_default()
        };
        for name in entries(&file).iter().filter(|name| !self.profiles.contains_key(*name)) {
            if let Some(profiles) = file.get_mut(PROFILES).and_then(Item::as_table_like_mut) {
                profiles.remove(name);
            }
        }
        if !file.contains_table(PROFILES) {
            let mut profiles = Table::new();
            profiles.set_implicit(true);
            file.insert(PROFILES, Item::Table(profiles));
        }
        for name in self.profiles.keys() {
            let profile = &mut file[PROFILES][name];
            if profile.is_none() {
                *profile = Item::Table(Table::new());
            }
            let values = new[PROFILES][name].as_table_like().map(known).unwrap_or_default();
            if let Some(old) = profile.as_table_like_mut() {
                known(old).iter().filter(|key| !values.contains(key)).for_each(|key| drop(old.remove(key)));
                for key in values {
                    match (old.get_mut(&key), new[PROFILES][name][&key].as_value()) {
                        (Some(Item::Value(old)), Some(new))
                            if old.to_string().trim() != new.to_string().trim() =>
                        {
                            let decor = old.decor().clone();
                            *old = new.clone();
                            *old.decor_mut() = decor;
                        }
                        (None, Some(new)) => drop(old.insert(&key, Item::Value(new.clone()))),
                        _ => {}
                    }
                }
            }
        }
        Ok(file.to_string())
    }

    /// Keeps a profile, its secrets in the keyring if that takes them, and says where they are.
    pub(crate) fn keep(
        io: &Io,
        name: &str,
        mut profile: Profile,
        secrets: Secrets,
    ) -> Result<String, Failure> {
        let _lock = files::Lock::take(io)?;
        let mut profiles = Self::read(io)?;
        let text = serde_json::to_string(&secrets).map_err(|error| Failure::other(error.to_string()))?;
        let set = io.keyring().set(&profile.entry(name), &Secret::new(text));
        profile.keyring = set.is_ok();
        if set.is_err() {
            (profile.client_secret, profile.api_key) = (secrets.client_secret, secrets.api_key);
        }
        let old = profiles.profiles.insert(name.to_owned(), profile);
        let path = profiles.write(io)?;
        // A key that this replaces is of no use to anybody; one that cannot be removed does no harm.
        if let (Some(old), Some(new)) = (old, profiles.profiles.get(name))
            && old.keyring
            && (!new.keyring || old.client_id != new.client_id)
        {
            let _ = io.keyring().remove(&old.entry(name));
        }
        Ok(match set {
            Ok(()) => format!("its secrets are in the system's keyring, the rest is in {}", path.display()),
            Err(problem) => {
                format!("its secrets are in {}, which only you can read ({problem})", path.display())
            }
        })
    }

    /// Uses a profile where none is named; false if there is none of that name.
    pub(crate) fn use_by_default(io: &Io, name: &str) -> Result<bool, Failure> {
        let _lock = files::Lock::take(io)?;
        let mut profiles = Self::read(io)?;
        if !profiles.profiles.contains_key(name) {
            return Ok(false);
        }
        profiles.default = Some(name.to_owned());
        profiles.write(io).map(|_| true)
    }

    /// Forgets a profile; `None` if there is none of that name.
    pub(crate) fn forget(io: &Io, name: &str) -> Result<Option<PathBuf>, Failure> {
        let _lock = files::Lock::take(io)?;
        let mut profiles = Self::read(io)?;
        let Some(profile) = profiles.profiles.remove(name) else { return Ok(None) };
        if profile.keyring {
            io.keyring().remove(&profile.entry(name)).map_err(|problem| unusable(name, &problem))?;
        }
        profiles.write(io).map(Some)
    }

    fn write(&self, io: &Io) -> Result<PathBuf, Failure> {
        let path = Self::path(io)?;
        let cannot = |problem: String| Failure::other(format!("cannot write {}: {problem}", path.display()));
        let old = files::read(&path)?.unwrap_or_default().parse::<DocumentMut>().unwrap_or_default();
        let text = self.written_over(old).map_err(|error| cannot(error.to_string()))?;
        files::write_private(&path, &text).map_err(|error| cannot(error.to_string()))?;
        Ok(path)
    }

    /// The name of the profile that is meant.
    pub(crate) fn name(&self, io: &Io, asked: Option<&str>) -> String {
        let name = asked.or_else(|| io.variable("MLCR_PROFILE")).or(self.default.as_deref());
        name.unwrap_or(DEFAULT).to_owned()
    }
}

impl Profile {
    /// A profile without its secrets.
    pub(crate) fn new(base_url: Option<String>, client_id: String, workspace_id: Option<String>) -> Self {
        Self { base_url, client_id, workspace_id, ..Self::default() }
    }

    /// The name of its secrets in the keyring. With the key's id, because other files may have a profile of
    /// the same name.
    fn entry(&self, name: &str) -> String {
        format!("profile {name}, key {}", self.client_id)
    }
}

/// The profile that was chosen, as a source of settings.
pub(super) struct Chosen {
    name: String,
    profile: Profile,
}

/// The profile that is meant; `None` if there is no such profile.
pub(super) fn source(io: &Io, global: &Global) -> Result<Option<Chosen>, Failure> {
    let mut profiles = Profiles::read(io)?;
    #[cfg(unix)]
    if let (Ok(path), false) = (Profiles::path(io), global.quiet)
        && let Ok(metadata) = std::fs::metadata(&path)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        let path = path.display();
        let message = format!("others can read {path}; run `chmod 600 {path}`");
        io.stderr.once(&output::warning(global.format(), "readable_by_others", &message, &json!({})));
    }
    let name = profiles.name(io, global.profile.as_deref());
    Ok(profiles.profiles.remove(&name).map(|profile| Chosen { name, profile }))
}

impl Chosen {
    /// Its settings. The keyring, whose owner may have to unlock it, is only asked for secrets that are wanted.
    pub(super) fn layer(self, io: &Io, wants_secrets: bool) -> Result<Layer, Failure> {
        let Self { name, profile } = self;
        let secrets = if profile.keyring && wants_secrets {
            let text =
                io.keyring().get(&profile.entry(&name)).map_err(|problem| unusable(&name, &problem))?;
            let text = text.ok_or_else(|| unusable(&name, "it is not there"))?;
            serde_json::from_str(text.expose()).map_err(|_| unusable(&name, "it is not readable"))?
        } else {
            Secrets { client_secret: profile.client_secret, api_key: profile.api_key }
        };
        let place = if profile.keyring { ", with the system's keyring" } else { "" };
        let own = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        let values = [
            ("BASE_URL", profile.base_url),
            ("CLIENT_ID", Some(profile.client_id)),
            ("CLIENT_SECRET", own(secrets.client_secret)),
            ("WORKSPACE_ID", profile.workspace_id),
            ("API_KEY", own(secrets.api_key)),
        ];
        let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(Layer::new(format!("profile {name} of mlcr{place}"), false, values))
    }
}

/// The names in a table.
fn known(table: &(impl TableLike + ?Sized)) -> Vec<String> {
    table.iter().map(|(name, _)| name.to_owned()).collect()
}

/// The place of a mistake: its line and key. The parser's own message quotes the line, which may hold a secret.
fn broken(path: &Path, text: &str, error: &toml_edit::de::Error) -> Failure {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let (number, line) =
        (before.lines().count().max(1), before.rsplit('\n').next().unwrap_or_default().len());
    let line = text[start - line..].lines().next().unwrap_or_default();
    let number = if before.ends_with('\n') { number + 1 } else { number };
    let key = line
        .split_once('=')
        .map(|(key, _)| key.trim())
        .filter(|key| !key.is_empty() && !key.contains(['"', '\'']));
    let place = format!("{}, line {number}", path.display());
    match key {
        Some(key) if error.message().starts_with("unknown field") => {
            Failure::usage(format!("{place}: there is no setting {key}"))
                .hint("correct its name; if a newer mlcr wrote it, use that one")
        }
        Some(key) => Failure::usage(format!("{place}: the value of {key} cannot be read")),
        None => Failure::usage(format!("{place}: this is not TOML, or no part of a file of profiles")),
    }
}

fn unusable(name: &str, problem: &str) -> Failure {
    Failure::new(
        Exit::SignIn,
        "no_credentials",
        format!("the key of profile {name} is in the system's keyring: {problem}"),
    )
    .hint(
        "unlock the keyring, or run `mlcr auth login` again; where there is none, set MLSPACE_CLIENT_ID and \
           MLSPACE_CLIENT_SECRET",
    )
}
