//! `cargo xtask spec import`: the official document → `openapi/registry.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::overlay::closest;
use super::slice::Slice;
use super::{DATA, NAME_MAPS, spelling};
use crate::file;

/// Keys that hold sentences or samples. What they say is the vendor's to say, not ours to copy.
const PROSE: [&str; 6] = ["description", "summary", "title", "example", "examples", "externalDocs"];
/// Keys of a path item that are not operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Imports `source` into the repository at `root`. Nothing is written unless all of it is good.
pub(crate) fn run(root: &Path, source: &Path, date: Option<&str>) -> Result<()> {
    let slice = Slice::read(&root.join("openapi/slice.toml"))?;
    let text = file::read(source)?;
    let document = file::parse(&text, source)?;
    let imported = import(&document, &slice, text.as_bytes(), date)
        .with_context(|| format!("{} cannot be imported", source.display()))?;
    let target = root.join("openapi/registry.json");
    file::replace(&target, &file::to_stable_json(&imported)?)?;
    eprintln!("openapi/registry.json: {} operations", slice.operations.len());
    Ok(())
}

/// Accepts a calendar day as OpenAPI documents write it.
pub(crate) fn parse_date(text: &str) -> Result<String, String> {
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return Err("expected YYYY-MM-DD".into()) };
    let in_range = |part: &str, last| part.parse().is_ok_and(|n: u8| (1..=last).contains(&n));
    let good =
        digits(year, 4) && digits(month, 2) && digits(day, 2) && in_range(month, 12) && in_range(day, 31);
    if good { Ok(text.to_owned()) } else { Err("expected a day as YYYY-MM-DD".into()) }
}

/// The slice of `document`, without prose, in the spelling of OpenAPI 3.0.3.
pub(crate) fn import(document: &Value, slice: &Slice, bytes: &[u8], date: Option<&str>) -> Result<Value> {
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    ensure!(
        version.starts_with("3.0.") || version.starts_with("3.1."),
        "it is not an OpenAPI 3 document: `openapi` is {}",
        document.get("openapi").map_or("missing".to_owned(), Value::to_string)
    );
    let mut paths = operations(document, slice)?;
    let mut components = referenced(document, &paths)?;
    rename(&mut paths, &mut components, &slice.rename)?;
    add_security(document, &paths, &mut components);

    let mut result = json!({
        "openapi": "3.0.3",
        "info": document.get("info").cloned().unwrap_or_default(),
        "paths": paths,
        "components": components,
    });
    clean(&mut result, "", false)?;
    // Prose to the cleaner, facts here: the standard asks for a title, and provenance names the source.
    let info = |key: &str| document.pointer(&format!("/info/{key}")).and_then(Value::as_str);
    let title = info("title").context("`info.title` is missing")?;
    result["info"] =
        json!({ "title": title, "version": info("version").context("`info.version` is missing")? });
    result["x-source"] = provenance(document, version, bytes, date);
    Ok(result)
}

fn provenance(document: &Value, openapi: &str, bytes: &[u8], date: Option<&str>) -> Value {
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut source = json!({
        "title": document.pointer("/info/title"),
        "version": document.pointer("/info/version"),
        "openapi": openapi,
        "sha256": sha256,
    });
    if let Some(date) = date.map(str::to_owned).or_else(|| newest_retrieval(document)) {
        source["retrieved"] = json!(date);
    } else {
        eprintln!("note: the document does not say when it was retrieved; `--date YYYY-MM-DD` records it");
    }
    source
}

/// The newest `retrieved` of any top-level vendor extension.
fn newest_retrieval(document: &Value) -> Option<String> {
    let extensions = document.as_object()?.iter().filter(|(key, _)| key.starts_with("x-"));
    let entries = extensions.filter_map(|(_, value)| value.as_array()).flatten();
    let dates = entries.filter_map(|entry| entry.get("retrieved").and_then(Value::as_str));
    dates.filter(|date| parse_date(date).is_ok()).max().map(str::to_owned)
}

