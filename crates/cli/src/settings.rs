//! Settings from all sources.

use std::path::PathBuf;
use std::time::Duration;

use mlspace_registry::Secret;

use crate::args::{Global, parse_duration};
use crate::failure::Failure;
use crate::io::Io;

/// What a client is made of.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) base_url: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) workspace: Option<Workspace>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) read_only: bool,
}

/// A workspace and its key are one unit: a key from one source never meets an id from another.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) id: String,
    pub(crate) api_key: Option<Secret>,
}

impl Settings {
    pub(crate) fn read(io: &Io, global: &Global) -> Result<Self, Failure> {
        let text = |name: &str| io.variable(name).map(str::to_owned);
        let wrong = |name: &str, expected: &str| Failure::usage(format!("{name} must be {expected}"));
        let workspace = text("MLSPACE_WORKSPACE_ID")
            .map(|id| Workspace { id, api_key: text("MLSPACE_API_KEY").map(Secret::new) });
        let workspace = match &global.workspace {
            Some(id) => {
                workspace.filter(|own| own.id == *id).or(Some(Workspace { id: id.clone(), api_key: None }))
            }
            None => workspace,
        };
        let timeout = io.variable("MLSPACE_TIMEOUT").map(parse_duration).transpose();
        let read_only = match io.variable("MLSPACE_READONLY").map(str::to_ascii_lowercase).as_deref() {
            None | Some("0" | "false" | "no" | "off") => false,
            Some("1" | "true" | "yes" | "on") => true,
            Some(_) => return Err(wrong("MLSPACE_READONLY", "true or false")),
        };
        Ok(Self {
            base_url: text("MLSPACE_BASE_URL"),
            client_id: text("MLSPACE_CLIENT_ID"),
            client_secret: text("MLSPACE_CLIENT_SECRET").map(Secret::new),
            workspace,
            ca_file: text("MLSPACE_CA_FILE").map(PathBuf::from),
            timeout: match global.timeout {
                Some(timeout) => Some(timeout),
                None => timeout.map_err(|_| wrong("MLSPACE_TIMEOUT", "a number of seconds"))?,
            },
            read_only,
        })
    }
}
