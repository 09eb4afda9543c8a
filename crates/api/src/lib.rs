#![doc = include_str!("../README.md")]

mod secret;
mod timestamp;
mod transport;

// One place for what generated code may not be held to.
#[allow(clippy::all, clippy::unwrap_used, missing_docs, missing_debug_implementations, unreachable_pub, unused_imports)]
#[rustfmt::skip]
mod generated;

pub use generated::{Client, types};
pub use progenitor_client::{Error, ResponseValue};
pub use secret::Secret;
pub use timestamp::{Timestamp, TimestampError};
pub use transport::{Network, Sending, Session, Transport};
