//! `cargo xtask mutate`: changes what the client sends, one thing at a time, and asks that a test notices.
//!
//! The tests are built once. Their recorder (`crates/client/tests/it/requests/mutants.rs`) lists the changes
//! and makes the one that `MUTANT` names; the code that is shipped knows nothing of it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Fewer than these, and the list of changes itself is broken.
const FEWEST: usize = 40;

/// Tries every change; fails if one is not noticed.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let tests = Tests { program: build(root)?, folder: root.join("crates/client") };
    let listing = tests.run(None)?;
    ensure!(listing.status.success(), "the tests fail without any change:\n{}", text(&listing));
    let listing = text(&listing);
    // libtest writes the name of the test into the line of the first.
    let mutants: Vec<&str> =
        listing.lines().filter_map(|line| Some(line.split_once("mutant: ")?.1)).collect();
    ensure!(mutants.len() >= FEWEST, "only {} changes are listed", mutants.len());

    let (left, survivors) = (Mutex::new(mutants.iter()), Mutex::new(Vec::new()));
    let next = || left.lock().ok().and_then(|mut left| left.next().copied());
    let work = || -> Result<()> {
        while let Some(mutant) = next() {
            if tests.run(Some(mutant))?.status.success()
                && let Ok(mut survivors) = survivors.lock()
            {
                survivors.push(mutant);
            }
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })?;
    let survivors = survivors.into_inner().unwrap_or_default();
    for survivor in &survivors {
        eprintln!("no test notices: {survivor}");
    }
    println!("{} of {} changes to what is sent fail a test", mutants.len() - survivors.len(), mutants.len());
    Ok(if survivors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The client's tests of requests.
struct Tests {
    program: PathBuf,
    folder: PathBuf,
}

impl Tests {
    /// Runs them with a change or none, and never writes a snapshot.
    fn run(&self, mutant: Option<&str>) -> Result<Output> {
        let mut tests = Command::new(&self.program);
        tests.args(["requests::", "--nocapture", "--test-threads", "1"]).current_dir(&self.folder);
        tests.env("INSTA_UPDATE", "no").env("RUST_BACKTRACE", "0").env_remove("MUTANT");
        tests.envs(mutant.map(|mutant| ("MUTANT", mutant)));
        tests.output().with_context(|| format!("{} cannot be run", self.program.display()))
    }
}

/// Builds the client's tests; where the program is.
fn build(root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--no-run", "--quiet", "--package", "mlspace-registry", "--test", "it"]);
    let built = cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(root).output()?;
    ensure!(
        built.status.success(),
        "the client's tests do not compile:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    program.context("cargo names no program of the client's tests")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}
