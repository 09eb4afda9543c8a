//! `mlcr image pull`.

use std::path::{Path, PathBuf};

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
    /// Where to: a folder, or a file that ends in `.tar`. A file that exists is replaced only after a question
    /// or with --yes; a folder must be new, empty or an OCI layout, which is added to.
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// Form of the target, if it should not follow from DST: a folder becomes an OCI layout, a file an archive for
    /// `docker load`.
    #[arg(long, value_enum, value_name = "FORM")]
    form: Option<ImageForm>,
    /// Only this platform of an image that has several, such as linux/amd64.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ImageForm {
    /// An OCI layout in a folder, which is added to.
    Oci,
    /// An OCI layout in a tar file.
    OciArchive,
    /// An archive for `docker load`, which is an OCI layout as well; one platform.
    DockerArchive,
}

/// A finished pull.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pull")]
pub(crate) struct PullReport {
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
        let dry_run = context.global.dry_run || settings.dry_run;
        if self.target.as_os_str() == "-" {
            return Err(Failure::usage(
                "an image is not pulled to stdout: name a folder, or a file that ends in `.tar`",
            ));
        }
        let form = self.form();
        let replaces = check_target(&self.target, form)?;
        if replaces && dry_run {
            context.say(&format!("{} exists and would be replaced", self.target.display()));
        } else if replaces {
            replace(context, &self.target)?;
        }
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
        if dry_run {
            return context.planned("image_pull", &name, json!({ "target": path }));
        }
        let target = match form {
            ImageForm::Oci => Target::layout(self.target),
            ImageForm::OciArchive => Target::layout_archive(self.target),
            ImageForm::DockerArchive => Target::docker_archive(self.target),
        };
        let mut service = Service::new(client.as_ref(), settings.client_id.unwrap_or_default());
        let key = service.credentials(context.io, name.registry()).await?;
        let moving = Moving::new(context.io, &context.global, "pulling");
        let transfer = context.transfer_client([key], moving.observer())?;
        let mut pull = transfer.pull([name], target);
        if let Some(platform) = self.platform {
            pull = pull.platform(platform);
        }
        let pulled = context.until_interrupted(pull.send()).await;
        moving.end();
        let (pulled, tally) = (pulled?, moving.tally());
        let Some(image) = pulled.images.into_iter().next() else {
            return Err(Failure::other("nothing was pulled"));
        };
        context.print(&PullReport {
            reference: image.reference.to_string(),
            digest: image.digest.to_string(),
            size: image.size,
            target: path,
            bytes_fetched: tally.moved,
            bytes_existing: tally.existing,
            foreign: image.foreign.iter().map(ToString::to_string).collect(),
        })
    }

    fn form(&self) -> ImageForm {
        let is_file = self.target.extension().is_some_and(|extension| extension == "tar");
        self.form.unwrap_or(if is_file { ImageForm::DockerArchive } else { ImageForm::Oci })
    }
}

/// True if there is a file that the pull would replace. Refuses what it would spoil, before anything is sent.
fn check_target(target: &Path, form: ImageForm) -> Result<bool, Failure> {
    match (form, target.symlink_metadata().is_ok(), target.is_dir()) {
        (_, false, _) => Ok(false),
        (ImageForm::Oci, _, true) => check_layout(target).map(|()| false),
        (ImageForm::Oci, _, false) => {
            let message = format!("{} is not a folder, and an OCI layout is one", target.display());
            Err(Failure::safety(message).hint("name a folder, or a file that ends in `.tar`"))
        }
        (_, _, true) => {
            let message = format!("{} is a folder, and an archive is a file", target.display());
            Err(Failure::safety(message).hint("name a file"))
        }
        (_, _, false) => Ok(true),
    }
}

/// A folder is added to if it is an OCI layout, or on the way to be one.
fn check_layout(folder: &Path) -> Result<(), Failure> {
    let cannot = |error| Failure::other(format!("cannot read {}: {error}", folder.display()));
    for entry in folder.read_dir().map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        if !["oci-layout", "index.json", "blobs"].iter().any(|own| name == *own) {
            let message = format!("{} is no OCI layout: it has {}", folder.display(), name.to_string_lossy());
            return Err(
                Failure::safety(message).hint("name a new or empty folder, an OCI layout, or a `.tar` file")
            );
        }
    }
    Ok(())
}

fn replace(context: &mut Context<'_>, target: &Path) -> Result<(), Failure> {
    let target = target.display();
    if !context.global.yes && !context.io.terminals.stdin {
        let message = format!("{target} exists already; nothing was pulled");
        return Err(Failure::safety(message).hint("name another file, or add --yes to replace this one"));
    }
    context.confirm(&format!("Replace {target}?"))
}

impl Record for PullReport {
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
