//! What the crate promises, against a second, naive reading of it.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod cases;
mod in_use;
mod model;
mod properties;
mod world;
