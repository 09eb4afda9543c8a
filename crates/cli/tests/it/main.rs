//! `mlcr` run in this process against the simulator.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

// Modules under `cfg(unix)` run a shell or link `mlcr` under other names.
#[cfg(unix)]
mod at_once;
mod copying;
mod coverage;
mod credentials;
mod deleting;
mod demo;
#[cfg(unix)]
mod docker;
mod early_ends;
mod facts;
mod failures;
mod fixture;
mod formats;
mod help;
#[cfg(unix)]
mod installed;
#[cfg(unix)]
mod keyring;
mod lists;
mod looking;
mod matrix;
mod moving;
mod moving_matrix;
mod odd_answers;
mod prune;
mod reading;
#[cfg(unix)]
mod readme;
mod references;
#[cfg(unix)]
mod registries;
mod settings;
mod signing_in;
mod sim;
mod support;
mod surroundings;
#[cfg(unix)]
mod tools;
#[cfg(unix)]
mod working_day;
mod writing;
