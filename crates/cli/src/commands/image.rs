//! `mlcr image`.

pub(crate) mod pull;
pub(crate) mod push;

use clap::Subcommand;
use mlspace_registry::{self as sdk, Reference};

use crate::commands::rm::{Noun, Rm};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::listing::{By, Facts, Listed, Listing};

/// Images.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// List the images of a repository, each with all its tags. Two requests.
    #[command(
        visible_alias = "list",
        after_help = "Example: mlcr image ls train/base --filter older=90d --filter larger=1GiB --sort -size"
    )]
    Ls {
        /// Repository: its id, the beginning of its id, its name or its full name.
        #[arg(value_name = "REPO")]
        repository: Reference,
        #[command(flatten)]
        listing: Listing<sdk::Image>,
    },
    /// Show one image.
    #[command(after_help = "Example: mlcr image show train/base:latest")]
    Show {
        /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
        #[arg(value_name = "REF")]
        image: Reference,
    },
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
}

impl Image {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Ls { repository, listing } => {
                let client = context.client()?;
                let mut lookup = client.lookup().reading();
                let id = lookup.repository_id(&repository).await?;
                context.say_lookup(&lookup);
                let verdict = context.print_list("images", client.images().list(id), &listing).await?;
                Ok(context.verdict("images", verdict))
            }
            Self::Show { image } => {
                let client = context.client()?;
                let mut lookup = client.lookup().reading();
                let image = lookup.image(&image).await?;
                context.say_lookup(&lookup);
                context.print(&image)
            }
            Self::Rm(rm) => rm.run(context, Noun::Image).await,
            Self::Push(push) => push.run(context).await,
            Self::Pull(pull) => pull.run(context).await,
        }
    }
}

impl Listed for sdk::Image {
    const FILTERS: &'static [By] = &[By::TagName, By::Pushed, By::Size, By::Pulls];
    const SORTS: &'static [&'static str] = &["pushed", "pulled", "size", "tags"];

    fn facts(&self) -> Facts<'_> {
        Facts {
            names: self.tags.iter().map(|tag| tag.name.as_str()).collect(),
            time: self.push_time.map(sdk::Timestamp::unix_seconds),
            pulled: self.pull_time.is_some() || self.tags.iter().any(|tag| tag.pull_time.is_some()),
            size: self.size,
            ..Facts::default()
        }
    }

    fn compare(&self, other: &Self, by: &str) -> std::cmp::Ordering {
        match by {
            "pulled" => self.pull_time.cmp(&other.pull_time),
            "size" => self.size.cmp(&other.size),
            "tags" => self.tags.len().cmp(&other.tags.len()),
            _ => self.push_time.cmp(&other.push_time),
        }
    }
}
