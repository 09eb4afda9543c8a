#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
mod body;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod error;
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
pub use body::Body;
/// The body of an answer that is no JSON.
#[cfg(feature = "client")]
pub use body::Body as ByteStream;
#[cfg(feature = "client")]
pub use client::{Answer, Client};
#[cfg(feature = "client")]
pub use error::Error;
#[cfg(feature = "client")]
pub use generated::requests;
pub use generated::types;
#[cfg(feature = "client")]
pub use progenitor_client::ResponseValue;
#[cfg(feature = "client")]
pub use rows::{Rows, UnreadableRow};
pub use secret::Secret;
pub use timestamp::{Timestamp, TimestampError};
#[cfg(feature = "client")]
pub use transport::{ANSWER_CAP, Network, Rule, Sending, Signing, Transport, TransportError, TransportKind};
pub use unknown_fields::UnknownFields;
