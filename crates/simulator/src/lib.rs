#![doc = include_str!("../README.md")]

mod armed;
mod auth;
mod body;
mod builder;
mod call;
mod clock;
mod deletes;
mod dispatch;
mod distort;
mod fault_spec;
mod faults;
mod ids;
mod images;
mod journal;
mod limiter;
mod oci;
mod operations;
mod ordered;
mod password;
mod quirks;
mod ready;
mod registry;
mod reply;
mod repositories;
mod request;
mod response;
mod seed;
mod server;
mod service_auth;
mod simulator;
mod state;
mod tags;
mod views;
mod workspaces;

pub use auth::Key;
pub use builder::{Builder, StartError};
pub use fault_spec::{FAULTS, FaultError, FaultSpec};
pub use faults::{ErrorBody, Fault};
pub use journal::Recorded;
pub use oci::OCI_OPERATION_IDS;
pub use oci::choices::{
    CutChunk, DeletedImageBlobs, IndexChildren, Mounts, RegistryAuth, RegistryPrefix, SparseIndex,
    UploadLocation,
};
pub use operations::OPERATION_IDS;
pub use quirks::{
    Colors, Commands, ExistingTag, OverMaximum, QUIRKS, Quirk, QuirkError, Switch, TagNames, TaggedImages,
    UnknownParent,
};
pub use ready::{Personal, Ready};
pub use seed::{Seed, SeedError};
pub use simulator::Simulator;
pub use state::NewImage;
