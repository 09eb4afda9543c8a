//! An OCI layout in a folder, which others may write at the same time.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::partial::{Partial, sweep, sync_folder};
use super::{Root, Slot, names};
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, MANIFEST_CAP, Manifest};
use crate::source::data::{Data, PIECE};

/// Entries that file systems and desktops put into folders by themselves, besides names that begin with a dot.
const FOREIGN: [&str; 6] =
    ["lost+found", "Thumbs.db", "desktop.ini", "@eaDir", "$RECYCLE.BIN", "System Volume Information"];

pub(crate) struct Folder {
    path: PathBuf,
    /// The same without links and the like.
    place: PathBuf,
}

/// Makes sure that a folder that exists is a layout, or can become one without spoiling something else.
pub(super) fn check(path: &Path) -> Result<()> {
    if path.exists() && !path.is_dir() {
        return Err(Error::source(path, "it is not a folder, and an OCI layout is one"));
    }
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Error::io(path, "read it", error))?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>();
    let names = names.map_err(|error| Error::io(path, "read it", error))?;
    let is_own = |name: &&std::ffi::OsString| {
        ["blobs", "index.json"].iter().chain(&FOREIGN).any(|own| *name == *own)
            || name.as_encoded_bytes().starts_with(b".")
    };
    match names.iter().find(|name| !is_own(name)) {
        Some(foreign) if !names.iter().any(|name| name == "oci-layout") => {
            let foreign = foreign.to_string_lossy();
            Err(Error::source(path, format!("the folder is not an OCI layout: it has `{foreign}`")))
        }
        _ => Ok(()),
    }
}

impl Folder {
    /// Makes the folder, and removes what killed pulls left in it, but for what can be resumed.
    pub(super) fn begin(path: &Path, blobs: &[Descriptor]) -> Result<Self> {
        check(path)?;
        let mut folder = Self { path: path.to_owned(), place: path.to_owned() };
        let resumable: HashSet<&str> = blobs.iter().map(|blob| blob.digest.hex()).collect();
        sweep(path, OsStr::new(""), |_| false);
        for algorithm in ["sha256", "sha512"] {
            if algorithm == "sha256" || blobs.iter().any(|blob| blob.digest.algorithm() == algorithm) {
                let blobs = folder.make(algorithm)?;
                sweep(&blobs, OsStr::new(""), |name| resumable.contains(name));
            }
        }
        // Before anything is fetched: whether names can be added.
        folder.existing()?;
        if let Ok(place) = path.canonicalize() {
            folder.place = place;
        }
        Ok(folder)
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// The folder of that algorithm's blobs.
    fn make(&self, algorithm: &str) -> Result<PathBuf> {
        let mut folder = self.path.clone();
        for name in ["", "blobs", algorithm] {
            folder.push(name);
            // Through a link below the layout, something outside of it would be written.
            if !name.is_empty() && fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
                return Err(Error::source(&self.path, format!("`{}` is not a folder", folder.display())));
            }
            // Another pull may have made it meanwhile.
            fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, "make the folder", error))?;
        }
        Ok(folder)
    }

    /// Room for a blob; `None` if its bytes are there. A file of that name is not believed before it is
    /// hashed: the name and the size are what a power cut may leave without the bytes. Blocks.
    pub(super) fn slot(&self, wanted: &Descriptor) -> Result<Option<Slot>> {
        let folder = self.make(wanted.digest.algorithm())?;
        let path = folder.join(wanted.digest.hex());
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => {
                return Err(Error::source(&self.path, format!("`{}` is not a file", path.display())));
            }
            Ok(found) if found.len() == wanted.size => {
                let data = Data::File { path: path.as_path().into(), offset: 0, len: wanted.size };
                if data.hash(Hasher::of(&wanted.digest)).is_ok_and(|found| found == wanted.digest) {
                    return Ok(None);
                }
            }
            _ => {}
        }
        let partial = Partial::resume(&folder, wanted.digest.hex())?;
        let failed = |error| Error::io(&path, "write it", error);
        let begun = partial.file.metadata().map_err(failed)?.len();
        let begun = if begun > wanted.size { 0 } else { begun };
        partial.file.set_len(begun).map_err(failed)?;
        let mut hasher = Hasher::of(&wanted.digest);
        let (mut file, mut piece) = (partial.file.try_clone().map_err(failed)?, vec![0; PIECE]);
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => break,
                n => hasher.update(&piece[..n]),
            }
        }
        Ok(Some(Slot { file, offset: 0, begun, hasher, path: path.clone(), partial: Some(partial) }))
    }

    /// Writes the manifests and then the names: from there on the images are there. Blocks.
    pub(super) fn finish(self, roots: &[Root]) -> Result<()> {
        let manifests: Vec<&Manifest> = roots.iter().flat_map(|root| &root.manifests).collect();
        let mut folders = HashSet::new();
        for manifest in &manifests {
            let folder = self.make(manifest.digest.algorithm())?;
            write(&folder, manifest.digest.hex(), &manifest.bytes)?;
        }
        let digests = manifests.iter().flat_map(|manifest| manifest.blobs().map(|blob| &blob.digest));
        folders
            .extend(digests.chain(manifests.iter().map(|manifest| &manifest.digest)).map(Digest::algorithm));
        // A layer that is kept elsewhere may be of an algorithm that nothing here is of.
        for folder in folders.into_iter().map(|algorithm| self.path.join("blobs").join(algorithm)) {
            if folder.is_dir() {
                sync_folder(&folder)?;
            }
        }
        sync_folder(&self.path.join("blobs"))?;
        let _lock = self.lock()?;
        write(&self.path, "index.json", &names::index(self.existing()?, roots))?;
        sync_folder(&self.path)
    }

    /// Waits for whoever else is adding names. `oci-layout` is never replaced, so that all lock one file.
    fn lock(&self) -> Result<File> {
        let path = self.path.join("oci-layout");
        let failed = |error| Error::io(&path, "write it", error);
        let is_layout = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).is_ok();
        if !path.exists() {
            let mut partial = Partial::new(&self.path, OsStr::new("oci-layout"))?;
            partial.file.write_all(names::OCI_LAYOUT.as_bytes()).map_err(failed)?;
            partial.keep_new(&path)?;
        }
        let file = File::open(&path).map_err(failed)?;
        if let Err(error) = file.lock() {
            // Some network file systems have no locks; then nobody else is waited for.
            tracing::warn!(path = %path.display(), %error, "the layout cannot be locked");
        }
        // What a power cut may leave.
        if !fs::read(&path).is_ok_and(is_layout) {
            fs::write(&path, names::OCI_LAYOUT).map_err(failed)?;
        }
        Ok(file)
    }

    fn existing(&self) -> Result<Option<Value>> {
        let path = self.path.join("index.json");
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Ok(metadata) if metadata.len() > MANIFEST_CAP => {
                return Err(Error::source(&self.path, "its `index.json` is too long"));
            }
            _ => {}
        }
        let bytes = fs::read(&path).map_err(|error| Error::io(&path, "read it", error))?;
        let index = serde_json::from_slice(&bytes).map_err(|_| {
            let problem = "its `index.json` is damaged; remove that file, and the names in it are gone";
            Error::source(&self.path, problem)
        })?;
        Ok(Some(index))
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let mut partial = Partial::new(folder, OsStr::new(name))?;
    let path = folder.join(name);
    partial.file.write_all(bytes).map_err(|error| Error::io(&path, "write it", error))?;
    partial.keep(&path)
}
