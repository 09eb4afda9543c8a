//! Operations that moved and schemas that got other names: found by the vendor's ids and by shape, so that
//! one run can go on as if the slice had been brought up to date, and name every edit that does so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::edit::{Edit, Edits, OVERLAY, SLICE};
use crate::spec::nearest::closest;
use crate::spec::slice::Slice;
use crate::spec::{METHODS, escape, references};

/// Likeness from which on an operation of the new document is taken for one of ours that is missing.
const SAME_OPERATION: f64 = 0.6;
/// Likewise for schemas, of which other traits are known.
const SAME_SCHEMA: f64 = 0.5;

/// Finds what the slice misses in `document`, brings it up to date in memory, and returns the paths that
/// moved. `before` is the vendored document, in which our names stand.
pub(super) fn fit(
    document: &Value,
    before: &Value,
    slice: &mut Slice,
    edits: &mut Edits,
) -> Vec<(String, String)> {
    let moved = operations(document, before, slice, edits);
    schemas(document, before, slice, edits);
    moved
}

/// An operation object and where it is.
struct Found<'a> {
    method: &'static str,
    path: &'a str,
    operation: &'a Value,
}

fn all(document: &Value) -> Vec<Found<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some(Found { method, path, operation: item.get(method)? }))
    });
    operations.collect()
}

fn operations(
    document: &Value,
    before: &Value,
    slice: &mut Slice,
    edits: &mut Edits,
) -> Vec<(String, String)> {
    let (there, were) = (all(document), all(before));
    let name = |method: &str, path: &str| format!("{} {path}", method.to_uppercase());
    let mut moved = Vec::new();
    for ours in &mut slice.operations {
        if there.iter().any(|one| name(one.method, one.path) == *ours) {
            continue;
        }
        let was = were.iter().find(|one| name(one.method, one.path) == *ours);
        let free = || {
            there
                .iter()
                .filter(|one| !were.iter().any(|other| other.method == one.method && other.path == one.path))
        };
        let by_id = was.and_then(|was| {
            let id = was.operation.get("operationId")?;
            let mut same = there.iter().filter(|one| one.operation.get("operationId") == Some(id));
            same.next().filter(|_| same.next().is_none())
        });
        let by_shape = || {
            let was = was?;
            let traits = operation_traits(before, was);
            let likeness = |one: &&Found<'_>| jaccard(&traits, &operation_traits(document, one));
            let best = free().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
            (likeness(&best) >= SAME_OPERATION).then_some(best)
        };
        let (now, reason) = match (by_id, by_id.is_none().then(by_shape).flatten()) {
            (Some(now), _) => (now, "the same operation id"),
            (None, Some(now)) => (now, "the same shape"),
            (None, None) => {
                let paths: Vec<String> = there.iter().map(|one| one.path.to_owned()).collect();
                let path = ours.split_once(' ').map_or("", |(_, path)| path);
                let near = closest(path, paths.iter()).map(|near| format!("; the nearest path is `{near}`"));
                edits.ask(
                    SLICE,
                    ours,
                    &format!("`{ours}` is not there{}", near.unwrap_or_default()),
                    "take it out, or write what became of it",
                );
                ours.clear();
                continue;
            }
        };
        let new = name(now.method, now.path);
        let quoted = |text: &str| format!("\"{text}\"");
        let mut made = vec![(SLICE, Edit::replace(&quoted(ours), &quoted(&new)))];
        if let Some((method, old)) = ours.split_once(' ') {
            let target = |path: &str| format!("[{}]", quoted(path));
            if old != now.path {
                made.push((OVERLAY, Edit::replace(&target(old), &target(now.path))));
                moved.push((old.to_owned(), now.path.to_owned()));
            }
            let of = |method: &str| format!("{}.{}", target(now.path), method.to_lowercase());
            if of(method) != of(now.method) {
                made.push((OVERLAY, Edit::replace(&of(method), &of(now.method))));
            }
        }
        edits.add(made, &format!("`{ours}` is `{new}` now ({reason})"));
        *ours = new;
    }
    slice.operations.retain(|operation| !operation.is_empty());
    moved
}

/// An operation as a caller sees it, word by word.
fn operation_traits(document: &Value, found: &Found<'_>) -> BTreeSet<String> {
    let mut traits: BTreeSet<String> = found.path.split('/').map(str::to_owned).collect();
    traits.insert(found.method.into());
    let parameters = found.operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    traits.extend(
        parameters.map(|parameter| format!("{} {}", parameter["in"], parameter["name"]).to_lowercase()),
    );
    for (part, body) in
        [("sends", found.operation.pointer("/requestBody/content")), ("answers", answer(found.operation))]
    {
        let schema =
            body.and_then(Value::as_object).and_then(|content| content.values().next()?.get("schema"));
        traits.extend(
            schema
                .into_iter()
                .flat_map(|schema| schema_traits(document, schema))
                .map(|word| format!("{part} {word}")),
        );
    }
    traits
}

