//! One spelling for what OpenAPI 3.0 and 3.1 write differently: that of 3.0.3.
//!
//! The vendor's document calls itself 3.1.0 and mixes both. Bringing it to one spelling on the way in
//! means that a vendor who only changes the spelling changes nothing here.

use serde_json::{Map, Value, json};

use super::{DATA, NAME_MAPS, escape};

/// A schema that cannot be said in OpenAPI 3.0.
#[derive(Debug)]
pub(crate) struct Unspeakable {
    /// JSON pointer of the schema.
    pub(crate) place: String,
    /// Why, as a sentence.
    pub(crate) problem: String,
}

/// Brings every schema of a document to the spelling of 3.0.3, children first. What has no counterpart
/// there is left as it is and returned.
pub(crate) fn normalise_document(document: &mut Value) -> Vec<Unspeakable> {
    let mut problems = Vec::new();
    each_schema(document, |place, schema| {
        if let Err(problem) = normalise(schema) {
            problems.push(Unspeakable { place: place.to_owned(), problem });
        }
    });
    problems
}

/// Hands every schema of a document to `edit`, with its JSON pointer, children first.
pub(crate) fn each_schema(document: &mut Value, mut edit: impl FnMut(&str, &mut Map<String, Value>)) {
    Walk { place: String::new(), edit: &mut edit }.visit(document, Position::Structure);
}

/// The meaning of the keys of an object.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    /// Keywords of the document outside schemas.
    Structure,
    /// Names of things outside schemas.
    Names,
    /// Names of schemas.
    SchemaNames,
    /// Keywords of a schema.
    Schema,
}

impl Position {
    /// Where the value of `key` is, or `None` if it is data.
    fn child(self, key: &str) -> Option<Self> {
        match self {
            Self::SchemaNames => Some(Self::Schema),
            Self::Names => Some(Self::Structure),
            Self::Schema | Self::Structure if DATA.contains(&key) || key.starts_with("x-") => None,
            Self::Schema if NAME_MAPS.contains(&key) => Some(Self::SchemaNames),
            Self::Schema => Some(Self::Schema),
            Self::Structure if key == "schema" => Some(Self::Schema),
            Self::Structure if key == "schemas" => Some(Self::SchemaNames),
            Self::Structure if NAME_MAPS.contains(&key) => Some(Self::Names),
            Self::Structure => Some(Self::Structure),
        }
    }
}

struct Walk<'a> {
    place: String,
    edit: &'a mut dyn FnMut(&str, &mut Map<String, Value>),
}

impl Walk<'_> {
    fn visit(&mut self, value: &mut Value, position: Position) {
        match value {
            Value::Object(map) => {
                for (key, child) in map.iter_mut() {
                    if let Some(position) = position.child(key) {
                        self.step(&escape(key), child, position);
                    }
                }
                if position == Position::Schema {
                    (self.edit)(&self.place, map);
                }
            }
            Value::Array(items) => {
                // The entries of a list are not names, whatever the list is called.
                let position = match position {
                    Position::Names => Position::Structure,
                    Position::SchemaNames => Position::Schema,
                    other => other,
                };
                for (index, child) in items.iter_mut().enumerate() {
                    self.step(&index.to_string(), child, position);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, segment: &str, child: &mut Value, position: Position) {
        if let (Value::Bool(any), true) =
            (&*child, position == Position::Schema && self.takes_schema(segment))
        {
            // Of 3.1: a schema that takes everything, or nothing.
            *child = if *any { json!({}) } else { json!({ "not": {} }) };
        }
        // A branch that is only `null` is for its parent to fold into `nullable`.
        if position == Position::Schema && self.in_branches() && is_null(child) {
            return;
        }
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(segment);
        self.visit(child, position);
        self.place.truncate(length);
    }

    /// True where a truth value is a schema, and not a keyword such as `nullable`.
    fn takes_schema(&self, segment: &str) -> bool {
        let parent = self.place.rsplit('/').next().unwrap_or_default();
        ["properties", "schemas", "patternProperties", "allOf", "anyOf", "oneOf"].contains(&parent)
            || ["items", "not", "schema"].contains(&segment)
    }

    fn in_branches(&self) -> bool {
        self.place.ends_with("/anyOf") || self.place.ends_with("/oneOf")
    }
}

/// Rewrites one schema object, whose children are already rewritten.
///
/// Returns what has no counterpart in 3.0.3, as a sentence.
fn normalise(schema: &mut Map<String, Value>) -> Result<(), String> {
    constant_to_enum(schema);
    null_type_to_nullable(schema)?;
    null_branch_to_nullable(schema);
    null_value_to_nullable(schema);
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if schema.get(exclusive).is_some_and(Value::is_number) {
            let limit = schema.insert(exclusive.into(), json!(true)).unwrap_or_default();
            schema.insert(bound.into(), limit);
        }
    }
    if schema.get("nullable") == Some(&json!(false)) {
        schema.remove("nullable");
    }
    reference_beside_others_to_all_of(schema);
    Ok(())
}

fn constant_to_enum(schema: &mut Map<String, Value>) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".into(), json!([value]));
    }
}

