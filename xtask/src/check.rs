//! `cargo xtask ci`: all that CI checks, in the order in which it fails fastest.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{codegen, mutate, packages, public_api};

/// A cargo command that must succeed.
struct CargoCheck {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const CARGO_CHECKS: [CargoCheck; 6] = [
    CargoCheck { name: "format", arguments: &["fmt", "--all", "--check"], environment: &[] },
    CargoCheck {
        name: "clippy",
        arguments: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    CargoCheck {
        name: "clippy without HTTPS",
        arguments: &[
            "clippy",
            "-p",
            "mlspace-registry",
            "-p",
            "mlspace-registry-transfer",
            "--no-default-features",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    CargoCheck {
        name: "docs",
        arguments: &["doc", "--workspace", "--no-deps", "--all-features", "--quiet"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    CargoCheck { name: "tests", arguments: &["test", "--workspace", "--quiet"], environment: &[] },
    CargoCheck {
        // Without building what was just built and tested; it leaves out what is not published.
        name: "packages",
        arguments: &["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty", "--quiet"],
        environment: &[],
    },
];

/// A row of the list of duplicates that nothing needs any more is an error, too.
const DENY: [&str; 5] = ["check", "--deny", "unmatched-skip", "--deny", "unnecessary-skip"];

/// What `cargo-deny` is to do. The advisories have to be fetched, and are left out only when that is said.
fn deny(advisories: Option<&str>) -> Result<Vec<&'static str>> {
    let mut arguments = [DENY.as_slice(), &["bans", "licenses", "sources"]].concat();
    match advisories {
        None | Some("") => arguments.push("advisories"),
        Some("offline") => eprintln!("== advisories: NOT CHECKED, because ADVISORIES=offline"),
        Some(other) => bail!("ADVISORIES={other} means nothing; without a network: ADVISORIES=offline"),
    }
    Ok(arguments)
}

/// Runs everything; the first failure ends it.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    timed("generated code is fresh", || {
        let fresh = codegen::run(root, true)? == ExitCode::SUCCESS;
        ensure!(fresh, "generated files are stale");
        Ok(())
    })?;
    timed("the public API is the one that is listed", || {
        let listed = public_api::run(root, true)? == ExitCode::SUCCESS;
        ensure!(listed, "docs/public-api is stale");
        Ok(())
    })?;
    timed("crates are fit to publish", || packages::check(root))?;
    tool("the resolved document is OpenAPI 3.0", root, "openapi-spec-validator", &["openapi/resolved.json"])?;
    let advisories = std::env::var("ADVISORIES").ok();
    let checks = deny(advisories.as_deref())?;
    tool(&checks[DENY.len()..].join(", "), root, "cargo-deny", &checks)?;
    for CargoCheck { name, arguments, environment } in &CARGO_CHECKS {
        timed(name, || {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(*arguments).envs(environment.iter().copied()).current_dir(root);
            ensure!(cargo.status()?.success(), "cargo {} failed", arguments.join(" "));
            Ok(())
        })?;
    }
    timed("changes to what is sent fail a test", || {
        let noticed = mutate::run(root)? == ExitCode::SUCCESS;
        ensure!(noticed, "no test notices the changes above");
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask bench`: builds the benchmarks as what is shipped is built, and runs one.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["run", "--profile", "dist", "--quiet", "-p", "bench", "--"])
        .args(arguments)
        .current_dir(root);
    Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a tool that not every machine has. CI must have it; elsewhere its absence is said and accepted.
fn tool(name: &str, root: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let status = Command::new(program).args(arguments).current_dir(root).status();
    if status.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) && !in_ci {
        eprintln!("== {name}: skipped, {program} is not installed");
        return Ok(());
    }
    timed(name, || {
        let status = status.with_context(|| format!("{program} cannot be run"))?;
        ensure!(status.success(), "{program} {} failed", arguments.join(" "));
        Ok(())
    })
}

fn timed(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    work().with_context(|| name.to_owned())?;
    eprintln!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisories_are_checked_unless_it_is_said_that_they_cannot_be_fetched() {
        let without = [DENY.as_slice(), &["bans", "licenses", "sources"]].concat();
        let all = [without.as_slice(), &["advisories"]].concat();
        assert_eq!(deny(None).unwrap(), all);
        assert_eq!(deny(Some("")).unwrap(), all);
        assert_eq!(deny(Some("offline")).unwrap(), without);
        assert!(deny(Some("off")).is_err());
    }
}
