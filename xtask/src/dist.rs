//! `cargo xtask dist`: the binary that is shipped, which says nothing of the machine that built it, and the licences
//! of what is in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::{file, licences};

/// Builds `mlcr`, and says where both are.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let cargo_home = cargo_home.context("there is neither CARGO_HOME nor a home folder")?;
    // Of several that fit, compilers take the last.
    let folders =
        [(cargo_home, "/cargo"), (root.to_owned(), "/mlspace-registry"), (target.clone(), "/target")];

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", "dist", "--locked", "--package", "mlspace-registry-cli"]);
    cargo.arg("--target-dir").arg(&target).current_dir(root);
    // Rust code names its files in panics, C code in assertions.
    for (variable, flag, separator) in [
        ("CARGO_ENCODED_RUSTFLAGS", "--remap-path-prefix", "\x1f"),
        ("CFLAGS", "-ffile-prefix-map", " "),
        ("CXXFLAGS", "-ffile-prefix-map", " "),
    ] {
        let flags = folders.iter().map(|(from, to)| format!("{flag}={}={to}", from.display()));
        let flags: Vec<_> = env::var(variable).into_iter().chain(flags).collect();
        cargo.env(variable, flags.join(separator));
    }
    ensure!(cargo.status()?.success(), "mlcr cannot be built");

    let binary = target.join("dist").join(format!("mlcr{}", env::consts::EXE_SUFFIX));
    let bytes = std::fs::read(&binary).with_context(|| format!("{} cannot be read", binary.display()))?;
    for (folder, _) in &folders {
        let found = count(&bytes, format!("{}/", folder.display()).as_bytes());
        ensure!(found == 0, "{} names {} {found} times", binary.display(), folder.display());
    }
    let licences = binary.with_file_name("THIRD-PARTY-LICENSES.txt");
    file::replace(&licences, &licences::third_party(root, &host()?)?)?;
    println!("{}: {} bytes", binary.display(), bytes.len());
    println!("{}", licences.display());
    Ok(ExitCode::SUCCESS)
}

/// The target that is built for.
fn host() -> Result<String> {
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what).count()
}
