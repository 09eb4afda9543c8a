//! The vendor's sentences are not ours to copy. `openapi/words.json` keeps a mark of each, so that an update
//! can say which of them changed.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::slice::Slice;
use super::{escape, prose, references};
use crate::file;

/// Where the marks are kept.
pub(crate) const WORDS: &str = "openapi/words.json";

/// Bytes of the hash that are kept: enough that two sentences do not get one mark by chance.
const MARK: usize = 6;

/// Every sentence about our operations and what they reach, under our names.
pub(crate) fn sentences<'a>(document: &'a Value, slice: &Slice) -> BTreeMap<String, &'a str> {
    let mut found = BTreeMap::new();
    let operations: Vec<(String, &str)> = slice.operations().collect();
    for (method, path) in &operations {
        if let Some(operation) = document.get("paths").and_then(|paths| paths.get(path)?.get(method)) {
            prose::sentences(operation, false, &format!("/paths/{}/{method}", escape(path)), &mut found);
        }
    }
    for name in references::reached_schemas(document, &operations) {
        if let Some(schema) = document.pointer(&format!("/components/schemas/{}", escape(&name))) {
            let ours = slice.rename.get(&name).unwrap_or(&name);
            prose::sentences(schema, false, &format!("/components/schemas/{}", escape(ours)), &mut found);
        }
    }
    found
}

/// The marks of sentences, as they are committed.
pub(crate) fn marks(sentences: &BTreeMap<String, &str>) -> Result<String> {
    let marks: BTreeMap<&String, String> =
        sentences.iter().map(|(place, text)| (place, mark(text))).collect();
    file::to_stable_json(&json!(marks))
}

/// Sentences that are new or have another mark than in `before`.
pub(crate) fn changed<'a>(sentences: &BTreeMap<String, &'a str>, before: &Value) -> Vec<(String, &'a str)> {
    let is_new = |place: &String, text: &str| before.get(place).and_then(Value::as_str) != Some(&mark(text));
    sentences
        .iter()
        .filter(|(place, text)| is_new(place, text))
        .map(|(place, text)| (place.clone(), *text))
        .collect()
}

/// Brings marks to the paths that operations have now.
pub(crate) fn move_paths(marks: &mut Value, moved: &[(String, String)]) {
    let Some(marks) = marks.as_object_mut() else { return };
    for (old, new) in moved {
        let (old, new) = (format!("/paths/{}/", escape(old)), format!("/paths/{}/", escape(new)));
        *marks = std::mem::take(marks)
            .into_iter()
            .map(|(place, mark)| (place.replace(&old, &new), mark))
            .collect();
    }
}

fn mark(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(MARK).map(|byte| format!("{byte:02x}")).collect()
}
