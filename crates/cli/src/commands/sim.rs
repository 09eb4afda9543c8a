//! `mlcr sim`.

mod child;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use mlspace_registry_simulator::{
    FAULTS, FaultSpec, OCI_OPERATION_IDS, OPERATION_IDS, QUIRKS, Quirk, Seed, Simulator, Switch,
};

use crate::context::Context;
use crate::failure::{Exit, Failure, causes};
use crate::settings::files::write_private;

/// Runs a simulator.
#[derive(Args, Debug)]
#[command(after_help = about_switches())]
pub(crate) struct Sim {
    /// Address for the management API. Beyond loopback the keys are random, else the same on every run.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Address for the image registry.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    registry_listen: SocketAddr,

    /// Folder where everything is kept, keys included, from one good end to the next start; without it a temporary one
    /// that goes with the simulator. After a kill the last good state is read. It must hold nothing else.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Contents at the start: demo, team (500 repositories, 20,000 images), empty, repos=N,images=N,tags=N, or a seed
    /// file, whose form is below. A state folder that has a state needs none.
    #[arg(long, value_name = "SEED", default_value = "demo")]
    seed: Seed,

    /// Write the settings for clients to this file, readable for you alone. Its folder must exist.
    #[arg(long, value_name = "PATH")]
    env_file: Option<PathBuf>,

    #[command(flatten)]
    switches: Switches,

    /// Command to run with the settings of the simulator, which ends with it; after a bare `--` your shell.
    #[arg(last = true, value_name = "COMMAND", num_args = 0..)]
    command: Option<Vec<OsString>>,
}

/// What differs from the plain behaviour.
#[derive(Args, Clone, Debug)]
pub(crate) struct Switches {
    /// Set a switch; see below. Can be given several times.
    #[arg(long = "quirk", value_name = "NAME[=VALUE]")]
    quirks: Vec<Quirk>,

    /// Arm a fault: OPERATION=FAULT, then any of ;times=N ;after=N ;every=N ;nth=N ;repository=NAME ;id=UUID ;page=N; see
    /// below. Can be given several times.
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<FaultSpec>,
}

impl Switches {
    pub(crate) fn apply(
        self,
        builder: mlspace_registry_simulator::Builder,
    ) -> mlspace_registry_simulator::Builder {
        let builder = self.quirks.into_iter().fold(builder, |builder, quirk| builder.quirk(quirk));
        self.faults.into_iter().fold(builder, |builder, fault| builder.fault(fault))
    }
}

impl Sim {
    /// Runs the user's shell, as a bare `--` says.
    pub(crate) fn run_shell(&mut self) {
        self.command.get_or_insert_default();
    }

    pub(crate) fn runs_command(&self) -> bool {
        self.command.is_some()
    }

    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        if let Some(path) = &self.env_file {
            check_folder(path)?;
        }
        let mut builder = Simulator::builder()
            .listen(self.listen)
            .registry_listen(self.registry_listen)
            .seed(self.seed)
            .running_clock();
        if let Some(folder) = &self.state {
            builder = builder.state_dir(folder);
        }
        let simulator = self.switches.apply(builder).start().await;
        let simulator = simulator.map_err(|error| Failure::other(causes(&error)))?;
        let stderr = context.io.stderr.clone();
        let ready = simulator.ready();
        if simulator.has_lost_state() {
            stderr.line("the last run with this state folder was killed; what it changed is lost");
        }
        if !self.listen.ip().is_loopback() || !self.registry_listen.ip().is_loopback() {
            stderr.line("warning: others than this machine can reach it; its keys are random, and nothing is encrypted");
        }
        if let Some(path) = &self.env_file {
            write_private(path, &ready.to_env())
                .map_err(|error| Failure::other(format!("cannot write {}: {error}", path.display())))?;
        }
        let ended = match self.command {
            Some(command) => child::run(context, &ready, command).await,
            None => {
                context.io.stdout.write_all((ready.to_json() + "\n").as_bytes())?;
                context.flush()?;
                if context.io.terminals.stderr && !context.global.quiet {
                    stderr.line(&next_step(self.env_file.as_deref()));
                }
                context.io.interrupt.clone().wait().await;
                Ok(Exit::Done)
            }
        };
        let written = simulator.finish().await;
        let ended = ended?;
        written.map_err(|error| Failure::other(format!("the state could not be written: {error}")))?;
        Ok(ended)
    }
}

/// The way to use a simulator that runs in a terminal.
fn next_step(env_file: Option<&Path>) -> String {
    let next = match env_file {
        Some(path) => format!("In another terminal: set -a; . {}; set +a", path.display()),
        None => "For one command or a shell with its settings: mlcr sim -- COMMAND".to_owned(),
    };
    format!("The simulator runs until Ctrl-C. {next}")
}

/// A folder that is not there is more likely misspelt than wanted.
fn check_folder(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let message = format!("cannot write {}: there is no folder {}", path.display(), folder.display());
            Err(Failure::usage(message).hint("make the folder first, or name another"))
        }
        _ => Ok(()),
    }
}

/// The part of the help that lists all quirks and faults.
pub(crate) fn about_switches() -> String {
    let mut text = String::from("Quirks, each for something that is not known about the service:\n");
    let list = |text: &mut String, switches: &[Switch], separator: &str| {
        for Switch { name, values, about, .. } in switches {
            let value = if values.is_empty() { String::new() } else { format!("{separator}{values}") };
            // Writing to a text does not fail.
            let _ = write!(text, "  {name}{value}\n          {about}\n");
        }
    };
    list(&mut text, QUIRKS, "=");
    text.push_str("\nFaults:\n");
    list(&mut text, FAULTS, ":");
    let _ = write!(text, "\nOperations: {}\n", OPERATION_IDS.join(", "));
    let _ = write!(text, "\nOperations of the image registry: {}\n", OCI_OPERATION_IDS.join(", "));
    let _ = write!(
        text,
        "\nA seed file is JSON; only `name` is required in a repository, and nothing in an image:\n{}",
        Seed::EXAMPLE
    );
    text.push_str(
        "\nEach request is a line on stderr in a terminal and with -v; RUST_LOG chooses more.\n\
         When it is ready it prints one line of JSON with its addresses and keys, and runs until interrupted.\n\
         Example: mlcr sim -- mlcr repo ls\n         \
         mlcr sim --seed team --\n         \
         mlcr sim --env-file sim.env --quirk max-page-size=50 --fault 'repository_list=503;times=2'",
    );
    text
}
