//! Schemas on which the generator would work until its stack is full, which cannot be caught.

use std::collections::BTreeSet;
use std::ptr;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::spec::escape;

/// Refuses a document with such a schema, by its name or place.
pub(crate) fn refuse(document: &Value) -> Result<()> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in schemas.into_iter().flatten() {
        if leads_back(schema, |schema, found| parts(document, schema, found)) {
            bail!("the schema `{name}` contains itself, with nothing in between");
        }
    }
    let mut all = Vec::new();
    merges(document, "", &mut all);
    for (place, schema) in all {
        if leads_back(schema, |schema, found| merged(document, schema, found)) {
            bail!("the `allOf` at {place} leads back to itself; it would be merged without end");
        }
    }
    Ok(())
}

/// Whether a schema is among those that follow from it.
fn leads_back<'a>(start: &'a Value, follow: impl Fn(&'a Value, &mut Vec<&'a Value>)) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(next) = open.pop() {
        let mut found = Vec::new();
        follow(next, &mut found);
        if found.iter().any(|schema| ptr::eq(*schema, start)) {
            return true;
        }
        open.extend(found.into_iter().filter(|schema| seen.insert(ptr::from_ref(*schema))));
    }
    false
}

/// The schemas that a value of this one is as well.
fn parts<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.extend(referred(document, schema));
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    found.extend(lists.flatten().chain(schema.get("not")));
}

/// Where `$ref` leads.
fn referred<'a>(document: &'a Value, schema: &Value) -> Option<&'a Value> {
    document.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// The merges that are in what this merge becomes. A reference in a property is a type of its own and
/// ends the search; one in the list is merged.
fn merged<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    for entry in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        let mut inner = Vec::new();
        merges(referred(document, entry).unwrap_or(entry), "", &mut inner);
        found.extend(inner.into_iter().map(|(_, schema)| schema));
    }
}

/// Every schema in `value` that merges several, with its place.
fn merges<'a>(value: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) => {
            if map.get("allOf").and_then(Value::as_array).is_some_and(|list| list.len() > 1) {
                found.push((place.to_owned(), value));
            }
            for (key, child) in map {
                merges(child, &format!("{place}/{}", escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                merges(child, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}