/// `type: [string, "null"]` → `type: string, nullable: true`; several types become `anyOf`.
fn null_type_to_nullable(schema: &mut Map<String, Value>) -> Result<(), String> {
    if schema.get("type") == Some(&json!("null")) || schema.get("type") == Some(&json!(["null"])) {
        // 3.0 has no such type; a list of the only value says the same.
        schema.remove("type");
        schema.insert("enum".into(), json!([null]));
        schema.insert("nullable".into(), json!(true));
        return Ok(());
    }
    let Some(Value::Array(types)) = schema.get("type") else { return Ok(()) };
    let mut types = types.clone();
    let all = types.len();
    types.retain(|name| name != "null");
    if types.len() < all {
        schema.insert("nullable".into(), json!(true));
    }
    match types.as_slice() {
        [] => return Err("a list of types without a type says nothing".into()),
        [one] => {
            schema.insert("type".into(), one.clone());
        }
        several => {
            let branches: Vec<_> = several.iter().map(|name| json!({ "type": name })).collect();
            schema.remove("type");
            schema.insert("anyOf".into(), Value::Array(branches));
        }
    }
    Ok(())
}

/// `anyOf: [X, {type: "null"}]` → `X, nullable: true`. The branch is still spelled `null` here because
/// [`is_null`] branches are left alone until their parent has seen them.
fn null_branch_to_nullable(schema: &mut Map<String, Value>) {
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = schema.get_mut(key) else { continue };
        let all = branches.len();
        branches.retain(|branch| !is_null(branch));
        if branches.len() == all {
            continue;
        }
        let only = match branches.len() {
            0 => Some(json!({ "enum": [null] })),
            1 => branches.pop(),
            _ => None,
        };
        schema.insert("nullable".into(), json!(true));
        if let Some(Value::Object(only)) = only {
            schema.remove(key);
            for (name, value) in only {
                schema.entry(name).or_insert(value);
            }
        }
    }
}

/// A schema that allows `null` and nothing else, in whatever words.
fn is_null(schema: &Value) -> bool {
    let says = |key: &str, value: Value| schema.get(key) == Some(&value);
    says("type", json!("null"))
        || says("type", json!(["null"]))
        || says("enum", json!([null]))
        || says("const", json!(null))
}

fn null_value_to_nullable(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && values.iter().any(Value::is_null)
    {
        // What is only null keeps its list, which is all that says so.
        if values.iter().any(|value| !value.is_null()) {
            values.retain(|value| !value.is_null());
        }
        schema.insert("nullable".into(), json!(true));
    }
}

