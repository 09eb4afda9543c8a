//! Settings from all sources, each with where it came from.
//!
//! Flags come first, then the environment (`MLSPACE_*`), then this program's own profile, then the file of
//! the plug-in, then the profile of `mls`. A file in the working directory is never read: a checkout could
//! redirect the address and collect keys.

mod dotenv;
pub(crate) mod files;
mod layer;
pub(crate) mod mls;
pub(crate) mod profile;
mod sources;

use std::path::PathBuf;
use std::time::Duration;

use mlspace_registry::Secret;

use crate::failure::Failure;
use crate::io::Io;
use crate::options::{Global, parse_duration};
use layer::Layer;

/// The parts of a client.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) base_url: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) workspace: Option<Workspace>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) read_only: bool,
    pub(crate) dry_run: bool,
    /// Each setting with the source that it came from.
    pub(crate) origins: Vec<(&'static str, String)>,
    /// Sources that were looked at and hold something.
    pub(crate) sources: Vec<String>,
}

/// A workspace and its key are one unit: a key from one source never meets an id from another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Workspace {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) api_key: Option<Secret>,
}

impl Settings {
    /// Reads all sources. Sends nothing.
    pub(crate) fn read(io: &Io, global: &Global) -> Result<Self, Failure> {
        let layers = sources::layers(io, global)?;
        let mut settings = Self::merge(&layers, global)?;
        settings.sources = layers.into_iter().map(|layer| layer.source).collect();
        Ok(settings)
    }

    /// The certificates to be trusted besides the system's, as PEM.
    pub(crate) fn certificates(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| {
                Failure::usage(format!("cannot read the certificates in {}: {error}", path.display()))
            })
        };
        self.ca_file.as_ref().map(read).transpose()
    }

    /// The highest layer wins, for each setting or unit of settings.
    fn merge(layers: &[Layer], global: &Global) -> Result<Self, Failure> {
        let mut settings = Self::default();
        settings.take_key(layers)?;
        settings.take_workspace(layers, global.workspace.as_deref())?;
        settings.base_url = settings.take("address", layers, "BASE_URL");
        settings.ca_file = settings.take("certificates", layers, "CA_FILE").map(PathBuf::from);
        settings.read_only = settings.flag("read-only", layers, "READONLY")?;
        settings.dry_run = settings.flag("dry run", layers, "DRY_RUN")?;
        settings.timeout = match (global.timeout, settings.take("timeout", layers, "TIMEOUT")) {
            (Some(timeout), _) => Some(timeout),
            (None, Some(text)) => {
                Some(parse_duration(&text).map_err(|_| wrong("TIMEOUT", "a number of seconds"))?)
            }
            (None, None) => None,
        };
        Ok(settings)
    }

    fn take(&mut self, what: &'static str, layers: &[Layer], name: &str) -> Option<String> {
        let (layer, value) = layers.iter().find_map(|layer| Some((layer, layer.get(name)?)))?;
        self.origins.push((what, layer.source.clone()));
        Some(value.to_owned())
    }

    fn flag(&mut self, what: &'static str, layers: &[Layer], name: &str) -> Result<bool, Failure> {
        match self.take(what, layers, name).map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("0" | "false" | "no" | "off") => Ok(false),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    /// Key id and key secret belong together. Only the plug-in's own variables may complete each other, as
    /// they do for the plug-in.
    fn take_key(&mut self, layers: &[Layer]) -> Result<(), Failure> {
        let Some(with_id) = layers.iter().find(|layer| layer.get("CLIENT_ID").is_some()) else {
            return Ok(());
        };
        let fits = |layer: &&Layer| {
            let same = layer.source == with_id.source || layer.of_plugin && with_id.of_plugin;
            same && layer.get("CLIENT_SECRET").is_some()
        };
        let Some(with_secret) = layers.iter().find(fits) else {
            let message = format!("the key id comes from {}, and its secret is not there", with_id.source);
            return Err(Failure::usage(message).hint("set both in the same place, or run `mlcr auth login`"));
        };
        self.client_id = with_id.get("CLIENT_ID").map(str::to_owned);
        self.client_secret = with_secret.get("CLIENT_SECRET").map(Secret::from);
        self.origins.push(("key id", with_id.source.clone()));
        self.origins.push(("key secret", with_secret.source.clone()));
        Ok(())
    }

    /// The workspace that was asked for, by id or by a name that some source knows, else the one of the
    /// highest source.
    fn take_workspace(&mut self, layers: &[Layer], wanted: Option<&str>) -> Result<(), Failure> {
        for layer in layers {
            let known = layer.workspaces()?;
            let found = match wanted {
                Some(wanted) => known
                    .into_iter()
                    .find(|one| one.id.eq_ignore_ascii_case(wanted) || one.name.as_deref() == Some(wanted)),
                None if known.len() > 1 => {
                    let names: Vec<_> =
                        known.iter().map(|one| one.name.as_ref().unwrap_or(&one.id).as_str()).collect();
                    let message = format!("{} names several workspaces: {}", layer.source, names.join(", "));
                    return Err(Failure::usage(message).hint("choose one with --workspace"));
                }
                None => known.into_iter().next(),
            };
            if let Some(workspace) = found {
                self.origins.push(("workspace", layer.source.clone()));
                if workspace.api_key.is_some() {
                    self.origins.push(("api key", layer.source.clone()));
                }
                self.workspace = Some(workspace);
                return Ok(());
            }
        }
        if let Some(wanted) = wanted {
            self.origins.push(("workspace", "--workspace".into()));
            self.workspace = Some(Workspace { id: wanted.to_owned(), ..Workspace::default() });
        }
        Ok(())
    }
}

fn wrong(name: &str, expected: &str) -> Failure {
    Failure::usage(format!("MLSPACE_{name} must be {expected}"))
}
