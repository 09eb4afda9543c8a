//! Answers are read by the models: those of today, and those that a change allows which the comparison calls
//! compatible. One document has all changes, each as a schema before and one after, so that one build is
//! enough.

use serde_json::{Value, json};

use super::Checkout;
use super::whole::resolved;
use crate::codegen;
use crate::spec::diff::rules::Class;
use crate::spec::diff::{self, Document};

/// A change of one property of an answer: before, after, the values that each allows, and whether the
/// property is required before and after.
struct Edit {
    before: (Value, bool),
    after: (Value, bool),
    values_before: Value,
    values_after: Value,
}

/// The value that stands for a property that is not there.
const ABSENT: &str = "(absent)";

fn edits() -> Vec<Edit> {
    let edit = |before: Value, after: Value, values_before: Value, values_after: Value| Edit {
        before: (before, false),
        after: (after, false),
        values_before,
        values_after,
    };
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer"});
    let nullable = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    let id = "6f1c2f1e-6a5c-4d55-8d4b-1f2f3a4b5c6d";
    let mut all = vec![
        // Bounds, which say what the service checks.
        edit(number(), json!({"type": "integer", "minimum": 0}), json!([-1, 0, 5]), json!([0, 5])),
        edit(number(), json!({"type": "integer", "exclusiveMinimum": 0}), json!([0]), json!([1])),
        edit(
            number(),
            json!({"type": "integer", "minimum": 1, "maximum": 100}),
            json!([0, 200]),
            json!([1, 100]),
        ),
        edit(
            text(),
            json!({"type": "string", "minLength": 1, "maxLength": 3}),
            json!(["", "long enough"]),
            json!(["a"]),
        ),
        edit(text(), json!({"type": "string", "pattern": "^a"}), json!(["b"]), json!(["a"])),
        edit(
            json!({"type": "array", "items": number()}),
            json!({"type": "array", "items": number(), "minItems": 2, "maxItems": 2, "uniqueItems": true}),
            json!([[], [1, 1, 1]]),
            json!([[1, 2]]),
        ),
        // Unions of texts.
        edit(
            json!({}),
            json!({"anyOf": [{"const": "manual"}, text(), {"type": "null"}]}),
            json!([1, null]),
            json!(["ci", "manual", null, ABSENT]),
        ),
        edit(text(), json!({"anyOf": [{"const": "manual"}, text()]}), json!(["ci"]), json!(["manual"])),
        edit(
            text(),
            json!({"anyOf": [{"type": "string", "format": "uuid"}, text()]}),
            json!(["x", id]),
            json!(["x", id]),
        ),
        edit(nullable(text()), text(), json!(["x", null, ABSENT]), json!(["x", ABSENT])),
        // Kinds of value that are less than before.
        // A half fits no whole number, however it is read: the models' own types change, which is seen.
        edit(json!({"type": "number"}), number(), json!([2.0, 2]), json!([3])),
        edit(
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"type": "string", "enum": ["a"]}),
            json!(["a", "b"]),
            json!(["a"]),
        ),
        edit(
            json!({"anyOf": [text(), number()]}),
            json!({"anyOf": [number(), text()]}),
            json!(["x", 1]),
            json!(["x", 1]),
        ),
        edit(
            json!({"type": "object", "additionalProperties": number()}),
            json!({"type": "object", "additionalProperties": {"type": "integer", "maximum": 9}}),
            json!([{}, {"a": 10}, null]),
            json!([{"a": 1}]),
        ),
    ];
    // A property that becomes required, with and without null.
    for schema in [
        text(),
        nullable(text()),
        nullable(number()),
        nullable(json!({"type": "string", "format": "date-time"})),
    ] {
        let is_nullable = schema.get("anyOf").is_some();
        let before = if is_nullable { json!([ABSENT, null]) } else { json!([]) };
        let after = if is_nullable { json!([null]) } else { json!(["x"]) };
        all.push(Edit {
            before: (schema.clone(), false),
            after: (schema, true),
            values_before: before,
            values_after: after,
        });
    }
    all
}

fn schema((property, required): &(Value, bool)) -> Value {
    let required: &[&str] = if *required { &["value"] } else { &[] };
    json!({"type": "object", "properties": {"value": property}, "required": required})
}

fn document(schemas: Value) -> Value {
    let names: Vec<String> = schemas.as_object().unwrap().keys().cloned().collect();
    let mut paths = json!({});
    for name in names {
        let answer = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
        paths[format!("/{name}")] = json!({"get": {"operationId": format!("get_{name}"),
            "responses": {"200": {"description": "", "content": {"application/json": answer}}}}});
    }
    json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths,
        "components": {"schemas": schemas}})
}

