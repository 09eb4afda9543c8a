//! From the connection to an upload: bytes go to a thread that writes and hashes them, a few pieces at a time.

use std::io;

use bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::error::{Failure, Refusal};
use crate::body::Body;
use crate::quirks::CutChunk;
use crate::state::upload::UploadFile;

/// The number of pieces that may wait for the disk: one is written while the next is gathered.
const WAITING: usize = 1;

/// The number of bytes that make a piece. What a connection has at once is often much less, and waking the thread for each
/// such bit costs more than writing it.
const PIECE: usize = 512 * 1024;

/// The part of a body that is taken.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// More gets 413.
    pub(crate) most: u64,
    /// Any other number gets 400.
    pub(crate) expected: Option<u64>,
    /// The connection ends after so many bytes.
    pub(crate) cut_after: Option<u64>,
    pub(crate) cut_chunk: CutChunk,
    /// The disk is full after so many bytes.
    pub(crate) disk_full_after: Option<u64>,
}

/// A part of a body on its way to the disk.
enum Piece {
    Data(Vec<Bytes>),
    /// Everything came, or nothing of it is to count.
    End {
        counts: bool,
    },
}

impl Piece {
    /// Takes pieces until the sender is gone. Whatever fails, the upload is as it was acknowledged before.
    fn take_all(
        pieces: &mut mpsc::Receiver<Self>,
        upload: &mut UploadFile,
        limits: Limits,
    ) -> io::Result<()> {
        let mut tail = upload.tail(limits.disk_full_after)?;
        // Of a chunk that was cut counts what came, unless a quirk says otherwise.
        let mut counts = limits.cut_chunk != CutChunk::Discarded;
        while let Some(piece) = pieces.blocking_recv() {
            match piece {
                Self::Data(piece) => tail.append(&piece)?,
                Self::End { counts: last } => counts = last,
            }
        }
        if counts {
            upload.acknowledge(tail);
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
        let taken = Piece::take_all(&mut waiting, &mut upload, limits);
        taken.map(|()| upload)
    });
    let sent = send(body, limits, &pieces).await;
    if !matches!(sent, Err(Failure::Cut)) {
        // The writer is gone only if it failed, which is told below.
        let _ = pieces.send(Piece::End { counts: sent.is_ok() }).await;
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
    if limits.expected.is_some_and(|expected| expected != length) {
        return Err(Refusal::bad("SIZE_INVALID", "the body is not as long as Content-Range says").into());
    }
    Ok(())
}
