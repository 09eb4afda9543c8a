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
        let values = values.into_iter().map(|(name, value)| (name, bare(&value).to_owned()));
        let values = values.filter(|(_, value)| !value.is_empty()).collect();
        Self { source: source.into(), of_plugin, values }
    }

    /// Refuses what no header can carry, before a message of the network does without saying what it is about.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for (name, what) in [
            ("CLIENT_ID", "key id"),
            ("CLIENT_SECRET", "key secret"),
            ("WORKSPACE_ID", "workspace id"),
            ("API_KEY", "api key"),
        ] {
            if self.get(name).is_some_and(|value| !value.chars().all(|c| c.is_ascii_graphic())) {
                let message = format!(
                    "the {what} of {} holds a blank, a line end or another character that none has",
                    self.source
                );
                return Err(Failure::usage(message)
                    .hint("copy it once more, on one line and without what is around it"));
            }
        }
        Ok(())
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

/// A value without what shells, editors and env files of docker leave around it: blanks, line ends, a mark of the
/// order of bytes, quotes. None of the settings begins or ends with one of these.
fn bare(value: &str) -> &str {
    let around = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
    let trimmed = value.trim_matches(around);
    let inside = |quote: char| trimmed.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).map_or(trimmed, |inside| inside.trim_matches(around))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_value_is_no_part_of_it() {
        for value in [
            "key",
            "key\n",
            "key\r\n",
            " key\t",
            "\u{feff}key",
            "\"key\"",
            "'key'\r",
            "\u{a0}key",
            "\" key \"",
        ] {
            assert_eq!(bare(value), "key", "{value:?}");
        }
        for value in ["\"", "'", "", "\"key", "it's"] {
            assert_eq!(bare(value), value);
        }
    }

    #[test]
    fn a_key_in_two_pieces_is_named_and_not_repeated() {
        for value in ["hun\nter2", "hun ter2", "hun\u{200b}ter2", "ключ"] {
            let layer = Layer::new("the environment", true, [("CLIENT_SECRET".to_owned(), value.to_owned())]);
            let message = layer.check().unwrap_err().message;
            assert!(
                message.contains("key secret of the environment") && !message.contains("ter2"),
                "{message}"
            );
        }
    }
}
