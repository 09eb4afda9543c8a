//! A command that runs with the settings of a simulator and ends it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mlspace_registry_simulator::Ready;
use tokio::process::{Child, Command};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// The time that the command may take to end once it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command, or the user's shell if none is named, and returns when it has ended.
pub(crate) async fn run(
    context: &mut Context<'_>,
    ready: &Ready,
    command: Vec<OsString>,
) -> Result<Exit, Failure> {
    // Whatever the command keeps of a simulator that is gone would only be in the way.
    let folder = tempfile::Builder::new().prefix("mlcr-sim-").tempdir()?;
    let variables = variables(&context.io.variables, ready, folder.path());
    let shell = || context.io.variable("SHELL").unwrap_or("/bin/sh").into();
    let program = command.first().cloned().unwrap_or_else(shell);
    if !context.global.quiet {
        let what = if command.is_empty() { "leave the shell to end it" } else { "it ends with the command" };
        context.io.stderr.line(&format!("a simulator is at {}; {what}", ready.base_url));
    }
    let mut interrupt = context.io.interrupt.clone();
    // Ctrl-C goes to the command as well, and it is the command's to say what that means.
    let _held = interrupt.leave_keys_to_the_command();
    let child = Command::new(&program)
        .args(command.iter().skip(1))
        .env_clear()
        .envs(variables)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| {
        let program = program.to_string_lossy();
        Failure::usage(format!("cannot run `{program}`: {error}")).hint("name a program that PATH has")
    })?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = interrupt.wait() => end(&mut child).await?,
    };
    context.code.set(Some(code(status)));
    Ok(Exit::Done)
}

/// The environment of the command: this one, without what could lead it elsewhere, with the settings.
fn variables(own: &BTreeMap<String, String>, ready: &Ready, folder: &Path) -> BTreeMap<String, String> {
    let other = |name: &str| name.starts_with("MLSPACE_") || name.starts_with("MLCR_");
    let mut variables: BTreeMap<_, _> = own
        .iter()
        .filter(|(name, _)| !other(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let settings = ready.to_env();
    let settings = settings.lines().filter_map(|line| line.split_once('='));
    variables.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, part) in
        [("MLCR_CONFIG_DIR", "mlcr"), ("DOCKER_CONFIG", "docker"), ("XDG_CACHE_HOME", "cache")]
    {
        variables.insert(name.to_owned(), folder.join(part).display().to_string());
    }
    variables.insert("MLCR_KEYRING".to_owned(), "off".to_owned());
    variables
}

/// Asks the command to end, and ends it if it does not.
async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    #[cfg(unix)]
    if let Some(id) =
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        if let Ok(status) = tokio::time::timeout(PATIENCE, child.wait()).await {
            return status;
        }
    }
    child.kill().await?;
    child.wait().await
}

/// The exit code as shells count it: 128 and the signal for a command that a signal ended.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Other as u8)
}
