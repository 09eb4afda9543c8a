//! The first steps of every operation: who calls, about which workspace, with which right.

use std::time::Duration;

use uuid::Uuid;

use super::reply::{Problems, Reply};
use super::request::Request;
use crate::accounts::{BadToken, Workspace};
use crate::faults::Effect;
use crate::quirks::Quirks;
use crate::service::Service;
use crate::state::Person;

/// A request that reached its operation.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a mut Service,
    pub(crate) request: &'a Request,
    /// The text that stands for `{}` in the path.
    pub(crate) part: &'a str,
    pub(crate) effect: Option<&'a Effect>,
}

/// The token in a value of `Authorization`.
pub(crate) fn token<'v>(value: &'v str, quirks: &Quirks) -> &'v str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if quirks.bare_token && !quirks.strict => value,
        _ => "",
    }
}

impl Call<'_> {
    /// The person to whom the token belongs.
    pub(crate) fn person(&self) -> Result<Person, Reply> {
        let Some(value) = self.request.header("authorization") else {
            return Err(Reply::code(401, 19, "no authorization header, it is required"));
        };
        let token = token(value, &self.service.quirks);
        self.service.accounts.person(token, self.service.clock.now()).map_err(|error| match error {
            BadToken::Expired => Reply::code(401, 20, "access_token expired"),
            BadToken::Unknown => Reply::code(401, 21, "invalid access_token"),
        })
    }

    /// The workspace that `x-workspace-id` names.
    pub(crate) fn workspace(&self) -> Result<Workspace, Reply> {
        let at = ["header".into(), "x-workspace-id".into()];
        let header = self.request.header("x-workspace-id");
        let text = header.ok_or_else(|| Problems::one(&at, "missing", "Field required"))?;
        let id = Uuid::parse_str(text).ok();
        id.and_then(|id| self.service.accounts.find_workspace(id, self.service.quirks.workspaces))
            .ok_or_else(|| Reply::detail(403, "The key has no access to this workspace"))
    }

    /// The person who acts on the registry, once the token, the workspace and the api key are found good.
    pub(crate) fn registry(&self) -> Result<Person, Reply> {
        let person = self.person()?;
        let workspace = self.workspace()?;
        match self.request.header("x-api-key") {
            None => return Err(Reply::code(401, 9, "No x-api-key header provided")),
            Some(key) if key != workspace.api_key.expose() => {
                return Err(Reply::code(401, 10, "Invalid api-key for workspace"));
            }
            Some(_) => {}
        }
        if workspace.id != self.service.accounts.workspace.id {
            return Err(Reply::detail(404, "The workspace has no registry"));
        }
        Ok(person)
    }

    /// A 404 for an id.
    pub(crate) fn not_found(&self, noun: &str) -> Reply {
        Reply::not_found(self.service.quirks.html_not_found, &format!("{noun} not found"))
    }

    pub(crate) fn now(&self) -> Duration {
        self.service.clock.now()
    }
}
