//! The simulator over HTTP, as its users meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod behaviour;
mod contract;
mod faults;
mod forms;
mod handle;
mod kept;
mod limits;
mod oci;
mod quirks;
mod wire;
