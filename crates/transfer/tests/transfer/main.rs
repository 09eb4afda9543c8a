//! Whole pushes and pulls, against a registry that misbehaves as told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests fail as tests do.

mod auth;
mod fake;
mod fixture;
mod hostile;
mod packed;
mod pull;
mod push;
mod store;
mod tools;
