//! One registry, as it is spoken to: addresses, sign-in, requests and what their answers mean.

pub(crate) mod answer;
pub(crate) mod auth;
pub(crate) mod candidates;
mod challenge;
pub(crate) mod http;
pub(crate) mod ranges;
pub(crate) mod referrers;
pub(crate) mod repository;
mod token;
