//! `mlcr image push`.

mod items;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlspace_registry::{Client, Image, Reference};
use mlspace_registry_transfer::{self as transfer, Compression, Pushed};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{mover, verdict};
use crate::address::{self, Service};
use crate::context::Context;
use crate::failure::{Exit, Failure, ended};
use crate::options;
use crate::output::moving::Moving;
use crate::output::table::Cell;
use crate::output::text::size;
use crate::output::{Look, Record};

/// A push.
#[derive(Args, Debug)]
pub(crate) struct Push {
    /// The image: an OCI layout, as a folder or a tar file, or an archive of `docker save`; the files may be
    /// compressed with gzip or zstd. A pipe, or `-` for stdin, is copied first.
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Names to push under: NAME:TAG in this registry, or full names. The tag is `latest` if there is none. With
    /// --all-images one name without a tag, which goes in front of the images' own.
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    /// Which image of the source, if it holds several: its name there or the end of it, its tag, digest, platform,
    /// or place from 1.
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Only this platform of an image that has several, or what runs best there.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Push every image of the source under its own names, with REF in place of their host.
    #[arg(long, conflicts_with_all = ["image", "platform"])]
    all_images: bool,
    /// Further repository that may have some of the layers: the registry takes them over from there.
    #[arg(long, value_name = "REPO")]
    mount_from: Vec<String>,
    /// Colour of the tags, such as #2f81f7. The option of this name about the terminal goes before the command.
    #[arg(long, value_name = "COLOUR", value_parser = options::parse_color_option)]
    color: Option<String>,
    /// How layers of a `docker save` archive are compressed.
    #[arg(long, value_enum, value_name = "HOW", default_value = "gzip")]
    compression: How,
    /// Hash the blobs of an OCI layout before they are sent; the registry checks them in any case.
    #[arg(long)]
    verify: bool,
    /// Registry to speak to in plain http, which shows passwords and images to everybody on the way.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Gzip,
    Zstd,
    None,
}

/// A finished push.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Push")]
pub(crate) struct PushReport {
    /// One for each name, in the order given.
    images: Vec<Named>,
    /// Bytes that were sent, for all names together.
    bytes_sent: u64,
    /// Bytes that the registry took over from another of its repositories.
    bytes_mounted: u64,
    /// Bytes that were there already; of layers that are compressed on the way, the plain ones.
    bytes_existing: u64,
}

/// An image under one name.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PushedImage")]
struct Named {
    /// The full name.
    reference: String,
    /// The digest of its manifest; null if it was not pushed.
    digest: Option<String>,
    /// The image's id in the management API; null if it is not seen there.
    id: Option<String>,
    /// The colour of the tag, if it was set.
    color: Option<String>,
    /// Why it was not pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Push {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let color = options::tag_color(self.color.clone());
        let foreign = self.references.iter().all(|text| address::with_host(text).is_some());
        let (client, client_id, dry_run) = mover(context, "pushing an image", foreign && color.is_none())?;
        let (images, names): (Vec<_>, Vec<_>) = self.items(context).await?.into_iter().unzip();
        let service = Service::new(client.as_ref(), client_id);
        let names = service.push_names(&names).await?;
        let mount_from = service.push_names(&self.mount_from).await?;
        let items: Vec<_> = images.into_iter().zip(names).collect();
        if let Some(client) = client.as_ref().filter(|_| !context.global.quiet) {
            say_what_moves(context, client, &items).await;
        }
        if dry_run {
            let names: Vec<_> = items.iter().map(|(_, name)| name.to_string()).collect();
            let digest = items.first().filter(|_| !self.all_images).and_then(|(image, _)| image.digest());
            let digest = digest.map(ToString::to_string);
            let body = json!({ "names": names, "digest": digest, "color": color });
            return context.planned("image_push", self.source.display(), body);
        }
        let mut hosts: Vec<_> = items.iter().map(|(_, name)| name.registry().to_owned()).collect();
        hosts.sort();
        hosts.dedup();
        let mut keys = Vec::new();
        for host in hosts {
            keys.push(service.credentials(context.io, &host).await?);
        }
        let moving = Moving::new(context.io, &context.global, "pushing");
        let mover = context.transfer_client(keys, &self.plain_http, moving.observer())?;
        let mount_from = mount_from.iter().map(|name| name.repository().to_owned());
        let push = mover.push(items).mount_from(mount_from);
        let push = push.verify(self.verify).compression(match self.compression {
            How::Gzip => Compression::Gzip,
            How::Zstd => Compression::Zstd,
            How::None => Compression::None,
        });
        let pushed = context.until_interrupted(push.send()).await;
        moving.end();
        let (pushed, tally) = (pushed?, moving.tally());
        let (images, problem) = look_up(context, client.as_ref(), &pushed, color.as_deref()).await;
        let report = PushReport {
            images,
            bytes_sent: tally.moved,
            bytes_mounted: tally.mounted,
            bytes_existing: tally.existing,
        };
        // Where nothing was pushed there is nothing to show.
        let is_there = pushed.images.iter().any(|one| one.result.is_ok());
        let printed = if is_there { context.print(&report) } else { Ok(Exit::Done) };
        let failed: Vec<_> = pushed.images.iter().filter_map(|one| one.result.as_ref().err()).collect();
        let verdict = match (failed.first(), problem) {
            (None, Some(problem)) => Err(Failure {
                message: format!(
                    "everything is pushed, and not all of the rest is done: {}",
                    problem.message
                ),
                exit: Exit::Partly,
                ..problem
            }),
            _ => verdict(pushed.images.len(), &failed, "pushed"),
        };
        ended(printed, verdict)
    }
}

