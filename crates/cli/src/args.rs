//! The command line as a whole.

mod unknown_words;

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::io::Io;
use crate::options::{Global, tag_color};

/// The ML Space (Cloud.ru) Docker registry at the command line.
#[derive(Debug, Parser)]
#[command(
    name = "mlcr",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 other, 2 usage, 3 sign-in refused, 4 not found or ambiguous, 5 partly \
                  done, 6 refused for safety, 7 outcome unknown, 8 rate limit or deadline, 9 blocked by the \
                  firewall, 130 interrupted.\n\nTry it without an account: mlcr demo\n\
                  Pages about one thing: mlcr help options, references, exit-codes, environment, ci, troubleshooting"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// From this width on a line is hard to read. Help that goes to no terminal has it, too.
const WIDEST: usize = 100;

/// The options that hold everywhere, in the one line that the help of each command has for them.
const GLOBAL: &str = "Everywhere: -o --jq -y -v -q --dry-run … (mlcr help options)";

/// The help of one command: what it is for and an example, before the options.
fn leaf_help() -> String {
    format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}{{after-help}}\n\n{{all-args}}\n\n{GLOBAL}"
    )
}

fn with_help(command: clap::Command) -> clap::Command {
    if command.has_subcommands() {
        return command.mut_subcommands(with_help).after_help(GLOBAL);
    }
    // What the simulator can do is far longer than its options.
    if command.get_name() == "sim" { command } else { command.help_template(leaf_help()) }
}

impl Cli {
    /// The description of the command line, as completions and manual pages need it.
    pub(crate) fn described() -> clap::Command {
        Self::command().mut_subcommands(with_help)
    }

    /// The same for people who ask for help in a terminal of that width: the options that hold everywhere are many,
    /// and have a page of their own.
    pub(crate) fn for_people(width: Option<usize>) -> clap::Command {
        let hidden = |option: clap::Arg| if option.is_global_set() { option.hide(true) } else { option };
        Self::described().mut_args(hidden).term_width(Self::columns(width))
    }

    /// The width of help in a terminal of that width.
    pub(crate) fn columns(width: Option<usize>) -> usize {
        width.unwrap_or(WIDEST).min(WIDEST)
    }

    pub(crate) fn read(arguments: &[OsString], width: Option<usize>) -> Result<Self, clap::Error> {
        let matches =
            Self::for_people(width).try_get_matches_from(arguments).map_err(unknown_words::pointed)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let Command::Sim(sim) = &mut cli.command
            && arguments.last().is_some_and(|last| last == "--")
        {
            sim.run_shell();
        }
        // The colour of a tag took the place of what was said about the terminal.
        if tag_color(cli.global.color.clone()).is_some() {
            cli.global.color = color_before_the_command(arguments);
        }
        Ok(cli)
    }
}

/// The log lines that a command line asks for, in the language of `RUST_LOG`: those of `RUST_LOG` if it is set, the
/// requests to a simulator in a terminal or with `-v`, else none.
pub fn log_filter(arguments: &[OsString], io: &Io) -> Option<String> {
    if let Some(chosen) = io.variable("RUST_LOG") {
        return Some(chosen.to_owned());
    }
    // Most command lines are none of a simulator, and need not be read twice.
    if !arguments.iter().any(|argument| argument == "sim") {
        return None;
    }
    let cli = Cli::read(arguments, None).ok()?;
    let Command::Sim(sim) = &cli.command else { return None };
    // Of a command that has the terminal for itself nobody wants lines in between.
    let is_watched = io.terminals.stderr && !sim.runs_command() && !cli.global.quiet;
    (is_watched || cli.global.verbose > 0).then(|| "mlspace_registry_simulator=info".to_owned())
}

fn color_before_the_command(arguments: &[OsString]) -> Option<String> {
    let options = Global::augment_args(clap::Command::new("mlcr")).allow_external_subcommands(true);
    options.try_get_matches_from(arguments).ok()?.get_one::<String>("color").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tag::Tag;

    #[test]
    fn the_colour_of_a_tag_and_the_choice_about_the_terminal_are_told_apart() {
        let color = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            let cli = Cli::read(&words, None).unwrap();
            let Command::Tag(Tag::Add { color, .. }) = cli.command else { unreachable!() };
            (cli.global.color, tag_color(color))
        };
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(color("mlcr tag add a:b c"), (None, None));
        assert_eq!(color("mlcr tag add a:b c --color red"), (None, own("red")));
        assert_eq!(color("mlcr --color never tag add a:b c"), (own("never"), None));
        assert_eq!(color("mlcr -v --color never tag add a:b c --color red"), (own("never"), own("red")));
    }
}
