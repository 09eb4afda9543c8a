//! An upload: a file, and the digest of what is in it. Position, hash and length move together, and only with bytes
//! that the disk took, so that what is acknowledged is what is stored.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use tempfile::TempPath;

use super::digest::{Algorithm, Digest, Hasher};

/// The part of a blob that was sent so far. The file is open only while a request works on it, so that uploads that
/// nobody goes on with hold no handle.
pub(crate) struct UploadFile {
    /// Taken once the upload is finished.
    path: Option<TempPath>,
    hasher: Hasher,
    length: u64,
    /// A chunk was shorter than the registry asks for; it must have been the last one.
    pub(crate) short: bool,
}

/// The end of an upload, where bytes are added. It counts for nothing until the upload takes it over.
pub(crate) struct Tail<F> {
    file: F,
    hasher: Hasher,
    length: u64,
}

impl UploadFile {
    pub(crate) fn new(path: TempPath, algorithm: Algorithm) -> Self {
        Self { path: Some(path), hasher: Hasher::new(algorithm), length: 0, short: false }
    }

    /// The number of bytes that are acknowledged.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn is_open(&self) -> bool {
        self.path.is_some()
    }

    /// Says which digest is expected. That costs nothing while the upload is empty.
    pub(crate) fn expect(&mut self, algorithm: Algorithm) {
        if self.length == 0 {
            self.hasher = Hasher::new(algorithm);
        }
    }

    fn file(&self) -> io::Result<File> {
        let path = self.path.as_ref().ok_or_else(|| io::Error::other("the upload is finished already"))?;
        OpenOptions::new().read(true).write(true).open(path)
    }

    /// The end of the upload; the disk is full after so many bytes more.
    pub(crate) fn tail(&self, disk_full_after: Option<u64>) -> io::Result<Tail<Disk>> {
        let disk = Disk { file: self.file()?, room: disk_full_after };
        Tail::new(disk, self.hasher.clone(), self.length)
    }

    /// Takes over what was added.
    pub(crate) fn acknowledge<F>(&mut self, tail: Tail<F>) {
        (self.hasher, self.length) = (tail.hasher, tail.length);
    }

    /// The digest of all that was acknowledged. Another algorithm than the expected one reads the file once more.
    pub(crate) fn digest(&mut self, algorithm: Algorithm) -> io::Result<Digest> {
        if self.hasher.algorithm() != algorithm {
            let mut hasher = Hasher::new(algorithm);
            let mut piece = vec![0; 256 * 1024];
            let mut file = self.file()?.take(self.length);
            loop {
                let read = file.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                hasher.update(&piece[..read]);
            }
            self.hasher = hasher;
        }
        Ok(self.hasher.finish())
    }

    /// The file, with the acknowledged bytes and no others, and their number.
    pub(crate) fn finish(&mut self) -> io::Result<(TempPath, u64)> {
        let file = self.file()?;
        // A write that failed may have left something behind the end.
        if file.metadata()?.len() != self.length {
            file.set_len(self.length)?;
        }
        let path = self.path.take().ok_or_else(|| io::Error::other("the upload is finished already"))?;
        Ok((path, self.length))
    }

    /// Gives the upload up.
    pub(crate) fn discard(&mut self) {
        self.path = None;
    }
}

impl<F: Write + Seek> Tail<F> {
    fn new(mut file: F, hasher: Hasher, length: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, hasher, length })
    }

    /// Adds bytes. After an error the tail is of no more use.
    pub(crate) fn append(&mut self, piece: &[Bytes]) -> io::Result<()> {
        let mut slices: Vec<_> = piece.iter().map(|data| IoSlice::new(data)).collect();
        let mut left = slices.as_mut_slice();
        let mut waiting = piece.iter().map(Bytes::len).sum::<usize>();
        while waiting > 0 {
            let written = match self.file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            IoSlice::advance_slices(&mut left, written);
            waiting -= written;
        }
        for data in piece {
            self.hasher.update(data);
            self.length += data.len() as u64;
        }
        Ok(())
    }
}

/// A file on a disk that has room for so many bytes more, if a fault says so.
pub(crate) struct Disk {
    file: File,
    room: Option<u64>,
}

impl Write for Disk {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Some(room) = &mut self.room else { return self.file.write(data) };
        if *room == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let most = data.len().min(usize::try_from(*room).unwrap_or(usize::MAX));
        let written = self.file.write(&data[..most])?;
        *room -= written as u64;
        Ok(written)
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.room {
            None => self.file.write_vectored(data),
            Some(_) => self.write(data.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tempfile::NamedTempFile;

    use super::*;

    /// A call that a disk answers otherwise than it was asked.
    #[derive(Clone, Copy, Debug)]
    enum Fail {
        Not,
        Short(usize),
        Full,
        Broken,
        Interrupted,
    }

    fn fail() -> impl Strategy<Value = Fail> {
        prop_oneof![
            4 => Just(Fail::Not),
            3 => (1_usize..40).prop_map(Fail::Short),
            1 => Just(Fail::Full),
            1 => Just(Fail::Broken),
            1 => Just(Fail::Interrupted),
        ]
    }

    struct Faulty<'a> {
        file: File,
        script: &'a mut VecDeque<Fail>,
    }

    impl Faulty<'_> {
        fn next(&mut self) -> io::Result<usize> {
            match self.script.pop_front().unwrap_or(Fail::Not) {
                Fail::Not => Ok(usize::MAX),
                Fail::Short(most) => Ok(most),
                Fail::Full => Err(io::ErrorKind::StorageFull.into()),
                Fail::Broken => Err(io::Error::from_raw_os_error(5)),
                Fail::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            }
        }
    }

    impl Write for Faulty<'_> {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let most = self.next()?.min(data.len());
            self.file.write(&data[..most])
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    impl Seek for Faulty<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.next()?;
            self.file.seek(to)
        }
    }

    proptest! {
        #[test]
        fn what_is_acknowledged_is_stored_whatever_the_disk_does(
            blob in proptest::collection::vec(any::<u8>(), 1..400),
            cuts in proptest::collection::vec((1_usize..80, 1_usize..4), 1..60),
            mut script in proptest::collection::vec_deque(fail(), 0..60),
            sha512 in any::<bool>(),
        ) {
            let path = NamedTempFile::new().unwrap().into_temp_path();
            let mut upload = UploadFile::new(path, Algorithm::Sha256);
            for (length, pieces) in cuts {
                // The client goes on where the registry stands.
                let start = usize::try_from(upload.length()).unwrap();
                let chunk = &blob[start..(start + length).min(blob.len())];
                let file = Faulty { file: upload.file().unwrap(), script: &mut script };
                let Ok(mut tail) = Tail::new(file, upload.hasher.clone(), upload.length) else { continue };
                let pieces = chunk.chunks(chunk.len().div_ceil(pieces).max(1));
                let pieces: Vec<_> = pieces.map(Bytes::copy_from_slice).collect();
                let before = upload.length();
                match tail.append(&pieces) {
                    Ok(()) => upload.acknowledge(tail),
                    Err(_) => prop_assert_eq!(upload.length(), before),
                }
            }
            let sent = &blob[..usize::try_from(upload.length()).unwrap()];
            let algorithm = if sha512 { Algorithm::Sha512 } else { Algorithm::Sha256 };
            prop_assert_eq!(upload.digest(algorithm).unwrap(), Digest::of(algorithm, sent));
            let (path, length) = upload.finish().unwrap();
            prop_assert_eq!(length, sent.len() as u64);
            prop_assert_eq!(&std::fs::read(&path).unwrap()[..], sent);
        }
    }
}
