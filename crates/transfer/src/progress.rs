//! Events of a transfer that is under way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::digest::Digest;

/// Called with each event, from any thread, in the middle of the work: it should return at once.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Something that happened during one call of push or pull.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Everything that may have to be moved is known. Comes once, before any other event but `Request` and
    /// `Retry`; in a copy that takes referrers along once more for those.
    #[non_exhaustive]
    Planned {
        /// The blobs; later events name them by their place in this list.
        blobs: Vec<PlannedBlob>,
    },
    /// A blob moved on. About one event for 256 KiB.
    #[non_exhaustive]
    Progress {
        /// Which blob.
        blob: usize,
        /// The part of its size that is done, in bytes; smaller than before when it had to begin again.
        done: u64,
    },
    /// A blob is where it should be; once for each repository that it goes to.
    #[non_exhaustive]
    Finished {
        /// Which blob.
        blob: usize,
        /// Its way there.
        how: Moved,
        /// Bytes on the wire, headers apart: none for what was there already, more than the size if parts
        /// went twice.
        bytes: u64,
    },
    /// A blob could not be moved.
    #[non_exhaustive]
    Failed {
        /// Which blob.
        blob: usize,
    },
    /// A manifest was accepted by the registry.
    #[non_exhaustive]
    Manifest {
        /// The full name under which it was put.
        reference: String,
        /// Its digest.
        digest: Digest,
    },
    /// A request to a registry or its token endpoint was answered, or could not be sent.
    #[non_exhaustive]
    Request {
        /// The method.
        method: String,
        /// Host and path. What a query holds may be a secret, and is left out.
        address: String,
        /// The status; `None` where no answer came.
        status: Option<u16>,
        /// The time until the head of the answer was there; what is sent in one piece counts, a body that comes back
        /// does not.
        took: Duration,
        /// The id that the registry gave the request (`X-Request-Id`).
        request_id: Option<String>,
    },
    /// Something failed and is tried again after a wait.
    #[non_exhaustive]
    Retry {
        /// The failure and its reason.
        cause: String,
        /// The wait that begins now.
        wait: Duration,
    },
}

/// A blob that may have to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedBlob {
    /// Its digest; for a layer that is still to be compressed, the digest of the plain layer.
    pub digest: Digest,
    /// Its size in bytes; for a layer that is still to be compressed, the plain size.
    pub size: u64,
}

/// The way in which a blob got to where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moved {
    /// It was there already.
    Exists,
    /// The registry took it over from another of its repositories.
    Mounted,
    /// Its bytes were sent or fetched.
    Sent,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "exists",
            Self::Mounted => "mounted",
            Self::Sent => "sent",
        })
    }
}

/// Counts the way of one blob and reports it.
#[derive(Clone)]
pub(crate) struct Meter {
    pub(crate) observer: Observer,
    pub(crate) blob: usize,
}

impl Meter {
    pub(crate) fn done(&self, done: u64) {
        (self.observer)(&Event::Progress { blob: self.blob, done });
    }
}
