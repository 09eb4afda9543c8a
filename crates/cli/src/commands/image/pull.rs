//! `mlcr image pull`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mlspace_registry_transfer::{self as transfer, Compression, Reference, Target};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::address::{self, Service};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::io::Io;
use crate::output::moving::Moving;
use crate::output::table::Cell;
use crate::output::text::size;
use crate::output::{self, Look, Record};
use crate::settings::files;

/// A pull.
#[derive(Args, Debug)]
pub(crate) struct Pull {
    /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
    #[arg(value_name = "REF")]
    reference: String,
    /// Where to: a folder; a file that ends in `.tar`, `.tar.gz`, `.tgz` or `.tar.zst`; a pipe; or `-` for stdout,
    /// with what is told about it on stderr. A file that exists is replaced only after a question or with --yes; a
    /// folder must be new, empty or an OCI layout, which is added to.
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// Form of the target, if it should not follow from DST: a folder becomes an OCI layout, a file an archive for
    /// `docker load`.
    #[arg(long, value_enum, value_name = "FORM")]
    form: Option<ImageForm>,
    /// Only this platform, such as linux/amd64, or what runs best there; of a single image nothing else.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Take a single image also if it is for another platform than was asked for.
    #[arg(long, requires = "platform")]
    any_platform: bool,
    /// Registry to speak to in plain http, which shows passwords and images to everybody on the way.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
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
        let is_stdout = is_stdout(&self.target);
        if is_stdout && context.io.terminals.stdout {
            return Err(
                Failure::safety("an image is not written to a terminal").hint("pipe it to `docker load`")
            );
        }
        // An archive is not written from its beginning to its end, and stdout is.
        let spool = is_stdout.then(|| spool(context.io)).transpose()?;
        let target = self.target(spool.as_ref().map_or(&*self.target, tempfile::TempPath::as_ref))?;
        if target.check().map_err(unfit)? && !is_stdout {
            match dry_run {
                true => context.say(&format!("{} exists and would be replaced", self.target.display())),
                false => replace(context, &self.target)?,
            }
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
        let service = Service::new(client.as_ref(), settings.client_id.unwrap_or_default());
        let key = service.credentials(context.io, name.registry()).await?;
        let moving = Moving::new(context.io, &context.global, "pulling");
        let transfer = context.transfer_client([key], &self.plain_http, moving.observer())?;
        let mut pull = transfer.pull([name], target);
        if let Some(platform) = self.platform {
            pull = pull.platform(platform);
        }
        if self.any_platform {
            pull = pull.any_platform();
        }
        let pulled = context.until_interrupted(pull.send()).await;
        moving.end();
        let (pulled, tally) = (pulled?, moving.tally());
        let Some(image) = pulled.images.into_iter().next() else {
            return Err(Failure::other("nothing was pulled"));
        };
        let report = PullReport {
            reference: image.reference.to_string(),
            digest: image.digest.to_string(),
            size: image.size,
            target: path,
            bytes_fetched: tally.moved,
            bytes_existing: tally.existing,
            foreign: image.foreign.iter().map(ToString::to_string).collect(),
        };
        if !report.foreign.is_empty() {
            let message = format!(
                "not pulled, as the registry does not have it and its publisher keeps it elsewhere: {}",
                report.foreign.join(", ")
            );
            context.warn("left_out", &message, json!({ "layers": report.foreign }));
        }
        let Some(spool) = spool else { return context.print(&report) };
        to_stdout(context, spool).await?;
        let mut text = Vec::new();
        output::one(&mut text, &Look { color: false, ..context.look() }, &report)?;
        if !context.global.quiet {
            context.io.stderr.text(&String::from_utf8_lossy(&text));
        }
        Ok(Exit::Done)
    }

    /// The target in the form that is asked for, or that its name asks for, at that path.
    fn target(&self, path: &Path) -> Result<Target, Failure> {
        let name = self.target.to_string_lossy().to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        let compression = match () {
            () if ends(&[".tar.gz", ".tgz"]) => Some(Compression::Gzip),
            () if ends(&[".tar.zst", ".tzst", ".tar.zstd"]) => Some(Compression::Zstd),
            () => None,
        };
        let is_stdout = is_stdout(&self.target);
        let is_pipe = self.target.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        let is_archive = compression.is_some() || ends(&[".tar"]) || is_stdout || is_pipe;
        let form = self.form.unwrap_or(if is_archive { ImageForm::DockerArchive } else { ImageForm::Oci });
        let target = match form {
            ImageForm::Oci if is_stdout => {
                return Err(Failure::usage("a folder is not written to stdout: name one, or another --form"));
            }
            ImageForm::Oci => Target::layout(path),
            ImageForm::OciArchive => Target::layout_archive(path),
            ImageForm::DockerArchive => Target::docker_archive(path),
        };
        Ok(compression.into_iter().fold(target, Target::compressed))
    }
}

fn is_stdout(target: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1"].iter().any(|name| target.as_os_str() == *name)
}

/// A file for what is to go to stdout.
fn spool(io: &Io) -> Result<tempfile::TempPath, Failure> {
    let folder = files::scratch(io);
    let file = tempfile::NamedTempFile::new_in(&folder);
    let cannot = |error| Failure::other(format!("cannot write in {}: {error}", folder.display()));
    Ok(file.map_err(cannot)?.into_temp_path())
}

/// Writes a file to stdout, whose reader may be slow or asleep.
async fn to_stdout(context: &mut Context<'_>, spool: tempfile::TempPath) -> Result<(), Failure> {
    let mut stdout = std::mem::replace(&mut context.io.stdout, Box::new(io::sink()));
    let copy = move || {
        let copied = File::open(&spool).and_then(|mut file| io::copy(&mut file, &mut stdout));
        (copied.and_then(|_| stdout.flush()), stdout)
    };
    let copied =
        async { tokio::task::spawn_blocking(copy).await.map_err(|error| Failure::other(error.to_string())) };
    let (copied, stdout) = context.until_interrupted(copied).await?;
    context.io.stdout = stdout;
    copied.map_err(|error| Failure::other(format!("cannot write the image to stdout: {error}")))
}

/// Nothing is spoiled that is there.
fn unfit(error: transfer::Error) -> Failure {
    match error {
        transfer::Error::Source { .. } => Failure::safety(error.to_string())
            .hint("name a new or empty folder, an OCI layout, or a `.tar` file"),
        error => error.into(),
    }
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
    const HEADER: &'static [&'static str] =
        &["NAME", "DIGEST", "SIZE", "TARGET", "FETCHED", "THERE ALREADY", "LEFT OUT"];
    const FIELDS: &'static [&'static str] =
        &["reference", "digest", "size", "target", "bytes_fetched", "bytes_existing", "foreign"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let bytes = |bytes: u64| Cell::new(size(i64::try_from(bytes).unwrap_or(i64::MAX)));
        vec![
            Cell::new(&self.reference),
            Cell::new(&self.digest),
            bytes(self.size),
            Cell::new(&self.target),
            bytes(self.bytes_fetched),
            bytes(self.bytes_existing),
            Cell::new(if self.foreign.is_empty() { "-".into() } else { self.foreign.join(" ") }),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        ["Name", "Digest", "Size", "Target", "Fetched", "There already", "Left out"]
            .into_iter()
            .zip(self.row(look))
            .collect()
    }
}
