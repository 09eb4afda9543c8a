//! The code and snapshots of ours that are about an operation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::file;

/// The crate that people use: its methods are what an update touches, and its snapshots show the requests.
const CLIENT: &str = "crates/client/";
/// Places of a field that are named before the rest is counted.
const NAMED_PLACES: usize = 5;

/// Files that every operation has a part in, each with what an operation's own line looks like there: all that
/// the coverage test asks for, and what it reads itself.
const PARTS: [(&str, &str, &str); 6] = [
    ("how it may be repeated", "crates/client/src/operation.rs", "\"{}\""),
    ("a method", "crates/client/src/", ".{}("),
    ("a request", "crates/client/tests/it/requests.rs", "\"{}\""),
    ("a route", "crates/simulator/src/operations.rs", "\"{}\""),
    ("a step of the demo", "crates/cli/src/commands/demo/walk.rs", "\"{}\""),
    ("a command", "crates/cli/tests/it/coverage.rs", "(\"{}\", \""),
];

/// The operations of our slice: what the vendor calls them, what we do, and where they are used.
pub(super) struct Operations {
    /// The vendor's labels to our ids.
    ours: BTreeMap<String, String>,
    /// Our ids to what is about them.
    uses: BTreeMap<String, Uses>,
    /// Sources and snapshots: their names from the root, and texts.
    files: Vec<(String, String)>,
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
    /// `resolved` have our ids, `theirs` the vendor's; method and path connect them.
    pub(super) fn new(root: &Path, theirs: &[&Value], resolved: &[&Value]) -> Result<Self> {
        let mut ours: BTreeMap<String, String> = BTreeMap::new();
        for (route, id) in resolved.iter().flat_map(|document| ids(document)) {
            ours.insert(route, id);
        }
        let mut uses: BTreeMap<String, Uses> =
            ours.values().map(|id| (id.clone(), Uses::default())).collect();
        for document in theirs {
            let labels = ids(document);
            for (route, label) in &labels {
                // An id that several operations have is no label.
                let is_only = labels.iter().filter(|(_, other)| other == label).count() == 1;
                if let Some(own) = ours.get(route).cloned().filter(|_| is_only) {
                    ours.insert(label.clone(), own);
                }
            }
        }
        let own: Vec<String> = uses.keys().cloned().collect();
        ours.extend(own.into_iter().map(|id| (id.clone(), id)));
        let mut files = Vec::new();
        read_sources(root, &root.join("crates"), &mut files)?;
        for (name, text) in files.iter().filter(|(name, _)| name.starts_with(CLIENT)) {
            let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for (id, uses) in &mut uses {
                if name.ends_with(".snap") && mentions(&stem, id) {
                    uses.snapshots.push(name.clone());
                } else if name.contains("/src/") {
                    uses.code.extend(
                        functions(text, id).into_iter().map(|function| format!("{name}: {function}")),
                    );
                }
            }
        }
        Ok(Self { ours, uses, files })
    }

    /// Our id for an operation that a finding names.
    pub(super) fn id<'a>(&'a self, label: &'a str) -> &'a str {
        self.ours.get(label).map_or(label, String::as_str)
    }

    /// The places that are about the operation with our id.
    pub(super) fn uses(&self, id: &str) -> Option<&Uses> {
        self.uses.get(id)
    }

