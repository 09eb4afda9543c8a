//! A tar file whose blobs are fetched at the same time: all sizes are known, so each has its place.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Root, Slot, names, temporary};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::Descriptor;

const BLOCK: u64 = 512;

pub(crate) struct Archive {
    path: PathBuf,
    file: tempfile::NamedTempFile,
    places: HashMap<Digest, u64>,
}

impl Archive {
    /// Writes everything but the blobs, beside the final name.
    pub(super) fn begin(path: &Path, roots: &[Root], blobs: &[Descriptor], is_docker: bool) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::source(path, "it is a folder; name a file"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = temporary(folder)?;
        let failed = |error| Error::io(path, "write it", error);
        let (mut at, mut places) = (0, HashMap::new());
        let mut small: Vec<(String, Vec<u8>)> = vec![
            ("oci-layout".into(), names::OCI_LAYOUT.into()),
            ("index.json".into(), names::index(None, roots)),
        ];
        if is_docker {
            small.push(("manifest.json".into(), names::docker(roots)));
        }
        let mut manifests: HashMap<&Digest, &[u8]> = HashMap::new();
        for manifest in roots.iter().flat_map(|root| &root.manifests) {
            if manifests.insert(&manifest.digest, &manifest.bytes).is_none() {
                small.push((manifest.digest.path(), manifest.bytes.to_vec()));
            }
        }
        let too_large = || Error::source(path, "the image is too large");
        for (name, bytes) in &small {
            let header = header(name, bytes.len() as u64).map_err(failed)?;
            file.seek(SeekFrom::Start(at)).map_err(failed)?;
            file.write_all(&header).and_then(|()| file.write_all(bytes)).map_err(failed)?;
            at = (at + header.len() as u64 + bytes.len() as u64).next_multiple_of(BLOCK);
        }
        // A manifest that is named as a blob, too, is there already.
        for named in blobs.iter().filter(|named| !manifests.contains_key(&named.digest)) {
            let header = header(&named.digest.path(), named.size).map_err(failed)?;
            file.seek(SeekFrom::Start(at)).map_err(failed)?;
            file.write_all(&header).map_err(failed)?;
            at += header.len() as u64;
            places.insert(named.digest.clone(), at);
            let end = at.checked_add(named.size).and_then(|end| end.checked_next_multiple_of(BLOCK));
            at = end.ok_or_else(too_large)?;
        }
        // Two empty blocks end an archive.
        let end = at.checked_add(2 * BLOCK).ok_or_else(too_large)?;
        file.as_file().set_len(end).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, places })
    }

    pub(super) fn slot(&self, named: &Descriptor) -> Result<Option<Slot>> {
        let Some(offset) = self.places.get(&named.digest).copied() else { return Ok(None) };
        // A handle of its own, with a position of its own.
        let opened = std::fs::OpenOptions::new().write(true).open(self.file.path());
        let file = opened.map_err(|error| Error::io(&self.path, "write it", error))?;
        Ok(Some(Slot { file, offset, path: self.path.clone(), temporary: None }))
    }

    pub(super) fn finish(self) -> Result<()> {
        let path = self.path;
        self.file.persist(&path).map_err(|error| Error::io(&path, "give it its name", error.error))?;
        Ok(())
    }
}

/// The block that stands before a file, and further ones if its name is long.
fn header(name: &str, size: u64) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, std::io::empty())?;
    // Without what `into_inner` would add: the end of the archive.
    Ok(builder.get_ref().clone())
}
