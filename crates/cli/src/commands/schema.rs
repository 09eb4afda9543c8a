//! `mlcr schema`.

use clap::Args;
use mlspace_registry::{Image, Registry, Repository, Tag};
use mlspace_registry_retention::{Cases, Policy};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use crate::commands::auth::{Listed, Setting};
use crate::commands::demo::Step;
use crate::commands::docker::Signed;
use crate::commands::doctor::{Check, Fact};
use crate::commands::image::{cp, diff, inside, pull, push};
use crate::commands::password::Rotated;
use crate::commands::planned::Planned;
use crate::commands::prune::FailedCase;
use crate::commands::rm::{DeleteReport, Doomed};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::text::json_pretty;
use crate::rows::InRepository;

/// Prints what scripts may rely on.
#[derive(Args, Debug)]
#[command(after_help = "Example: mlcr schema repositories")]
pub(crate) struct Schema {
    /// Name of an output; without it they are listed.
    name: Option<String>,
}

type Make = fn(SchemaGenerator) -> Value;

/// Every output in JSON: its name, the commands that print it, its schema.
const OUTPUTS: &[(&str, &str, Make)] = &[
    ("registry", "registry show", schema::<Registry>),
    ("repositories", "repo ls", schema::<Vec<Repository>>),
    ("repository", "repo show, edit, fav, unfav", schema::<Repository>),
    ("images", "image ls, image find", schema::<Vec<InRepository<Image>>>),
    ("image", "image show", schema::<Image>),
    ("inside", "image show --layers", schema::<inside::Inside>),
    ("diff", "image diff", schema::<diff::Difference>),
    ("tags", "tag ls", schema::<Vec<InRepository<Tag>>>),
    ("tag", "tag add, color", schema::<Tag>),
    ("push", "image push", schema::<push::PushReport>),
    ("pull", "image pull", schema::<pull::PullReport>),
    ("copy", "image cp", schema::<cp::CopyReport>),
    ("docker", "docker login, logout", schema::<Signed>),
    ("targets", "rm --dry-run", schema::<Vec<Doomed>>),
    ("report", "repo rm, image rm, tag rm", schema::<DeleteReport>),
    ("planned", "any other command that writes, with --dry-run", schema::<Planned>),
    ("rotated", "password rotate", schema::<Rotated>),
    ("settings", "auth status", schema::<Vec<Setting>>),
    ("profiles", "auth list", schema::<Vec<Listed>>),
    ("checks", "doctor", schema::<Vec<Check>>),
    ("facts", "doctor --facts", schema::<Vec<Fact>>),
    ("demo", "demo", schema::<Vec<Step>>),
    ("prune-test", "prune test", schema::<Vec<FailedCase>>),
    ("prune-policy", "(what prune reads)", input::<Policy>),
    ("prune-cases", "(what prune test reads)", input::<Cases>),
    ("error", "any command that fails, on stderr", schema::<Failed>),
];

/// A failure, as it is written to stderr in JSON mode.
#[derive(JsonSchema)]
#[allow(dead_code)] // Only its schema is used.
struct Failed {
    /// The failure.
    error: Failure,
}

fn schema<T: JsonSchema>(generator: SchemaGenerator) -> Value {
    generator.into_root_schema_for::<T>().to_value()
}

/// What is read and not printed.
fn input<T: JsonSchema>(_: SchemaGenerator) -> Value {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value()
}

impl Schema {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let text = match &self.name {
            None => OUTPUTS.iter().map(|(name, commands, _)| format!("{name:14}{commands}\n")).collect(),
            Some(name) => {
                let Some((_, _, make)) = OUTPUTS.iter().find(|(known, _, _)| known == name) else {
                    let names: Vec<_> = OUTPUTS.iter().map(|(name, _, _)| *name).collect();
                    let message = format!("there is no output {name}; there are: {}", names.join(", "));
                    return Err(Failure::usage(message));
                };
                json_pretty(&make(SchemaSettings::draft2020_12().for_serialize().into_generator())) + "\n"
            }
        };
        context.io.stdout.write_all(text.as_bytes())?;
        Ok(Exit::Done)
    }
}
