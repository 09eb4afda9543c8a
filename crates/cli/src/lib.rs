#![doc = include_str!("../README.md")]

mod address;
mod args;
mod commands;
mod connect;
mod context;
mod docker_config;
mod failure;
mod helper_protocol;
mod io;
mod keyring;
mod listing;
mod logins;
mod options;
mod output;
mod password_store;
mod printing;
mod proxy;
mod records;
mod repositories;
mod requests;
mod rows;
mod settings;
mod transfer;
mod version;
mod watch;

use std::ffi::OsString;
use std::time::Duration;

use args::Cli;
use context::Context;
use failure::{Exit, Failure};

pub use args::log_filter;
pub use io::{Interrupt, Io, Stderr, Terminals};
pub use keyring::Keyring;

/// How long a command may take to end after an interrupt before it is dropped.
const GRACE: Duration = Duration::from_millis(500);

/// The command line's own description, as completions, manual pages and tests need it.
pub fn command() -> clap::Command {
    Cli::described()
}

/// Runs one command line and returns the exit code. Under the name `docker-credential-mlcr` it is docker's
/// credential helper instead. Everything that it reads and writes is in `io`, except
/// for the files that the settings and the command name.
pub async fn run(arguments: impl IntoIterator<Item = OsString>, io: &mut Io) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if helper_protocol::is_meant(arguments.first()) {
        return helper_protocol::run(&arguments, io);
    }
    let cli = match Cli::read(&arguments, io.width) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments, io),
    };
    let format = cli.global.format();
    let stderr = io.stderr.clone();
    let color = match cli.global.color.as_deref() {
        Some("always") => true,
        Some("never") => false,
        _ => io.colors_on_stderr(),
    };
    match run_parsed(cli, io).await {
        Ok(code) => code,
        Err(failure) => {
            failure.report(&stderr, format.is_json(), color);
            failure.exit as u8
        }
    }
}

async fn run_parsed(cli: Cli, io: &mut Io) -> Result<u8, Failure> {
    let mut interrupt = io.interrupt.clone();
    let mut context = Context::new(io, cli.global)?;
    // A simulator has a state to write and a command to wait for, and ends by itself.
    let grace = if matches!(cli.command, commands::Command::Sim(_)) { Duration::MAX } else { GRACE };
    let ended = {
        let mut running = std::pin::pin!(commands::run(&mut context, cli.command));
        tokio::select! {
            biased;
            result = &mut running => Some(result),
            // Those that have something to say about it end by themselves.
            () = interrupt.wait() => tokio::time::timeout(grace, running).await.ok(),
        }
    };
    let result = ended.unwrap_or_else(|| {
        let sent = "; a change that was being sent may have been applied";
        let message = format!("interrupted{}", if context.writes.get() { sent } else { "" });
        Err(Failure { message, ..Failure::interrupted() })
    });
    context.say_requests();
    let flushed = context.flush();
    result.and_then(|exit| flushed.map(|()| context.code.get().unwrap_or(exit as u8)))
}

/// Help and version go to stdout; anything else is a mistake in the command line.
fn not_parsed(error: &clap::Error, arguments: &[OsString], io: &mut Io) -> u8 {
    if !error.use_stderr() {
        let text = error.render();
        let text = match error.kind() {
            clap::error::ErrorKind::DisplayVersion => version::text(arguments),
            _ if io.colors_on_stdout() => text.ansi().to_string(),
            _ => text.to_string(),
        };
        // A reader that has gone away has read enough.
        let _ = io.stdout.write_all(text.as_bytes()).and_then(|()| io.stdout.flush());
        return Exit::Done as u8;
    }
    if wants_json(arguments) {
        let text = error.render().to_string();
        let line = match error.kind() {
            clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is expected",
            _ => text.lines().next().unwrap_or_default(),
        };
        Failure::usage(line.strip_prefix("error: ").unwrap_or(line)).report(&io.stderr, true, false);
    } else {
        let text = error.render();
        let text = if io.colors_on_stderr() { text.ansi().to_string() } else { text.to_string() };
        io.stderr.text(&text);
    }
    Exit::Usage as u8
}

/// True if a command line that cannot be parsed asks for JSON.
fn wants_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let is_json = |value: &str| matches!(value, "json" | "ndjson");
    words.windows(2).any(|pair| matches!(pair[0], "-o" | "--output") && is_json(pair[1]))
        || words.iter().any(|word| {
            ["--output=", "-o=", "-o"].iter().any(|flag| word.strip_prefix(flag).is_some_and(is_json))
        })
}
