//! The commands, by noun.

pub(crate) mod demo;
pub(crate) mod image;
pub(crate) mod registry;
pub(crate) mod repo;
pub(crate) mod schema;
pub(crate) mod sim;
pub(crate) mod tag;

use crate::args::Command;
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Runs one command.
pub(crate) async fn run(context: &mut Context<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Registry(command) => command.run(context).await,
        Command::Repo(command) => command.run(context).await,
        Command::Image(command) => command.run(context).await,
        Command::Tag(command) => command.run(context).await,
        Command::Demo(command) => command.run(context).await,
        Command::Sim(command) => command.run(context).await,
        Command::Schema(command) => command.run(context),
    }
}
