//! The commands, by noun.

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod complete;
pub(crate) mod demo;
pub(crate) mod docker;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod help;
pub(crate) mod image;
pub(crate) mod password;
pub(crate) mod planned;
pub(crate) mod prune;
pub(crate) mod registry;
pub(crate) mod repo;
pub(crate) mod rm;
pub(crate) mod schema;
pub(crate) mod sim;
pub(crate) mod tag;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The workspace's registry.
    #[command(subcommand)]
    Registry(registry::Registry),
    /// Repositories: the images of one name.
    #[command(subcommand)]
    Repo(repo::Repo),
    /// Images of a repository.
    #[command(subcommand)]
    Image(image::Image),
    /// Tags: names that point to an image.
    #[command(subcommand)]
    Tag(tag::Tag),
    /// Your registry password, which docker signs in with.
    #[command(subcommand)]
    Password(password::Password),
    /// Let docker, podman and skopeo sign in to the registry.
    #[command(subcommand)]
    Docker(docker::Docker),
    /// Sign in, sign out, and see which settings are used.
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Check everything between this machine and the registry.
    Doctor(doctor::Doctor),
    /// Send a request of your own, signed in.
    Api(api::Api),
    /// Print completions for a shell.
    Completions(generate::Completions),
    /// Write the manual pages.
    Man(generate::Man),
    /// Names for completions.
    #[command(name = "__complete", hide = true)]
    Complete(complete::Complete),
    /// Do the vendor's walk-through of 14 steps against a simulator. Needs no account.
    Demo(demo::Demo),
    /// Run a simulator of the service until interrupted.
    Sim(sim::Sim),
    /// Clean-up policies: what may go, and what of it stays.
    #[command(subcommand)]
    Prune(prune::Prune),
    /// Print the JSON Schema of an output.
    Schema(schema::Schema),
    /// Print a page about one thing, or the help of a command.
    Help(help::Help),
}

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
        Command::Prune(command) => command.run(context),
        Command::Schema(command) => command.run(context),
        Command::Help(command) => command.run(context),
    }
}
