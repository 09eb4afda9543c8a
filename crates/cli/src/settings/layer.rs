//! The settings of one source, in the names that all sources are brought into.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::Workspace;
use crate::failure::Failure;

/// The settings of one source.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    /// Its name in messages.
    pub(crate) source: String,
    /// True for the environment and the files of the plug-in.
    pub(crate) of_plugin: bool,
    values: BTreeMap<String, String>,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: some of the values are secrets.
        let names: Vec<_> = self.values.keys().collect();
        f.debug_struct("Layer").field("source", &self.source).field("values", &names).finish()
    }
}

/// An entry of `MLSPACE_WORKSPACES`.
#[derive(Deserialize)]
struct WorkspaceEntry {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    api_key: Option<String>,
}

impl Layer {
    pub(super) fn new(
        source: impl Into<String>,
        of_plugin: bool,
        values: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let values = values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self { source: source.into(), of_plugin, values }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The workspaces that it names.
    pub(super) fn workspaces(&self) -> Result<Vec<Workspace>, Failure> {
        let own = |text: &str| Some(text.to_owned());
        if let Some(id) = self.get("WORKSPACE_ID") {
            let api_key = self.get("API_KEY").map(Into::into);
            let listed = self.listed()?.into_iter().find(|one| one.id == id && api_key.is_none());
            return Ok(vec![listed.unwrap_or(Workspace {
                id: own(id).unwrap_or_default(),
                name: None,
                api_key,
            })]);
        }
        self.listed()
    }

    fn listed(&self) -> Result<Vec<Workspace>, Failure> {
        let Some(list) = self.get("WORKSPACES") else { return Ok(Vec::new()) };
        let entries: Vec<WorkspaceEntry> = serde_json::from_str(list).map_err(|_| {
            Failure::usage(format!(
                "MLSPACE_WORKSPACES of {} must be a JSON list of {{\"id\", \"name\"}}",
                self.source
            ))
        })?;
        let workspace = |entry: WorkspaceEntry| Workspace {
            id: entry.id,
            name: entry.name,
            api_key: entry.api_key.map(Into::into),
        };
        Ok(entries.into_iter().map(workspace).collect())
    }
}
