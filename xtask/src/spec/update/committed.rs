//! Files as they are committed: an update is judged against them however often it is run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::file;

/// The text of `name` in `revision`, or as it lies there where there is no repository or no such file in it.
pub(super) fn text(root: &Path, revision: &str, name: &str) -> Result<String> {
    let object = format!("{revision}:./{name}");
    let shown = Command::new("git").args(["show", &object]).current_dir(root).output();
    match shown {
        Ok(shown) if shown.status.success() => {
            String::from_utf8(shown.stdout).with_context(|| format!("{name} of {revision} is not UTF-8"))
        }
        _ => file::read(&root.join(name)),
    }
}

/// The document `name`, likewise.
pub(super) fn document(root: &Path, revision: &str, name: &str) -> Result<Value> {
    file::parse(&text(root, revision, name)?, Path::new(name)).with_context(|| {
        format!("{revision} has a damaged file; judge against another with `--since REVISION`")
    })
}
