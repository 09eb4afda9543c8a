//! What the generator needs and other readers of `resolved.json` must not see, made in memory.
//!
//! Most of it is for every document: a client must not be stricter than the service is, nor may its types
//! change with what only the service checks. [`Adjustment`] is what a slice asks for by name.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::spec::spelling::each_schema;

/// One kind of change, as `slice.toml` names it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Adjustment {
    /// The client sends `x-workspace-id` with every call; as a parameter it would be an argument of each.
    DropWorkspaceHeader,
}

impl Adjustment {
    /// The name in `slice.toml`.
    fn name(self) -> &'static str {
        match self {
            Self::DropWorkspaceHeader => "drop_workspace_header",
        }
    }
}

/// Keywords that bound a value. The generator makes types of them that refuse what is out of bounds, and
/// a bound that is new or gone would be another type.
const BOUNDS: [&str; 14] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "pattern",
    "uniqueItems",
];

/// Formats that have a type of their own. Any other is a text or a number like those without one.
const FORMATS: [&str; 4] = ["date-time", "password", "uint64", "uuid"];

/// Makes what every document needs, and the wanted adjustments. One that changes nothing has outlived its
/// reason and is an error.
pub(crate) fn adjust(document: &mut Value, wanted: &[Adjustment]) -> Result<()> {
    for adjustment in wanted {
        let changes: usize = match adjustment {
            Adjustment::DropWorkspaceHeader => operations(document).map(drop_workspace_header).sum(),
        };
        if changes == 0 {
            bail!(
                "the adjustment `{}` changes nothing; take it out of openapi/slice.toml",
                adjustment.name()
            );
        }
    }
    for operation in operations(document) {
        one_success(operation)?;
        one_body(operation)?;
        // Null cannot be said in a path, a query or a header: what is null there is left out.
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) {
                schema.remove("nullable");
            }
        }
    }
    drop_unreached(document);
    each_schema(document, loosen);
    let whole = document.clone();
    each_schema(document, |_, schema| choose(&whole, schema));
    Ok(())
}

/// All operation objects of a document.
pub(crate) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    items.flat_map(Map::values_mut).filter(|operation| operation.get("responses").is_some())
}

/// Leaves one answer to an operation, for all successes.
///
/// The generator takes at most one error type and loses the status of an error whose body has another
/// shape; without a declared error every one arrives as status, headers and unread body. And a 201 or 202
/// with a good body is a success, whatever the document names.
fn one_success(operation: &mut Value) -> Result<()> {
    let id = operation["operationId"].as_str().unwrap_or("without an id").to_owned();
    let Some(responses) = operation["responses"].as_object_mut() else { return Ok(()) };
    let mut good: Vec<Value> =
        responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, one)| one.clone()).collect();
    if good.is_empty() {
        good.extend(responses.get("default").cloned());
    }
    for one in &mut good {
        one_media_type(one);
    }
    good.dedup_by(|a, b| a.get("content") == b.get("content"));
    ensure!(
        !good.is_empty(),
        "the operation `{id}` documents no success ({}): give it a `2XX` in openapi/overlay.yaml, or leave it out of \
         openapi/slice.toml",
        responses.keys().cloned().collect::<Vec<_>>().join(", ")
    );
    ensure!(
        good.len() == 1,
        "the operation `{id}` documents {} kinds of success ({}), and a call of it gives one: take the others out in \
         openapi/overlay.yaml",
        good.len(),
        responses.keys().cloned().collect::<Vec<_>>().join(", ")
    );
    let mut only = good.remove(0);
    // The generator wants a sentence, and shows it to nobody.
    only["description"] = json!("");
    *responses = Map::from_iter([("2XX".to_owned(), only)]);
    Ok(())
}

/// The mark of an operation whose body is a form of several parts.
pub(crate) const MULTIPART: &str = "x-multipart";

/// Leaves one form of a body: JSON where that is one, then a form, then bytes.
fn one_body(operation: &mut Value) -> Result<()> {
    let id = operation["operationId"].as_str().unwrap_or("without an id").to_owned();
    let Some(body) = operation.get_mut("requestBody") else { return Ok(()) };
    let Some(content) = body.get("content").and_then(Value::as_object).filter(|content| !content.is_empty())
    else {
        bail!(
            "the body of the operation `{id}` has no `content`: give it one in openapi/overlay.yaml, or remove it"
        );
    };
    let is_multipart = !content.keys().any(|media_type| is_json(media_type) || media_type == FORM)
        && content.contains_key("multipart/form-data");
    one_media_type(body);
    if is_multipart {
        operation[MULTIPART] = json!(true);
    }
    Ok(())
}

const FORM: &str = "application/x-www-form-urlencoded";

fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or(media_type).trim();
    name == "application/json" || name.ends_with("+json")
}

