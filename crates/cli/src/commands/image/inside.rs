//! What images are made of, for `mlcr image show --layers` and `mlcr image diff`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use mlspace_registry::Client;
use mlspace_registry_transfer::{Inspected, InspectedLayer, Reference, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{self, Service};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::table::Cell;
use crate::output::text::size;
use crate::output::{Look, Record};
use crate::requests;
use crate::settings::files;

/// How to look into an image.
#[derive(Args, Debug)]
pub(crate) struct Inspection {
    /// Platform of an image that has several [default: linux on this machine's architecture].
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Show values of the environment that look like secrets.
    #[arg(long)]
    show_env: bool,
    /// Registry to speak to in plain http, which shows passwords and images to everybody on the way.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

/// An image from the inside.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Inside {
    /// The full name, or the file.
    pub(super) reference: String,
    /// `registry`, `file`, or `management API`, which does not know the layers.
    source: &'static str,
    /// The digest of the image's manifest; null for one of a docker archive, which has none.
    digest: Option<String>,
    /// The digest of the index that the image was chosen from.
    index: Option<String>,
    /// The platform that it is for.
    pub(super) platform: Option<String>,
    /// The platforms that there are.
    platforms: Vec<String>,
    /// Bytes of all layers, as they are stored.
    pub(super) size: u64,
    /// The layers, the lowest first; null if they are not known.
    pub(super) layers: Option<Vec<Layer>>,
    /// How it runs.
    pub(super) config: Config,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Layer")]
pub(crate) struct Layer {
    /// The digest; in a docker archive that of the plain layer.
    pub(super) digest: String,
    /// Bytes, as they are stored.
    pub(super) size: u64,
    /// The media type.
    media_type: String,
    /// The command that made it, as far as that is known.
    created_by: Option<String>,
}

/// How an image runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Config {
    /// The program that is run.
    #[serde(alias = "Entrypoint")]
    pub(super) entrypoint: Option<Vec<String>>,
    /// Its arguments.
    #[serde(alias = "Cmd")]
    pub(super) command: Option<Vec<String>>,
    /// The environment, as NAME=VALUE.
    #[serde(alias = "Env")]
    pub(super) env: Option<Vec<String>>,
    /// The user that it runs as.
    #[serde(alias = "User")]
    pub(super) user: Option<String>,
    /// The folder that it runs in.
    #[serde(alias = "WorkingDir")]
    pub(super) working_dir: Option<String>,
    /// Ports that it listens on.
    #[serde(alias = "ExposedPorts")]
    pub(super) ports: Option<BTreeMap<String, serde_json::Value>>,
    /// The labels.
    #[serde(alias = "Labels")]
    pub(super) labels: Option<BTreeMap<String, String>>,
}

/// The part of a configuration that is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole {
    config: Option<Config>,
}

impl Inspection {
    /// True if any of it is said.
    pub(super) fn is_given(&self) -> bool {
        self.platform.is_some() || self.show_env || !self.plain_http.is_empty()
    }

    /// Looks into an image: a file or folder, else what the registry has, else what the management API knows of it.
    pub(super) async fn look(&self, text: &str, context: &mut Context<'_>) -> Result<Inside, Failure> {
        if is_path(text) {
            let source = Source::open_with(text, files::scratch(context.io)).await?;
            let found = source.image(None)?.inspect(self.platform.as_deref()).await?;
            return Ok(self.inside(text.to_owned(), "file", found));
        }
        let client = match context.client() {
            Ok(client) => Some(client),
            // A full name needs no key, only the registry's password.
            Err(failure) if failure.code == "no_credentials" && address::with_host(text).is_some() => None,
            Err(failure) => return Err(failure),
        };
        let (name, mover) = connect(text, client.as_ref(), &self.plain_http, context).await?;
        let found = context.until_interrupted(mover.inspect(&name, self.platform.as_deref())).await;
        match (found, client) {
            (Ok(found), _) => Ok(self.inside(name.to_string(), "registry", found)),
            (Err(failure), Some(client)) if failure.code == "sign_in_refused" => {
                self.known(&name, &client).await.map_err(|_| failure)
            }
            (Err(failure), _) => Err(failure),
        }
    }

