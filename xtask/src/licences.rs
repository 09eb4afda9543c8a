//! The licences of what is in the binary that is shipped, with their texts.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::packages::{self, reached};

/// The crate that is shipped.
const SHIPPED: &str = "mlspace-registry-cli";

/// One text with every crate that is built into `mlcr` for the target: name, version, licence, and the files in
/// which it states its terms.
pub(crate) fn third_party(root: &Path, target: &str) -> Result<String> {
    let metadata = packages::metadata(root, &["--locked", "--filter-platform", target])?;
    let all = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let by_id = |id: &str| all.iter().find(|package| package["id"] == id);
    let shipped = all.iter().find(|package| package["name"] == SHIPPED).context("nothing is shipped")?;
    let mut text = String::from("mlcr is built with these crates, each under its own licence.\n");
    // What is linked, or expanded while it is built: neither what only tests need, nor what only builds.
    let built = reached(&metadata, vec![packages::text(shipped, "id")], Value::is_null)?;
    let mut built: Vec<&Value> = built.into_iter().filter_map(by_id).collect();
    // What has no source is of this workspace.
    built.retain(|package| !package["source"].is_null());
    built.sort_by_key(|package| (package["name"].to_string(), package["version"].to_string()));
    for package in built {
        let of = |field: &str| packages::text(package, field);
        let terms = terms(Path::new(of("manifest_path")))?;
        ensure!(!of("license").is_empty() || !terms.is_empty(), "{} states no licence", of("name"));
        let line = "=".repeat(80);
        writeln!(
            text,
            "\n{line}\n{} {}: {}\n{}\n",
            of("name"),
            of("version"),
            of("license"),
            of("repository")
        )?;
        text.push_str(&terms);
    }
    Ok(text)
}

/// The files beside a manifest that state terms.
fn terms(manifest: &Path) -> Result<String> {
    const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
    let folder = manifest.parent().context("a manifest is in no folder")?;
    let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut text = String::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        if NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".RS") {
            text += &String::from_utf8_lossy(&std::fs::read(file)?);
            text += "\n";
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_is_shipped_stands_there_with_its_terms_and_none_that_only_tests_need() {
        let text = third_party(&crate::file::workspace_root(), "x86_64-unknown-linux-gnu").unwrap();
        for name in ["tokio ", "rustls ", "serde ", "progenitor-client "] {
            assert!(text.lines().any(|line| line.starts_with(name) && line.contains(": ")), "{name}");
        }
        assert!(text.contains("Permission is hereby granted") && text.contains("Apache License"));
        for name in ["insta ", "proptest ", "progenitor ", "mlspace-registry ", "windows-sys "] {
            assert!(!text.lines().any(|line| line.starts_with(name) && line.contains(": ")), "{name}");
        }
    }
}
