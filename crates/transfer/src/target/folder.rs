//! An OCI layout in a folder.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Root, Slot, names, temporary};
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, MANIFEST_CAP, Manifest};

pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, or makes sure that an existing one is a layout or on the way to be one.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::io(path, "make the folder", error))?;
        let entries = fs::read_dir(path).map_err(|error| Error::io(path, "read it", error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(path, "read it", error))?;
            let name = entry.file_name();
            if !["oci-layout", "index.json", "blobs"].iter().any(|own| name == *own) {
                return Err(Error::source(
                    path,
                    format!("the folder is not an OCI layout: it has `{}`", name.to_string_lossy()),
                ));
            }
        }
        for name in ["blobs", "blobs/sha256", "blobs/sha512"] {
            let blobs = path.join(name);
            match fs::symlink_metadata(&blobs) {
                Ok(metadata) if metadata.is_dir() => {}
                // Through a link, something outside the folder would be written.
                Ok(_) => return Err(Error::source(path, format!("`{}` is not a folder", blobs.display()))),
                Err(error) if error.kind() == ErrorKind::NotFound && name != "blobs/sha512" => {
                    fs::create_dir(&blobs).map_err(|error| Error::io(&blobs, "make the folder", error))?;
                }
                Err(_) => {}
            }
        }
        Ok(Self { path: path.to_owned() })
    }

    fn blob(&self, digest: &crate::digest::Digest) -> Result<(PathBuf, PathBuf)> {
        let folder = self.path.join("blobs").join(digest.algorithm());
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, "make the folder", error))?;
        let path = folder.join(digest.hex());
        Ok((folder, path))
    }

    pub(super) fn slot(&self, named: &Descriptor) -> Result<Option<Slot>> {
        let (folder, path) = self.blob(&named.digest)?;
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == named.size => return Ok(None),
            Ok(metadata) if !metadata.is_file() => {
                return Err(Error::source(&self.path, format!("`{}` is not a file", path.display())));
            }
            _ => {}
        }
        let (file, temporary) = temporary(&folder)?.into_parts();
        Ok(Some(Slot { file, offset: 0, path: path.clone(), temporary: Some((temporary, path)) }))
    }

    pub(super) fn finish(self, roots: &[Root]) -> Result<()> {
        for manifest in roots.iter().flat_map(|root| &root.manifests) {
            self.manifest(manifest)?;
        }
        self.write("oci-layout", names::OCI_LAYOUT.as_bytes())?;
        // The names last: from here on the images are there.
        self.write("index.json", &names::index(self.existing()?, roots))
    }

    fn manifest(&self, manifest: &Manifest) -> Result<()> {
        let (folder, path) = self.blob(&manifest.digest)?;
        replace(&folder, &path, &manifest.bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace(&self.path, &self.path.join(name), bytes)
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
        let index = serde_json::from_slice(&bytes)
            .map_err(|_| Error::source(&self.path, "its `index.json` is not JSON"))?;
        Ok(Some(index))
    }
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = temporary(folder)?;
    file.write_all(bytes).map_err(|error| Error::io(path, "write it", error))?;
    file.persist(path).map_err(|error| Error::io(path, "write it", error.error))?;
    Ok(())
}
