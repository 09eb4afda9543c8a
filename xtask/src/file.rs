//! Reading documents and replacing files whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use similar::TextDiff;

/// Lines of difference that a check prints for a file: enough to see what it is about.
const DIFF_LINES: usize = 60;

/// The repository's root: the parent of this crate.
pub(crate) fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Reads a file as text.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Parses a JSON or YAML document. JSON goes first: it is stricter, faster, and its errors name the place.
pub(crate) fn parse(text: &str, name: &Path) -> Result<Value> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    if looks_like_json {
        serde_json::from_str(text).with_context(|| format!("{} is not valid JSON", name.display()))
    } else {
        serde_saphyr::from_str(text).with_context(|| format!("{} is neither JSON nor YAML", name.display()))
    }
}

/// The document as the bytes that are committed: two spaces, keys sorted, a final newline.
///
/// Sorting is done here because the order of a `serde_json::Map` depends on a feature that any
/// dependency can switch on.
pub(crate) fn to_stable_json(document: &Value) -> Result<String> {
    let mut text = serde_json::to_string_pretty(&sorted(document))?;
    text.push('\n');
    Ok(text)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Replaces `path` in one step, so that a reader sees the old bytes or the new ones.
pub(crate) fn replace(path: &Path, contents: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&temporary, contents))
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what `command` generates, or with `check` changes nothing, prints what would change, and fails if
/// anything would. Names are paths from the root.
pub(crate) fn settle(
    root: &Path,
    outputs: impl IntoIterator<Item = (impl AsRef<str>, String)>,
    check: bool,
    command: &str,
) -> Result<ExitCode> {
    let mut stale = false;
    for (name, new) in outputs {
        let name = name.as_ref();
        let path = root.join(name);
        let old = if path.exists() { read(&path)? } else { String::new() };
        if old == new {
            continue;
        }
        stale = true;
        if check {
            println!("{name} is stale:\n{}", difference(name, &old, &new));
        } else {
            replace(&path, &new)?;
            println!("{name} written");
        }
    }
    if check && stale {
        println!("run `{command}` and commit the result");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn difference(name: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let whole = diff.unified_diff().header(name, "fresh").to_string();
    let mut lines: Vec<&str> = whole.lines().take(DIFF_LINES).collect();
    if whole.lines().count() > DIFF_LINES {
        lines.push("…");
    }
    lines.join("\n")
}
