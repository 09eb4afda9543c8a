//! `cargo xtask dist`: what people get who have no Rust. A wheel and an archive with the same program and all that
//! belongs to it, what they are made of, and checksums. They say nothing of the machine that made them, and are the
//! same bytes wherever a commit is built with the same tools.
//!
//! `maturin` builds the program and its wheel; on Linux with zig as the linker, which knows every old glibc.
//! `.ci/install-dist` installs both.

mod archive;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::licences;
use archive::Entry;

/// The oldest system that the program must run on, by how wheels call it: one with glibc 2.17.
const OLDEST_GLIBC: &str = "manylinux2014";
const OLDEST_MUSL: &str = "musllinux_1_2";

/// Shells with the file that each looks into.
const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", "share/bash-completion/completions/mlcr"),
    ("fish", "share/fish/vendor_completions.d/mlcr.fish"),
    ("powershell", "share/doc/mlcr/mlcr.ps1"),
    ("zsh", "share/zsh/site-functions/_mlcr"),
];

/// Arguments of `dist`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The target to build for, instead of this machine's own. What is built must run here.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// Builds the wheel and the archive, and says where they are.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let target = arguments.target.clone().map_or_else(host, Ok)?;
    let built =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    let output = built.join("artifacts").join(&target);
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    let time = commit_time(root)?;
    let folders = folders(root, &built)?;
    maturin(root, &built, &target, &output, time, &folders)?;

    let wheel = the_only_file(&output)?;
    let mut entries = archive::read_wheel(&fs::read(&wheel)?)?;
    for entry in entries.iter_mut().filter(|entry| entry.path.ends_with(".cyclonedx.json")) {
        nameless(entry, &folders)?;
    }
    let name = format!("mlcr{}", if target.contains("windows") { ".exe" } else { "" });
    let program = named(&entries, &format!(".data/scripts/{name}"))?.clone();
    let components = named(&entries, ".cyclonedx.json")?.clone();
    let mut files = belongings(root, &target, &program)?;
    let base = program.path.split_once(".data/").context("the wheel has no data folder")?.0.to_owned();
    let in_wheel = |file: &Entry| Entry { path: format!("{base}.data/data/{}", file.path), ..file.clone() };
    entries.extend(files.iter().map(in_wheel));
    // The wheel has it in a place of its own.
    files.push(Entry::new("share/doc/mlcr/mlcr.cyclonedx.json", components.bytes));
    files.push(Entry { path: format!("bin/{name}"), is_program: true, ..program });
    for entry in entries.iter().chain(&files) {
        ensure_nameless(entry, &folders)?;
    }

    let folder = format!("{base}-{target}");
    let archive = output.join(format!("{folder}.tar.gz"));
    fs::write(&wheel, archive::write_wheel(entries)?)?;
    fs::write(&archive, archive::tar_gz(&folder, files, time)?)?;
    let mut sums = String::new();
    for path in [&archive, &wheel] {
        let bytes = fs::read(path)?;
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{digest}  {}\n", path.file_name().unwrap_or_default().to_string_lossy());
        println!("{}: {} bytes", path.display(), bytes.len());
    }
    fs::write(output.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    Ok(ExitCode::SUCCESS)
}

