//! `cargo xtask spec import`: the official document → `openapi/registry.json`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::nearest::closest;
use super::slice::Slice;
use super::words::{self, WORDS};
use super::{METHODS, escape, openapi_version, prose, references, spelling};
use crate::file;

/// Where the slice of the official document is kept.
pub(crate) const REGISTRY: &str = "openapi/registry.json";

/// Imports `source` into the repository at `root`. Nothing is written unless all of it is good.
pub(crate) fn run(root: &Path, source: &Path, date: Option<&str>) -> Result<()> {
    let slice = Slice::read(&root.join("openapi/slice.toml"))?;
    let (document, text) = file::read_document(source)?;
    let imported = import(&document, &slice, text.as_bytes(), date)
        .with_context(|| format!("{} cannot be imported", source.display()))?;
    let marks = words::marks(&words::sentences(&document, &slice))?;
    let outputs = [(REGISTRY.to_owned(), file::to_stable_json(&imported)?), (WORDS.to_owned(), marks)];
    file::replace_all(root, &outputs)?;
    eprintln!("{REGISTRY}: {} operations", slice.operations.len());
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
    let version = openapi_version(document)?;
    let mut paths = operations(document, slice)?;
    let mut components = references::reached(document, &mut paths)?;
    references::rename(&mut paths, &mut components, &slice.rename)?;
    add_security(document, &paths, &mut components);

    let mut result = json!({
        "openapi": "3.0.3",
        "paths": paths,
        "components": components,
    });
    let unspeakable = spelling::normalise_document(&mut result);
    let lines: Vec<String> =
        unspeakable.iter().map(|one| format!("{}: {}", one.place, one.problem)).collect();
    ensure!(lines.is_empty(), "{}", lines.join("\n  "));
    sort_required(&mut result);
    // The standard asks for a title, and provenance names the source.
    let info = |key: &str| match document.pointer(&format!("/info/{key}")) {
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(Value::Number(number)) => bail!("`info.{key}` is the number {number}; put it in quotes"),
        _ => bail!("`info.{key}` is missing"),
    };
    result["info"] = json!({ "title": info("title")?, "version": info("version")? });
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

/// The sliced `paths`: only our methods, each with all that it needs in its own place. Whether the
/// vendor writes a parameter once for a path, as a component or in each operation changes nothing then.
fn operations(document: &Value, slice: &Slice) -> Result<Map<String, Value>> {
    let all = document.get("paths").and_then(Value::as_object).context("`paths` is missing")?;
    let mut paths = Map::new();
    let mut missing = Vec::new();
    for (method, path) in slice.operations() {
        let place = format!("/paths/{}/{method}", escape(path));
        let Some(operation) = all.get(path).and_then(|item| item.get(&method)) else {
            missing.push(describe_missing(&method, path, all));
            continue;
        };
        ensure!(operation.is_object(), "{place} is not an object");
        let mut operation = operation.clone();
        let mut shared = all[path].get("parameters").cloned().unwrap_or_default();
        references::put_in_place(document, &mut operation, &place)?;
        references::put_in_place(document, &mut shared, &place)?;
        lower_header_names(&mut operation, &mut shared);
        share_parameters(&mut operation, shared);
        prose::strip(&mut operation, false);
        // An operation that states no security of its own falls under the document's.
        if let (None, Some(security)) = (operation.get("security"), document.get("security")) {
            operation["security"] = security.clone();
        }
        paths.entry(path).or_insert_with(|| json!({}))[&method] = operation;
    }
    ensure!(missing.is_empty(), "it lacks {} of our operations:\n  {}", missing.len(), missing.join("\n  "));
    Ok(paths)
}

/// Names of headers have no case: another spelling is no change for whoever looks for them.
fn lower_header_names(operation: &mut Value, shared: &mut Value) {
    let own = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in own.chain(shared.as_array_mut().into_iter().flatten()) {
        lower_if_header(parameter);
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, response) in responses {
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            *headers = std::mem::take(headers)
                .into_iter()
                .map(|(name, header)| (name.to_ascii_lowercase(), header))
                .collect();
        }
    }
}

/// A parameter or a key that travels in a header.
fn lower_if_header(holder: &mut Value) {
    let is_header = holder.get("in").is_some_and(|place| place == "header");
    if let Some(Value::String(name)) = holder.get_mut("name").filter(|_| is_header) {
        name.make_ascii_lowercase();
    }
}

/// Adds the parameters that a path shares among its operations; an operation's own go first.
fn share_parameters(operation: &mut Value, shared: Value) {
    let Value::Array(shared) = shared else { return };
    let own = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let overridden =
        |other: &Value| own.iter().any(|own| own["name"] == other["name"] && own["in"] == other["in"]);
    let added: Vec<Value> = shared.into_iter().filter(|parameter| !overridden(parameter)).collect();
    if !added.is_empty() {
        operation["parameters"] = Value::Array(own.into_iter().chain(added).collect());
    }
}

/// `required` is a set: another order is no change.
fn sort_required(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(names)) = map.get_mut("required") {
                names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                names.dedup();
            }
            map.values_mut().for_each(sort_required);
        }
        Value::Array(items) => items.iter_mut().for_each(sort_required),
        _ => {}
    }
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

/// Security schemes are referred to by name, not by `$ref`.
fn add_security(document: &Value, paths: &Map<String, Value>, components: &mut Map<String, Value>) {
    let requirements = paths.values().filter_map(Value::as_object).flat_map(Map::values);
    let requirements = requirements.filter_map(|operation| operation.get("security")?.as_array()).flatten();
    let names: BTreeSet<&String> = requirements.filter_map(Value::as_object).flat_map(Map::keys).collect();
    for name in names {
        if let Some(scheme) = document.pointer(&format!("/components/securitySchemes/{}", escape(name))) {
            let mut scheme = scheme.clone();
            prose::strip(&mut scheme, false);
            lower_if_header(&mut scheme);
            components.entry("securitySchemes").or_insert_with(|| json!({}))[name] = scheme;
        }
    }
}
