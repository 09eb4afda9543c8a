//! `cargo xtask ci`: all that CI checks, step by step.
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
pub(crate) fn run(_root: &Path) -> Result<ExitCode> {
    todo!()
}
