//! What an action does to the places that it matches.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::places;
use crate::spec::nearest::{closest, names};
use crate::spec::prose::PROSE;
use crate::spec::{escape, unescape};

/// Updates the places, or removes them where there is no update. What does not fit is left out and returned,
/// each with the edit that mends it.
pub(super) fn apply(
    document: &mut Value,
    mut places: Vec<String>,
    update: Option<&Value>,
) -> Vec<(String, String)> {
    let mut misfits = Vec::new();
    // Deepest and last first, so that removing one place does not move another.
    places.sort_by(|a, b| compare_pointers(b, a));
    for place in places {
        let Some(update) = update else {
            misfits.extend(remove(document, &place).err().map(|error| (error.to_string(), "mend it".into())));
            continue;
        };
        let mut update = update.clone();
        misfits.extend(take_doubled(document, &place, &mut update));
        misfits.extend(take_missing(document, &place, &mut update));
        if let Some(target) = document.pointer_mut(&place) {
            merge(target, &update);
        }
    }
    misfits
}

/// Orders pointers by their segments, array indexes by value.
fn compare_pointers(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |pointer: &str| -> Vec<(Option<usize>, String)> {
        pointer.split('/').map(|segment| (segment.parse().ok(), segment.to_owned())).collect()
    };
    key(a).cmp(&key(b))
}

/// The update rule of the standard: objects merge, an array at the target grows, anything else is replaced.
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                match target.get_mut(key) {
                    Some(present) => merge(present, value),
                    None => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (Value::Array(target), update) => target.push(update.clone()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(document: &mut Value, pointer: &str) -> Result<()> {
    let (parent, last) = pointer.rsplit_once('/').context("the whole document cannot be removed")?;
    let last = unescape(last);
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            let index: usize = last.parse().with_context(|| format!("{pointer} is not an array index"))?;
            if index < items.len() {
                items.remove(index);
            }
        }
        _ => bail!("{pointer} is gone"),
    }
    Ok(())
}

/// Takes parameters out of an update that the list has itself.
fn take_doubled(document: &Value, place: &str, update: &mut Value) -> Vec<(String, String)> {
    let same = |a: &Value, b: &Value| a["in"].is_string() && a["in"] == b["in"] && a["name"] == b["name"];
    let present = document.pointer(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut doubled = Vec::new();
    if let Value::Array(added) = update {
        added.retain(|added| {
            let is_new = !present.iter().any(|own| same(own, added));
            doubled.extend((!is_new).then(|| added["name"].as_str().unwrap_or_default().to_owned()));
            is_new
        });
    }
    if doubled.is_empty() {
        return Vec::new();
    }
    let names = format!("`{}`", doubled.join("`, `"));
    let is_all = update.as_array().is_some_and(Vec::is_empty);
    let mend = if is_all { "take the action out".into() } else { format!("take {names} out here") };
    vec![(format!("the document has the parameter {names} at {place} itself"), mend)]
}

/// Takes properties out of an update that only describes them where the document does not have them:
/// merged, they would come to life as ones that take anything.
fn take_missing(document: &Value, place: &str, update: &mut Value) -> Vec<(String, String)> {
    let Some(update) = update.as_object_mut() else { return Vec::new() };
    let mut misfits = Vec::new();
    for (key, part) in update {
        let inner = format!("{place}/{}", escape(key));
        let Some(properties) = part.as_object_mut().filter(|_| key == "properties") else {
            if document.pointer(&inner).is_some() {
                misfits.extend(take_missing(document, &inner, part));
            }
            continue;
        };
        let present = names(document, &inner);
        let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        properties.retain(|name, property| {
            let mut keys = property.as_object().into_iter().flat_map(|property| property.keys());
            if !keys.all(|key| PROSE.contains(&key.as_str())) || present.contains(name) {
                return true;
            }
            match places::in_parts(document, place, name) {
                Some(home) => homes.entry(home).or_default().push(format!("`{name}`")),
                None => {
                    let near = closest(name, present.iter());
                    let hint = near.map(|near| format!("; the nearest name is `{near}`")).unwrap_or_default();
                    let mend = format!("rename `{name}` here or take it out");
                    misfits.push((format!("{place}: the property `{name}` is not there{hint}"), mend));
                }
            }
            false
        });
        for (home, names) in homes {
            let (names, target) = (names.join(", "), places::json_path(&home));
            misfits.push((
                format!("{place}: {names} stand in a part of it now"),
                format!("move them to an action with the target `{target}`"),
            ));
        }
    }
    misfits
}
