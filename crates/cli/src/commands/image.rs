//! `mlcr image`.

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::reference::{Lookup, Reference};

/// Images.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// List the images of a repository, each with all its tags. Two requests.
    #[command(visible_alias = "list", after_help = "Example: mlcr image ls train/base")]
    Ls {
        /// Repository: its id, the beginning of its id, its name or its full name.
        #[arg(value_name = "REPO")]
        repository: Reference,
    },
    /// Show one image.
    #[command(after_help = "Example: mlcr image show train/base:latest")]
    Show {
        /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
        #[arg(value_name = "REF")]
        image: Reference,
    },
}

impl Image {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let client = context.client()?;
        let mut lookup = Lookup::new(&client);
        match self {
            Self::Ls { repository } => {
                let id = lookup.repository_id(&repository).await?;
                context.looked_through(&lookup);
                let completeness = context.print_list(client.images().list(id)).await?;
                Ok(context.verdict("images", completeness))
            }
            Self::Show { image } => {
                let image = lookup.image(&image).await?;
                context.looked_through(&lookup);
                context.print(&image)
            }
        }
    }
}
