//! `mlcr sim`.

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
    /// Address for the management API.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Address for the image registry.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    registry_listen: SocketAddr,

    /// Folder for the bytes that are pushed; without it a temporary one that goes with the simulator.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// What is in it at the start: demo, empty, repos=N,images=N,tags=N, or a seed file.
    #[arg(long, value_name = "SEED", default_value = "demo")]
    seed: Seed,

    /// Write the settings for clients to this file, readable for you alone. Its folder must exist.
    #[arg(long, value_name = "PATH")]
    env_file: Option<PathBuf>,

    #[command(flatten)]
    switches: Switches,
}

/// What differs from the plain behaviour.
#[derive(Args, Clone, Debug)]
pub(crate) struct Switches {
    /// Set a switch; see below. Can be given several times.
    #[arg(long = "quirk", value_name = "NAME[=VALUE]")]
    quirks: Vec<Quirk>,

    /// Arm a fault: OPERATION=FAULT[;times=N][;after=N][;every=N]; see below. Can be given several times.
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
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        if let Some(path) = &self.env_file {
            check_folder(path)?;
        }
        let mut builder = Simulator::builder()
            .listen(self.listen)
            .registry_listen(self.registry_listen)
            .seed(self.seed)
            .running_clock();
        if let Some(folder) = self.state {
            builder = builder.state_dir(folder);
        }
        let simulator = self.switches.apply(builder).start().await;
        let simulator = simulator.map_err(|error| Failure::other(causes(&error)))?;
        let ready = simulator.ready();
        if let Some(path) = &self.env_file {
            write_private(path, &ready.to_env())
                .map_err(|error| Failure::other(format!("cannot write {}: {error}", path.display())))?;
        }
        context.io.stdout.write_all((ready.to_json() + "\n").as_bytes())?;
        context.flush()?;
        context.io.interrupt.clone().wait().await;
        simulator.stop().await;
        Ok(Exit::Done)
    }
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
    text.push_str(
        "\nWhen it is ready it prints one line of JSON with its addresses and keys, and runs until interrupted.\n\
         Example: mlcr sim --env-file sim.env --quirk max-page-size=50 --fault 'repository_list=503;times=2'",
    );
    text
}