/// Says which tags are on another image now. A push moves them, as docker's does; a problem with looking is none of
/// the push.
async fn say_what_moves(
    context: &Context<'_>,
    client: &Client,
    items: &[(transfer::Image, transfer::Reference)],
) {
    let mut lookup = client.lookup().reading();
    for (image, name) in items {
        let Ok(reference) = name.to_string().parse::<Reference>() else { continue };
        let Ok(old) = lookup.image(&reference).await else { continue };
        if image.digest().is_none_or(|digest| digest.as_str() != old.digest) {
            let message = format!("{name} is on image {} now; the push moves it", old.id);
            context.warn("tag_moves", &message, json!({ "tag": name.to_string(), "from": old.id }));
        }
    }
}

/// Finds what was pushed in the management API and colours it. A problem with that is told, and changes nothing
/// about the push.
async fn look_up(
    context: &Context<'_>,
    client: Option<&Client>,
    pushed: &transfer::PushReport,
    color: Option<&str>,
) -> (Vec<Named>, Option<Failure>) {
    let mut lookup = client.map(Client::lookup);
    let (mut images, mut problem) = (Vec::new(), None);
    for one in &pushed.images {
        let mut named = Named {
            reference: one.reference.to_string(),
            digest: one.result.as_ref().ok().map(ToString::to_string),
            id: None,
            color: None,
            error: one.result.as_ref().err().map(|error| Failure::from(error).message),
        };
        if let (Some(lookup), Some(client), Some(digest)) = (&mut lookup, client, &named.digest) {
            match lookup.pushed(one.reference.repository(), digest).await {
                Ok(Some(image)) => {
                    named.id = Some(image.id.to_string());
                    match set_color(client, one, &image, color).await {
                        Ok(color) => named.color = color,
                        Err(failure) => problem = Some(failure),
                    }
                }
                Ok(None) => {
                    let message =
                        format!("{} is pushed, and the management API does not list it", one.reference);
                    context.warn("not_listed", &message, json!({ "reference": named.reference }));
                    if color.is_some() {
                        problem = Some(Failure::new(Exit::NotFound, "not_found", message));
                    }
                }
                Err(error) => problem = Some(error.into()),
            }
        }
        images.push(named);
    }
    (images, problem)
}

async fn set_color(
    client: &Client,
    pushed: &Pushed,
    image: &Image,
    color: Option<&str>,
) -> Result<Option<String>, Failure> {
    let (Some(color), Some(name)) = (color, pushed.reference.tag()) else { return Ok(None) };
    let Some(tag) = image.tags.iter().find(|tag| tag.name == name) else {
        let message = format!("{} is pushed, and the management API does not list its tag", pushed.reference);
        return Err(Failure::new(Exit::NotFound, "not_found", message));
    };
    Ok(client.tags().set_color(tag.id, Some(color)).await?.color)
}

impl Record for PushReport {
    const HEADER: &'static [&'static str] = &["IMAGES", "SENT", "MOUNTED", "THERE ALREADY"];
    const FIELDS: &'static [&'static str] = &["images", "bytes_sent", "bytes_mounted", "bytes_existing"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let bytes = |bytes: u64| Cell::new(size(i64::try_from(bytes).unwrap_or(i64::MAX)));
        let count = Cell::new(self.images.len().to_string());
        vec![count, bytes(self.bytes_sent), bytes(self.bytes_mounted), bytes(self.bytes_existing)]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        let mut card = Vec::new();
        for image in &self.images {
            card.push(("Name", Cell::new(&image.reference)));
            card.push(("Digest", Cell::new(image.digest.as_deref().unwrap_or("not pushed"))));
            card.push(("Id", Cell::new(image.id.as_deref().unwrap_or("-"))));
            if let Some(error) = &image.error {
                card.push(("Error", Cell::new(error)));
            }
            if let Some(color) = &image.color {
                card.push(("Colour", Cell::new(color)));
            }
        }
        let names = ["Sent", "Mounted", "There already"];
        card.extend(names.into_iter().zip(self.row(look).into_iter().skip(1)));
        card
    }
}
