//! `cargo xtask spec update`: the day the vendor changes the API, in one command.
//!
//! 1. Import the new document and compare it with the vendored one.
//! 2. Apply the overlay and generate, all in memory.
//! 3. Write, run the tests of request shapes, and print a report for the pull request.
//!
//! It stops where a person must decide. Until then nothing is written.

mod callers;
mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::spec::METHODS;
use crate::spec::diff::{self, Document};
use crate::spec::import::{self, REGISTRY};
use crate::spec::overlay::Overlay;
use crate::spec::slice::Slice;
use crate::{codegen, file};
use report::UpdateReport;

/// Arguments of `spec update`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The official document, JSON or YAML, OpenAPI 3.0 or 3.1.
    file: PathBuf,
    /// The day the document was retrieved (YYYY-MM-DD), when the document does not say.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = import::parse_date)]
    date: Option<String>,
    /// Go on although the vendor broke something: somebody has read what and decided how to go on.
    #[arg(long)]
    accept_breaking: bool,
    /// Do not compile and test the client.
    #[arg(long)]
    no_test: bool,
}

/// Updates the repository at `root` and prints the report, also when it stops.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let (report, finished) = report(root, arguments)?;
    print!("{report}");
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Updates the repository at `root`: the report, and whether it came to the end.
fn report(root: &Path, arguments: &Arguments) -> Result<(String, bool)> {
    let text = file::read(&arguments.file)?;
    let document = file::parse(&text, &arguments.file)?;
    let vendored = root.join(REGISTRY);
    let vendored = file::parse(&file::read(&vendored)?, &vendored)?;
    let mut report = UpdateReport::new(&document, version(root)?);
    let finished = update(root, arguments, (&document, &text), vendored, &mut report)?;
    Ok((report.markdown(), finished))
}

/// Fills the report. Returns false when it stopped at something that a person must decide.
fn update(
    root: &Path,
    arguments: &Arguments,
    (document, text): (&Value, &str),
    vendored: Value,
    report: &mut UpdateReport,
) -> Result<bool> {
    let slice = Slice::read(&root.join("openapi/slice.toml"))?;
    let overlay = Overlay::read(root)?;

    report.new_operations = new_operations(document, &slice);
    let imported = match import::import(document, &slice, text.as_bytes(), arguments.date.as_deref()) {
        Ok(imported) => imported,
        Err(error) => return report.stop("The document cannot be imported", &error),
    };
    // Our ids as they are committed: the overlay may have been made ready for the new document already.
    let resolved = root.join("openapi/resolved.json");
    let before = file::parse(&file::read(&resolved)?, &resolved)?;
    let differences = diff::compare(&comparable(vendored.clone())?, &comparable(imported.clone())?);
    report.changed(differences, callers::Operations::new(root, &vendored, &imported, &before)?);
    if report.is_breaking() && !arguments.accept_breaking {
        return report.stop_because(
            "The vendor's change breaks callers",
            "Read what breaks above. Either the client can hide it, or the next version says so. \
             Then run this again with `--accept-breaking`.",
        );
    }

    let resolved = match codegen::resolve(imported.clone(), &overlay, Some(&vendored)) {
        Ok(resolved) => resolved,
        Err(error) => return report.stop("The overlay no longer fits", &error),
    };
    report.idle = overlay.idle(imported.clone());
    let mut outputs = match codegen::outputs(resolved, &slice) {
        Ok(outputs) => outputs,
        Err(error) => return report.stop("The generator does not take the document", &error),
    };
    outputs.insert(0, (REGISTRY, file::to_stable_json(&imported)?));
    for (name, contents) in outputs {
        let path = root.join(name);
        if !path.exists() || file::read(&path)? != contents {
            file::replace(&path, &contents)?;
            report.written.push(name);
        }
    }
    if arguments.no_test {
        return Ok(true);
    }
    if !requests_are_as_before(root)? {
        return report.stop_because(
            "The tests of request shapes fail",
            "The generated client is written. Their output is above: accept the new snapshots if the \
             vendor wants such requests, or mend the client.",
        );
    }
    Ok(true)
}

/// The document without what differs in every import: where it came from.
fn comparable(mut document: Value) -> Result<Document> {
    if let Some(document) = document.as_object_mut() {
        document.remove("x-source");
    }
    Document::new(document)
}

/// Operations under our prefixes that the slice does not have.
fn new_operations(document: &Value, slice: &Slice) -> Vec<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let ours =
        paths.filter(|(path, _)| slice.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str())));
    let mut found: Vec<String> = ours
        .flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| Some((method, path, item.get(method)?)))
        })
        .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
        .filter(|operation| !slice.operations.contains(operation))
        .collect();
    found.sort();
    found
}

/// Runs the tests that show every request. Their output goes to stderr: stdout is the report.
fn requests_are_as_before(root: &Path) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--package", "mlspace-registry", "--test", "it", "requests"])
        .current_dir(root)
        .output()
        .context("cargo cannot be started")?;
    eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(output.status.success())
}

/// The version of the workspace.
fn version(root: &Path) -> Result<String> {
    let path = root.join("Cargo.toml");
    let manifest: toml::Table = toml::from_str(&file::read(&path)?)?;
    let version =
        manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("version")?.as_str());
    version.map(str::to_owned).with_context(|| format!("{} names no version", path.display()))
}