/// The content of the first success.
fn answer(operation: &Value) -> Option<&Value> {
    let responses = operation.get("responses")?.as_object()?;
    responses.iter().find(|(status, _)| status.starts_with('2'))?.1.get("content")
}

/// The names in a schema, behind references and in lists; names of schemas are not among them.
fn schema_traits(document: &Value, schema: &Value) -> BTreeSet<String> {
    let mut traits = BTreeSet::new();
    let mut open = vec![schema];
    let mut seen = BTreeSet::new();
    while let Some(schema) = open.pop() {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            if seen.insert(reference) {
                open.extend(reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer)));
            }
            continue;
        }
        for key in ["type", "format"] {
            // A spelling of 3.1 may say more than one type; the names are what counts then.
            traits.extend(schema.get(key).and_then(Value::as_str).map(|word| format!("{key} {word}")));
        }
        if let Some(values) = schema.get("enum") {
            traits.insert(format!("enum {values}"));
        }
        for (name, _) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            traits.insert(name.clone());
        }
        open.extend(schema.get("items"));
        for key in ["allOf", "anyOf", "oneOf"] {
            open.extend(schema.get(key).and_then(Value::as_array).into_iter().flatten());
        }
    }
    traits
}

fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    a.intersection(b).count() as f64 / a.union(b).count().max(1) as f64
}

/// Names that schemas of ours have in `document` now.
fn schemas(document: &Value, before: &Value, slice: &mut Slice, edits: &mut Edits) {
    let theirs: BTreeMap<&str, &str> =
        slice.rename.iter().map(|(their, our)| (our.as_str(), their.as_str())).collect();
    let known = before.pointer("/components/schemas").and_then(Value::as_object);
    let known: BTreeMap<String, (&String, &Value)> = known
        .into_iter()
        .flatten()
        .map(|(our, schema)| (theirs.get(our.as_str()).copied().unwrap_or(our).to_owned(), (our, schema)))
        .collect();
    let there = references::reached_schemas(document, &slice.operations().collect::<Vec<_>>());
    let gone: Vec<_> = known.iter().filter(|(their, _)| !there.contains(*their)).collect();
    let fresh: Vec<&String> = there.iter().filter(|name| !known.contains_key(*name)).collect();
    let mut likenesses = Vec::new();
    for (their, (our, schema)) in &gone {
        let traits = schema_traits(before, schema);
        for name in &fresh {
            let Some(other) = document.pointer(&format!("/components/schemas/{}", escape(name))) else {
                continue;
            };
            let likeness = jaccard(&traits, &schema_traits(document, other));
            likenesses.push((
                likeness,
                spelled_alike(our, name).max(spelled_alike(their, name)),
                *their,
                *our,
                *name,
            ));
        }
    }
    likenesses.retain(|(likeness, ..)| *likeness >= SAME_SCHEMA);
    likenesses.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut done: (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
    let mut renames: Vec<(String, String, String)> = Vec::new();
    for (_, _, their, our, name) in likenesses {
        if done.0.contains(their.as_str()) || done.1.contains(name.as_str()) {
            continue;
        }
        done.0.insert(their);
        done.1.insert(name);
        renames.push((their.clone(), our.clone(), name.clone()));
    }
    for (their, our, name) in renames {
        let what = format!("the schema `{their}` is called `{name}` now, and has the same shape");
        let line = format!("\"{name}\" = \"{our}\"");
        let edit = match (slice.rename.contains_key(&their), name == our) {
            (true, true) => Edit::remove(&format!("\"{their}\" = \"{our}\"")),
            (true, false) => Edit::replace(&format!("\"{their}\" = \"{our}\""), &line),
            (false, _) => Edit::after("[rename]", &line),
        };
        edits.add(vec![(SLICE, edit)], &what);
        slice.rename.remove(&their);
        if name != our {
            slice.rename.insert(name, our);
        }
    }
    let lost: Vec<String> = slice.rename.keys().filter(|their| !there.contains(*their)).cloned().collect();
    for their in lost {
        let what = format!("slice.toml renames the schema `{their}`, which our operations do not reach");
        edits.ask(SLICE, &format!("\"{their}\""), &what, "take the line out");
        slice.rename.remove(&their);
    }
}

/// How alike two names are; of the two halves that FastAPI makes of a model, the answer's is ours.
fn spelled_alike(ours: &str, theirs: &str) -> f64 {
    match theirs.strip_suffix("-Output").or_else(|| theirs.strip_suffix("Output")) {
        Some(base) if base == ours => 1.0,
        _ => 0.99 * strsim::jaro_winkler(ours, theirs),
    }
}