/// In 3.0 everything beside a `$ref` is ignored, so `{$ref, nullable}` must be said with `allOf`.
fn reference_beside_others_to_all_of(schema: &mut Map<String, Value>) {
    if schema.len() > 1
        && let Some(reference) = schema.remove("$ref")
    {
        schema.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(schema: Value) -> Value {
        let Value::Object(mut schema) = schema else { panic!("not an object") };
        normalise(&mut schema).unwrap();
        Value::Object(schema)
    }

    #[test]
    fn both_spellings_of_the_same_thing_end_alike() {
        let pairs = [
            (json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true})),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
                json!({"type": "string", "nullable": true}),
            ),
            (
                json!({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}),
                json!({"allOf": [{"$ref": "#/x"}], "nullable": true}),
            ),
            (
                json!({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}),
                json!({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": true}),
            ),
            (json!({"const": "ok"}), json!({"enum": ["ok"]})),
            (json!({"const": "ok", "enum": ["ok"]}), json!({"enum": ["ok"]})),
            (json!({"exclusiveMinimum": 0}), json!({"minimum": 0, "exclusiveMinimum": true})),
            (json!({"exclusiveMaximum": 9.5}), json!({"maximum": 9.5, "exclusiveMaximum": true})),
            (json!({"$ref": "#/x", "nullable": true}), json!({"allOf": [{"$ref": "#/x"}], "nullable": true})),
            (json!({"enum": ["a", null]}), json!({"enum": ["a"], "nullable": true})),
            (
                json!({"anyOf": [{"type": "string"}, {"const": null}]}),
                json!({"type": "string", "nullable": true}),
            ),
            (
                json!({"oneOf": [{"enum": [null]}, {"type": "string"}, {"type": ["null"]}]}),
                json!({"type": "string", "nullable": true}),
            ),
            (json!({"anyOf": [{"type": "null"}]}), json!({"enum": [null], "nullable": true})),
            (json!({"type": "null"}), json!({"enum": [null], "nullable": true})),
            (json!({"const": null}), json!({"enum": [null], "nullable": true})),
            (json!({"type": "string", "nullable": false}), json!({"type": "string"})),
            (
                json!({"type": ["string", "integer"]}),
                json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            ),
        ];
        for (newer, older) in pairs {
            assert_eq!(normalised(newer.clone()), older, "from {newer}");
            assert_eq!(normalised(older.clone()), older, "{older} is already in the spelling of 3.0");
        }
    }

    #[test]
    fn only_schemas_are_rewritten_and_names_are_not_keywords() {
        let mut document = json!({
            "paths": {"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/a", "description": "d"}]}}},
            "components": {"schemas": {"const": {"properties": {
                "const": {"const": 1}, "default": {"type": ["string", "null"], "default": {"const": 1}}}}}},
        });
        assert!(normalise_document(&mut document).is_empty());
        assert_eq!(
            document["paths"]["/a"]["get"]["parameters"][0],
            json!({"$ref": "#/components/parameters/a", "description": "d"})
        );
        assert_eq!(
            document["components"]["schemas"]["const"]["properties"],
            json!({"const": {"enum": [1]},
                "default": {"type": "string", "nullable": true, "default": {"const": 1}}})
        );
    }

    #[test]
    fn what_cannot_be_said_is_named_and_left() {
        let mut document = json!({"components": {"schemas": {"a/b": {"items": {"type": []}}}}});
        let problems = normalise_document(&mut document);
        assert_eq!(problems[0].place, "/components/schemas/a~1b/items");
        assert_eq!(document["components"]["schemas"]["a/b"]["items"], json!({"type": []}));
    }

    #[test]
    fn null_alone_and_schemas_that_are_truth_values_are_said_in_other_words() {
        let mut document = json!({"components": {"schemas": {"a": {"properties": {
            "nothing": {"type": "null"}, "none": {"type": ["null"]}, "any": true, "never": false,
            "list": {"items": false, "uniqueItems": true}}, "additionalProperties": false}}}});
        assert!(normalise_document(&mut document).is_empty());
        let only = json!({"enum": [null], "nullable": true});
        assert_eq!(
            document["components"]["schemas"]["a"],
            json!({"properties": {"nothing": only, "none": only, "any": {}, "never": {"not": {}},
                "list": {"items": {"not": {}}, "uniqueItems": true}}, "additionalProperties": false})
        );
    }
}
