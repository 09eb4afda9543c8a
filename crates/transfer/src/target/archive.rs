//! A tar file whose blobs are fetched at the same time: all sizes are known, so each has its place.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::partial::{Partial, sweep, sync_folder};
use super::{Root, Slot, Target, names};
use crate::compression::Compression;
use crate::compression::compress::{Compressors, Stop};
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::manifest::Descriptor;
use crate::source::data::{Data, PIECE};

const BLOCK: u64 = 512;

/// The place where an archive ends up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArchivePlace {
    /// A file, which is replaced if it exists.
    File { path: PathBuf, exists: bool },
    /// A pipe or a device, which is written to from the beginning to the end.
    Stream,
}

/// The archive in the making.
enum Draft {
    /// Beside the final name, which it gets.
    Beside(Partial),
    /// Somewhere else, as what is written in the end is not what is written first.
    Elsewhere(tempfile::NamedTempFile),
}

pub(crate) struct Archive {
    path: PathBuf,
    draft: Draft,
    place: ArchivePlace,
    compression: Option<Compression>,
    offsets: HashMap<Digest, u64>,
}

/// Looks where an archive of that name would be written to. Links are followed, and never replaced.
pub(super) fn place(path: &Path) -> Result<ArchivePlace> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.is_symlink() {
                return Err(Error::source(path, "it is a link that leads nowhere; name a file"));
            }
            return Ok(ArchivePlace::File { path: path.to_owned(), exists: false });
        }
        metadata => metadata.map_err(|error| Error::io(path, "look at it", error))?,
    };
    if metadata.is_dir() {
        return Err(Error::source(path, "it is a folder; name a file"));
    }
    if metadata.is_file() {
        let path = path.canonicalize().map_err(|error| Error::io(path, "follow it", error))?;
        return Ok(ArchivePlace::File { path, exists: true });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if metadata.file_type().is_fifo() || metadata.file_type().is_char_device() {
            return Ok(ArchivePlace::Stream);
        }
    }
    Err(Error::source(path, "it is neither a file nor a pipe; name a file"))
}

impl Archive {
    /// Writes everything but the blobs.
    pub(super) fn begin(
        target: &Target,
        scratch: &Path,
        roots: &[Root],
        blobs: &[Descriptor],
    ) -> Result<Self> {
        let (path, is_docker) = (target.path(), target.is_docker());
        let place = place(path)?;
        let draft = match (&place, target.compression) {
            (ArchivePlace::File { path, .. }, None) => {
                let (folder, name) = split(path);
                sweep(folder, name, |_| false);
                Draft::Beside(Partial::new(folder, name)?)
            }
            _ => {
                let failed = |error| Error::io(scratch, "write a temporary file in it", error);
                Draft::Elsewhere(tempfile::NamedTempFile::new_in(scratch).map_err(failed)?)
            }
        };
        let file = &mut draft.file();
        let failed = |error| Error::io(path, "write it", error);
        let (mut at, mut offsets) = (0, HashMap::new());
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
            offsets.insert(named.digest.clone(), at);
            let end = at.checked_add(named.size).and_then(|end| end.checked_next_multiple_of(BLOCK));
            at = end.ok_or_else(too_large)?;
        }
        // Two empty blocks end an archive.
        let end = at.checked_add(2 * BLOCK).ok_or_else(too_large)?;
        file.set_len(end).map_err(failed)?;
        Ok(Self { path: path.to_owned(), compression: target.compression, draft, place, offsets })
    }

    pub(super) fn slot(&self, wanted: &Descriptor) -> Result<Option<Slot>> {
        let Some(offset) = self.offsets.get(&wanted.digest).copied() else { return Ok(None) };
        // A handle of its own, with a position of its own.
        let opened = File::options().write(true).open(self.draft.path());
        let file = opened.map_err(|error| Error::io(&self.path, "write it", error))?;
        Ok(Some(Slot {
            file,
            offset,
            begun: 0,
            hasher: Hasher::of(&wanted.digest),
            path: self.path.clone(),
            partial: None,
        }))
    }

    /// Gives the archive its name, or sends it where it goes. Blocks.
    pub(super) fn finish(self) -> Result<()> {
        let Self { path, draft, place, compression, .. } = self;
        let path = match place {
            ArchivePlace::File { path, .. } => path,
            ArchivePlace::Stream => {
                let failed = |error| Error::io(&path, "write it", error);
                let mut pipe = File::options().write(true).open(&path).map_err(failed)?;
                return copy(draft.path(), compression, &mut |bytes| pipe.write_all(bytes).map_err(failed));
            }
        };
        let (folder, name) = split(&path);
        match draft {
            Draft::Beside(partial) => partial.keep(&path)?,
            Draft::Elsewhere(plain) => {
                sweep(folder, name, |_| false);
                let mut partial = Partial::new(folder, name)?;
                copy(plain.path(), compression, &mut |bytes| {
                    partial.file.write_all(bytes).map_err(|error| Error::io(&path, "write it", error))
                })?;
                partial.keep(&path)?;
            }
        }
        sync_folder(folder)
    }
}

impl Draft {
    fn file(&self) -> &File {
        match self {
            Self::Beside(partial) => &partial.file,
            Self::Elsewhere(file) => file.as_file(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Beside(partial) => partial.path(),
            Self::Elsewhere(file) => file.path(),
        }
    }
}

/// Hands on a file's bytes, compressed if they are to be.
fn copy(from: &Path, how: Option<Compression>, to: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let len = fs::metadata(from).map_err(|error| Error::io(from, "read it", error))?.len();
    let data = Data::File { path: from.into(), offset: 0, len };
    if let Some(how) = how {
        let mut sink = |piece: bytes::Bytes| Ok(to(&piece)?);
        return match Compressors::start().compress(&data, None, how, &|_| {}, &mut sink) {
            Ok(_) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Closed) => Err(Error::Internal("the compression was given up".into())),
        };
    }
    let (mut reader, mut piece) = (data.open(0)?, vec![0; PIECE]);
    loop {
        match reader.read(&mut piece).map_err(|error| data.failed(error))? {
            0 => return Ok(()),
            n => to(&piece[..n])?,
        }
    }
}

/// The folder and the name of a file.
fn split(path: &Path) -> (&Path, &std::ffi::OsStr) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    (folder.unwrap_or(Path::new(".")), path.file_name().unwrap_or_default())
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
