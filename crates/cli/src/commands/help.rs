//! `mlcr help`: a page about one thing, or the help of a command.

use clap::Args;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::options::Global;

/// The pages, each with the name that it is asked for by.
const PAGES: [(&str, &str); 5] = [
    ("references", include_str!("../../help/references.md")),
    ("exit-codes", include_str!("../../help/exit-codes.md")),
    ("environment", include_str!("../../help/environment.md")),
    ("ci", include_str!("../../help/ci.md")),
    ("troubleshooting", include_str!("../../help/troubleshooting.md")),
];

/// The page that is made from the options themselves.
const OPTIONS: &str = "options";

/// Help.
#[derive(Args, Debug)]
#[command(after_help = "Topics: options, references, exit-codes, environment, ci, troubleshooting\n\n\
                  Example: mlcr help references\nExample: mlcr help image push")]
pub(crate) struct Help {
    /// A topic, or a command. Without one it is the same as `mlcr --help`.
    #[arg(value_name = "TOPIC|COMMAND")]
    words: Vec<String>,
}

impl Help {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        if let [word] = self.words.as_slice()
            && let Some((_, page)) = PAGES.iter().find(|(name, _)| name == word)
        {
            context.io.stdout.write_all(page.as_bytes())?;
            return Ok(Exit::Done);
        }
        let width = context.io.width;
        let text = if self.words == [OPTIONS] {
            let globals = clap::Command::new("mlcr").disable_help_flag(true).disable_version_flag(true);
            let globals = globals.help_template("{all-args}\n").term_width(Cli::columns(width));
            Global::augment_args(globals).render_long_help()
        } else {
            let asked = ["mlcr".to_owned()].into_iter().chain(self.words.iter().cloned());
            let asked: Vec<_> = asked.chain(["--help".to_owned()]).map(Into::into).collect();
            match Cli::read(&asked, width) {
                Err(help) if help.kind() == ErrorKind::DisplayHelp => help.render(),
                _ => return Err(unknown(&self.words.join(" "))),
            }
        };
        let color = context.look().color;
        let text = if color { text.ansi().to_string() } else { text.to_string() };
        context.io.stdout.write_all(text.as_bytes())?;
        Ok(Exit::Done)
    }
}

fn unknown(words: &str) -> Failure {
    let topics = std::iter::once(OPTIONS).chain(PAGES.iter().map(|(name, _)| *name));
    let failure = Failure::usage(format!("there is no help about `{words}`"));
    let hint = format!(
        "the topics are {}; the commands stand in `mlcr --help`",
        topics.collect::<Vec<_>>().join(", ")
    );
    failure.hint(hint)
}
