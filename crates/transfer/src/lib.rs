#![doc = include_str!("../README.md")]

mod answer;
mod auth;
mod cache;
mod challenge;
mod client;
mod credentials;
mod digest;
mod download;
mod error;
mod feed;
mod http;
mod manifest;
mod pack;
mod packed;
mod place;
mod progress;
mod pull;
mod push;
mod reference;
mod repository;
mod resolve;
mod retry;
mod source;
mod target;
mod upload;
mod write_manifest;

#[doc(inline)]
pub use mlspace_registry_net::{Clock, ManualClock, RetryPolicy, SystemClock};

pub use client::{Client, ClientBuilder, DEFAULT_CONCURRENCY, DEFAULT_IDLE};
pub use credentials::Credentials;
pub use digest::Digest;
pub use error::{Error, RegistryError, Result, TransportKind};
pub use manifest::MANIFEST_CAP;
pub use pack::Compression;
pub use progress::{Event, Moved, Observer, PlannedBlob};
pub use pull::{Pull, PullReport, Pulled};
pub use push::{Push, PushReport, Pushed};
pub use reference::Reference;
pub use source::{Image, Source};
pub use target::Target;
