//! Plain layers into compressed ones: in parallel within a layer, in one pass, always to the same bytes.
//!
//! A layer is cut into blocks, and each block becomes a gzip member or a zstd frame of its own. Both
//! formats say that such pieces one after the other are one stream.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

use crate::compression::Compression;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::source::data::Data;

/// Plain bytes of a block.
const BLOCK: usize = 256 * 1024;
/// Parts of a block that are tried before the whole is compressed.
const SAMPLE: usize = 4 * 1024;
const GZIP_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 3;

/// Why the taking of bytes ends before the last of them.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody wants the rest.
    Closed,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A layer's compressed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compressed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

struct Job {
    plain: Vec<u8>,
    how: Compression,
    reply: SyncSender<std::io::Result<Vec<u8>>>,
}

/// The threads that compress, for all layers of a call. They end when this is dropped.
pub(crate) struct Compressors {
    jobs: Mutex<Sender<Job>>,
    threads: usize,
}

impl Compressors {
    pub(crate) fn start() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = queue.clone();
            std::thread::spawn(move || work(&queue));
        }
        Self { jobs: Mutex::new(jobs), threads }
    }

    /// Compresses a layer and gives its bytes to `sink`, in order. `on_progress` is given how much was read.
    ///
    /// Fails before the last bytes are given out if the plain bytes are not what `expected` says.
    pub(crate) fn compress(
        &self,
        data: &Data,
        expected: Option<&Digest>,
        how: Compression,
        on_progress: &dyn Fn(u64),
        sink: &mut dyn FnMut(Bytes) -> Result<(), Stop>,
    ) -> Result<Compressed, Stop> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut reader = data.open(0)?;
        let (mut plain_hash, mut compressed_hash) =
            (expected.map_or_else(Hasher::sha256, Hasher::of), Hasher::sha256());
        let (mut read, mut size) = (0, 0);
        let mut pending: VecDeque<Receiver<_>> = VecDeque::new();
        let mut ended = false;
        while !ended || !pending.is_empty() {
            if !ended && pending.len() <= self.threads {
                let block = block(&mut *reader).map_err(|error| data.failed(error))?;
                ended = block.len() < BLOCK;
                plain_hash.update(&block);
                read += block.len() as u64;
                if !block.is_empty() || read == 0 {
                    let (reply, answer) = sync_channel(1);
                    jobs.send(Job { plain: block, how, reply }).map_err(|_| stopped())?;
                    pending.push_back(answer);
                }
                if ended {
                    check(data, read, expected, &plain_hash.clone().finish())?;
                }
                continue;
            }
            let Some(answer) = pending.pop_front() else { continue };
            let compressed = answer.recv().map_err(|_| stopped())?.map_err(|error| data.failed(error))?;
            compressed_hash.update(&compressed);
            size += compressed.len() as u64;
            sink(compressed.into())?;
            on_progress(read);
        }
        Ok(Compressed { digest: compressed_hash.finish(), size })
    }
}

fn stopped() -> Error {
    Error::Internal("a thread that compresses layers ended early".into())
}

fn check(data: &Data, read: u64, expected: Option<&Digest>, found: &Digest) -> Result<()> {
    if read != data.len() {
        return Err(data.wrong("it became shorter while it was read"));
    }
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        let (expected, found) = (expected.to_string(), found.to_string());
        return Err(Error::Digest { what: "a layer of the archive".into(), expected, found });
    }
    Ok(())
}

/// A whole block, or what is left. Whole ones, so that the same layer always gives the same bytes.
fn block(reader: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    reader.take(BLOCK as u64).read_to_end(&mut block)?;
    Ok(block)
}

/// The work of one of the threads.
fn work(queue: &Mutex<Receiver<Job>>) {
    let mut gzip: Option<(Compressor, Compressor)> = None;
    let mut zstd: Option<zstd::bulk::Compressor<'static>> = None;
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { plain, how, reply }) = job else { return };
        let compressed = match how {
            Compression::None => Ok(plain),
            Compression::Zstd => zstd_block(&mut zstd, &plain),
            Compression::Gzip => {
                let (fast, store) = gzip.get_or_insert_with(|| (compressor(GZIP_LEVEL), compressor(0)));
                gzip_block(if is_dense(fast, &plain) { store } else { fast }, &plain)
            }
        };
        // Nobody waits any more when the layer was given up.
        let _ = reply.send(compressed);
    }
}

