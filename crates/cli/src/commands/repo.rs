//! `mlcr repo`.

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::reference::{Lookup, Reference};

/// Repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum Repo {
    /// List the repositories. One request for every 100, and one for the count.
    #[command(visible_alias = "list", after_help = "Example: mlcr repo ls")]
    Ls,
    /// Show one repository.
    #[command(after_help = "Example: mlcr repo show train/base")]
    Show {
        /// Repository: its id, the beginning of its id, its name or its full name.
        #[arg(value_name = "REF")]
        repository: Reference,
    },
}

impl Repo {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let client = context.client()?;
        match self {
            Self::Ls => {
                let completeness = context.print_list(client.repositories().list()).await?;
                Ok(context.verdict("repositories", completeness))
            }
            Self::Show { repository } => {
                let mut lookup = Lookup::new(&client);
                let repository = lookup.repository(&repository).await?;
                context.looked_through(&lookup);
                context.print(&repository)
            }
        }
    }
}
