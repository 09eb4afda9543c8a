//! Edits of a document that change nothing on the wire, and those that name the right thing.

use serde_json::{Value, json};

use super::{calling, diff, document, merged, reading, rules, sending};

/// Each pair in both directions, sent and read.
#[track_caller]
fn assert_same(old: &Value, new: &Value) {
    for place in [sending, reading] {
        for (old, new) in [(old, new), (new, old)] {
            assert_eq!(rules(&diff(&place(old), &place(new))), Vec::<&str>::new(), "{old}\n{new}");
        }
    }
}

#[test]
fn what_is_the_same_on_the_wire_is_no_difference() {
    for (old, new) in [
        (json!({"type": "integer", "minimum": 1}), json!({"type": "integer", "exclusiveMinimum": 0})),
        (json!({"type": "integer", "maximum": 9}), json!({"type": "integer", "exclusiveMaximum": 10})),
        (json!({"type": "integer", "minimum": 1}), json!({"type": "integer", "minimum": 0.5})),
        (
            json!({"type": "integer", "minimum": 1}),
            json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}),
        ),
        (json!({"type": "array"}), json!({"type": "array", "items": {}})),
        (json!({"type": "array"}), json!({"type": "array", "items": true, "minItems": 0})),
        (
            json!({"type": "object"}),
            json!({"type": "object", "propertyNames": {}, "unevaluatedProperties": true}),
        ),
        (
            json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2}),
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2,
                "maxItems": 2, "items": false}),
        ),
        (
            json!({"type": "array", "items": [{"type": "string"}], "additionalItems": false}),
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false}),
        ),
        (
            json!({"type": "string", "format": "binary"}),
            json!({"type": "string", "contentMediaType": "application/octet-stream"}),
        ),
        (
            json!({"type": "string", "format": "byte"}),
            json!({"type": "string", "contentEncoding": "base64", "contentMediaType": "application/octet-stream"}),
        ),
        (json!({"type": "string", "format": "uuid"}), json!({"type": "string", "format": "uuid4"})),
        (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"], "default": null})),
        (
            json!({"type": "string"}),
            json!({"anyOf": [{"const": "manual", "type": "string"}, {"type": "string"}]}),
        ),
        (
            json!({"type": "string"}),
            json!({"anyOf": [{"format": "uuid", "type": "string"}, {"type": "string"}]}),
        ),
        (
            json!({"type": "string", "nullable": true}),
            json!({"anyOf": [{"const": "manual"}, {"type": "string"}, {"type": "null"}]}),
        ),
        (json!({"type": "number"}), json!({"anyOf": [{"type": "integer"}, {"type": "number"}]})),
    ] {
        assert_same(&old, &new);
    }
}

#[test]
fn bounds_that_differ_by_one_differ() {
    let (old, new) =
        (json!({"type": "integer", "minimum": 1}), json!({"type": "integer", "exclusiveMinimum": 1}));
    assert_eq!(rules(&diff(&sending(&old), &sending(&new))), ["request-bounds-tightened"]);
    // Of numbers that are not whole, more than 0 and at least 1 are two things.
    let (old, new) =
        (json!({"type": "number", "minimum": 1}), json!({"type": "number", "exclusiveMinimum": 0}));
    assert_eq!(rules(&diff(&sending(&old), &sending(&new))), ["request-bounds-loosened"]);
}

