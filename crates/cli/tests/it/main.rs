//! `mlcr` run in this process against the simulator.

mod demo;
mod failures;
mod help;
mod reading;
mod sim;
mod support;
