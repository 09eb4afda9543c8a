//! `mlcr` run in this process against the simulator.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod coverage;
mod credentials;
mod deleting;
mod demo;
mod docker;
mod failures;
mod fixture;
mod formats;
mod help;
mod installed;
mod keyring;
mod matrix;
mod moving;
mod moving_matrix;
mod reading;
mod readme;
mod references;
mod settings;
mod signing_in;
mod sim;
mod support;
mod tools;
mod working_day;
mod writing;
