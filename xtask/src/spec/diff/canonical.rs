//! One form for schemas that differ in a document and are the same on the wire.
//!
//! The import keeps what the vendor wrote. Here only the comparison is prepared, so that an edit which no
//! client can notice gives no finding.

use serde_json::{Map, Value, json};

use crate::spec::prose::PROSE;

/// Keywords that say nothing when they take every value.
const VACUOUS: [&str; 7] = [
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentSchema",
];
/// Bounds that every value keeps.
const ZEROES: [&str; 4] = ["minLength", "minItems", "minProperties", "minContains"];

/// Rewrites one schema whose children are already rewritten.
pub(super) fn canonicalise(schema: &mut Map<String, Value>) {
    vacuous(schema);
    tuple(schema);
    format(schema);
    if schema.get("type") == Some(&json!("integer")) {
        whole_bounds(schema);
    }
    union(schema);
}

fn vacuous(schema: &mut Map<String, Value>) {
    // Without a type, `items` is all that says that it is an array.
    let is_typed = schema.contains_key("type");
    let takes_all = |value: &Value| *value == json!(true) || *value == json!({});
    schema.retain(|key, value| match key.as_str() {
        "default" => !value.is_null(),
        "items" | "additionalProperties" if !is_typed => true,
        key if ZEROES.contains(&key) => *value != json!(0) || key == "minContains",
        key => !(VACUOUS.contains(&key) && takes_all(value)),
    });
}

/// `items: [a, b]` of older drafts is `prefixItems`, and its `additionalItems` is `items`. An end of the
/// list is a bound.
fn tuple(schema: &mut Map<String, Value>) {
    if schema.get("items").is_some_and(Value::is_array)
        && let Some(items) = schema.remove("items")
    {
        schema.insert("prefixItems".into(), items);
        if let Some(rest) = schema.remove("additionalItems") {
            schema.insert("items".into(), rest);
        }
    }
    let Some(places) = schema.get("prefixItems").and_then(Value::as_array).map(Vec::len) else { return };
    let most = schema.get("maxItems").and_then(Value::as_u64);
    let is_closed =
        schema.get("items").is_some_and(|rest| *rest == json!(false) || *rest == json!({ "not": {} }));
    if is_closed && most.is_none_or(|most| most > places as u64) {
        schema.insert("maxItems".into(), json!(places));
    }
    if is_closed || most.is_some_and(|most| most <= places as u64) {
        schema.remove("items");
    }
}

/// The versions of a UUID look alike; 3.1 says bytes by their encoding where 3.0 has a format.
fn format(schema: &mut Map<String, Value>) {
    if let Some(format) = schema.get_mut("format")
        && format
            .as_str()
            .and_then(|name| name.strip_prefix("uuid"))
            .is_some_and(|version| version.len() == 1)
    {
        *format = json!("uuid");
    }
    if schema.get("type") != Some(&json!("string")) || schema.contains_key("format") {
        return;
    }
    let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_ascii_lowercase);
    let format = match (text("contentEncoding").as_deref(), text("contentMediaType").as_deref()) {
        (Some("base64"), None | Some("application/octet-stream")) => "byte",
        (None, Some("application/octet-stream")) => "binary",
        _ => return,
    };
    schema.retain(|key, _| key != "contentEncoding" && key != "contentMediaType");
    schema.insert("format".into(), json!(format));
}

/// Of whole numbers, more than 0 is at least 1.
fn whole_bounds(schema: &mut Map<String, Value>) {
    for (bound, exclusive, step) in [("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)]
    {
        let is_exclusive = schema.remove(exclusive) == Some(json!(true));
        let Some(limit) = schema.get(bound).and_then(Value::as_f64) else { continue };
        let nearest = if step > 0 { limit.ceil() } else { limit.floor() };
        // Beyond this, a float no longer tells whole numbers apart.
        if nearest.abs() > 2_f64.powi(53) {
            if is_exclusive {
                schema.insert(exclusive.into(), json!(true));
            }
            continue;
        }
        let moved = if is_exclusive && nearest == limit { step } else { 0 };
        schema.insert(bound.into(), json!(nearest as i64 + moved));
    }
}

/// A branch of `anyOf` that another one covers adds nothing; one that is left is what all must be.
fn union(schema: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = schema.get_mut("anyOf") else { return };
    let mut kept: Vec<Value> = Vec::new();
    let mut nullable = false;
    for (index, branch) in branches.iter().enumerate() {
        let covered = branches.iter().enumerate().any(|(other, wide)| {
            // Of two that cover each other the first stays.
            other != index && covers(wide, branch) && (other < index || !covers(branch, wide))
        });
        if covered {
            nullable |= branch.get("nullable") == Some(&json!(true));
        } else {
            kept.push(branch.clone());
        }
    }
    if kept.len() == branches.len() && kept.len() > 1 {
        return;
    }
    *branches = kept;
    if let [only] = branches.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        if let Value::Array(all_of) = schema.entry("allOf").or_insert_with(|| json!([])) {
            all_of.push(only);
        }
    }
    if nullable {
        schema.insert("nullable".into(), json!(true));
    }
}

/// Says if `wide` is a bare type, or nothing at all, and takes whatever `narrow` does.
fn covers(wide: &Value, narrow: &Value) -> bool {
    let said = |schema: &Value| -> Map<String, Value> {
        let all = schema.as_object().into_iter().flatten();
        let said = all.filter(|(key, _)| {
            !PROSE.contains(&key.as_str()) && *key != "nullable" && !key.starts_with("x-")
        });
        said.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (wide, narrow) = (said(wide), said(narrow));
    if wide == narrow {
        return true;
    }
    match (wide.len(), wide.get("type")) {
        (0, _) => true,
        (1, Some(kind)) => {
            let values = narrow.get("enum").and_then(Value::as_array);
            let is_text =
                || *kind == json!("string") && values.is_some_and(|all| all.iter().all(Value::is_string));
            match narrow.get("type") {
                Some(other) => other == kind || (*kind == json!("number") && *other == json!("integer")),
                None => is_text(),
            }
        }
        _ => false,
    }
}