fn answers(values: &Value) -> Vec<String> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| if value == ABSENT { json!({}) } else { json!({"value": value}) }.to_string())
        .collect()
}

#[test]
fn what_is_called_compatible_in_an_answer_is_read_by_the_models_of_both_sides() {
    let mut schemas = json!({});
    let (mut lines, mut compatible) = (Vec::new(), 0);
    for (number, edit) in edits().iter().enumerate() {
        let (before, after) = (schema(&edit.before), schema(&edit.after));
        let one = |schema: &Value| Document::new(document(json!({"Thing": schema}))).unwrap();
        let report = diff::compare(&one(&before), &one(&after));
        let breaks = report.findings.iter().any(|finding| finding.class == Class::Breaking);
        (schemas[format!("Before{number}")], schemas[format!("After{number}")]) = (before, after);
        let mut read = |model: &str, values: &Value| {
            for answer in answers(values) {
                lines.push(format!("    read::<types::{model}{number}>(r#\"{answer}\"#);"));
            }
        };
        // Today's answers are read by today's models, whatever the comparison says.
        read("Before", &edit.values_before);
        read("After", &edit.values_after);
        if !breaks {
            compatible += 1;
            read("Before", &edit.values_after);
            read("After", &edit.values_before);
        }
    }
    assert!(compatible >= 10, "{compatible} of these changes are called compatible");
    let code = codegen::generate(resolved(&document(schemas)).unwrap(), &[]).unwrap();
    run(&code, &lines.join("\n"));
}

/// The models of a whole platform read what it may send.
#[test]
fn the_answers_of_a_platform_are_read() {
    let id = "6f1c2f1e-6a5c-4d55-8d4b-1f2f3a4b5c6d";
    let lines = [
        ("Texts", json!({"literal": "ci", "id": "x", "stamp": id, "mixed": ["a"]})),
        ("Texts", json!({"literal": "manual", "id": id, "stamp": "2026-01-01T00:00:00Z", "mixed": 5})),
        ("Texts", json!({"literal": null, "stamp": "whenever", "mixed": {"a": 1}, "models": 7})),
        ("Texts", json!({"models": {"name": "n"}, "merged": {"name": "n", "more": 1.0}})),
        ("Union", json!({"kind": "a", "a": 1})),
        ("Union", json!({"kind": "b", "b": null})),
        ("Union", json!({"kind": "c", "c": 1})),
        ("Formats", json!({"date": "2026-01-01", "at": "", "needed": null})),
        (
            "Formats",
            json!({"date": "2026-01-01", "at": null, "few": [1, 1, 1.0], "level": "new", "step": 3,
            "kind": "other", "map": {"a": 10}, "nothing": null, "anything": 1, "never": 2, "closed": {"b": 1},
            "rest": {"a": "x", "b": "y"}, "middle": {"size": 1}, "address": "nowhere", "half": 1}),
        ),
        ("Level", json!("new")),
        (
            "Names",
            json!({"self": "s", "": "e", "+1": 1, "-1": -1.0, "имя": "n", "option": {"b": 1}, "operator": "~",
            "cases": "A", "ours": "unknown_value", "pair": [1, "b"], "decimal": "0.1", "always": false,
            "never": 1, "perhaps": null, "both": 2, "pet": {"kind": "bird"}, "few": {"y": 1},
            "deep": [{"a": [1.0]}, {}], "unknown": []}),
        ),
        ("Names", json!({"perhaps": "b", "decimal": 0.1, "pet": {"kind": "dog", "age": 3}, "deep": null})),
    ];
    let lines: Vec<String> =
        lines.iter().map(|(model, answer)| format!("    read::<types::{model}>(r#\"{answer}\"#);")).collect();
    run(&codegen::generate(super::whole::platform(), &[]).unwrap(), &lines.join("\n"));
}

/// Reads and writes again; nothing may be lost.
fn run(code: &str, lines: &str) {
    let checkout = Checkout::new();
    checkout.write("crates/api/src/generated.rs", code);
    let test = format!(
        "use mlspace_registry_api::types;\n\
         fn read<T: serde::de::DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug>(text: &str) {{\n    \
         let value: T = serde_json::from_str(text).unwrap_or_else(|error| panic!(\"{{text}} as {{}}: {{error}}\", \
         std::any::type_name::<T>()));\n    \
         let again: T = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();\n    \
         assert_eq!(value, again, \"{{text}}\");\n}}\n\
         #[test]\nfn all() {{\n{lines}\n}}\n"
    );
    checkout.write("crates/api/tests/reads.rs", &test);
    checkout.cargo(&[
        "test",
        "--quiet",
        "--package",
        "mlspace-registry-api",
        "--all-features",
        "--test",
        "reads",
    ]);
}
