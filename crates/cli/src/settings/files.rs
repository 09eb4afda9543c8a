//! Where settings and secrets lie on the disk.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::io::Io;

/// The folder of this program's own files: `MLCR_CONFIG_DIR`, else `mlcr` in the user's configuration.
pub(crate) fn config_folder(io: &Io) -> Result<PathBuf, Failure> {
    match io.variable("MLCR_CONFIG_DIR") {
        Some(folder) => Ok(folder.into()),
        None => user_folder(io, "mlcr").ok_or_else(|| {
            Failure::usage("there is no home folder to keep files in").hint("set HOME or MLCR_CONFIG_DIR")
        }),
    }
}

/// A program's folder in the user's configuration.
pub(crate) fn user_folder(io: &Io, program: &str) -> Option<PathBuf> {
    let base = io.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(base.or_else(|| Some(home(io)?.join(".config")))?.join(program))
}

/// The folder for what can be had again: `mlcr` in the user's cache.
pub(crate) fn cache_folder(io: &Io) -> Option<PathBuf> {
    let base = io.variable("XDG_CACHE_HOME").map(PathBuf::from);
    Some(base.or_else(|| Some(home(io)?.join(".cache")))?.join("mlcr"))
}

/// The folder for large temporary files: the cache's, which is seldom in memory, or else the system's.
pub(crate) fn scratch(io: &Io) -> PathBuf {
    let folder = cache_folder(io).filter(|folder| std::fs::create_dir_all(folder).is_ok());
    folder.unwrap_or_else(std::env::temp_dir)
}

/// The user's home.
pub(crate) fn home(io: &Io) -> Option<PathBuf> {
    io.variable("HOME").or_else(|| io.variable("USERPROFILE")).map(PathBuf::from)
}

/// Reads a text file; `None` if there is none, or no folder that it could be in.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Held while files of this program are read, changed and written, so that of two processes none loses what the
/// other wrote. Given back when it goes out of scope, and by the system when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Waits until no other process changes a file. For changes that take no time.
    pub(crate) fn take(io: &Io) -> Result<Self, Failure> {
        let (file, cannot) = Self::open(io, "lock")?;
        match file.lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(Self { _file: None }),
            Err(error) => Err(cannot(error)),
        }
    }

    /// The same under a name of its own, for what takes longer and may be interrupted.
    pub(crate) async fn take_when_free(io: &Io, name: &str) -> Result<Self, Failure> {
        /// How often it is asked for; the one before needs a request at least.
        const PAUSE: Duration = Duration::from_millis(50);
        let (file, cannot) = Self::open(io, name)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                    return Ok(Self { _file: None });
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            if !std::mem::replace(&mut told, true) {
                io.stderr.line("waiting for another mlcr, which does the same");
            }
            io.clock.sleep(PAUSE).await;
            tokio::task::yield_now().await;
        }
    }

    fn open(io: &Io, name: &str) -> Result<(File, impl Fn(std::io::Error) -> Failure), Failure> {
        let path = config_folder(io)?.join(name);
        let shown = path.display().to_string();
        let cannot = move |error| Failure::other(format!("cannot lock {shown}: {error}"));
        let made = config_folder(io).map(|folder| make_private(&folder))?;
        let file = made.and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
        Ok((file.map_err(&cannot)?, cannot))
    }
}

/// Writes a file that only its owner can read; whoever reads it finds all of it or the one before. A link stays a
/// link: whoever made it wants the file to lie where it points.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let path = &behind_links(path);
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A file of this kind is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The file that links lead to, which need not be there yet.
fn behind_links(path: &Path) -> PathBuf {
    /// More links than any system follows.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// Makes a folder that only its owner can look into, if there is none.
fn make_private(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
