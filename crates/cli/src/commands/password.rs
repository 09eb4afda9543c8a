//! `mlcr password`.

use clap::{Args, Subcommand};
use mlspace_registry::{Client, RotationConsent};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::commands::planned::Writer;
use crate::context::Context;
use crate::failure::{Exit, Failure, ended};
use crate::output::table::Cell;
use crate::output::{Look, Record};
use crate::password_store::PasswordStore;
use crate::settings::files;

/// Advice where no password is stored.
pub(crate) const HOW_TO_GET_ONE: &str = "with a person's key, `mlcr password rotate` makes a new one and keeps it; a \
                                         service account has none";

/// The registry password.
#[derive(Debug, Subcommand)]
pub(crate) enum Password {
    /// Replace your registry password. The old one stops working at once, everywhere.
    #[command(after_help = "Example: mlcr password rotate\nExample: mlcr password rotate --yes --show")]
    Rotate(Rotate),
}

/// A rotation.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Print the new password as well.
    #[arg(long)]
    show: bool,
}

/// A finished rotation.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rotated {
    /// True if there is a new password.
    rotated: bool,
    /// Where it is stored; null if it could not be.
    stored_in: Option<String>,
    /// The password, only with --show.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl Password {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let Self::Rotate(rotate) = self;
        rotate.run(context).await
    }
}

impl Rotate {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let Writer { client, client_id, dry_run } = context.writer("replacing the password")?;
        if dry_run {
            return context.planned("generate_password", &client_id, json!(null));
        }
        // A password that cannot be stored is best found out about while the old one still works.
        let store = PasswordStore::open(context.io)?;
        context.say(
            "A new registry password replaces the old one at once: every machine, CI job and cluster that \
             signs in with the old one stops working until it gets the new one.",
        );
        consent(context, &client).await?;
        // The password that was made last is the valid one: it has to be stored last as well.
        let _lock = files::Lock::take_when_free(context.io, "rotation.lock").await?;
        let rotated = client.password().rotate(RotationConsent::OldPasswordStopsWorkingEverywhere).await;
        let password = rotated.map_err(|error| {
            let refused = error.is_forbidden();
            let failure = Failure::from(error);
            if refused {
                return failure
                    .hint("service accounts have no registry password; sign in with a person's key");
            }
            failure
        })?;
        let stored_in = match store.store(context.io, client.base_url(), &client_id, &password) {
            Ok(place) => {
                context.say(&format!("the new password is stored in {place}"));
                Some(place)
            }
            Err(problem) => {
                // It is shown this once: a password on the screen is better than one that is lost.
                context.io.stderr.line(&format!("error: the new password could not be stored: {problem}"));
                context.io.stderr.line(&format!("the new password: {}", password.expose()));
                None
            }
        };
        let failed = stored_in.is_none();
        let shown = self.show.then(|| password.expose().to_owned());
        let printed = context.print(&Rotated { rotated: true, stored_in, password: shown });
        if failed {
            let failure = Failure::new(Exit::Partly, "not_stored", "the password is new, and was not stored");
            return ended(printed, Err(failure));
        }
        printed
    }
}

/// The workspace's name has to be typed, so that nobody does this out of habit.
async fn consent(context: &mut Context<'_>, client: &Client) -> Result<(), Failure> {
    if context.global.yes {
        return Ok(());
    }
    context.can_ask()?;
    let id = client.workspace_id().await?;
    // A role that may not list the workspaces still knows the id.
    let workspaces = client.workspaces().list().await.unwrap_or_default();
    let name = workspaces.into_iter().find(|one| one.id.to_string() == id).map_or(id, |one| one.name);
    let answer = context.io.ask(&format!("Type the name of the workspace, {name}, to go on: "))?;
    if answer == name {
        return Ok(());
    }
    Err(Failure::safety("not confirmed; the password is as it was"))
}

impl Record for Rotated {
    const HEADER: &'static [&'static str] = &["ROTATED", "STORED IN", "PASSWORD"];
    const FIELDS: &'static [&'static str] = &["rotated", "stored_in", "password"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new("yes"),
            Cell::new(self.stored_in.as_deref().unwrap_or("-")),
            Cell::new(self.password.as_deref().unwrap_or("not shown")),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        ["Rotated", "Stored in", "Password"].into_iter().zip(self.row(look)).collect()
    }
}
