//! Reading documents and replacing files whole.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value};
use similar::TextDiff;

/// The most that is read of a document: the official one has a twentieth of that.
const LARGEST_DOCUMENT: u64 = 32 << 20;

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

/// Reads a document that somebody fetched: `-` is standard input. Says what it is when it is none.
pub(crate) fn read_document(path: &Path) -> Result<(Value, String)> {
    let mut bytes = Vec::new();
    let limit = LARGEST_DOCUMENT + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        file.take(limit)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    let name = if path == Path::new("-") { Path::new("standard input") } else { path };
    let text = text_of(bytes).map_err(|problem| anyhow!("{} {problem}", name.display()))?;
    Ok((parse(&text, name)?, text))
}

/// The text of a document, or what came instead of one.
fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > LARGEST_DOCUMENT {
        return Err(format!("is larger than {} MiB, which no such document is", LARGEST_DOCUMENT >> 20));
    }
    match bytes.as_slice() {
        [0x1f, 0x8b, ..] => {
            return Err("is compressed with gzip; unpack it first (`curl --compressed`)".into());
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            return Err("is UTF-16, as PowerShell's `>` writes it; save it as UTF-8".into());
        }
        _ => {}
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    match text.trim_start() {
        "" => Err("is empty".into()),
        markup if markup.starts_with('<') => {
            let first = markup.lines().next().unwrap_or_default().chars().take(60).collect::<String>();
            Err(format!("is HTML or XML and no document: it begins with `{first}`"))
        }
        _ => Ok(text),
    }
}

/// Parses a JSON or YAML document. JSON goes first: it is stricter, faster, and its errors name the place.
pub(crate) fn parse(text: &str, name: &Path) -> Result<Value> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    let document: Value = if looks_like_json {
        serde_json::from_str(text).with_context(|| format!("{} is not valid JSON", name.display()))?
    } else {
        serde_saphyr::from_str(text)
            .with_context(|| format!("{} is neither JSON nor YAML", name.display()))?
    };
    // To YAML almost anything is a text.
    ensure!(document.is_object(), "{} is no document: it has no keys", name.display());
    Ok(document)
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

/// Replaces several files, all of them or none. Names are paths from the root; returns those that changed.
pub(crate) fn replace_all<'a>(root: &Path, outputs: &'a [(String, String)]) -> Result<Vec<&'a str>> {
    let mut done: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    let mut changed = Vec::new();
    for (name, contents) in outputs {
        let path = root.join(name);
        let old = fs::read(&path).ok();
        if old.as_deref() == Some(contents.as_bytes()) {
            continue;
        }
        if let Err(error) = replace(&path, contents) {
            for (path, old) in done.into_iter().rev() {
                let undone = match old {
                    Some(old) => fs::write(&path, old),
                    None => fs::remove_file(&path),
                };
                undone.with_context(|| format!("{error:#}; and {} cannot be put back", path.display()))?;
            }
            return Err(error.context("nothing was written"));
        }
        done.push((path, old));
        changed.push(name.as_str());
    }
    Ok(changed)
}

/// Writes what `command` generates, all of it or nothing, whatever lies there now. With `check` changes nothing,
/// prints what would change, and fails if anything would. Names are paths from the root.
pub(crate) fn settle(
    root: &Path,
    outputs: impl IntoIterator<Item = (impl Into<String>, String)>,
    check: bool,
    command: &str,
) -> Result<ExitCode> {
    let outputs: Vec<(String, String)> =
        outputs.into_iter().map(|(name, contents)| (name.into(), contents)).collect();
    if !check {
        for name in replace_all(root, &outputs)? {
            println!("{name} written");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut stale = false;
    for (name, new) in &outputs {
        let old = fs::read(root.join(name)).unwrap_or_default();
        if old != new.as_bytes() {
            stale = true;
            println!("{name} is stale:\n{}", difference(name, &String::from_utf8_lossy(&old), new));
        }
    }
    if stale {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_instead_of_a_document_is_named() {
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend("{}".encode_utf16().flat_map(u16::to_le_bytes));
        let bomless: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, problem) in [
            (Vec::new(), "is empty"),
            (b" \n\t".to_vec(), "is empty"),
            (b"\n<!DOCTYPE html>\n<title>Sign in</title>".to_vec(), "it begins with `<!DOCTYPE html>`"),
            (vec![0x1f, 0x8b, 8, 0], "gzip"),
            (utf16, "UTF-16"),
            (bomless, "UTF-16"),
            (b"{\"a\": \"\xff\"}".to_vec(), "is not UTF-8 at byte 7"),
            (vec![b' '; (LARGEST_DOCUMENT + 1) as usize], "is larger than 32 MiB"),
        ] {
            let error = text_of(bytes).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert_eq!(text_of("\u{feff}{}".into()).unwrap(), "{}");
    }

    #[test]
    fn of_several_files_all_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "old").unwrap();
        fs::write(folder.path().join("in the way"), "").unwrap();
        let outputs = |last: &str| {
            [("a", "new"), ("b", "new"), (last, "new")].map(|(name, text)| (name.to_owned(), text.to_owned()))
        };
        let error = replace_all(folder.path(), &outputs("in the way/c")).unwrap_err();
        assert!(format!("{error:#}").starts_with("nothing was written: cannot write"), "{error:#}");
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        assert!(!folder.path().join("b").exists());
        assert_eq!(replace_all(folder.path(), &outputs("c")).unwrap(), ["a", "b", "c"]);
        assert!(replace_all(folder.path(), &outputs("c")).unwrap().is_empty());

        // What is generated is written the same way.
        fs::write(folder.path().join("a"), "damaged").unwrap();
        let settle = |last: &str, check| settle(folder.path(), outputs(last), check, "a command");
        assert!(settle("in the way/c", false).is_err());
        assert_eq!(settle("c", true).unwrap(), ExitCode::FAILURE);
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "damaged");
        assert_eq!(settle("c", false).unwrap(), ExitCode::SUCCESS);
        assert_eq!(settle("c", true).unwrap(), ExitCode::SUCCESS);
    }
}
