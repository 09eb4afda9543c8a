//! The image registry by the groups of the distribution specification, and what it is to the management API.

mod auth;
pub(crate) mod client;
mod discovery;
mod faults;
mod habits;
mod management;
mod management_api;
mod pull;
mod push;
mod push_manifest;
mod state;
mod tools;
