//! `mlcr` run in this process against the simulator.

mod coverage;
mod demo;
mod failures;
mod help;
mod reading;
mod sim;
mod support;
