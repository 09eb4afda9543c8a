#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
mod client;
mod reading;
#[cfg(feature = "client")]
mod rows;
mod secret;
mod timestamp;
#[cfg(feature = "client")]
mod transport;
mod unknown_fields;

// One place for what generated code may not be held to.
#[allow(clippy::all, clippy::unwrap_used, missing_docs, missing_debug_implementations, unreachable_pub, unused_imports)]
#[rustfmt::skip]
mod generated;

#[cfg(feature = "client")]
pub use client::{Answer, Client};
#[cfg(feature = "client")]
pub use generated::requests;
pub use generated::types;
#[cfg(feature = "client")]
pub use progenitor_client::{ByteStream, Error, ResponseValue};
#[cfg(feature = "client")]
pub use rows::{Rows, UnreadableRow};
pub use secret::Secret;
pub use timestamp::{Timestamp, TimestampError};
#[cfg(feature = "client")]
pub use transport::{ANSWER_CAP, Http, Network, Rule, Sending, Signing, Transport, is_too_long};
pub use unknown_fields::UnknownFields;