    fn inside(&self, reference: String, source: &'static str, found: Inspected) -> Inside {
        let whole: Whole = serde_json::from_slice(&found.config).unwrap_or_default();
        let (config, hidden) = self.hide(whole.config.unwrap_or_default());
        let layer = |layer: InspectedLayer| Layer {
            digest: layer.digest.to_string(),
            size: layer.size,
            media_type: layer.media_type,
            created_by: layer
                .created_by
                .map(|line| if self.show_env { line } else { without(&line, &hidden) }),
        };
        Inside {
            reference,
            source,
            digest: found.digest.map(|digest| digest.to_string()),
            index: found.index.map(|digest| digest.to_string()),
            platform: found.platform,
            platforms: found.platforms,
            size: found.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size)),
            layers: Some(found.layers.into_iter().map(layer).collect()),
            config,
        }
    }

    /// What the management API knows of an image.
    async fn known(&self, name: &Reference, client: &Client) -> Result<Inside, Failure> {
        let reference = name.to_string().parse()?;
        let image = client.lookup().reading().image(&reference).await?;
        let attributes = serde_json::Value::Object(image.extra_attrs.clone());
        let whole: Whole = serde_json::from_value(attributes).unwrap_or_default();
        let named = |key: &str| image.extra_attrs.get(key)?.as_str().map(str::to_owned);
        let platform = named("os").zip(named("architecture")).map(|(os, of)| format!("{os}/{of}"));
        Ok(Inside {
            reference: name.to_string(),
            source: "management API",
            digest: Some(image.digest),
            index: None,
            platforms: platform.iter().cloned().collect(),
            platform,
            size: image.size.max(0).unsigned_abs(),
            layers: None,
            config: self.hide(whole.config.unwrap_or_default()).0,
        })
    }

    /// Takes what looks like a secret out of the environment, and answers the values.
    fn hide(&self, mut config: Config) -> (Config, Vec<String>) {
        let mut hidden = Vec::new();
        for line in config.env.iter_mut().flatten().filter(|_| !self.show_env) {
            if let Some((name, value)) = line.split_once('=')
                && (is_secret(name) || value.contains("://") && value.contains('@'))
                && !value.is_empty()
            {
                hidden.push(value.to_owned());
                *line = format!("{name}=***");
            }
        }
        (config, hidden)
    }
}

/// The full name of an image, and a client that may read it.
pub(super) async fn connect(
    text: &str,
    client: Option<&Client>,
    plain_http: &[String],
    context: &Context<'_>,
) -> Result<(Reference, mlspace_registry_transfer::Client), Failure> {
    let name = match (address::with_host(text), client) {
        (Some(full), _) => full,
        (None, Some(client)) => address::pull_name(text, client, context.io).await?,
        (None, None) => return Err(Failure::usage(format!("{text} is not a full name"))),
    };
    let client_id = context.settings()?.client_id.unwrap_or_default();
    let service = Service::new(client, client_id);
    let key = service.credentials(context.io, name.registry()).await?;
    let told = (context.global.verbose > 1).then(|| context.io.stderr.clone());
    let observer = requests::observer(told);
    Ok((name, context.transfer_client([key], plain_http, observer)?))
}

/// True for what is written as a file or folder, and no image's name.
fn is_path(text: &str) -> bool {
    let ends = [".tar", ".tar.gz", ".tgz", ".tar.zst"];
    text.starts_with(['.', '/']) || ends.iter().any(|end| text.ends_with(end)) && Path::new(text).exists()
}

/// True for the name of a variable whose value nobody should see.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH"].iter().any(|word| name.contains(word))
}

/// A command without these values, and without what it sets itself that looks like a secret.
fn without(line: &str, hidden: &[String]) -> String {
    let line = hidden.iter().fold(line.to_owned(), |line, value| line.replace(value.as_str(), "***"));
    let bare = |word: &str| match word.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => format!("{name}=***"),
        _ => word.to_owned(),
    };
    line.split(' ').map(bare).collect::<Vec<_>>().join(" ")
}

