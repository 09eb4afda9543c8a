//! `mlcr prune`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anstyle::AnsiColor;
use clap::{Args, Subcommand};
use mlspace_registry_retention::{Cases, Failed, Policy, PolicyError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::options::Format;
use crate::output::table::Cell;
use crate::output::{Look, Record};
use crate::printing::named;

/// Clean-up policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Prune {
    /// Test a policy: do images get the verdicts that are expected? Needs no account and sends nothing.
    #[command(after_help = "Without cases it checks the policy alone.\n\n\
                      Example: mlcr prune test --policy prune.toml prune.test.toml")]
    Test(Test),
}

/// A policy with its cases.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// The policy.
    #[arg(long, value_name = "FILE", default_value = "prune.toml")]
    policy: PathBuf,

    /// Files with images and the verdicts that are expected.
    #[arg(value_name = "CASES")]
    cases: Vec<PathBuf>,
}

/// A case that did not come out as expected.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailedCase {
    /// The file that it is in.
    file: String,
    #[serde(flatten)]
    case: Failed,
}

impl Prune {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Test(test) => test.run(context),
        }
    }
}

impl Test {
    fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let policy: Policy = read(&self.policy)?;
        let mut failed = Vec::new();
        let mut number = 0;
        for path in &self.cases {
            let cases: Cases = read(path)?;
            number += cases.images.len();
            let file = path.display().to_string();
            failed.extend(cases.run(&policy).into_iter().map(|case| FailedCase { file: file.clone(), case }));
        }
        // Where all is well people need no table without rows; programs get their empty list.
        if !failed.is_empty() || context.format != Format::Table {
            context.print_all(&failed)?;
        }
        if failed.is_empty() {
            context.say(&match number {
                0 => "the policy can be read".to_owned(),
                number => format!("{} as expected", named(number, "cases")),
            });
            return Ok(Exit::Done);
        }
        let message = format!("{} of {number} cases are not as expected", failed.len());
        Err(Failure::new(Exit::Other, "policy_test", message))
    }
}

/// Reads a file of a policy, or says where it is wrong.
fn read<T: FromStr<Err = PolicyError>>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{}: cannot read it: {error}", path.display())))?;
    text.parse().map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

impl Record for FailedCase {
    const HEADER: &'static [&'static str] = &["CASE", "REPOSITORY", "TAGS", "EXPECTED", "FOUND"];
    const FIELDS: &'static [&'static str] = &["file", "case", "repository", "tags", "expected", "found"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let Failed { case, repository, tags, expected, found, .. } = &self.case;
        let color = anstyle::Style::new().fg_color(Some(AnsiColor::Red.into()));
        vec![
            Cell::new(format!("{} {case}", Path::new(&self.file).file_name().unwrap_or_default().display())),
            Cell::new(repository),
            Cell::new(tags.join(", ")),
            Cell::new(expected),
            Cell::new(found).style(color),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        ["Case", "Repository", "Tags", "Expected", "Found"].into_iter().zip(self.row(look)).collect()
    }
}