    /// Lines of SDK, command line and simulator that look as if they used a field, by a search of text:
    /// `.field` or `field:` in files that name the schema.
    pub(super) fn field_uses(&self, schema: &str, field: &str) -> Option<String> {
        let mut places: Vec<String> = Vec::new();
        let mut count = 0;
        let sources = self.files.iter().filter(|(name, _)| {
            name.ends_with(".rs") && name.contains("/src/") && !name.ends_with("generated.rs")
        });
        for (name, text) in sources.filter(|(_, text)| mentions(text, schema)) {
            let lines = text.lines().enumerate().filter(|(_, line)| uses_field(line, field));
            let lines: Vec<String> = lines.map(|(index, _)| (index + 1).to_string()).collect();
            let room = NAMED_PLACES.saturating_sub(count);
            count += lines.len();
            if !lines.is_empty() && room > 0 {
                let named = lines.get(..room.min(lines.len())).unwrap_or_default();
                places.push(format!("{name}:{}", named.join(",")));
            }
        }
        let more = count.saturating_sub(NAMED_PLACES);
        let more = if more > 0 { format!(" and {more} more lines") } else { String::new() };
        (count > 0).then(|| {
            format!("A search for `.{field}` and `{field}:` near `{schema}`: {}{more}", places.join(" "))
        })
    }

    /// Parts that an operation lacks, each with the line beside which it belongs: that of an operation of the
    /// same noun, or of any.
    pub(super) fn missing_parts(&self, id: &str) -> Vec<String> {
        let noun = id.split('_').next().unwrap_or(id);
        let missing = PARTS.into_iter().filter(|(_, room, pattern)| self.line(room, pattern, id).is_none());
        let named = missing.map(|(part, room, pattern)| {
            let (like, others): (Vec<_>, Vec<_>) =
                self.uses.keys().partition(|other| other.starts_with(noun));
            let place = like.into_iter().chain(others).find_map(|other| self.line(room, pattern, other));
            place.map_or(format!("{part} (in {room})"), |place| format!("{part} (beside {place})"))
        });
        named.collect()
    }

    /// Parts that an operation has, each with its line.
    pub(super) fn parts(&self, id: &str) -> Vec<String> {
        let own = PARTS
            .into_iter()
            .filter_map(|(part, room, pattern)| Some(format!("{part} ({})", self.line(room, pattern, id)?)));
        own.collect()
    }

    /// File and line of an operation's part, if it has it.
    fn line(&self, room: &str, pattern: &str, id: &str) -> Option<String> {
        let needle = pattern.replace("{}", id);
        let files = self.files.iter().filter(|(name, _)| name.starts_with(room) && name.ends_with(".rs"));
        files.into_iter().find_map(|(name, text)| {
            let line = text.lines().position(|line| line.contains(&needle))?;
            Some(format!("{name}:{}", line + 1))
        })
    }
}

/// Method and path of every operation, with its id.
fn ids(document: &Value) -> Vec<(String, String)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    operations
        .filter_map(|(route, operation)| Some((route, operation.get("operationId")?.as_str()?.to_owned())))
        .collect()
}

/// Reads sources, tests and the names of snapshots below `place`, in order.
fn read_sources(root: &Path, place: &Path, files: &mut Vec<(String, String)>) -> Result<()> {
    if place.is_dir() {
        let entries = fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
        let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        return entries.iter().try_for_each(|entry| read_sources(root, &entry.path(), files));
    }
    let name = place.strip_prefix(root).unwrap_or(place).to_string_lossy().replace('\\', "/");
    match place.extension().and_then(|extension| extension.to_str()) {
        Some("snap") => files.push((name, String::new())),
        Some("rs") => files.push((name, file::read(place)?)),
        _ => {}
    }
    Ok(())
}

fn uses_field(line: &str, field: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(field).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + field.len()..]);
        let is_access = before.ends_with('.') && !after.starts_with(is_word) && !after.starts_with('(');
        let is_named = !before.ends_with(is_word) && after.starts_with(':') && !after.starts_with("::");
        is_access || is_named
    })
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

    #[test]
    fn a_field_is_used_where_it_is_read_or_named() {
        for line in ["image.digest", "Image { digest: d }", "let x = &image.digest;"] {
            assert!(uses_field(line, "digest"), "{line}");
        }
        for line in ["image.digests", "digest::of()", "image.digest()", "the_digest: u8"] {
            assert!(!uses_field(line, "digest"), "{line}");
        }
    }
}
