//! This program's own profiles, in one file that only its owner can read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlspace_registry::Secret;
use serde::{Deserialize, Serialize};

use super::files;
use super::sources::Layer;
use crate::failure::Failure;
use crate::io::Io;

/// The profile that is meant when none is named.
pub(crate) const DEFAULT: &str = "default";

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
    pub(crate) client_secret: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workspace_id: Option<String>,
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
        #[cfg(unix)]
        if let Ok(metadata) = std::fs::metadata(&path)
            && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
        {
            let path = path.display();
            io.stderr.line(&format!("warning: others can read {path}; run `chmod 600 {path}`"));
        }
        // The parser's own message quotes the line, which may hold a secret.
        toml::from_str(&text)
            .map_err(|_| Failure::usage(format!("{} is not a file of profiles", path.display())))
    }

    pub(crate) fn write(&self, io: &Io) -> Result<PathBuf, Failure> {
        let path = Self::path(io)?;
        let cannot = |problem: String| Failure::other(format!("cannot write {}: {problem}", path.display()));
        let text = toml::to_string_pretty(self).map_err(|error| cannot(error.to_string()))?;
        files::write_private(&path, &text).map_err(|error| cannot(error.to_string()))?;
        Ok(path)
    }

    /// The name of the profile that is meant.
    pub(crate) fn name(&self, io: &Io, asked: Option<&str>) -> String {
        let name = asked.or_else(|| io.variable("MLCR_PROFILE")).or(self.default.as_deref());
        name.unwrap_or(DEFAULT).to_owned()
    }
}

/// The profile's settings; `None` if there is no such profile.
pub(super) fn layer(io: &Io, asked: Option<&str>) -> Result<Option<Layer>, Failure> {
    let mut profiles = Profiles::read(io)?;
    let name = profiles.name(io, asked);
    let Some(profile) = profiles.profiles.remove(&name) else { return Ok(None) };
    let values = [
        ("BASE_URL", profile.base_url),
        ("CLIENT_ID", Some(profile.client_id)),
        ("CLIENT_SECRET", Some(profile.client_secret.expose().to_owned())),
        ("WORKSPACE_ID", profile.workspace_id),
        ("API_KEY", profile.api_key.map(|key| key.expose().to_owned())),
    ];
    let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Some(Layer::new(format!("profile {name} of mlcr"), false, values)))
}