impl Config {
    /// Each part under its name, as people read it.
    pub(super) fn parts(&self) -> Vec<(&'static str, Vec<String>)> {
        let line = |words: &Option<Vec<String>>| words.iter().map(|words| words.join(" ")).collect();
        let labels = self.labels.iter().flatten().map(|(name, value)| format!("{name}={value}"));
        vec![
            ("Entrypoint", line(&self.entrypoint)),
            ("Command", line(&self.command)),
            ("User", self.user.iter().filter(|user| !user.is_empty()).cloned().collect()),
            ("Folder", self.working_dir.iter().filter(|folder| !folder.is_empty()).cloned().collect()),
            ("Ports", self.ports.iter().flatten().map(|(port, _)| port.clone()).collect()),
            ("Environment", self.env.iter().flatten().cloned().collect()),
            ("Labels", labels.collect()),
        ]
    }
}

/// Bytes for people.
pub(super) fn bytes(bytes: u64) -> String {
    size(i64::try_from(bytes).unwrap_or(i64::MAX))
}

impl Layer {
    /// One line that tells it.
    pub(super) fn line(&self) -> String {
        let made =
            self.created_by.as_deref().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let kind = self.media_type.rsplit(['.', '+']).next().unwrap_or_default();
        format!("{} {} {kind} {}", self.digest, bytes(self.size), made.unwrap_or_default())
            .trim_end()
            .to_owned()
    }
}

impl Record for Inside {
    const HEADER: &'static [&'static str] = &["NAME", "PLATFORM", "LAYERS", "SIZE", "FROM"];
    const FIELDS: &'static [&'static str] =
        &["reference", "source", "digest", "index", "platform", "platforms", "size", "layers", "config"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let layers = self.layers.as_ref().map_or("-".to_owned(), |layers| layers.len().to_string());
        vec![
            Cell::new(&self.reference),
            Cell::new(self.platform.as_deref().unwrap_or("-")),
            Cell::new(layers),
            Cell::new(bytes(self.size)),
            Cell::new(self.source),
        ]
    }

    fn card(&self, _: &Look) -> Vec<(&'static str, Cell)> {
        let mut card = vec![
            ("Name", Cell::new(&self.reference)),
            ("From", Cell::new(self.source)),
            ("Digest", Cell::new(self.digest.as_deref().unwrap_or("-"))),
        ];
        if let Some(index) = &self.index {
            card.push(("Index", Cell::new(index)));
        }
        card.push(("Platform", Cell::new(self.platform.as_deref().unwrap_or("-"))));
        if self.platforms.len() > 1 {
            card.push(("Platforms", Cell::new(self.platforms.join(", "))));
        }
        card.push(("Size", Cell::new(bytes(self.size))));
        match &self.layers {
            Some(layers) => card.extend(layers.iter().map(|layer| ("Layer", Cell::new(layer.line())))),
            None => card.push(("Layers", Cell::new("not known without the registry's password"))),
        }
        for (name, lines) in self.config.parts() {
            card.extend(lines.iter().map(|line| (name, Cell::new(line))));
        }
        card
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_hidden_wherever_it_is_repeated() {
        let env = ["PATH=/bin", "API_KEY=hunter2", "EMPTY_TOKEN=", "DB=postgres://u:hunter3@h/d"];
        let config = Config { env: Some(env.map(str::to_owned).into()), ..Config::default() };
        let looks = |show_env| Inspection { platform: None, show_env, plain_http: Vec::new() };
        let (shown, hidden) = looks(false).hide(config.clone());
        assert_eq!(shown.env.unwrap(), ["PATH=/bin", "API_KEY=***", "EMPTY_TOKEN=", "DB=***"]);
        assert_eq!(without("RUN echo hunter2  >x", &hidden), "RUN echo ***  >x");
        assert_eq!(without("RUN TOKEN=a B=c make", &[]), "RUN TOKEN=*** B=c make");
        assert_eq!(looks(true).hide(config.clone()).0, config);
    }
}
