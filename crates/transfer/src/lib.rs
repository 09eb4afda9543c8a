#![doc = include_str!("../README.md")]

mod certificates;
mod client;
mod compression;
mod copy;
mod credentials;
mod digest;
mod error;
mod inspect;
mod look;
mod manifest;
mod platform;
mod progress;
mod pull;
mod push;
mod reference;
mod registry;
mod retry;
mod source;
mod target;
mod turns;

#[doc(inline)]
pub use mlspace_registry_net::{CertificateProblem, Clock, ManualClock, RetryPolicy, SystemClock};

pub use client::{Client, ClientBuilder, DEFAULT_CONCURRENCY, DEFAULT_IDLE};
pub use compression::Compression;
pub use copy::{Copied, Copy, CopyReport};
pub use credentials::Credentials;
pub use credentials::docker::DockerLogins;
pub use digest::Digest;
pub use error::{Error, RegistryError, Result, TransportKind};
pub use inspect::{Inspected, InspectedLayer};
pub use look::ManifestHead;
pub use manifest::{MANIFEST_CAP, Manifest};
pub use progress::{Event, Moved, Observer, PlannedBlob};
pub use pull::{Pull, PullReport, Pulled};
pub use push::{Push, PushReport, Pushed};
pub use reference::Reference;
pub use source::built::ImageBuilder;
pub use source::{Image, Source};
pub use target::Target;
