//! The components that operations refer to: put in place, followed, renamed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::nearest::closest;
use super::{escape, prose, unescape};

/// Sections of `components` whose entries are put where they are referred to. Schemas stay: their
/// names become types.
const PUT_IN_PLACE: [&str; 4] = ["parameters", "responses", "requestBodies", "headers"];

/// Replaces references to shared parameters, responses, request bodies and headers by what they refer to.
pub(super) fn put_in_place(document: &Value, value: &mut Value, place: &str) -> Result<()> {
    expand(document, value, place, &mut Vec::new())
}

/// `open` holds the references that are being expanded: one that comes up again is a circle.
fn expand(document: &Value, value: &mut Value, place: &str, open: &mut Vec<String>) -> Result<()> {
    let entered = open.len();
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        if !split_reference(reference).is_some_and(|(section, _)| PUT_IN_PLACE.contains(&section)) {
            break;
        }
        ensure!(!open.iter().any(|seen| seen == reference), "`{reference}` at {place} leads in a circle");
        let Some(target) = document.pointer(&reference[1..]) else {
            bail!("`{reference}` at {place} points to nothing");
        };
        open.push(reference.to_owned());
        *value = target.clone();
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter_mut().filter(|(key, _)| *key != "schema") {
                expand(document, child, &format!("{place}/{}", escape(key)), open)?;
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                expand(document, child, &format!("{place}/{index}"), open)?;
            }
        }
        _ => {}
    }
    open.truncate(entered);
    Ok(())
}

/// Every component that the operations reach, by section and name, without prose.
pub(super) fn reached(document: &Value, paths: &mut Map<String, Value>) -> Result<Map<String, Value>> {
    let mut components = Map::new();
    let mut seen = BTreeSet::new();
    let mut open = Vec::new();
    for (path, item) in paths.iter_mut() {
        let place = format!("/paths/{}", escape(path));
        put_parts_in_place(document, item, &place, &mut Vec::new())?;
        collect_references(item, &format!("/paths/{}", escape(path)), &mut open);
    }
    while let Some((reference, place)) = open.pop() {
        if !seen.insert(reference.clone()) {
            continue;
        }
        let Some((section, name)) = split_reference(&reference) else {
            bail!("`{reference}` at {place} does not point to #/components/<section>/<name>");
        };
        let Some(component) = document.pointer(&reference[1..]) else {
            bail!("`{reference}` at {place} points to nothing");
        };
        let mut component = component.clone();
        prose::strip(&mut component, false);
        put_parts_in_place(document, &mut component, &reference[1..], &mut Vec::new())?;
        collect_references(&component, &reference[1..], &mut open);
        components.entry(section).or_insert_with(|| json!({}))[name] = component;
    }
    Ok(components)
}

/// The names of the schemas that operations reach; a reference that leads nowhere is left out.
pub(super) fn reached_schemas(document: &Value, operations: &[(String, &str)]) -> BTreeSet<String> {
    let mut open = Vec::new();
    for (method, path) in operations {
        let item = document.get("paths").and_then(|paths| paths.get(path));
        for part in [item.and_then(|item| item.get(method)), item.and_then(|item| item.get("parameters"))] {
            part.into_iter().for_each(|part| collect_references(part, "", &mut open));
        }
    }
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    while let Some((reference, _)) = open.pop() {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        if let Some(target) = target.filter(|_| seen.insert(reference.clone())) {
            names.extend(
                split_reference(&reference)
                    .filter(|(section, _)| *section == "schemas")
                    .map(|(_, name)| name),
            );
            collect_references(target, "", &mut open);
        }
    }
    names
}

/// The schemas that an operation itself names in its request and its success.
pub(super) fn direct_schemas(operation: &Value) -> Vec<String> {
    let successes = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let successes = successes.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
    let mut found = Vec::new();
    for part in operation.get("requestBody").into_iter().chain(successes) {
        collect_references(part, "", &mut found);
    }
    let names = found.iter().filter_map(|(reference, _)| split_reference(reference));
    names.filter(|(section, _)| *section == "schemas").map(|(_, name)| name).collect()
}

/// Replaces references into the middle of a component, which has no name to become a type by.
fn put_parts_in_place(
    document: &Value,
    value: &mut Value,
    place: &str,
    open: &mut Vec<String>,
) -> Result<()> {
    let entered = open.len();
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        if !reference.starts_with("#/components/") || split_reference(reference).is_some() {
            break;
        }
        ensure!(!open.iter().any(|seen| seen == reference), "`{reference}` at {place} leads in a circle");
        let Some(target) = document.pointer(&reference[1..]) else {
            bail!("`{reference}` at {place} points to nothing");
        };
        open.push(reference.to_owned());
        *value = target.clone();
        prose::strip(value, false);
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                put_parts_in_place(document, child, &format!("{place}/{}", escape(key)), open)?;
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                put_parts_in_place(document, child, &format!("{place}/{index}"), open)?;
            }
        }
        _ => {}
    }
    open.truncate(entered);
    Ok(())
}

fn split_reference(reference: &str) -> Option<(&str, String)> {
    let (section, name) = reference.strip_prefix("#/components/")?.split_once('/')?;
    (!name.contains('/')).then(|| (section, unescape(name)))
}

/// A discriminator's `mapping` refers without `$ref`.
fn is_reference(key: &str, text: &str) -> bool {
    key == "$ref" || text.starts_with("#/components/")
}

fn collect_references(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match child {
                    Value::String(reference) if is_reference(key, reference) => {
                        found.push((reference.clone(), place.to_owned()));
                    }
                    child => collect_references(child, &format!("{place}/{}", escape(key)), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                collect_references(child, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Gives schemas their new names, here and in every reference to them.
pub(super) fn rename(
    paths: &mut Map<String, Value>,
    components: &mut Map<String, Value>,
    names: &BTreeMap<String, String>,
) -> Result<()> {
    let Some(schemas) = components.get_mut("schemas").and_then(Value::as_object_mut) else {
        ensure!(names.is_empty(), "there are no schemas to rename");
        return Ok(());
    };
    for (old, new) in names {
        let Some(schema) = schemas.remove(old) else {
            let hint = closest(old, schemas.keys()).map(|near| format!(" (the nearest is `{near}`)"));
            bail!(
                "slice.toml renames the schema `{old}`, which our operations do not reach{}",
                hint.unwrap_or_default()
            );
        };
        let taken = schemas.insert(new.clone(), schema).is_some();
        ensure!(!taken, "slice.toml renames `{old}` to `{new}`, and there is such a schema already");
    }
    let references: BTreeMap<String, String> = names
        .iter()
        .map(|(old, new)| {
            (format!("#/components/schemas/{}", escape(old)), format!("#/components/schemas/{new}"))
        })
        .collect();
    for value in paths.values_mut().chain(components.values_mut()) {
        rewrite_references(value, &references);
    }
    Ok(())
}

fn rewrite_references(value: &mut Value, references: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match child {
                    Value::String(reference) if is_reference(key, reference) => {
                        if let Some(new) = references.get(reference) {
                            new.clone_into(reference);
                        }
                    }
                    child => rewrite_references(child, references),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|child| rewrite_references(child, references)),
        _ => {}
    }
}
