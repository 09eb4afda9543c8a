//! `mlcr image`.

pub(crate) mod cp;
pub(crate) mod diff;
pub(crate) mod inside;
mod ls;
pub(crate) mod manifest;
pub(crate) mod pull;
pub(crate) mod push;

use std::sync::Arc;

use clap::Subcommand;
use mlspace_registry as sdk;
use mlspace_registry_transfer::Error;

use crate::address;
use crate::commands::planned::Writer;
use crate::commands::rm::{Noun, Rm};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::listing::Listing;
use crate::repositories::Repositories;
use crate::rows::InRepository;
use ls::Wanted;

/// Images.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// List the images of repositories, each with all its tags. One request a repository, and those to find them.
    #[command(
        visible_alias = "list",
        after_help = "Of one repository a table has the newest image first. Over several, --sort reads all before it prints \
                      the first.\n\n\
                      Example: mlcr image ls train/base --filter older=90d --filter larger=1GiB --sort=-size\n\
                      Example: mlcr image ls 'train/*' '!train/golden' --filter untagged --filter older=30d\n\
                      Example: mlcr image ls --all -o ndjson"
    )]
    Ls {
        #[command(flatten)]
        repositories: Repositories,
        #[command(flatten)]
        listing: Listing<InRepository<sdk::Image>>,
    },
    /// Find the images of a digest or a tag in all repositories.
    #[command(
        after_help = "A tag costs a request for each repository that has it, a digest one for every repository.\n\n\
                      Example: mlcr image find sha256:f9702b71\n\
                      Example: mlcr image find 'v1.*' --columns repository,tags,digest"
    )]
    Find {
        /// A digest, the beginning of one, or a tag or a pattern of tags.
        #[arg(value_name = "DIGEST|TAG", value_parser = Wanted::parse)]
        wanted: Wanted,
        #[command(flatten)]
        listing: Listing<InRepository<sdk::Image>>,
    },
    /// Show one image.
    #[command(after_help = "Example: mlcr image show train/base:latest\n\
                            Example: mlcr image show train/base:latest --layers")]
    Show {
        /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
        #[arg(value_name = "REF")]
        image: String,
        /// Show what it is made of: platforms, layers with what made them, and how it runs. REF may be another
        /// registry's, or a layout or archive, as a path that begins with `./` or `/`. The registry may count this as
        /// a pull.
        #[arg(long)]
        layers: bool,
        #[command(flatten)]
        inspection: inside::Inspection,
    },
    /// Tell what is different between two images: layers, sizes, and how they run.
    #[command(after_help = "Example: mlcr image diff train/base:v1 train/base:v2\n\
                            Example: mlcr image diff ./layout train/base:v1")]
    Diff(diff::Diff),
    /// Print a manifest or an index, byte for byte. The registry may count this as a pull.
    #[command(after_help = "Example: mlcr image manifest train/base:v1 | jq .layers")]
    Manifest(manifest::Manifest),
    /// Delete images with all their tags.
    #[command(
        visible_alias = "delete",
        after_help = "Example: mlcr image rm train/base:v1 --dry-run\n\
                      Example: mlcr image ls train/base --filter older=90d --jq '.[].id' | mlcr image rm - --yes"
    )]
    Rm(Rm),
    /// Push an image from this machine, without docker.
    #[command(
        after_help = "What the registry has already is not sent again. Signs in with what docker's configuration \
                            has for the registry, or with the password that `mlcr password rotate` keeps and the \
                            e-mail of `mlcr docker login` or MLCR_PERSONAL_EMAIL.\n\n\
                            Example: mlcr image push app.tar team/app:v1 team/app:latest --color '#2ea043'"
    )]
    Push(push::Push),
    /// Pull an image to this machine, without docker. Every byte is checked.
    #[command(after_help = "Example: mlcr image pull team/app:v1 app.tar\n\
                            Example: mlcr image pull team/app:v1 layout/ --platform linux/amd64")]
    Pull(pull::Pull),
    /// Copy images between repositories and registries, without a disk.
    #[command(
        visible_alias = "copy",
        after_help = "All platforms go along, and no byte that is there already. Within a registry nothing is moved if it can \
                            take layers over. A tag that names another image is moved only after a question, or with \
                            --move or --yes. Tried against docker-registry and the simulator; against Docker Hub, GitHub \
                            and Quay never.\n\n\
                            Example: mlcr image cp train/base:v1 prod/base:v1\n\
                            Example: mlcr image cp registry.example/team/app --all-tags team/app"
    )]
    Cp(cp::Copy),
}

impl Image {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Ls { repositories, listing } => ls::run(context, repositories, listing).await,
            Self::Find { wanted, listing } => wanted.find(context, listing).await,
            Self::Show { image, layers: true, inspection } => {
                let inside = inspection.look(&image, context).await?;
                context.print(&inside)
            }
            Self::Show { inspection, .. } if inspection.is_given() => {
                let message = "--platform, --show-env and --plain-http are about what --layers shows";
                Err(Failure::usage(message).hint("add --layers"))
            }
            Self::Show { image, .. } => {
                let client = context.client()?;
                let mut lookup = client.lookup().reading();
                let image = lookup.image(&address::reference(&image)?).await?;
                context.say_lookup(&lookup);
                context.print(&image)
            }
            Self::Rm(rm) => rm.run(context, Noun::Image).await,
            Self::Push(push) => push.run(context).await,
            Self::Pull(pull) => pull.run(context).await,
            Self::Cp(copy) => copy.run(context).await,
            Self::Diff(diff) => diff.run(context).await,
            Self::Manifest(manifest) => manifest.run(context).await,
        }
    }
}

/// What is needed to move images: the service's client, the id of its key, and whether only to say what would be sent.
/// Full names need no key, only the registry's password.
fn mover(
    context: &Context<'_>,
    what: &str,
    is_full: bool,
) -> Result<(Option<sdk::Client>, String, bool), Failure> {
    match context.writer(what) {
        Ok(Writer { client, client_id, dry_run }) => Ok((Some(client), client_id, dry_run)),
        Err(failure) if failure.code == "no_credentials" && is_full => {
            Ok((None, String::new(), context.global.dry_run || context.settings()?.dry_run))
        }
        Err(failure) => Err(failure),
    }
}

/// Everything, a part, or nothing of so many images was `done`.
fn verdict(all: usize, failed: &[&Arc<Error>], done: &str) -> Result<Exit, Failure> {
    let Some(first) = failed.first() else { return Ok(Exit::Done) };
    let (failure, count) = (Failure::from(*first), failed.len());
    if all == 1 {
        return Err(failure);
    }
    if count < all {
        let message = format!("{count} of {all} names were not {done}: {}", failure.message);
        return Err(Failure { message, exit: Exit::Partly, ..failure });
    }
    let mut messages: Vec<_> = failed.iter().map(|error| Failure::from(*error).message).collect();
    messages.dedup();
    // What was put may be there where the answer got lost.
    let message = format!("none of {all} names is known to be {done}: {}", messages.join("; "));
    Err(Failure { message, ..failure })
}
