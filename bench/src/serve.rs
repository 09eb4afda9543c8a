//! The server's side: a simulator in a process of its own.

use std::process::Stdio;

use anyhow::{Context, Result};
use clap::Args;
use mlspace_registry::{Client, ClientBuilder};
use mlspace_registry_simulator::{Fault, Seed, Simulator};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Repositories to begin with.
    #[arg(long)]
    repositories: usize,
    /// Break things: 5 % of the deletes 503, 2 % of their answers lost, 1 % of the ids refused.
    #[arg(long)]
    faults: bool,
}

impl Options {
    pub(crate) fn new(repositories: usize) -> Self {
        Self { repositories, faults: false }
    }

    pub(crate) fn with_faults(self) -> Self {
        Self { faults: true, ..self }
    }
}

/// Serves until standard input ends, so that it ends with whoever started it.
pub(crate) async fn run(options: Options) -> Result<()> {
    let seed: Seed = format!("repos={},images=0,tags=0", options.repositories).parse()?;
    let simulator = Simulator::builder().seed(seed).running_clock().start().await?;
    if options.faults {
        let poison: Vec<_> = simulator.repository_ids().into_iter().step_by(100).collect();
        // The fault that is armed first goes first: a lost answer may not let a refused id through.
        simulator.fail("repository_delete", Fault::reject_ids(poison))?;
        simulator.fail("repository_delete", Fault::status(503).every(20))?;
        simulator.fail("repository_delete", Fault::lost_after().every(50))?;
    }
    println!("{}", simulator.ready().to_json());
    let mut end = Vec::new();
    tokio::io::stdin().read_to_end(&mut end).await?;
    Ok(())
}

/// A server that this process started. It ends when this is dropped.
pub(crate) struct Server {
    ready: Value,
    _child: Child,
}

impl Server {
    pub(crate) async fn start(options: &Options) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg("--repositories").arg(options.repositories.to_string());
        if options.faults {
            command.arg("--faults");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        Ok(Self { ready: serde_json::from_str(&line).context("the server did not start")?, _child: child })
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_default()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder()
            .base_url(self.text("base_url"))
            .credentials(self.text("client_id"), self.text("client_secret"))
            .workspace(self.text("workspace_id"))
            .api_key(self.text("api_key"))
            .rate_limit(None)
    }
}
