#![doc = include_str!("../README.md")]

mod accounts;
mod body;
mod builder;
mod clock;
mod faults;
mod ids;
mod journal;
mod limiter;
mod management;
mod names;
mod oci;
mod operations;
mod ordered;
mod quirks;
mod ready;
mod response;
mod seed;
mod server;
mod service;
mod simulator;
mod state;

pub use accounts::Key;
pub use builder::{Builder, StartError};
pub use faults::Fault;
pub use faults::shapes::ErrorBody;
pub use faults::spec::{FAULTS, FaultError, FaultSpec};
pub use journal::Recorded;
pub use mlspace_registry_api::{Timestamp, TimestampError};
pub use operations::{OCI_OPERATION_IDS, OPERATION_IDS};
pub use quirks::{
    Accessories, Colors, Commands, CutChunk, DeletedImageBlobs, DeletedIndex, EmptyLists, ExistingTag,
    ExtraAttrs, IndexChildren, LastTag, Mounts, NeverPulled, OverMaximum, Prefix, Pulls, QUIRKS, Quirk,
    QuirkError, RegistryAuth, RegistryPrefix, SparseIndex, Stamps, Switch, TagNames, TaggedImages, TokenType,
    UnknownParent, UploadLocation,
};
pub use ready::{Personal, Ready};
pub use seed::{Seed, SeedError};
pub use simulator::Simulator;
pub use state::{NewImage, NewRepository, NewTag};
