//! `mlcr registry`.

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// The workspace's registry.
#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// Show the registry of the workspace. One request.
    #[command(after_help = "Example: mlcr registry show -o json")]
    Show,
}

impl Registry {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let Self::Show = self;
        let registry = context.client()?.registry().await?;
        context.print(&registry)
    }
}
