//! Says what `mlcr --version -v` tells: from which commit, for which target, with which features.

use std::path::Path;
use std::process::Command;

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=MLCR_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=MLCR_FEATURES={}", variable("CARGO_CFG_FEATURE"));
    // A build for work on the code would be made anew for each commit.
    let commit = if variable("PROFILE") == "release" { commit() } else { None };
    println!("cargo::rustc-env=MLCR_COMMIT={}", commit.unwrap_or_default());
}

/// From what cargo packed, or else from git; never from the repository of somebody around the sources.
fn commit() -> Option<String> {
    if let Ok(packed) = std::fs::read_to_string(".cargo_vcs_info.json") {
        return Some(packed.split("\"sha1\": \"").nth(1)?.split('"').next()?.to_owned());
    }
    if !Path::new("../../.git").exists() {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}
