//! An upload: a file and the digest of what is in it. Bytes go from the connection to a thread that writes and
//! hashes them, a few pieces at a time.

use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::error::{Failure, Refusal};
use crate::body::Body;
use crate::quirks::CutChunk;
use crate::state::digest::{Algorithm, Digest, Hasher};

/// The number of pieces that may wait for the disk: one is written while the next is gathered.
const WAITING: usize = 1;

/// The number of bytes that make a piece. What a connection has at once is often much less, and waking the thread for each
/// such bit costs more than writing it.
const PIECE: usize = 512 * 1024;

/// The part of a blob that was sent so far: its file, and the digest in the making.
pub(crate) struct UploadFile {
    /// Taken once the upload is finished.
    pub(crate) file: Option<NamedTempFile>,
    hasher: Hasher,
    pub(crate) length: u64,
    /// A chunk was shorter than the registry asks for; it must have been the last one.
    pub(crate) short: bool,
}

/// The part of a body that is taken.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// More gets 413.
    pub(crate) most: u64,
    /// The connection ends after so many bytes.
    pub(crate) cut_after: Option<u64>,
    pub(crate) cut_chunk: CutChunk,
}

/// A part of a body on its way to the disk.
enum Piece {
    Data(Vec<Bytes>),
    /// Everything came.
    End,
}

impl UploadFile {
    pub(crate) fn new(file: NamedTempFile, algorithm: Algorithm) -> Self {
        Self { file: Some(file), hasher: Hasher::new(algorithm), length: 0, short: false }
    }

    /// Says which digest is expected. That costs nothing while the upload is empty.
    pub(crate) fn expect(&mut self, algorithm: Algorithm) {
        if self.length == 0 {
            self.hasher = Hasher::new(algorithm);
        }
    }

    /// The digest of all that was sent. Another algorithm than the expected one reads the file once more.
    pub(crate) fn digest(&mut self, algorithm: Algorithm) -> io::Result<Digest> {
        if self.hasher.algorithm() != algorithm {
            let mut hasher = Hasher::new(algorithm);
            let mut piece = vec![0; 256 * 1024];
            let file = self.file()?;
            file.seek(SeekFrom::Start(0))?;
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

    fn file(&mut self) -> io::Result<&mut File> {
        let file = self.file.as_mut().map(NamedTempFile::as_file_mut);
        file.ok_or_else(|| io::Error::other("the upload is finished already"))
    }

    fn append(&mut self, piece: &[Bytes]) -> io::Result<()> {
        let mut slices: Vec<_> = piece.iter().map(|data| IoSlice::new(data)).collect();
        let mut left = slices.as_mut_slice();
        let mut waiting = piece.iter().map(Bytes::len).sum::<usize>();
        while waiting > 0 {
            let written = match self.file()?.write_vectored(left) {
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

    /// Takes pieces until the sender is gone; if it went without an end, what came may be forgotten.
    fn take(&mut self, pieces: &mut mpsc::Receiver<Piece>, cut_chunk: CutChunk) -> io::Result<()> {
        let (hasher, length) = (self.hasher.clone(), self.length);
        let mut whole = false;
        while let Some(piece) = pieces.blocking_recv() {
            match piece {
                Piece::Data(piece) => self.append(&piece)?,
                Piece::End => whole = true,
            }
        }
        if !whole && cut_chunk == CutChunk::Discarded {
            let file = self.file()?;
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            (self.hasher, self.length) = (hasher, length);
        }
        Ok(())
    }
}

/// Appends a body to an upload.
pub(crate) async fn append(
    mut upload: OwnedMutexGuard<UploadFile>,
    body: &mut Body,
    limits: Limits,
) -> Result<OwnedMutexGuard<UploadFile>, Failure> {
    let (pieces, mut waiting) = mpsc::channel(WAITING);
    // The thread holds the upload, so that it ends well even if the connection is gone and this future with it.
    let writer = tokio::task::spawn_blocking(move || {
        let taken = upload.take(&mut waiting, limits.cut_chunk);
        taken.map(|()| upload)
    });
    let sent = send(body, limits, &pieces).await;
    if sent.is_ok() {
        // The writer is gone only if it failed, which is told below.
        let _ = pieces.send(Piece::End).await;
    }
    drop(pieces);
    let written = writer.await.map_err(io::Error::other)?;
    sent?;
    Ok(written?)
}

async fn send(body: &mut Body, limits: Limits, pieces: &mpsc::Sender<Piece>) -> Result<(), Failure> {
    let mut piece = Vec::new();
    let received = receive(body, limits, &mut piece, pieces).await;
    // What came before a cut counts as well. The writer is gone only if it failed, which it tells itself.
    let _ = pieces.send(Piece::Data(piece)).await;
    received
}

async fn receive(
    body: &mut Body,
    limits: Limits,
    piece: &mut Vec<Bytes>,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), Failure> {
    let (mut length, mut gathered) = (0, 0);
    while let Some(mut data) = body.data().await? {
        if let Some(most) = limits.cut_after {
            data.truncate(usize::try_from(most - length).unwrap_or(usize::MAX));
        }
        length += data.len() as u64;
        if length > limits.most {
            return Err(Refusal::too_large("SIZE_INVALID", limits.most).into());
        }
        gathered += data.len();
        piece.push(data);
        if gathered >= PIECE {
            gathered = 0;
            if pieces.send(Piece::Data(std::mem::take(piece))).await.is_err() {
                return Ok(());
            }
        }
        if limits.cut_after == Some(length) {
            return Err(Failure::Cut);
        }
    }
    Ok(())
}
