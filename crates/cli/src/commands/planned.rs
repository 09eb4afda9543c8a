//! Writes: whether they may happen, and what would be sent if not.

use mlspace_registry::Client;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// A client for a command that writes, and whether it may send the write.
pub(crate) struct Writer {
    pub(crate) client: Client,
    /// The id of the key that signs in.
    pub(crate) client_id: String,
    pub(crate) dry_run: bool,
}

/// A request that is not sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Planned {
    /// The operation id; `image_push`, `image_pull`, `image_copy`, `docker_login` or `docker_logout` where it is none of the API.
    pub(crate) operation: &'static str,
    /// The thing that it is about.
    pub(crate) id: String,
    /// The body that would be sent.
    pub(crate) body: Value,
}

impl Context<'_> {
    /// The client for a command that writes. Refused before anything is sent if the settings forbid it.
    pub(crate) fn writer(&self, what: &str) -> Result<Writer, Failure> {
        let settings = self.settings()?;
        let dry_run = self.global.dry_run || settings.dry_run;
        if settings.read_only && !dry_run {
            return Err(Failure::safety(format!("MLSPACE_READONLY forbids {what}; nothing was sent"))
                .hint("unset MLSPACE_READONLY, or set it to false"));
        }
        self.writes.set(!dry_run);
        let client_id = settings.client_id.clone().unwrap_or_default();
        Ok(Writer { client: self.connect(settings)?, client_id, dry_run })
    }

    /// Prints what is not sent.
    pub(crate) fn planned(
        &mut self,
        operation: &'static str,
        id: impl ToString,
        body: Value,
    ) -> Result<Exit, Failure> {
        self.say("dry run: nothing was changed");
        self.print(&Planned { operation, id: id.to_string(), body })
    }

    /// Asks whether to go on. Refuses where nobody can answer.
    pub(crate) fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        if self.global.yes {
            return Ok(());
        }
        self.can_ask()?;
        let answer = self.io.ask(&format!("{question} [y/N] "))?;
        if matches!(answer.to_lowercase().as_str(), "y" | "yes" | "д" | "да") {
            return Ok(());
        }
        Err(Failure::safety("not confirmed; nothing was changed"))
    }

    /// Refuses where nobody can answer.
    pub(crate) fn can_ask(&self) -> Result<(), Failure> {
        if self.io.terminals.stdin {
            return Ok(());
        }
        Err(Failure::safety("nobody can be asked: the input is not a terminal; nothing was changed")
            .hint("to go on without being asked, add --yes; to see what would happen, --dry-run"))
    }
}

impl Record for Planned {
    const HEADER: &'static [&'static str] = &["OPERATION", "ID", "BODY"];
    const FIELDS: &'static [&'static str] = &["operation", "id", "body"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![Cell::new(self.operation), Cell::new(&self.id), Cell::new(self.body.to_string())]
    }

    fn card(&self, _: &Look) -> Vec<(&'static str, Cell)> {
        vec![
            ("Operation", Cell::new(self.operation)),
            ("Id", Cell::new(&self.id)),
            ("Body", Cell::new(self.body.to_string())),
        ]
    }
}
