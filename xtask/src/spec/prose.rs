//! Sentences and samples, which are the vendor's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DATA, NAME_MAPS, escape};

/// Keys that hold sentences or samples. What they say is the vendor's to say, not ours to copy.
pub(crate) const PROSE: [&str; 6] =
    ["description", "summary", "title", "example", "examples", "externalDocs"];

/// Drops prose, extensions and tags.
///
/// `names` says that the keys of `value` are names of things, among which `description` may be one.
pub(crate) fn strip(value: &mut Value, names: bool) {
    match value {
        Value::Object(map) => {
            if !names {
                map.retain(|key, _| {
                    !PROSE.contains(&key.as_str()) && key != "tags" && !key.starts_with("x-")
                });
            }
            for (key, child) in map.iter_mut() {
                if names || !DATA.contains(&key.as_str()) {
                    strip(child, !names && NAME_MAPS.contains(&key.as_str()));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|child| strip(child, false)),
        _ => {}
    }
}

/// Every sentence below `value`, by its JSON pointer.
pub(super) fn sentences<'a>(
    value: &'a Value,
    names: bool,
    place: &str,
    found: &mut BTreeMap<String, &'a str>,
) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let inner = format!("{place}/{}", escape(key));
                match child {
                    Value::String(text) if !names && (key == "description" || key == "summary") => {
                        found.insert(inner, text);
                    }
                    child if names || !(DATA.contains(&key.as_str()) || key.starts_with("x-")) => {
                        sentences(child, !names && NAME_MAPS.contains(&key.as_str()), &inner, found);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                sentences(child, false, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}