/// The sliced `paths`: only our methods, and the parameters that a path shares among its methods.
fn operations(document: &Value, slice: &Slice) -> Result<Map<String, Value>> {
    let all = document.get("paths").and_then(Value::as_object).context("`paths` is missing")?;
    let mut paths = Map::new();
    let mut missing = Vec::new();
    for (method, path) in slice.operations() {
        let Some(operation) = all.get(path).and_then(|item| item.get(&method)) else {
            missing.push(describe_missing(&method, path, all));
            continue;
        };
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[&method] = operation.clone();
        if let Some(shared) = all[path].get("parameters") {
            item["parameters"] = shared.clone();
        }
        // An operation that states no security of its own falls under the document's.
        if let (None, Some(security)) = (operation.get("security"), document.get("security")) {
            item[&method]["security"] = security.clone();
        }
    }
    ensure!(missing.is_empty(), "it lacks {} of our operations:\n  {}", missing.len(), missing.join("\n  "));
    Ok(paths)
}

fn describe_missing(method: &str, path: &str, all: &Map<String, Value>) -> String {
    let operation = format!("{} {path}", method.to_uppercase());
    if let Some(item) = all.get(path).and_then(Value::as_object) {
        let methods: Vec<_> =
            item.keys().filter(|key| METHODS.contains(&key.as_str())).map(|key| key.to_uppercase()).collect();
        return format!("{operation} (the path has {})", methods.join(", "));
    }
    match closest(path, all.keys()) {
        Some(close) => format!("{operation} (the nearest path is {close})"),
        None => operation,
    }
}

/// Every component that the operations reach, by section and name.
fn referenced(document: &Value, paths: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut components = Map::new();
    let mut seen = BTreeSet::new();
    let mut open = Vec::new();
    for (path, item) in paths {
        collect_references(item, &format!("/paths/{}", path.replace('/', "~1")), &mut open);
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
        collect_references(component, &reference[1..], &mut open);
        components.entry(section).or_insert_with(|| json!({}))[name] = component.clone();
    }
    Ok(components)
}

fn split_reference(reference: &str) -> Option<(&str, String)> {
    let (section, name) = reference.strip_prefix("#/components/")?.split_once('/')?;
    (!name.contains('/')).then(|| (section, name.replace("~1", "/").replace("~0", "~")))
}

fn collect_references(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match child {
                    Value::String(reference) if key == "$ref" => {
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

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Gives schemas their new names, here and in every reference to them.
fn rename(
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
                    Value::String(reference) if key == "$ref" => {
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

/// Security schemes are referred to by name, not by `$ref`.
fn add_security(document: &Value, paths: &Map<String, Value>, components: &mut Map<String, Value>) {
    let requirements = paths.values().filter_map(Value::as_object).flat_map(Map::values);
    let requirements = requirements.filter_map(|operation| operation.get("security")?.as_array()).flatten();
    let names: BTreeSet<&String> = requirements.filter_map(Value::as_object).flat_map(Map::keys).collect();
    for name in names {
        if let Some(scheme) = document.pointer(&format!("/components/securitySchemes/{}", escape(name))) {
            components.entry("securitySchemes").or_insert_with(|| json!({}))[name] = scheme.clone();
        }
    }
}

/// Drops prose, extensions and tags, and brings every schema to the spelling of 3.0.3, children first.
///
/// `names` says that the keys of `value` are names of things, among which `description` may be one.
fn clean(value: &mut Value, place: &str, names: bool) -> Result<()> {
    match value {
        Value::Object(map) => {
            if !names {
                map.retain(|key, _| {
                    !PROSE.contains(&key.as_str()) && key != "tags" && !key.starts_with("x-")
                });
            }
            for (key, child) in map.iter_mut() {
                let data = !names && DATA.contains(&key.as_str());
                // A branch that is only `null` is for its parent to fold into `nullable`.
                if data || spelling::is_null(child) {
                    continue;
                }
                let child_names = !names && NAME_MAPS.contains(&key.as_str());
                clean(child, &format!("{place}/{}", escape(key)), child_names)?;
            }
            if !names {
                spelling::normalise(map).map_err(|problem| anyhow::anyhow!("{place}: {problem}"))?;
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                if !spelling::is_null(child) {
                    clean(child, &format!("{place}/{index}"), false)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
