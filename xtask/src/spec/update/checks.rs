//! Checks of what was written: does it compile, does it ask for the same, does it bear the service's oddities.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};

/// Places that are named before the rest is counted.
const NAMED_PLACES: usize = 12;

/// A check and what it found.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// The lines to look at; none if it passed.
    pub(super) failed: Option<Vec<String>>,
}

/// Runs the checks in the order in which one makes sense after the other.
pub(super) fn run(root: &Path) -> Result<Vec<Check>> {
    let packages = ["--package", "mlspace-registry-api", "--package", "mlspace-registry"];
    let compiles =
        cargo(root, &[["check", "--quiet", "--message-format", "short"].as_slice(), &packages].concat())?;
    if !compiles.status.success() {
        let text = String::from_utf8_lossy(&compiles.stderr).into_owned();
        // The last line only counts the others.
        let is_place = |line: &&str| line.contains("error") && !line.starts_with("error: could not compile");
        let errors: Vec<String> = text.lines().filter(is_place).map(str::to_owned).collect();
        return Ok(vec![Check { name: "api and client do not compile", failed: Some(shortened(errors)) }]);
    }
    let mut checks = vec![Check { name: "api and client compile", failed: None }];
    for (filter, name) in
        [("requests", "requests are as recorded"), ("quirks", "the client bears every quirk")]
    {
        let tests =
            cargo(root, &["test", "--quiet", "--package", "mlspace-registry", "--test", "it", filter])?;
        eprint!("{}{}", String::from_utf8_lossy(&tests.stdout), String::from_utf8_lossy(&tests.stderr));
        let failed = (!tests.status.success()).then(|| {
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&tests.stdout),
                String::from_utf8_lossy(&tests.stderr)
            );
            let lines = text.lines().filter(|line| line.contains("panicked at") || line.contains("error"));
            shortened(lines.map(str::to_owned).collect())
        });
        checks.push(Check { name, failed });
    }
    Ok(checks)
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(NAMED_PLACES);
    lines.truncate(NAMED_PLACES);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Output> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo).args(arguments).current_dir(root).output().context("cargo cannot be started")
}
