//! Whole pushes and pulls, against the simulator, which misbehaves as told, and against other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests fail as tests do.

mod archive;
mod auth;
mod built;
mod copy;
mod fixture;
mod hostile;
mod inspect;
mod makers;
mod odd;
mod parsers;
mod pull;
mod push;
mod referrers;
mod registry;
mod target;
mod tls;
mod tools;
