//! `cargo xtask`: everything a maintainer does to this repository besides editing it.

mod adjust;
mod check;
mod codegen;
mod dist;
mod file;
mod licences;
mod mutate;
mod packages;
mod public_api;
mod schema_cycles;
mod spec;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Maintenance commands of mlspace-registry.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Work with the vendor's OpenAPI document.
    #[command(subcommand)]
    Spec(SpecCommand),
    /// Regenerate openapi/resolved.json and crates/api/src/generated.rs.
    Codegen {
        /// Change nothing; print what would change and exit 1 if anything would.
        #[arg(long)]
        check: bool,
    },
    /// List what the libraries show to their users in docs/public-api.
    PublicApi {
        /// Change nothing; print what would change and exit 1 if anything would.
        #[arg(long)]
        check: bool,
    },
    /// Change what the client sends, one thing at a time, and ask that a test notices.
    Mutate,
    /// Print the notes of the release to come, from CHANGELOG.md.
    ReleaseNotes,
    /// Run all that CI checks.
    Ci,
    /// Build what is shipped: a wheel and an archive with `mlcr` and all that belongs to it.
    Dist(dist::Arguments),
    /// Run the benchmarks of the README, optimised as what is shipped.
    Bench {
        /// What to pass on, such as `client --runs 5`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
enum SpecCommand {
    /// Cut our operations out of an official document and write openapi/registry.json.
    Import {
        /// The official document, JSON or YAML, OpenAPI 3.0 or 3.1.
        file: PathBuf,
        /// The day the document was retrieved (YYYY-MM-DD), when the document does not say.
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = spec::import::parse_date)]
        date: Option<String>,
    },
    /// Compare two documents and say what each change means for a client.
    Diff(spec::diff::Arguments),
    /// Take over a new official document: import, diff, codegen, tests of requests, report on stdout.
    Update(spec::update::Arguments),
}

fn main() -> ExitCode {
    let root = file::workspace_root();
    let result = match Arguments::parse().command {
        Command::Spec(SpecCommand::Import { file, date }) => {
            spec::import::run(&root, &file, date.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Command::Spec(SpecCommand::Diff(arguments)) => spec::diff::run(&arguments),
        Command::Spec(SpecCommand::Update(arguments)) => spec::update::run(&root, &arguments),
        Command::Codegen { check } => codegen::run(&root, check),
        Command::PublicApi { check } => public_api::run(&root, check),
        Command::Mutate => mutate::run(&root),
        Command::ReleaseNotes => packages::release_notes(&root),
        Command::Ci => check::run(&root),
        Command::Dist(arguments) => dist::run(&root, &arguments),
        Command::Bench { arguments } => check::bench(&root, &arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
