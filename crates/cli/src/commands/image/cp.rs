//! `mlcr image cp`.

use std::collections::HashSet;

use clap::Args;
use mlspace_registry::Client;
use mlspace_registry_transfer::{self as transfer, Copied, Error, Reference};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{mover, verdict};
use crate::address::{self, Service};
use crate::context::Context;
use crate::failure::{Exit, Failure, ended};
use crate::output::moving::Moving;
use crate::output::table::Cell;
use crate::output::text::size;
use crate::output::{Look, Record};

/// A copy.
#[derive(Args, Debug)]
pub(crate) struct Copy {
    /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name, which may be another registry's;
    /// with --all-tags a repository.
    #[arg(value_name = "SRC", required = true)]
    sources: Vec<String>,
    /// Where to: NAME:TAG or a full name; without a tag those of the sources are kept.
    #[arg(value_name = "DST", required = true)]
    target: String,
    /// Only this platform of an image that has several, or what runs best there.
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Take a single image also if it is for another platform than was asked for.
    #[arg(long, requires = "platform")]
    any_platform: bool,
    /// Copy every tag of the repositories that SRC names.
    #[arg(long)]
    all_tags: bool,
    /// Take along what refers to the images, such as signatures.
    #[arg(long)]
    referrers: bool,
    /// Move tags that name another image where they are to go.
    #[arg(long = "move")]
    moves: bool,
    /// Registry to speak to in plain http, which shows passwords and images to everybody on the way.
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
}

/// A finished copy.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Copy")]
pub(crate) struct CopyReport {
    /// One for each image, in the order given.
    images: Vec<CopiedImage>,
    /// Bytes that were read and sent.
    bytes_sent: u64,
    /// Bytes that the registry took over from another of its repositories.
    bytes_mounted: u64,
    /// Bytes that were there already.
    bytes_existing: u64,
}

