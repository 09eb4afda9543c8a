//! Blobs that are on their way, for all calls of a client: whoever wants one that is comes after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;

use crate::compression::Compression;
use crate::compression::compress::{Compressed, Compressors};
use crate::digest::Digest;

/// A registry, a blob, and how it is compressed on its way there.
pub(crate) type BlobKey = (String, Digest, Option<Compression>);

/// A repository that has got the blob, and what it became there.
pub(crate) type Arrival = Option<(String, Compressed)>;

#[derive(Default)]
pub(crate) struct Turns {
    under_way: Mutex<HashMap<BlobKey, Arc<AsyncMutex<Arrival>>>>,
    compressors: Mutex<Weak<Compressors>>,
}

impl Turns {
    /// The turn of a blob; its lock is held while the blob is moved.
    pub(crate) fn of(&self, key: &BlobKey) -> Arc<AsyncMutex<Arrival>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        under_way.entry(key.clone()).or_default().clone()
    }

    /// The threads that compress; one set for all that need them at the time.
    pub(crate) fn compressors(&self) -> Arc<Compressors> {
        let mut shared = self.compressors.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let compressors = Arc::new(Compressors::start());
            *shared = Arc::downgrade(&compressors);
            compressors
        })
    }
}
