//! The name under which docker runs this program.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::io::Io;
use crate::settings::files;

const NAME: &str = "docker-credential-mlcr";

/// Makes this program known as docker's helper, and answers where, and whether that is new: beside it, if that folder
/// is in PATH and can be written, else in `~/.local/bin`.
pub(super) fn install(io: &Io) -> Result<(PathBuf, bool), Failure> {
    let cannot =
        |problem: String| Failure::other(format!("the credential helper cannot be set up: {problem}"));
    let program = std::env::current_exe().map_err(|error| cannot(error.to_string()))?;
    let mut problem = String::from("there is no home folder");
    for path in places(io, &program) {
        if path.parent().is_some_and(|folder| !folder.is_dir() && std::fs::create_dir_all(folder).is_err()) {
            continue;
        }
        match link(&program, &path) {
            Ok(new) => return Ok((path, new)),
            Err(error) => problem = format!("{}: {error}", path.display()),
        }
    }
    Err(cannot(problem))
}

/// Removes the link that [`install`] made, if it still leads here.
pub(super) fn uninstall(path: &Path) -> Result<(), Failure> {
    let Ok(program) = std::env::current_exe() else { return Ok(()) };
    if !is_ours(path, &program) {
        return Ok(());
    }
    std::fs::remove_file(path)
        .map_err(|error| Failure::other(format!("cannot remove {}: {error}", path.display())))
}

/// True if docker finds the helper.
pub(super) fn is_on_path(io: &Io, helper: &Path) -> bool {
    let folders = io.variable("PATH").map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let folder = helper.parent().map(Path::to_owned);
    folders.unwrap_or_default().into_iter().any(|one| Some(one) == folder)
}

fn places(io: &Io, program: &Path) -> Vec<PathBuf> {
    let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    let beside = program.with_file_name(&name);
    let home = files::home(io).map(|home| home.join(".local").join("bin").join(&name));
    let beside = Some(beside).filter(|path| is_on_path(io, path));
    beside.into_iter().chain(home).collect()
}

#[cfg(unix)]
fn link(program: &Path, path: &Path) -> std::io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) if is_ours(path, program) => return Ok(false),
        // A link that another copy of this program made.
        Ok(metadata) if metadata.is_symlink() => std::fs::remove_file(path)?,
        Ok(_) => return Err(std::io::Error::other("there is another file of this name")),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(program, path).map(|()| true)
}

#[cfg(unix)]
fn is_ours(path: &Path, program: &Path) -> bool {
    std::fs::read_link(path).is_ok_and(|target| target == program)
}

#[cfg(not(unix))]
fn link(program: &Path, path: &Path) -> std::io::Result<bool> {
    let new = !path.exists();
    std::fs::copy(program, path).map(|_| new)
}

#[cfg(not(unix))]
fn is_ours(path: &Path, _: &Path) -> bool {
    path.is_file()
}