/// An image that was to be copied.
#[derive(Debug, Serialize, JsonSchema)]
struct CopiedImage {
    /// The full name that it was copied from.
    from: String,
    /// The full name that it was copied to.
    to: String,
    /// The digest of its manifest; null if it was not copied.
    digest: Option<String>,
    /// Why it was not copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

type Items = Vec<(Reference, Reference)>;

impl Copy {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let texts = || self.sources.iter().chain([&self.target]);
        let is_full = texts().all(|text| address::with_host(text).is_some());
        let (client, client_id, dry_run) = mover(context, "copying an image", is_full)?;
        let service = Service::new(client.as_ref(), client_id);
        let place = service.push_names(std::slice::from_ref(&self.target)).await?.remove(0);
        let mut sources = Vec::new();
        for text in &self.sources {
            sources.push(self.source(text, client.as_ref(), context).await?);
        }
        let mut hosts: Vec<_> =
            sources.iter().chain([&place]).map(|name| name.registry().to_owned()).collect();
        hosts.sort();
        hosts.dedup();
        let mut keys = Vec::new();
        for host in hosts {
            keys.push(service.credentials(context.io, &host).await?);
        }
        let moving = Moving::new(context.io, &context.global, "copying");
        let mover = context.transfer_client(keys, &self.plain_http, moving.observer())?;
        if self.all_tags {
            sources = context.until_interrupted(all_tags(&mover, &sources)).await?;
        }
        let items = self.items(sources, &place)?;
        if dry_run {
            let items: Vec<_> = items
                .iter()
                .map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() }))
                .collect();
            return context.planned("image_copy", &self.target, json!({ "images": items }));
        }
        let is_allowed = self.moves || context.global.yes;
        let mut copied = context.until_interrupted(self.copy(&mover, items, is_allowed)).await?;
        let kept: Vec<_> = (0..copied.len()).filter(|at| would_move(&copied[*at])).collect();
        if !kept.is_empty() && context.io.terminals.stdin {
            for one in kept.iter().map(|at| &copied[*at]) {
                context.say(&format!("{}, and would become {}", shown(one), one.from));
            }
            if context.confirm(&format!("Move {} tags that name other images now?", kept.len())).is_ok() {
                let again =
                    kept.iter().map(|at| (copied[*at].from.clone(), copied[*at].to.clone())).collect();
                let moved = context.until_interrupted(self.copy(&mover, again, true)).await?;
                for (at, one) in kept.into_iter().zip(moved) {
                    copied[at] = one;
                }
            }
        }
        moving.end();
        let tally = moving.tally();
        let report = CopyReport {
            images: copied.iter().map(CopiedImage::of).collect(),
            bytes_sent: tally.moved,
            bytes_mounted: tally.mounted,
            bytes_existing: tally.existing,
        };
        let failed: Vec<_> = copied.iter().filter_map(|one| one.result.as_ref().err()).collect();
        // Where nothing was copied there is nothing to show.
        let printed = if failed.len() < copied.len() { context.print(&report) } else { Ok(Exit::Done) };
        ended(printed, verdict(copied.len(), &failed, "copied"))
    }

    async fn copy(
        &self,
        mover: &transfer::Client,
        items: Items,
        is_allowed: bool,
    ) -> Result<Vec<Copied>, Failure> {
        let mut copy = mover.copy(items);
        if let Some(platform) = &self.platform {
            copy = copy.platform(platform);
        }
        if self.any_platform {
            copy = copy.any_platform();
        }
        if self.referrers {
            copy = copy.referrers();
        }
        if !is_allowed {
            copy = copy.keep_tags();
        }
        Ok(copy.send().await?.images)
    }

    /// The full name of a source: of an image that is there, or of a repository.
    async fn source(
        &self,
        text: &str,
        client: Option<&Client>,
        context: &Context<'_>,
    ) -> Result<Reference, Failure> {
        match (address::with_host(text), client) {
            (Some(full), _) => Ok(full),
            (None, Some(client)) if self.all_tags => address::repository_name(text, client, context.io).await,
            (None, Some(client)) => address::pull_name(text, client, context.io).await,
            (None, None) => Err(Failure::usage(format!("{text} is not a full name"))),
        }
    }

    /// Each source with the name that it gets.
    fn items(&self, sources: Vec<Reference>, place: &Reference) -> Result<Items, Failure> {
        let last = self.target.rsplit('/').next().unwrap_or_default();
        let is_named = last.contains([':', '@']);
        if is_named && (sources.len() > 1 || self.all_tags) {
            let message = format!("{} is one name, and there is more than one image to copy", self.target);
            return Err(Failure::usage(message).hint("leave the tag away: the images keep theirs"));
        }
        let (mut items, mut seen) = (Vec::new(), HashSet::new());
        for from in sources {
            let to = match from.tag() {
                _ if is_named => place.clone(),
                Some(tag) => place.with_tag(tag)?,
                None => {
                    let message = format!("{from} has no tag to keep");
                    return Err(Failure::usage(message).hint("say under which tag it goes: NAME:TAG"));
                }
            };
            if !seen.insert(to.clone()) {
                return Err(Failure::usage(format!("two images would become {to}"))
                    .hint("copy one of them by itself, under another tag"));
            }
            items.push((from, to));
        }
        Ok(items)
    }
}

/// Every tag of these repositories.
async fn all_tags(mover: &transfer::Client, repositories: &[Reference]) -> Result<Vec<Reference>, Failure> {
    let mut names = Vec::new();
    for repository in repositories {
        for tag in mover.tags(repository).await? {
            names.push(repository.with_tag(&tag)?);
        }
    }
    Ok(names)
}

/// True for an image that was not copied because its tag is another one's.
fn would_move(copied: &Copied) -> bool {
    copied.result.as_ref().is_err_and(|error| matches!(&**error, Error::TagExists { .. }))
}

/// Why one was not copied.
fn shown(copied: &Copied) -> String {
    copied.result.as_ref().err().map_or_else(String::new, |error| Failure::from(error).message)
}

impl CopiedImage {
    fn of(copied: &Copied) -> Self {
        Self {
            from: copied.from.to_string(),
            to: copied.to.to_string(),
            digest: copied.result.as_ref().ok().map(ToString::to_string),
            error: copied.result.as_ref().err().map(|_| shown(copied)),
        }
    }
}

impl Record for CopyReport {
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
            card.push(("From", Cell::new(&image.from)));
            card.push(("To", Cell::new(&image.to)));
            card.push(("Digest", Cell::new(image.digest.as_deref().unwrap_or("not copied"))));
            if let Some(error) = &image.error {
                card.push(("Error", Cell::new(error)));
            }
        }
        let names = ["Sent", "Mounted", "There already"];
        card.extend(names.into_iter().zip(self.row(look).into_iter().skip(1)));
        card
    }
}
