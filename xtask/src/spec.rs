//! From the vendor's document to the one that the generator reads.
//!
//! 1. [`import`] cuts our operations out with all that they refer to ([`references`]), drops prose and
//!    vendor extensions, and writes `openapi/registry.json`.
//! 2. [`spelling`] brings 3.0 and 3.1 spellings of the same thing to one, that of 3.0.3.
//! 3. [`overlay`] applies `openapi/overlay.yaml`, our own part, and gives `openapi/resolved.json`.
//!
//! [`words`] keeps a mark of each of the vendor's sentences.
//! [`diff`] says what the difference of two such documents means for a client, and [`update`] does all
//! of it for a new document of the vendor's.

pub(crate) mod diff;
pub(crate) mod import;
mod nearest;
pub(crate) mod overlay;
mod prose;
mod references;
pub(crate) mod slice;
pub(crate) mod spelling;
#[cfg(test)]
mod tests;
pub(crate) mod update;
pub(crate) mod words;

use std::borrow::Cow;

use anyhow::{Result, ensure};
use serde_json::Value;

/// Keys under which an object maps *names* to things, so that `description` there is a name, not prose.
const NAME_MAPS: [&str; 17] = [
    "properties",
    "patternProperties",
    "schemas",
    "paths",
    "responses",
    "parameters",
    "content",
    "securitySchemes",
    "headers",
    "requestBodies",
    "callbacks",
    "links",
    "variables",
    "mapping",
    "scopes",
    "encoding",
    "dependentSchemas",
];

/// Keys whose values are data and not part of the document's structure.
const DATA: [&str; 7] = ["default", "enum", "const", "required", "security", "example", "examples"];

/// Keys of a path item that are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The version of OpenAPI that a document names: one that is read here, by the import and by the
/// comparison alike.
pub(crate) fn openapi_version(document: &Value) -> Result<&str> {
    let said = document.get("openapi");
    let version = said.and_then(Value::as_str).unwrap_or_default();
    ensure!(
        ["3.0.", "3.1."].iter().any(|minor| version.starts_with(minor)),
        "it is not an OpenAPI 3 document: `openapi` is {}; 3.0 and 3.1 are read",
        said.map_or("missing".to_owned(), Value::to_string)
    );
    Ok(version)
}

/// A key as a segment of a JSON pointer.
pub(crate) fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

/// A segment of a JSON pointer as a key.
fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