/// Folders of this machine, each with the name that the program may know it by. Of several that fit, compilers take
/// the last.
fn folders(root: &Path, built: &Path) -> Result<[(PathBuf, &'static str); 3]> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let cargo_home = cargo_home.context("there is neither CARGO_HOME nor a home folder")?;
    Ok([(cargo_home, "/cargo"), (root.to_owned(), "/mlspace-registry"), (built.to_owned(), "/target")])
}

/// Has maturin build a wheel into `output`.
fn maturin(
    root: &Path,
    built: &Path,
    target: &str,
    output: &Path,
    time: u64,
    folders: &[(PathBuf, &str)],
) -> Result<()> {
    let mut maturin = Command::new("maturin");
    maturin.args(["build", "--locked", "--profile", "dist", "--target", target, "--manifest-path"]);
    maturin.arg(root.join("crates/cli/Cargo.toml")).arg("--out").arg(output);
    maturin.arg("--target-dir").arg(built).current_dir(root);
    if target.contains("linux") {
        let oldest = if target.contains("musl") { OLDEST_MUSL } else { OLDEST_GLIBC };
        maturin.args(["--zig", "--compatibility", oldest]);
    }
    // Rust code names its files in panics, C code in assertions.
    for (variable, flag, separator) in [
        ("CARGO_ENCODED_RUSTFLAGS", "--remap-path-prefix", "\x1f"),
        ("CFLAGS", "-ffile-prefix-map", " "),
        ("CXXFLAGS", "-ffile-prefix-map", " "),
    ] {
        let flags = folders.iter().map(|(from, to)| format!("{flag}={}={to}", from.display()));
        let flags: Vec<_> = env::var(variable).into_iter().chain(flags).collect();
        maturin.env(variable, flags.join(separator));
    }
    let built = maturin.env("SOURCE_DATE_EPOCH", time.to_string()).status();
    let built = built.context("maturin cannot be run; `. .ci/install-dist` installs it")?;
    ensure!(built.success(), "maturin built no wheel");
    Ok(())
}

/// All that belongs to the program, by its path below the folder where people install things.
fn belongings(root: &Path, target: &str, program: &Entry) -> Result<Vec<Entry>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(if target.contains("windows") { "mlcr.exe" } else { "mlcr" });
    fs::write(&path, &program.bytes)?;
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mlcr = |arguments: &[&str]| -> Result<Vec<u8>> {
        // What the person at this machine set is not for others.
        let run = Command::new(&path).args(arguments).env_clear().current_dir(folder.path()).output();
        let run = run.with_context(|| format!("what was built for {target} cannot be run here"))?;
        ensure!(
            run.status.success(),
            "mlcr {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&run.stderr)
        );
        Ok(run.stdout)
    };
    let mut files = Vec::new();
    for (shell, place) in COMPLETIONS {
        files.push(Entry::new(place, mlcr(&["completions", shell])?));
    }
    mlcr(&["man", "man1"])?;
    for page in fs::read_dir(folder.path().join("man1"))? {
        let page = page?;
        let name = page.file_name().to_string_lossy().into_owned();
        files.push(Entry::new(format!("share/man/man1/{name}"), fs::read(page.path())?));
    }
    for name in ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "crates/cli/README.md"] {
        let own = name.rsplit('/').next().unwrap_or(name);
        files.push(Entry::new(format!("share/doc/mlcr/{own}"), fs::read(root.join(name))?));
    }
    let third_party = licences::third_party(root, target)?;
    files.push(Entry::new("share/doc/mlcr/THIRD-PARTY-LICENSES.txt", third_party));
    Ok(files)
}

/// Takes folders of this machine out of the list of what the program is made of, and what differs in every run.
fn nameless(entry: &mut Entry, folders: &[(PathBuf, &str)]) -> Result<()> {
    let mut text = String::from_utf8(std::mem::take(&mut entry.bytes))?;
    // A folder that lies in another one goes before it.
    for (folder, name) in folders.iter().rev() {
        text = text.replace(&folder.display().to_string(), name);
    }
    let mut document: serde_json::Value = serde_json::from_str(&text)?;
    let list = document.as_object_mut().context("the list of components is no object")?;
    list.remove("serialNumber");
    if let Some(metadata) = list.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.remove("timestamp");
    }
    entry.bytes = crate::file::to_stable_json(&document)?.into();
    Ok(())
}

fn ensure_nameless(entry: &Entry, folders: &[(PathBuf, &str)]) -> Result<()> {
    for (folder, _) in folders {
        let name = format!("{}/", folder.display());
        let found = entry.bytes.windows(name.len()).filter(|window| *window == name.as_bytes()).count();
        ensure!(found == 0, "{} names {name} {found} times", entry.path);
    }
    Ok(())
}

fn named<'a>(entries: &'a [Entry], end: &str) -> Result<&'a Entry> {
    entries.iter().find(|entry| entry.path.ends_with(end)).with_context(|| format!("the wheel has no {end}"))
}

fn the_only_file(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    match files.as_slice() {
        [only] => Ok(only.path()),
        several => bail!("maturin left {} files in {}", several.len(), folder.display()),
    }
}

/// When what is built was committed, in seconds since 1970.
fn commit_time(root: &Path) -> Result<u64> {
    let git = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root).output()?;
    let text = String::from_utf8_lossy(&git.stdout).trim().to_owned();
    text.parse().with_context(|| format!("git tells no time of the commit: {text:?}"))
}

/// The target that this machine is.
fn host() -> Result<String> {
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_program_is_made_of_names_no_folder_of_this_machine() {
        let folders =
            [(PathBuf::from("/home/a/.cargo"), "/cargo"), (PathBuf::from("/home/a/m"), "/mlspace-registry")];
        let list = |folder: &str, time: &str| {
            let list = json!({"serialNumber": time, "metadata": {"timestamp": time, "component": {
                "bom-ref": format!("path+file://{folder}/crates/cli#0.1.0")}}});
            Entry::new("m.cyclonedx.json", list.to_string())
        };
        let mut entry = list("/home/a/m", "now");
        assert!(ensure_nameless(&entry, &folders).is_err());
        nameless(&mut entry, &folders).unwrap();
        ensure_nameless(&entry, &folders).unwrap();
        let mut other = list("/mlspace-registry", "then");
        nameless(&mut other, &folders).unwrap();
        assert_eq!(entry, other);
        assert!(
            String::from_utf8(entry.bytes)
                .unwrap()
                .contains("path+file:///mlspace-registry/crates/cli#0.1.0")
        );
    }
}
