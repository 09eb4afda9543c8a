//! `mlcr image pull`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlspace_registry_transfer::{Reference, Target};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::address::{self, Service};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::moving::Moving;
use crate::output::table::Cell;
use crate::output::text::size;
use crate::output::{Look, Record};

/// A pull.
#[derive(Args, Debug)]
pub(crate) struct Pull {
    /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
    #[arg(value_name = "REF")]
    reference: String,
    /// Where to: a folder, or a file that ends in `.tar`.
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// What to write, if it should not follow from DST: a folder becomes an OCI layout, a file an archive for
    /// `docker load`.
    #[arg(long, value_enum, value_name = "FORM")]
    form: Option<Form>,
    /// Only this platform of an image that has several, such as linux/amd64.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// An OCI layout in a folder, which is added to.
    Oci,
    /// An OCI layout in a tar file.
    OciArchive,
    /// An archive for `docker load`, which is an OCI layout as well; one platform.
    DockerArchive,
}

/// What was pulled.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pull")]
pub(crate) struct Report {
    /// The full name.
    reference: String,
    /// The digest of the manifest or index that is in the target.
    digest: String,
    /// The size of its blobs in bytes, all platforms together.
    size: u64,
    /// The file or folder.
    target: String,
    /// Bytes that were fetched.
    bytes_fetched: u64,
    /// Bytes that were there already.
    bytes_existing: u64,
    /// Digests of layers that their publisher keeps elsewhere, and that were not pulled.
    foreign: Vec<String>,
}

impl Pull {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let settings = context.settings()?;
        let full = address::with_host(&self.reference);
        let client = match context.client() {
            Ok(client) => Some(client),
            // A full name needs no key, only the registry's password.
            Err(failure) if failure.code == "no_credentials" && full.is_some() => None,
            Err(failure) => return Err(failure),
        };
        let name: Reference = match (full, &client) {
            (Some(full), _) => full,
            (None, Some(client)) => address::pull_name(&self.reference, client, context.io).await?,
            (None, None) => return Err(Failure::usage(format!("{} is not a full name", self.reference))),
        };
        let path = self.target.display().to_string();
        if context.global.dry_run || settings.dry_run {
            return context.planned("image_pull", &name, json!({ "target": path }));
        }
        let is_file = self.target.extension().is_some_and(|extension| extension == "tar");
        let form = self.form.unwrap_or(if is_file { Form::DockerArchive } else { Form::Oci });
        let target = match form {
            Form::Oci => Target::layout(self.target),
            Form::OciArchive => Target::layout_archive(self.target),
            Form::DockerArchive => Target::docker_archive(self.target),
        };
        let mut service = Service::new(client.as_ref(), settings.client_id.unwrap_or_default());
        let key = service.credentials(context.io, name.registry()).await?;
        let moving = Moving::new(context, "pulling");
        let transfer = context.transfer_client([key], moving.observer())?;
        let mut pull = transfer.pull([name], target);
        if let Some(platform) = self.platform {
            pull = pull.platform(platform);
        }
        let pulled = context.while_wanted(pull.send()).await;
        moving.end();
        let (pulled, tally) = (pulled?, moving.tally());
        let Some(image) = pulled.images.into_iter().next() else {
            return Err(Failure::other("nothing was pulled"));
        };
        context.print(&Report {
            reference: image.reference.to_string(),
            digest: image.digest.to_string(),
            size: image.size,
            target: path,
            bytes_fetched: tally.moved,
            bytes_existing: tally.existing,
            foreign: image.foreign.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Record for Report {
    const HEADER: &'static [&'static str] = &["NAME", "DIGEST", "SIZE", "TARGET", "FETCHED", "THERE ALREADY"];
    const FIELDS: &'static [&'static str] =
        &["reference", "digest", "size", "target", "bytes_fetched", "bytes_existing"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let bytes = |bytes: u64| Cell::new(size(i64::try_from(bytes).unwrap_or(i64::MAX)));
        vec![
            Cell::new(&self.reference),
            Cell::new(&self.digest),
            bytes(self.size),
            Cell::new(&self.target),
            bytes(self.bytes_fetched),
            bytes(self.bytes_existing),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        ["Name", "Digest", "Size", "Target", "Fetched", "There already"]
            .into_iter()
            .zip(self.row(look))
            .collect()
    }
}
