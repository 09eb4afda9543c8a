//! Benchmarks as ratios: each compares two ways to the same end, in one run, in turn. The server is in a
//! process of its own. Run with `cargo xtask bench`.

mod client;
mod push;
mod retention;
mod serve;
mod soak;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The client against raw HTTP.
    Client {
        /// Counted runs of each measurement, after one that is not counted.
        #[arg(long, default_value_t = 5)]
        runs: usize,
        /// Repositories that are listed and deleted.
        #[arg(long, default_value_t = 100_000)]
        repositories: usize,
    },
    /// Pushes and pulls against docker-registry, which must be installed, beside skopeo and crane as far as they are, and
    /// beside itself under eatmydata.
    Push {
        /// Folder to be made and removed; it needs 6 GB.
        folder: PathBuf,
        #[arg(default_value_t = 5)]
        rounds: usize,
        #[arg(value_enum)]
        only: Option<push::Part>,
        /// Over TLS, with an authority of its own.
        #[arg(long)]
        tls: bool,
    },
    /// One client under faults for a while: every outcome is compared with what the registry then holds.
    Soak {
        #[arg(long, default_value_t = 75)]
        seconds: u64,
        /// Tasks that share the client.
        #[arg(long, default_value_t = 64)]
        tasks: usize,
        /// Chooses what the tasks do.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Clean-up plans of a very large registry, with their goals.
    Retention {
        /// Repositories of 200 images each.
        #[arg(long, default_value_t = 5_000)]
        repositories: usize,
    },
    /// What `push` runs.
    #[command(subcommand)]
    Move(push::mover::Move),
    /// The simulator, for the other process.
    Serve(serve::Options),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match Arguments::parse().command {
            Command::Client { runs, repositories } => client::run(runs, repositories).await,
            Command::Push { folder, rounds, only, tls } => {
                push::run(&folder, rounds, only, tls);
                Ok(())
            }
            Command::Soak { seconds, tasks, seed } => {
                soak::run(Duration::from_secs(seconds), tasks, seed).await
            }
            Command::Retention { repositories } => retention::run(repositories),
            Command::Move(moving) => moving.run().await,
            Command::Serve(options) => serve::run(options).await,
        }
    })
}
