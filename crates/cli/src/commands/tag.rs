//! `mlcr tag`.

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::reference::{Lookup, Reference};

/// Tags.
#[derive(Debug, Subcommand)]
pub(crate) enum Tag {
    /// List the tags of an image. One request, and those to find the image.
    #[command(visible_alias = "list", after_help = "Example: mlcr tag ls train/base:latest")]
    Ls {
        /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
        #[arg(value_name = "IMAGE")]
        image: Reference,
    },
}

impl Tag {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let client = context.client()?;
        let mut lookup = Lookup::new(&client);
        match self {
            Self::Ls { image } => {
                let id = lookup.image_id(&image).await?;
                context.looked_through(&lookup);
                // The service counts no tags, so there is never a verdict to tell of.
                context.print_list(client.tags().list(id)).await?;
                Ok(Exit::Done)
            }
        }
    }
}
