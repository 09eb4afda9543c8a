//! Tools of other people, where they are installed.

use std::process::Command;

/// True where a missing tool is a failure: with `CI=true`, and with no other value of it.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The tool, or `None` where it is missing, which it may not be in CI.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let tool = optional(name);
    assert!(tool.is_some() || !in_ci(), "CI needs {name}");
    tool
}

/// The tool, or `None` where it is missing, which it may be anywhere.
pub(crate) fn optional(name: &str) -> Option<Command> {
    if Command::new(name).arg("--version").output().is_ok() {
        return Some(Command::new(name));
    }
    eprintln!("skipped: {name} is not there");
    None
}
