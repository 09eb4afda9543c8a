//! The commands, by noun.

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod complete;
pub(crate) mod demo;
pub(crate) mod docker;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod image;
pub(crate) mod password;
pub(crate) mod planned;
pub(crate) mod registry;
pub(crate) mod repo;
pub(crate) mod rm;
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
        Command::Password(command) => command.run(context).await,
        Command::Docker(command) => command.run(context).await,
        Command::Auth(command) => command.run(context).await,
        Command::Doctor(command) => command.run(context).await,
        Command::Api(command) => command.run(context).await,
        Command::Completions(command) => command.run(context),
        Command::Man(command) => command.run(context),
        Command::Complete(command) => command.run(context).await,
        Command::Demo(command) => command.run(context).await,
        Command::Sim(command) => command.run(context).await,
        Command::Schema(command) => command.run(context),
    }
}
