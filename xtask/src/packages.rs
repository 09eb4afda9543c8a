//! What cargo does not check of the crates that are published: that people find and may use them, that the
//! compiler they promise to work with is enough for what they depend on; and the notes of a release.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::file;

const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Checks every crate that is published.
pub(crate) fn check(root: &Path) -> Result<()> {
    let metadata = metadata(root, &[])?;
    let mut missing = Vec::new();
    for package in published(&metadata) {
        let of = |what: &str| format!("{} has no {what}", text(package, "name"));
        let is_empty = |field: &&str| match &package[*field] {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => true,
        };
        let fields = ["description", "readme", "repository", "keywords", "categories", "rust_version"];
        missing.extend(fields.iter().filter(|field| is_empty(field)).map(|field| of(field)));
        let folder = Path::new(text(package, "manifest_path")).with_file_name("");
        missing.extend(LICENCES.iter().filter(|name| !folder.join(name).exists()).map(|name| of(name)));
    }
    missing.extend(too_new(&metadata)?);
    ensure!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}

/// What cargo says of this workspace and all that it is built from.
pub(crate) fn metadata(root: &Path, options: &[&str]) -> Result<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1"]).args(options).current_dir(root);
    let output = cargo.output()?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Crates that what we publish is built from and that ask for a newer compiler than ours do.
fn too_new(metadata: &Value) -> Result<Vec<String>> {
    let ours = published(metadata).map(|package| version(text(package, "rust_version"))).min();
    let ours = ours.context("nothing is published")?;
    let roots = published(metadata).map(|package| text(package, "id")).collect();
    let built = reached(metadata, roots, |kind| kind != "dev")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let newer = packages.filter(|package| {
        built.contains(text(package, "id")) && version(text(package, "rust_version")) > ours
    });
    Ok(newer
        .map(|package| format!("{} asks for Rust {}", text(package, "name"), text(package, "rust_version")))
        .collect())
}

/// The ids of the packages that these are built from, by the kinds of dependencies that count: null, `build`, `dev`.
pub(crate) fn reached<'a>(
    metadata: &'a Value,
    mut waiting: Vec<&'a str>,
    counts: impl Fn(&Value) -> bool,
) -> Result<BTreeSet<&'a str>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo metadata resolves nothing")?;
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !reached.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id);
        let dependencies = node.and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let needed = dependencies.filter(|one| {
            one["dep_kinds"].as_array().into_iter().flatten().any(|kind| counts(&kind["kind"]))
        });
        waiting.extend(needed.map(|one| text(one, "pkg")));
    }
    Ok(reached)
}

fn published(metadata: &Value) -> impl Iterator<Item = &Value> {
    let members = metadata["workspace_members"].as_array();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(move |package| {
        // `publish = false` is an empty list of registries.
        let everywhere = package["publish"].is_null();
        everywhere && members.is_some_and(|members| members.contains(&package["id"]))
    })
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// `1.89` and `1.89.0` are the same.
fn version(text: &str) -> [u64; 3] {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or_default());
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

/// Prints what the next release brings: the first section of the changelog.
pub(crate) fn release_notes(root: &Path) -> Result<ExitCode> {
    print!("{}", unreleased(&file::read(&root.join("CHANGELOG.md"))?)?);
    Ok(ExitCode::SUCCESS)
}

fn unreleased(changelog: &str) -> Result<String> {
    let Some((_, after)) = changelog.split_once("\n## Unreleased\n") else {
        bail!("CHANGELOG.md has no section `## Unreleased`");
    };
    let section = after.split("\n## ").next().unwrap_or(after).trim();
    ensure!(!section.is_empty(), "the section `## Unreleased` of CHANGELOG.md is empty");
    Ok(format!("{section}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_notes_are_the_first_section_alone() {
        let text = "# Changelog\n\n## Unreleased\n\n### Added\n- A.\n\n## 0.1.0\n- B.\n";
        assert_eq!(unreleased(text).unwrap(), "### Added\n- A.\n");
        assert!(unreleased("# Changelog\n\n## Unreleased\n\n## 0.1.0\n- B.\n").is_err());
        assert!(unreleased("# Changelog\n").is_err());
    }

    /// The page of a package is no documentation of items: there a link to one is a pair of brackets, and a line that is
    /// hidden in an example is a line with a `#`.
    #[test]
    fn readmes_read_the_same_on_the_page_of_a_package() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
        for folder in std::fs::read_dir(crates).unwrap() {
            let path = folder.unwrap().path().join("README.md");
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, line) in text.lines().enumerate() {
                let place = format!("{}:{}: {line}", path.display(), at + 1);
                let links = line.match_indices("`]").map(|(end, _)| &line[end + 2..]);
                assert!(links.into_iter().all(|after| after.starts_with("(http")), "{place}");
            }
            for code in text.split("```").skip(1).step_by(2) {
                let hidden = code.lines().find(|line| line.starts_with("# ") || *line == "#");
                assert_eq!(hidden, None, "{}", path.display());
            }
        }
    }

    #[test]
    fn every_page_of_the_guide_is_run_and_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
        let (run, listed) = (read("crates/client/src/lib.rs"), read("docs/guide/README.md"));
        for page in std::fs::read_dir(root.join("docs/guide")).unwrap() {
            let name = page.unwrap().file_name().into_string().unwrap();
            assert!(run.contains(&format!("\"{name}\"")), "{name}");
            assert!(name == "README.md" || listed.contains(&format!("({name})")), "{name}");
            // What is not run is not shown as a program.
            let text = read(&format!("docs/guide/{name}"));
            assert!(!text.contains("```rust,"), "{name}");
        }
    }

    #[test]
    fn whoever_tests_with_the_simulator_builds_no_tls_and_no_http_client_for_it() {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["tree", "--package", "mlspace-registry-simulator", "--edges", "normal,build"]);
        let tree = cargo.args(["--prefix", "none", "--locked"]).output().unwrap();
        let tree = String::from_utf8(tree.stdout).unwrap();
        let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.contains(&"hyper"), "{tree}");
        for other in
            ["reqwest", "progenitor-client", "rustls", "aws-lc-sys", "ring", "openssl-sys", "native-tls"]
        {
            assert!(!names.contains(&other), "{other}");
        }
    }

    #[test]
    fn a_dependency_that_needs_a_newer_compiler_is_named_unless_only_tests_use_it() {
        let package = |id: &str, publish: Value, rust: &str| json!({"id": id, "name": id, "publish": publish, "rust_version": rust});
        let needs = |id: &str, kind: Value| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({"workspace_members": ["ours", "tool"],
            "packages": [package("ours", json!(null), "1.89"), package("tool", json!([]), "1.95"),
                package("same", json!(null), "1.89.0"), package("newer", json!(null), "1.90"),
                package("tests", json!(null), "1.91")],
            "resolve": {"nodes": [
                {"id": "ours", "deps": [needs("same", json!(null)), needs("tests", json!("dev"))]},
                {"id": "same", "deps": [needs("newer", json!("build"))]},
                {"id": "tool", "deps": []}, {"id": "newer", "deps": []}, {"id": "tests", "deps": []}]}});
        assert_eq!(too_new(&metadata).unwrap(), ["newer asks for Rust 1.90"]);
    }
}
