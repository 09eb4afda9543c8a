//! The sources in their order.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::layer::Layer;
use super::{dotenv, files, mls, profile};
use crate::failure::Failure;
use crate::io::Io;
use crate::options::Global;
use crate::output;

/// The variables of the plug-in, without their prefix; every source is brought into these names.
const NAMES: [&str; 10] = [
    "BASE_URL",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "WORKSPACE_ID",
    "API_KEY",
    "WORKSPACES",
    "CA_FILE",
    "TIMEOUT",
    "READONLY",
    "DRY_RUN",
];

/// All sources that hold something, the highest first.
pub(super) fn layers(io: &Io, global: &Global) -> Result<Vec<Layer>, Failure> {
    let environment = Layer::new(
        "the environment",
        true,
        NAMES.iter().filter_map(|name| {
            Some(((*name).to_owned(), io.variable(&format!("MLSPACE_{name}"))?.to_owned()))
        }),
    );
    let named =
        match io.variable("MLSPACE_ENV_FILE") {
            Some(path) => Some(plugin_layer(Path::new(path), io)?.ok_or_else(|| {
                Failure::usage(format!("MLSPACE_ENV_FILE names {path}, which does not exist"))
            })?),
            None => None,
        };
    let suffices = global.profile.is_none() && suffices(&[Some(&environment), named.as_ref()]);
    let own = or_warn(profile::source(io, global), suffices, io, global)?;
    let plugin = plugin_file(io).and_then(|path| path.map_or(Ok(None), |path| plugin_layer(&path, io)));
    let plugin = or_warn(plugin, suffices, io, global)?;
    // A name that mlcr knows is mlcr's: a profile of mls by the same name holds another key.
    let asked = global.profile.as_deref().filter(|_| own.is_none());
    let mls = or_warn(mls::layer(io, asked), suffices, io, global)?;
    if let (Some(name), None, None) = (&global.profile, &own, &mls) {
        let message = format!("there is no profile {name}, neither of mlcr nor of mls");
        return Err(Failure::usage(message).hint("`mlcr auth login --profile NAME` makes one"));
    }
    // What goes before the profile may leave nothing to be wanted of its secrets.
    let own = own.map(|own| own.layer(io, !suffices)).transpose()?;
    // The most deliberate goes first: a flag, then what was set for this shell, then what was kept by `mlcr auth login`,
    // then what belongs to other programs.
    let mut layers: Vec<Layer> = match global.profile {
        Some(_) if own.is_some() => {
            [own, Some(environment), named, plugin, mls].into_iter().flatten().collect()
        }
        Some(_) => [mls, Some(environment), named, plugin].into_iter().flatten().collect(),
        None => [Some(environment), named, own, plugin, mls].into_iter().flatten().collect(),
    };
    layers.retain(|layer| !layer.is_empty());
    layers.iter().try_for_each(Layer::check)?;
    Ok(layers)
}

/// True if these have all that a command needs, so that files add nothing.
fn suffices(layers: &[Option<&Layer>]) -> bool {
    let has = |name: &str| layers.iter().flatten().any(|layer| layer.get(name).is_some());
    has("CLIENT_ID") && has("CLIENT_SECRET") && (has("WORKSPACE_ID") || has("WORKSPACES"))
}

/// A file that cannot be used, such as one in another user's home, is no obstacle where nothing in it is needed.
fn or_warn<T>(
    result: Result<Option<T>, Failure>,
    suffices: bool,
    io: &Io,
    global: &Global,
) -> Result<Option<T>, Failure> {
    match result {
        Err(failure) if suffices => {
            if !global.quiet {
                let message =
                    format!("{}; it is left out: the environment has all that is needed", failure.message);
                io.stderr.once(&output::warning(global.format(), "settings_left_out", &message, &json!({})));
            }
            Ok(None)
        }
        result => result,
    }
}

/// The plug-in's file, or the one that its pointer names. A broken pointer is an error: falling back could
/// use another account's keys.
fn plugin_file(io: &Io) -> Result<Option<PathBuf>, Failure> {
    #[derive(Deserialize)]
    struct Pointer {
        env_file: PathBuf,
    }
    let Some(folder) = files::user_folder(io, "mlspace-plugin") else { return Ok(None) };
    let pointer = folder.join("credentials-path.json");
    let Some(text) = files::read(&pointer)? else { return Ok(Some(folder.join(".env"))) };
    let broken = |problem: &str| Failure::usage(format!("{} {problem}", pointer.display()));
    let target: Pointer = serde_json::from_str(&text)
        .map_err(|_| broken("is broken: expected {\"env_file\": \"/absolute/path\"}"))?;
    if !target.env_file.is_absolute() {
        return Err(broken("names a path that is not absolute"));
    }
    if !target.env_file.is_file() {
        return Err(broken(&format!("names {}, which is no file", target.env_file.display())));
    }
    Ok(Some(target.env_file))
}

fn plugin_layer(path: &Path, io: &Io) -> Result<Option<Layer>, Failure> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    let all = dotenv::parse(&text, |name| io.variable(name).map(str::to_owned))
        .map_err(|line| Failure::usage(format!("{}: line {line} is not NAME=value", path.display())))?;
    let values = all.into_iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("MLSPACE_")?;
        NAMES.contains(&name).then(|| (name.to_owned(), value))
    });
    Ok(Some(Layer::new(path.display().to_string(), true, values)))
}
