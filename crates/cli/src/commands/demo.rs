//! `mlcr demo`: the vendor's walk-through, done for real against a simulator in this process.

mod layout;
mod recorder;
mod steps;
mod walk;

use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use clap::Args;
use mlspace_registry::Client;
use mlspace_registry_simulator::Simulator;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::sim::Switches;
use crate::context::Context;
use crate::failure::{Exit, Failure, causes, ended};
use crate::io::Io;
use crate::options::Format;
use crate::output::table::{self, Cell};
use crate::output::{Look, Record};
use crate::watch::Watched;
use recorder::Recorder;
use steps::STEPS;
use walk::Walk;

/// Does the walk-through.
#[derive(Args, Debug)]
#[command(after_help = "Nothing leaves this machine. `mlcr sim --help` lists the quirks and faults.\n\n\
                  Example: mlcr demo -o json\nExample: mlcr demo --fault 'tag_create=lost-after;times=1'")]
pub(crate) struct Demo {
    #[command(flatten)]
    switches: Switches,
}

/// One step and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DemoStep")]
pub(crate) struct Step {
    /// Its number, from 1 to 14.
    pub(crate) step: usize,
    /// Its title.
    pub(crate) title: &'static str,
    /// What a person would type for it.
    pub(crate) command: String,
    /// What came of it, as seen by reading; null where it failed.
    pub(crate) result: Option<String>,
    /// The HTTP method; of the push, that of its last request.
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// The HTTP status; null where there was none.
    pub(crate) status: Option<u16>,
    /// True if it did what it should, as seen by reading afterwards.
    pub(crate) ok: bool,
    /// Milliseconds from request to answer; of the push, from its first request to its last answer.
    pub(crate) ms: f64,
}

impl Demo {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let simulator = self.switches.apply(Simulator::builder()).start().await;
        let simulator = simulator.map_err(|error| Failure::other(causes(&error)))?;
        let recorder = Arc::<Recorder>::default();
        let person = simulator.personal();
        let (watcher, clock) = (recorder.clone(), context.io.clock.clone());
        let client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(person.client_id, person.client_secret)
            .clock(context.io.clock.clone())
            .transport(move |network| Watched::by(watcher, clock, network))
            .build()?;
        let mut walk = Walk::new(client, &simulator, recorder, context.io.clock.clone());
        let mut steps = Vec::new();
        let (mut failure, mut shown) = (None, Ok(()));
        for number in 1..=STEPS.len() {
            let (step, result) = walk.step(number).await;
            shown = show(context, &step);
            steps.push(step);
            if shown.is_err() {
                break;
            }
            if let Err(problem) = result {
                failure = Some(Failure { message: format!("step {number}: {}", problem.message), ..problem });
                break;
            }
        }
        if context.format != Format::Table {
            shown = shown.and_then(|()| context.print_all(&steps).map(drop));
        }
        simulator.stop().await;
        let verdict = match failure {
            Some(failure) => Err(Failure { exit: Exit::Other, ..failure }),
            None if shown.is_err() => Ok(Exit::Done),
            None => {
                let total: f64 = steps.iter().map(|step| step.ms).sum();
                context.say(&format!("all {} steps did what they should, in {total:.1} ms", steps.len()));
                Ok(Exit::Done)
            }
        };
        ended(shown, verdict)
    }
}

/// The columns of a terminal that everybody has.
const COLUMNS: usize = 80;

/// Shows a step at once where people watch: two lines of 80 columns, and with `-v` the request, however long.
fn show(context: &mut Context<'_>, step: &Step) -> Result<(), Failure> {
    if context.format != Format::Table {
        return Ok(());
    }
    let look = context.look();
    let title = &STEPS[step.step - 1];
    let title = if speaks_russian(context.io) { title.russian } else { title.english };
    let (mark, color) = if step.ok { ("✓", AnsiColor::Green) } else { ("✗", AnsiColor::Red) };
    let status = step.status.map_or("-".to_owned(), |status| status.to_string());
    let row = [
        Cell::new(step.step.to_string()).right(),
        Cell::new(format!("{mark} {title}")).style(Style::new().fg_color(Some(color.into()))),
        Cell::new(format!("{status}  {:>7.1} ms", step.ms)).right(),
    ];
    let mut text = table::draw_row(&row, &[2, COLUMNS - 4 - 16 - 2, 16], look.color);
    let result = step.result.as_deref().map(|result| format!("→ {result}")).unwrap_or_default();
    let faint = Cell::new(&step.command).style(Style::new().dimmed());
    let fits = step.command.chars().count() + result.chars().count() + 8 <= COLUMNS;
    text += &table::draw_row(
        &[Cell::new(""), faint, Cell::new(if fits { &result } else { "" })],
        &[4, 0, 0],
        look.color,
    );
    if !fits {
        text += &table::draw_row(&[Cell::new(""), Cell::new(result)], &[4, 0], look.color);
    }
    if context.global.verbose > 0 {
        text += &format!("      {} {}\n", step.method, step.path);
    }
    context.io.stdout.write_all(text.as_bytes())?;
    context.flush()
}

/// True in a Russian locale, by the variables that decide about messages.
fn speaks_russian(io: &Io) -> bool {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| io.variable(name));
    locale.is_some_and(|locale| locale.starts_with("ru"))
}

impl Record for Step {
    const HEADER: &'static [&'static str] = &["STEP", "TITLE", "METHOD", "PATH"];
    const FIELDS: &'static [&'static str] =
        &["step", "title", "command", "result", "method", "path", "status", "ok", "ms"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new(self.step.to_string()).right(),
            Cell::new(self.title),
            Cell::new(&self.method),
            Cell::new(&self.path),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}
