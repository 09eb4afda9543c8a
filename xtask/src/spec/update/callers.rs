//! The code and snapshots of ours that are about an operation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::file;

/// The crate that people use: its methods are what an update touches, and its snapshots show the requests.
const CLIENT: &str = "crates/client";

/// The operations of our slice: what the vendor calls them, what we do, and where they are used.
pub(super) struct Operations {
    /// The vendor's labels to our ids.
    ours: BTreeMap<String, String>,
    /// Our ids to what is about them.
    uses: BTreeMap<String, Uses>,
}

/// The places that are about an operation.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// `file: function`
    pub(super) code: Vec<String>,
    /// Files of snapshots.
    pub(super) snapshots: Vec<String>,
}

impl Operations {
    /// `resolved` has our ids, the other two the vendor's; method and path connect them.
    pub(super) fn new(root: &Path, vendored: &Value, imported: &Value, resolved: &Value) -> Result<Self> {
        let ids = |document: &Value| -> BTreeMap<String, String> {
            let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
            let operations = paths.flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods
                    .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
            });
            operations
                .filter_map(|(route, operation)| {
                    Some((route, operation.get("operationId")?.as_str()?.to_owned()))
                })
                .collect()
        };
        let own = ids(resolved);
        let mut ours = own.clone();
        for (route, id) in ids(vendored).into_iter().chain(ids(imported)) {
            if let Some(own) = own.get(&route) {
                ours.insert(id, own.clone());
            }
        }
        let mut uses: BTreeMap<String, Uses> = own.into_values().map(|id| (id, Uses::default())).collect();
        search(root, &root.join(CLIENT), &mut uses)?;
        Ok(Self { ours, uses })
    }

    /// Our id for an operation that a finding names.
    pub(super) fn id<'a>(&'a self, label: &'a str) -> &'a str {
        self.ours.get(label).map_or(label, String::as_str)
    }

    /// The places that are about the operation with our id.
    pub(super) fn uses(&self, id: &str) -> Option<&Uses> {
        self.uses.get(id)
    }
}

/// Looks for calls in the sources below `place` and for ids in the names of snapshots.
fn search(root: &Path, place: &Path, uses: &mut BTreeMap<String, Uses>) -> Result<()> {
    if place.is_dir() {
        let entries = fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
        let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        return entries.iter().try_for_each(|entry| search(root, &entry.path(), uses));
    }
    let name = place.strip_prefix(root).unwrap_or(place).to_string_lossy().replace('\\', "/");
    let extension = place.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("snap") => {
            let stem = place.file_stem().unwrap_or_default().to_string_lossy();
            for (_, uses) in uses.iter_mut().filter(|(id, _)| mentions(&stem, id)) {
                uses.snapshots.push(name.clone());
            }
        }
        Some("rs") if name.contains("/src/") => {
            let text = file::read(place)?;
            for (id, uses) in uses {
                uses.code
                    .extend(functions(&text, id).into_iter().map(|function| format!("{name}: {function}")));
            }
        }
        _ => {}
    }
    Ok(())
}

/// The functions that call `id`, each once.
fn functions(text: &str, id: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut function = "the file itself";
    for line in text.lines() {
        if let Some((before, after)) = line.split_once("fn ")
            && before.chars().all(|c| c.is_ascii_lowercase() || " ()".contains(c))
        {
            function = after.split(['(', '<']).next().unwrap_or(after);
        }
        if line.contains(&format!(".{id}(")) && found.last().is_none_or(|last| last != function) {
            found.push(function.to_owned());
        }
    }
    found
}

/// Looks for `id` in `text` as a whole word.
fn mentions(text: &str, id: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(id).any(|(at, _)| {
        // The names of snapshots join words by `__`.
        let (before, after) = (&text[..at], &text[at + id.len()..]);
        let begins = !before.ends_with(is_word) || before.ends_with("__");
        begins && !after.starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_snapshots_are_found_by_whole_words() {
        let text = "impl A {\n    pub async fn list(&self) {\n        api.repository_list()\n    }\n\
            fn other() {\n        repository_list_all()\n    }\n}\n";
        assert_eq!(functions(text, "repository_list"), ["list"]);
        assert!(mentions("requests__repository_list", "repository_list"));
        assert!(!mentions("requests__repository_list_all", "repository_list"));
        assert!(!mentions("my_repository_list", "repository_list"));
    }
}