/// Leaves one media type of a body, under one of the few names that the generator knows. What is neither
/// JSON nor a form is bytes.
fn one_media_type(body: &mut Value) {
    let Some(content) = body.get_mut("content").and_then(Value::as_object_mut) else { return };
    let of_any = |schema: &Value| schema.get("$ref").is_some() || schema["type"] != json!("string");
    let json = content.iter().find(|(name, _)| is_json(name)).or_else(|| {
        content.iter().find(|(name, one)| *name == "*/*" && one.get("schema").is_some_and(of_any))
    });
    let chosen = match (json, content.get(FORM)) {
        (Some((_, schema)), _) => ("application/json", schema.clone()),
        (None, Some(schema)) => (FORM, schema.clone()),
        (None, None) if content.is_empty() => return,
        (None, None) => {
            ("application/octet-stream", json!({ "schema": { "type": "string", "format": "binary" } }))
        }
    };
    *content = Map::from_iter([(chosen.0.to_owned(), chosen.1)]);
    // A content without a schema is anything.
    for one in content.values_mut().filter_map(Value::as_object_mut) {
        one.retain(|key, _| key == "schema");
        one.entry("schema").or_insert_with(|| json!({}));
    }
}

fn drop_workspace_header(operation: &mut Value) -> usize {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return 0 };
    let all = parameters.len();
    parameters.retain(|parameter| {
        parameter["in"] != json!("header") || parameter["name"] != json!("x-workspace-id")
    });
    all - parameters.len()
}

/// Drops the schemas that no call sends or reads any more: those of errors would be types that no caller
/// can get.
fn drop_unreached(document: &mut Value) {
    let mut reached = BTreeSet::new();
    let mut open = vec![&document["paths"]];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                let name = map.get("$ref").and_then(Value::as_str).and_then(schema_name);
                if let Some(name) = name
                    && reached.insert(name.to_owned())
                {
                    open.push(&document["components"]["schemas"][name]);
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| reached.contains(name));
    }
}

fn schema_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

/// Drops what would make a type stricter than the service, or another one when the vendor says more.
fn loosen(place: &str, schema: &mut Map<String, Value>) {
    schema.retain(|key, _| !BOUNDS.contains(&key.as_str()));
    // The service fills it in. As a default of ours it would be sent, and a field without one read another
    // way than a field with one.
    schema.remove("default");
    // The body of bytes that `one_media_type` made is the generator's own spelling of it.
    let bytes = schema.len() == 2
        && schema.get("format") == Some(&json!("binary"))
        && place.ends_with("octet-stream/schema");
    if !bytes && schema.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS.contains(&format))
    {
        schema.remove("format");
    }
    if schema.get("additionalProperties").is_some_and(Value::is_boolean) {
        schema.remove("additionalProperties");
    }
    match schema.get("enum").and_then(Value::as_array) {
        Some(values) if values.iter().all(Value::is_string) => {
            if !have_names(values) {
                schema.remove("enum");
            }
            schema.insert("type".into(), json!("string"));
            schema.remove("format");
        }
        // A closed list of numbers would be a type that refuses the next one.
        Some(_) => drop(schema.remove("enum")),
        None => {}
    }
}

/// True if the generator finds a name for each value: it leaves signs out and knows no case. Without names,
/// `a` and `A` are text.
fn have_names(values: &[Value]) -> bool {
    let mut seen = BTreeSet::from(["unknownvalue".to_owned()]);
    values.iter().filter_map(Value::as_str).all(|text| {
        let letters = text.chars().filter(|one| one.is_alphanumeric());
        seen.insert(letters.flat_map(char::to_lowercase).collect())
    })
}

/// Makes one choice of a union: the first shape that fits. The generator's own reading of `anyOf` puts all
/// shapes into one object, which no text can be read as.
fn choose(document: &Value, schema: &mut Map<String, Value>) {
    let Some((key, mut branches)) =
        ["anyOf", "oneOf"].into_iter().find_map(|key| Some((key, schema.get(key)?.as_array()?.clone())))
    else {
        return;
    };
    schema.remove(key);
    let takes = |branch: &Value| kind(document, branch);
    let any_text = branches.iter().any(|branch| takes(branch) == Takes::Text);
    if any_text {
        let mut first = true;
        // One shape takes every text: the others that are texts say nothing more.
        branches.retain_mut(|branch| match takes(branch) {
            Takes::Text | Takes::SomeText => {
                *branch = json!({ "type": "string" });
                std::mem::take(&mut first)
            }
            _ => true,
        });
    }
    if branches.iter().any(|branch| takes(branch) == Takes::Anything) {
        return;
    }
    if let [one] = branches.as_mut_slice() {
        if let Some(one) = one.as_object_mut() {
            schema.append(one);
        }
        return;
    }
    schema.insert("oneOf".into(), Value::Array(branches));
}

/// What a shape takes.
#[derive(PartialEq)]
enum Takes {
    Anything,
    Text,
    SomeText,
    Other,
}

fn kind(document: &Value, schema: &Value) -> Takes {
    // Circles of references are refused before the generator runs.
    let mut schema = schema;
    for _ in 0..8 {
        match schema.get("$ref").and_then(Value::as_str).and_then(schema_name) {
            Some(name) => schema = &document["components"]["schemas"][name],
            None => break,
        }
    }
    let text = schema["type"] == json!("string");
    match schema.as_object() {
        Some(map) if map.is_empty() => Takes::Anything,
        _ if text && schema.get("enum").is_none() && schema.get("format").is_none() => Takes::Text,
        _ if text => Takes::SomeText,
        _ => Takes::Other,
    }
}
