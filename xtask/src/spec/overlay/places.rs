//! Places that an action had in the document before, and where they are now.

use serde_json::Value;

use crate::spec::{escape, unescape};

/// A place of the earlier document that is not among those that match now, although the thing is still
/// there: the problem and its mend. A thing that the vendor took away is no misfit.
pub(super) fn lost(
    place: &str,
    earlier: &Value,
    document: &Value,
    matched: &[String],
) -> Option<(String, String)> {
    let here = identity(earlier, place);
    if matched.iter().any(|other| identity(document, other) == here) {
        return None;
    }
    if let Some(now) = find(document, &here) {
        let target = json_path(&now);
        return Some((
            format!("it no longer matches `{target}`, which is there"),
            format!("make the target match it, or add an action with the target `{target}`"),
        ));
    }
    let (schema, rest) = here.split_once("/properties/")?;
    let name = unescape(rest.split('/').next().unwrap_or(rest));
    let home = in_parts(document, schema, &name)?;
    let now = format!("{home}/properties/{rest}");
    if matched.contains(&now) {
        return None;
    }
    document.pointer(&now)?;
    let target = json_path(&now);
    Some((
        format!("it no longer matches `{}`, which is `{target}` now", json_path(place)),
        format!("add an action with the target `{target}`"),
    ))
}

/// A pointer in which entries of a list go by their names: another order is no other place.
fn identity(document: &Value, pointer: &str) -> String {
    let mut value = document;
    let mut identity = String::new();
    for segment in pointer.split('/').skip(1) {
        let list = value.as_array();
        value = value.pointer(&format!("/{segment}")).unwrap_or(&Value::Null);
        let name = list.and_then(|_| value.get("name")?.as_str());
        match name {
            Some(name) => identity.extend(["/[", &escape(name), "]"]),
            None => identity.extend(["/", segment]),
        }
    }
    identity
}

/// The pointer of an identity, if there is such a place.
fn find(document: &Value, identity: &str) -> Option<String> {
    let mut value = document;
    let mut pointer = String::new();
    for segment in identity.split('/').skip(1) {
        let segment =
            match (value.as_array(), segment.strip_prefix('[').and_then(|name| name.strip_suffix(']'))) {
                (Some(list), Some(name)) => {
                    list.iter().position(|entry| entry["name"] == unescape(name).as_str())?.to_string()
                }
                _ => segment.to_owned(),
            };
        value = value.pointer(&format!("/{segment}"))?;
        pointer = format!("{pointer}/{segment}");
    }
    Some(pointer)
}

/// The part of a schema, below `allOf` or behind a reference there, that has the property `name`.
pub(super) fn in_parts(document: &Value, schema: &str, name: &str) -> Option<String> {
    let mut open = vec![schema.to_owned()];
    let mut seen = Vec::new();
    while let Some(place) = open.pop().filter(|place| !seen.contains(place)) {
        let value = document.pointer(&place)?;
        if place != schema && value.get("properties").is_some_and(|properties| properties.get(name).is_some())
        {
            return Some(place);
        }
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            open.extend(reference.strip_prefix('#').map(str::to_owned));
        }
        let parts = value.get("allOf").and_then(Value::as_array).map(Vec::len).unwrap_or_default();
        open.extend((0..parts).rev().map(|part| format!("{place}/allOf/{part}")));
        seen.push(place);
    }
    None
}

/// A pointer as people write it in a target.
pub(super) fn json_path(pointer: &str) -> String {
    let mut path = String::from("$");
    for segment in pointer.split('/').skip(1).map(unescape) {
        let is_word = segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if segment.chars().all(|c| c.is_ascii_digit()) {
            path = format!("{path}[{segment}]");
        } else if is_word {
            path = format!("{path}.{segment}");
        } else {
            path = format!("{path}[\"{segment}\"]");
        }
    }
    path
}