#[test]
fn shapes_are_paired_by_what_they_say_and_not_by_where_they_stand() {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let flag = json!({"type": "boolean"});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let numbers = json!({"type": "array", "items": {"type": "integer"}});
    let one = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}});
    let other = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}});
    let all = [text.clone(), number.clone(), flag.clone(), texts, numbers, one, other];
    let mut turned = all.clone();
    for _ in 0..all.len() {
        turned.rotate_left(1);
        for key in ["anyOf", "oneOf"] {
            assert_same(&json!({key: all}), &json!({key: turned}));
            let within = |shapes: &[Value]| {
                let tag = json!({"type": "object", "properties": {"z": {key: shapes}}});
                merged(
                    reading(&json!({"$ref": "#/components/schemas/Tag"})),
                    &json!({"components": {"schemas": {"Tag": tag}}}),
                )
            };
            assert_eq!(rules(&diff(&within(&all), &within(&turned))), Vec::<&str>::new());
        }
    }
    let (old, new) = (json!({"anyOf": [text, number, flag]}), json!({"anyOf": [number, flag]}));
    assert_eq!(rules(&diff(&reading(&old), &reading(&new))), ["response-branch-removed"]);
    assert_eq!(rules(&diff(&sending(&new), &sending(&old))), ["request-branch-added"]);
}

#[test]
fn names_of_headers_and_schemes_have_no_case_and_names_of_queries_have() {
    let parameter = |place: &str, name: &str| json!({"parameters": [{"in": place, "name": name}]});
    let pair = |place| diff(&calling(&parameter(place, "X-Page")), &calling(&parameter(place, "x-page")));
    assert_eq!(rules(&pair("header")), Vec::<&str>::new());
    assert_eq!(rules(&pair("query")), ["parameter-removed", "parameter-added-optional"]);
    let secured = |definition: Value| {
        merged(
            calling(&json!({"security": [{"key": []}]})),
            &json!({"components": {"securitySchemes": {"key": definition}}}),
        )
    };
    for (old, new) in [
        (
            json!({"type": "apiKey", "in": "header", "name": "X-API-Key"}),
            json!({"type": "apiKey", "in": "header", "name": "x-api-key"}),
        ),
        (json!({"type": "http", "scheme": "Bearer"}), json!({"type": "http", "scheme": "bearer"})),
    ] {
        assert_eq!(rules(&diff(&secured(old), &secured(new))), Vec::<&str>::new());
    }
}

#[test]
fn an_id_that_two_operations_have_names_neither() {
    let with = |kind: &str| {
        let answer =
            |kind: &str| json!({"200": {"content": {"application/json": {"schema": {"type": kind}}}}});
        document(&json!({"paths": {"/a": {
            "get": {"operationId": "a", "responses": answer("string")},
            "post": {"operationId": "a", "responses": answer(kind)}}}}))
    };
    let report = diff(&with("string"), &with("integer"));
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].operations, ["POST /a"]);
}

#[test]
fn a_part_of_a_whole_is_named_like_the_whole() {
    let tag = |kind: &str| {
        let parts =
            json!([{"properties": {"id": {"type": "string"}}}, {"properties": {"state": {"type": kind}}}]);
        merged(
            reading(&json!({"$ref": "#/components/schemas/Tag"})),
            &json!({"components": {"schemas": {"Tag": {"allOf": parts}}}}),
        )
    };
    let report = diff(&tag("string"), &tag("integer"));
    assert_eq!(report.findings[0].sentence, "`Tag.state` was string and is integer now");
}

#[test]
fn what_is_only_null_is_a_type_and_what_was_null_before_can_be_read() {
    let (nullable, null) = (json!({"type": ["string", "null"]}), json!({"type": "null"}));
    for null in
        [null.clone(), json!({"const": null}), json!({"enum": [null]}), json!({"anyOf": [{"type": "null"}]})]
    {
        assert_same(&json!({"type": "null"}), &null);
        assert_eq!(rules(&diff(&reading(&nullable), &reading(&null))), ["response-type-narrowed"]);
        assert_eq!(rules(&diff(&reading(&null), &reading(&nullable))), ["response-type-widened"]);
        assert_eq!(rules(&diff(&sending(&nullable), &sending(&null))), ["request-type-narrowed"]);
        assert_eq!(rules(&diff(&sending(&null), &sending(&nullable))), ["request-type-widened"]);
        let array = json!({"type": "array"});
        assert_eq!(rules(&diff(&reading(&array), &reading(&null))), ["response-type-changed"]);
        assert_eq!(rules(&diff(&reading(&null), &reading(&array))), ["response-type-changed"]);
    }
}
