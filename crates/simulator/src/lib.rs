#![doc = include_str!("../README.md")]

mod auth;
mod clock;
mod deletes;
mod dispatch;
mod faults;
mod ids;
mod images;
mod journal;
mod limiter;
mod operations;
mod ordered;
mod password;
mod quirks;
mod ready;
mod registry;
mod reply;
mod repositories;
mod request;
mod seed;
mod server;
mod service_auth;
mod simulator;
mod state;
mod tags;
mod views;
mod workspaces;

pub use auth::Key;
pub use faults::{ErrorBody, FAULTS, Fault, FaultError, FaultSpec};
pub use journal::Recorded;
pub use operations::OPERATION_IDS;
pub use quirks::{
    Colors, Commands, ExistingTag, OverMaximum, QUIRKS, Quirk, QuirkError, Switch, TagNames, TaggedImages,
    UnknownParent,
};
pub use ready::{Personal, Ready};
pub use seed::{Seed, SeedError};
pub use simulator::{Builder, Simulator, StartError};
pub use state::NewImage;
