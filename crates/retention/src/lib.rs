#![doc = include_str!("../README.md")]

mod pattern;

pub use pattern::{Pattern, PatternError, Patterns};
