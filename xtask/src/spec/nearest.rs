//! The name that something may have now.

use serde_json::Value;

/// Says which name of the target is unknown and what comes closest to it.
pub(super) fn nearest(target: &str, document: &Value, before: Option<&Value>) -> String {
    let schemas = names(document, "/components/schemas");
    let paths = names(document, "/paths");
    let properties: Vec<String> =
        schemas_of(document).flat_map(|(_, schema)| names(schema, "/properties")).collect();
    let mut words: Vec<&str> =
        target.split(['.', '[', ']', '\'', '"']).filter(|word| !word.is_empty()).collect();
    words.retain(|word| !["$", "*", "components", "schemas", "paths", "properties"].contains(word));
    for word in words {
        let known = if word.starts_with('/') { &paths } else { &schemas };
        if known.iter().chain(&properties).any(|name| name == word) || is_keyword(word) {
            continue;
        }
        if let Some(renamed) = before.and_then(|before| renamed(word, document, before)) {
            return format!("`{word}` is not there; the nearest name is `{renamed}`, which is like it was");
        }
        if let Some(close) = closest(word, known.iter()) {
            return format!("`{word}` is not there; the nearest name is `{close}`");
        }
        return format!("`{word}` is not there");
    }
    "its parts exist, but not together".into()
}

/// The new schema that says the same as the schema that `name` was, or has most of its properties.
fn renamed(name: &str, document: &Value, before: &Value) -> Option<String> {
    let old = schemas_of(before).find(|(other, _)| *other == name)?.1;
    let old_names = names(old, "/properties");
    let likeness = |schema: &Value| {
        let new_names = names(schema, "/properties");
        let common = new_names.iter().filter(|property| old_names.contains(property)).count();
        // In thousandths, where all in common is 1000.
        if schema == old { 1000 } else { 2000 * common / (old_names.len() + new_names.len()).max(1) }
    };
    let fresh = schemas_of(document).filter(|(name, _)| schemas_of(before).all(|(old, _)| old != *name));
    let (likeness, name) = fresh.map(|(name, schema)| (likeness(schema), name)).max()?;
    (likeness >= 500).then(|| name.clone())
}

fn schemas_of(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten()
}

fn is_keyword(word: &str) -> bool {
    ["get", "put", "post", "delete", "responses", "default", "required", "parameters", "enum", "schema"]
        .contains(&word)
}

pub(super) fn names(document: &Value, pointer: &str) -> Vec<String> {
    let map = document.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

/// The candidate that is most like `word`, if any is like it at all.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    candidates
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.as_str())
}
