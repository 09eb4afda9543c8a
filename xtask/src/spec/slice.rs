//! `openapi/slice.toml`: which part of the official document is ours.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::adjust::Adjustment;
use crate::file;

/// The part that is cut out of a document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slice {
    /// `"METHOD /path"`, as the document spells it.
    pub(crate) operations: Vec<String>,
    /// Schema names: the document's to ours.
    #[serde(default)]
    pub(crate) rename: BTreeMap<String, String>,
    /// Beginnings of paths: a new operation there is one that somebody should look at.
    #[serde(default)]
    pub(crate) prefixes: Vec<String>,
    /// Adjustments that only the Rust generator needs.
    #[serde(default)]
    pub(crate) adjustments: Vec<Adjustment>,
}

impl Slice {
    /// Reads a slice file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::parse(&file::read(path)?).with_context(|| format!("{} is not a slice", path.display()))
    }

    /// Parses a slice and checks that every operation reads `METHOD /path`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let slice: Self = toml::from_str(text)?;
        for operation in &slice.operations {
            ensure!(split(operation).is_some(), "`{operation}` does not read `METHOD /path`");
        }
        Ok(slice)
    }

    /// The operations as lower-case method and path.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (String, &str)> {
        self.operations.iter().filter_map(|operation| split(operation))
    }
}

fn split(operation: &str) -> Option<(String, &str)> {
    let (method, path) = operation.split_once(' ')?;
    (path.starts_with('/') && method.chars().all(|c| c.is_ascii_uppercase()))
        .then(|| (method.to_ascii_lowercase(), path))
}