/// Level 0 stores.
fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

fn gzip_block(compressor: &mut Compressor, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressed = vec![0; compressor.gzip_compress_bound(plain.len())];
    let size = compressor.gzip_compress(plain, &mut compressed).map_err(std::io::Error::other)?;
    compressed.truncate(size);
    // Most of the bound is never used; the block may wait for a while.
    compressed.shrink_to_fit();
    Ok(compressed)
}

fn zstd_block(
    compressor: &mut Option<zstd::bulk::Compressor<'static>>,
    plain: &[u8],
) -> std::io::Result<Vec<u8>> {
    let compressor = match compressor {
        Some(compressor) => compressor,
        None => compressor.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
    };
    compressor.compress(plain)
}

/// True for a block that is compressed already, such as a model's weights: its samples do not get smaller.
///
/// Such bytes take time to deflate and get no smaller; a wrong guess costs size and nothing else. Four samples
/// from the middles of quarters, not of the edges, where headers are; all four must be dense, for a block that is
/// dense in part still gets smaller. A saving under 1/32 counts as none:
/// it is not worth the time. Blocks under eight samples are compressed at once: trying would cost half of that.
fn is_dense(compressor: &mut Compressor, block: &[u8]) -> bool {
    if block.len() < 8 * SAMPLE {
        return false;
    }
    let mut compressed = [0; SAMPLE + 512];
    [1, 3, 5, 7].iter().all(|eighth| {
        let at = block.len() / 8 * eighth;
        let sample = &block[at..at + SAMPLE];
        compressor.deflate_compress(sample, &mut compressed).is_ok_and(|size| size > SAMPLE * 31 / 32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(plain: &[u8], how: Compression) -> Result<(Compressed, Vec<u8>), Stop> {
        let data = Data::Bytes(Bytes::copy_from_slice(plain));
        let mut out = Vec::new();
        let compressed =
            Compressors::start().compress(&data, Some(&Digest::of(plain)), how, &|_| {}, &mut |piece| {
                out.extend_from_slice(&piece);
                Ok(())
            })?;
        Ok((compressed, out))
    }

    fn samples() -> Vec<Vec<u8>> {
        let mut random = fastrand::Rng::with_seed(7);
        let dense: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(3 * BLOCK + 17).collect();
        let text: Vec<u8> = b"some words that come again and again, ".repeat(30_000);
        let mixed = [&dense[..BLOCK], &text[..]].concat();
        vec![vec![], vec![1], vec![0; BLOCK], dense, text, mixed]
    }

    #[test]
    fn every_compression_gives_back_the_same_bytes_and_is_repeatable() {
        for plain in samples() {
            for how in [Compression::Gzip, Compression::Zstd, Compression::None] {
                let (compressed, bytes) = compress(&plain, how).unwrap();
                assert_eq!(
                    (compressed.digest.clone(), compressed.size),
                    (Digest::of(&bytes), bytes.len() as u64)
                );
                assert_eq!(compress(&plain, how).unwrap().0, compressed);
                let unpacked = match how {
                    Compression::Gzip => gunzip(&bytes),
                    Compression::Zstd => zstd::decode_all(&bytes[..]).unwrap(),
                    Compression::None => bytes,
                };
                assert!(unpacked == plain, "{how:?} of {} bytes", plain.len());
            }
        }
    }

    fn gunzip(compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(compressed).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn dense_blocks_are_stored_and_others_get_smaller() {
        let sizes: Vec<_> =
            samples().iter().map(|plain| compress(plain, Compression::Gzip).unwrap().0.size).collect();
        assert!(sizes[3] < samples()[3].len() as u64 * 1001 / 1000);
        assert!(sizes[4] < samples()[4].len() as u64 / 50);
    }

    #[test]
    fn a_layer_that_is_not_what_it_is_said_to_be_is_an_error() {
        let data = Data::Bytes(Bytes::from_static(b"other"));
        let result = Compressors::start().compress(
            &data,
            Some(&Digest::of(b"this")),
            Compression::Gzip,
            &|_| {},
            &mut |_| Ok(()),
        );
        assert!(matches!(result, Err(Stop::Failed(Error::Digest { .. }))));
    }
}
