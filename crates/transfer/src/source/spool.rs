//! What cannot be read in any order, a pipe or a compressed archive, is written to a temporary file first.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempPath;

use super::data::PIECE;
use crate::compression::Compression;
use crate::error::{Error, Result};

/// Bytes that any compressed archive may unpack to.
const UNPACKED_MIN: u64 = 256 * 1024 * 1024;
/// Bytes that each byte of a larger one may unpack to. Images get some three times as large; deflate's limit
/// is 1,032 times and zstd has none, so that a small file could fill a disk.
const UNPACKED_RATIO: u64 = 100;

/// Counts what is read.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(piece)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Opens a file that can be read in any order: this one, or a temporary copy, which goes with its path.
pub(super) fn seekable(path: &Path, folder: &Path) -> Result<Option<TempPath>> {
    let read = |error| Error::io(path, "read it", error);
    let mut file = File::open(path).map_err(|error| Error::io(path, "open it", error))?;
    if !file.metadata().map_err(read)?.is_file() {
        return spool(file, path, folder).map(Some);
    }
    let mut first = Vec::new();
    (&mut file).take(8).read_to_end(&mut first).map_err(read)?;
    if Compression::of(&first).is_none() && Compression::unread(&first).is_none() {
        return Ok(None);
    }
    spool(first.as_slice().chain(file), path, folder).map(Some)
}

/// Writes everything that comes to a temporary file in the folder, decompressed. `path` is for errors.
pub(super) fn spool(reader: impl Read, path: &Path, folder: &Path) -> Result<TempPath> {
    let failed = |error| Error::io(folder, "write a temporary file in it", error);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let count = Arc::new(AtomicU64::new(0));
    let mut reader = BufReader::with_capacity(PIECE, Counted { reader, count: count.clone() });
    let read = |error| Error::io(path, "read it", error);
    let mut first = Vec::new();
    (&mut reader).take(8).read_to_end(&mut first).map_err(read)?;
    if let Some(how) = Compression::unread(&first) {
        let problem = format!("it is compressed with {how}, which is not read here; decompress it first");
        return Err(Error::source(path, problem));
    }
    let compression = Compression::of(&first);
    let whole = first.as_slice().chain(reader);
    let mut plain: Box<dyn Read> = match compression {
        Some(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Some(Compression::Zstd) => Box::new(zstd::Decoder::new(whole).map_err(read)?),
        _ => Box::new(whole),
    };
    let (mut piece, mut len) = (vec![0; PIECE], 0_u64);
    loop {
        let n = match plain.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if compression.is_some() => {
                return Err(Error::source(
                    path,
                    format!("it is damaged: it cannot be decompressed: {error}"),
                ));
            }
            Err(error) => return Err(read(error)),
        };
        len += n as u64;
        let most = UNPACKED_MIN.max(UNPACKED_RATIO.saturating_mul(count.load(Ordering::Relaxed)));
        if compression.is_some() && len > most {
            let problem =
                format!("it unpacks to more than {most} bytes; if it is meant to, decompress it first");
            return Err(Error::source(path, problem));
        }
        file.write_all(&piece[..n]).map_err(failed)?;
    }
    if len == 0 {
        return Err(Error::source(path, "it is empty"));
    }
    Ok(file.into_temp_path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_far_more_than_it_is_is_refused() {
        let bomb = zstd::encode_all(io::repeat(0).take(UNPACKED_MIN + 1), 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = spool(&bomb[..], Path::new("bomb"), folder.path()).unwrap_err();
        assert!(error.to_string().contains("unpacks to more than"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn compressions_that_are_not_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (first, name) in
            [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2"), (b"PK\x03\x04\x14", "zip")]
        {
            let error = spool(first, Path::new("x"), folder.path()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = spool(&[0x1f, 0x8b, 8, 0][..], Path::new("x"), folder.path()).unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{error}");
    }
}
