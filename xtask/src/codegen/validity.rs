//! Whether a resolved document is one that readers in any language can rely on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::spec::escape;
use crate::spec::spelling::each_schema;

/// All that is not right, each with its place and what to do about it.
pub(crate) fn problems(document: &Value) -> Vec<String> {
    let mut problems = undescribed(document);
    references(document, "", &mut problems);
    let mut copy = document.clone();
    each_schema(&mut copy, |place, schema| {
        // A part of a merge may require what another part has.
        if !place.contains("/allOf/") {
            let mut known = BTreeSet::new();
            let open_ended = properties(document, schema, &mut known, 0);
            let missing: Vec<&str> = required(schema).filter(|name| !known.contains(*name)).collect();
            if !open_ended && !missing.is_empty() {
                problems.push(format!(
                    "{place} requires `{}`, which is none of its properties: mend the action of openapi/overlay.yaml that says so",
                    missing.join("`, `")
                ));
            }
        }
    });
    problems
}

/// Answers without a sentence, those of a status together: one action mends them.
fn undescribed(document: &Value) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                if response.get("$ref").is_none() && !response["description"].is_string() {
                    let place = format!("/paths/{}/{method}/responses/{status}", escape(path));
                    places.entry(status).or_default().push(place);
                }
            }
        }
    }
    let line = |(status, places): (&str, Vec<String>)| {
        let all = if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
        format!(
            "{}{all} has no description: add an action with the target `$.paths.*.*.responses[\"{status}\"]` and the update \
             `description: …` to openapi/overlay.yaml",
            places[0]
        )
    };
    places.into_iter().map(line).collect()
}

fn references(value: &Value, place: &str, problems: &mut Vec<String>) {
    fn walk(root: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str)
                    && reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)).is_none()
                {
                    problems.push(format!("`{reference}` at {place} points to nothing"));
                }
                for (key, child) in map {
                    walk(root, child, &format!("{place}/{}", escape(key)), problems);
                }
            }
            Value::Array(items) => {
                for (index, child) in items.iter().enumerate() {
                    walk(root, child, &format!("{place}/{index}"), problems);
                }
            }
            _ => {}
        }
    }
    walk(value, value, place, problems);
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Collects the properties of a schema and of what is merged into it. True if it has none of its own kind
/// to compare with: a shape elsewhere, or an object of any fields.
fn properties(
    document: &Value,
    schema: &Map<String, Value>,
    known: &mut BTreeSet<String>,
    depth: usize,
) -> bool {
    if depth > 16 {
        return true;
    }
    known
        .extend(schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned());
    let mut open_ended = ["anyOf", "oneOf"].iter().any(|key| schema.contains_key(*key))
        || schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let referred =
        schema.get("$ref").and_then(Value::as_str).and_then(|to| document.pointer(to.strip_prefix('#')?));
    for part in parts.chain(referred).filter_map(Value::as_object) {
        open_ended |= properties(document, part, known, depth + 1);
    }
    open_ended
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_told_with_what_to_do() {
        let document = json!({
            "paths": {"/b": {"get": {"responses": {"422": {}}}}, "/a": {"get": {"responses": {"200": {"description": "d"}, "4XX": {},
                "422": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}}}}}},
            "components": {"schemas": {
                "Bad": {"properties": {"id": {}}, "required": ["id", "nosuch"]},
                "Good": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["base"]}], "required": ["base"]},
                "Base": {"properties": {"base": {}}, "required": ["base"]},
                "Open": {"type": "object", "additionalProperties": true, "required": ["any"]}}},
        });
        let problems = problems(&document);
        assert_eq!(problems.len(), 4, "{problems:#?}");
        for part in [
            "/paths/~1a/get/responses/4XX has no description: add an action with the target \
             `$.paths.*.*.responses[\"4XX\"]`",
            "/paths/~1a/get/responses/422 and 1 more has no description",
            "`#/components/schemas/Gone` at /paths/~1a/get/responses/422/content/application~1json/schema points to nothing",
            "/components/schemas/Bad requires `nosuch`",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
        }
    }
}
