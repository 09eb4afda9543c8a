mod command;
mod same;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::render;
use super::report::{self, DiffReport};
use super::rules::{Class, Direction, Rule};
use super::{Document, compare};

/// The data of pairs.yaml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pairs {
    schemas: Vec<SchemaPair>,
    calls: Vec<Pair>,
    documents: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaPair {
    sent: String,
    read: String,
    old: Value,
    new: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    rule: String,
    old: Value,
    new: Value,
}

/// Every pair as a rule and two documents.
fn pairs() -> Vec<(String, Value, Value)> {
    let pairs: Pairs = serde_saphyr::from_str(include_str!("pairs.yaml")).unwrap();
    let mut all = Vec::new();
    for pair in pairs.schemas {
        all.push((pair.sent, sending(&pair.old), sending(&pair.new)));
        all.push((pair.read, reading(&pair.old), reading(&pair.new)));
    }
    all.extend(pairs.calls.into_iter().map(|pair| (pair.rule, calling(&pair.old), calling(&pair.new))));
    all.extend(pairs.documents.into_iter().map(|pair| (pair.rule, document(&pair.old), document(&pair.new))));
    all
}

fn merged(base: Value, more: &Value) -> Value {
    let (Value::Object(mut base), Value::Object(more)) = (base, more.clone()) else { panic!("not objects") };
    base.extend(more);
    Value::Object(base)
}

fn document(more: &Value) -> Value {
    merged(json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}), more)
}

fn calling(operation: &Value) -> Value {
    let operation = merged(json!({"responses": {"204": {}}}), operation);
    document(&json!({"paths": {"/a/{b}": {"get": operation}}}))
}

fn sending(schema: &Value) -> Value {
    calling(&json!({"requestBody": {"content": {"application/json": {"schema": schema}}}}))
}

fn reading(schema: &Value) -> Value {
    calling(&json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}))
}

fn diff(old: &Value, new: &Value) -> DiffReport {
    compare(&Document::new(old.clone()).unwrap(), &Document::new(new.clone()).unwrap())
}

fn rules(report: &DiffReport) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule.id()).collect()
}

#[test]
fn each_pair_shows_its_rule_and_nothing_else() {
    for (rule, old, new) in pairs() {
        assert_eq!(rules(&diff(&old, &new)), [rule], "{old:#}\n{new:#}");
        assert!(rules(&diff(&old, &old)).is_empty() && rules(&diff(&new, &new)).is_empty());
    }
}

#[test]
fn every_rule_has_a_pair_and_every_pair_a_rule() {
    let tested: BTreeSet<String> = pairs().into_iter().map(|(rule, _, _)| rule).collect();
    let known: BTreeSet<String> = Rule::ALL.iter().map(|rule| rule.id().to_owned()).collect();
    assert_eq!(tested.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "pairs without a rule");
    assert_eq!(known.difference(&tested).collect::<Vec<_>>(), Vec::<&String>::new(), "rules without a pair");
    assert_eq!(known.len(), Rule::ALL.len(), "two rules have one id");
}

#[test]
fn findings_point_into_the_documents_as_they_were_spelled() {
    for (rule, old, new) in pairs() {
        for finding in diff(&old, &new).findings {
            assert!(old.pointer(&finding.old).is_some(), "{rule}: {} in {old}", finding.old);
            assert!(new.pointer(&finding.new).is_some(), "{rule}: {} in {new}", finding.new);
            assert!(!finding.sentence.is_empty() && !finding.sentence.ends_with('.'), "{}", finding.sentence);
        }
    }
}

#[test]
fn what_narrows_a_request_and_what_widens_an_answer_break() {
    let pairs: Pairs = serde_saphyr::from_str(include_str!("pairs.yaml")).unwrap();
    let class = |id: &str| Rule::ALL.iter().find(|rule| rule.id() == id).unwrap().class();
    for (sent, read) in [("widened", "widened"), ("narrowed", "narrowed")] {
        for pair in pairs.schemas.iter().filter(|pair| pair.sent.ends_with(sent) && pair.read.ends_with(read))
        {
            assert_ne!(class(&pair.sent), class(&pair.read), "{} and {}", pair.sent, pair.read);
        }
    }
}

#[test]
fn a_schema_that_moves_or_gets_another_name_is_no_change() {
    let inline = json!({"type": "object", "properties": {"id": {"type": "string"}}});
    let with = |schema: Value, components: Value| {
        merged(reading(&schema), &json!({"components": {"schemas": components}}))
    };
    let plain = with(inline.clone(), json!({}));
    let named = with(json!({"$ref": "#/components/schemas/A"}), json!({"A": inline}));
    let renamed = with(
        json!({"allOf": [{"$ref": "#/components/schemas/B"}]}),
        json!({"C": inline, "B": {"$ref": "#/components/schemas/C"}}),
    );
    for other in [&named, &renamed] {
        assert_eq!(rules(&diff(&plain, other)), Vec::<&str>::new());
        assert_eq!(rules(&diff(other, &plain)), Vec::<&str>::new());
    }
    let union = |names: [&str; 2]| {
        let refs = names.map(|name| json!({"$ref": format!("#/components/schemas/{name}")}));
        let other = json!({"type": "object", "properties": {"key": {"type": "integer"}}});
        let components = Map::from_iter(names.map(str::to_owned).into_iter().zip([inline.clone(), other]));
        with(json!({"oneOf": refs}), Value::Object(components))
    };
    assert_eq!(rules(&diff(&union(["A", "B"]), &union(["X", "Y"]))), Vec::<&str>::new());
}

#[test]
fn components_of_every_section_are_followed() {
    let inline = json!({
        "parameters": [{"in": "query", "name": "q", "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {"schema": {"type": "string"}}}},
        "responses": {"200": {"headers": {"x-a": {"schema": {"type": "string"}}}}}});
    let shared = json!({
        "parameters": [{"$ref": "#/components/parameters/Q"}],
        "requestBody": {"$ref": "#/components/requestBodies/B"},
        "responses": {"200": {"$ref": "#/components/responses/R"}}});
    let components = json!({"components": {
        "parameters": {"Q": inline["parameters"][0]},
        "requestBodies": {"B": inline["requestBody"]},
        "headers": {"H": {"schema": {"type": "string"}}},
        "responses": {"R": {"headers": {"x-a": {"$ref": "#/components/headers/H"}}}}}});
    let shared = merged(calling(&shared), &components);
    assert_eq!(rules(&diff(&calling(&inline), &shared)), Vec::<&str>::new());
}

#[test]
fn the_spelling_of_3_0_and_3_1_is_no_difference() {
    let older = json!({"type": "object", "properties": {
        "a": {"type": "string", "nullable": true}, "b": {"enum": ["x"]},
        "c": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
        "d": {"allOf": [{"type": "object", "properties": {"e": {}}}], "nullable": true}}});
    let newer = json!({"type": "object", "properties": {
        "a": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "b": {"const": "x"},
        "c": {"type": "integer", "exclusiveMinimum": 0},
        "d": {"anyOf": [{"type": "object", "properties": {"e": {}}}, {"type": "null"}]}}});
    for place in [sending, reading] {
        assert_eq!(rules(&diff(&place(&older), &place(&newer))), Vec::<&str>::new());
        assert_eq!(rules(&diff(&place(&newer), &place(&older))), Vec::<&str>::new());
    }
}

#[test]
fn schemas_that_contain_themselves_are_compared_once() {
    let tree = |kind: &str| {
        let schema = json!({"type": "object", "properties": {
            "value": {"type": kind},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "parent": {"allOf": [{"$ref": "#/components/schemas/Tree"}], "nullable": true}}});
        merged(
            reading(&json!({"$ref": "#/components/schemas/Tree"})),
            &json!({"components": {"schemas": {"Tree": schema}}}),
        )
    };
    let report = diff(&tree("string"), &tree("integer"));
    assert_eq!(rules(&report), ["response-type-changed"]);
    assert_eq!(report.findings[0].sentence, "`Tree.value` was string and is integer now");
    for circle in
        [json!({"$ref": "#/components/schemas/A"}), json!({"allOf": [{"$ref": "#/components/schemas/A"}]})]
    {
        let circle = merged(reading(&circle), &json!({"components": {"schemas": {"A": circle}}}));
        assert_eq!(rules(&diff(&circle, &circle)), Vec::<&str>::new());
    }
}

#[test]
fn properties_that_do_not_travel_are_not_judged() {
    let schema = |kind: &str| json!({"type": "object", "required": ["made"], "properties": {"made": {"type": kind, "readOnly": true}}});
    assert_eq!(rules(&diff(&sending(&schema("string")), &sending(&schema("integer")))), Vec::<&str>::new());
    let read = diff(&reading(&schema("string")), &reading(&schema("integer")));
    assert_eq!(rules(&read), ["response-type-changed"]);
}

#[test]
fn a_finding_in_a_shared_schema_names_every_operation() {
    let with = |kind: &str| {
        let answer =
            json!({"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}});
        document(&json!({
            "paths": {"/x": {"get": {"operationId": "x_get", "responses": answer}},
                      "/y": {"put": {"responses": answer}}, "/z": {"get": {"operationId": "z_get"}}},
            "components": {"schemas": {"A": {"type": kind}}}}))
    };
    let report = diff(&with("string"), &with("integer"));
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].operations, ["PUT /y", "x_get"]);
    assert_eq!(report.findings[0].new, "/components/schemas/A/type");
}

#[test]
fn security_is_compared_by_what_schemes_are_and_not_by_their_names() {
    let with = |name: &str| {
        let schemes = Map::from_iter([(name.to_owned(), json!({"type": "http", "scheme": "bearer"}))]);
        let security = Value::Array(vec![Value::Object(Map::from_iter([(name.to_owned(), json!([]))]))]);
        document(&json!({"paths": {"/a": {"get": {}}}, "security": security,
            "components": {"securitySchemes": schemes}}))
    };
    assert_eq!(rules(&diff(&with("token"), &with("bearer"))), Vec::<&str>::new());
}

#[test]
fn reports_fit_their_json_schema_and_say_the_same_in_every_form() {
    let schema: Value = serde_json::from_str(&report::json_schema().unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (rule, old, new) in pairs() {
        let report = diff(&old, &new);
        let data = serde_json::to_value(&report).unwrap();
        assert!(validator.is_valid(&data), "{data:#}");
        assert_eq!(data["findings"][0]["rule"], json!(rule));
        for text in [render::text(&report), render::markdown(&report)] {
            assert!(text.contains(&rule) && text.contains(&report.findings[0].sentence.replace('<', "&lt;")));
        }
    }
    let mut broken = serde_json::to_value(diff(&document(&json!({})), &document(&json!({})))).unwrap();
    assert!(validator.is_valid(&broken));
    broken["findings"] = json!([{"rule": 1}]);
    assert!(!validator.is_valid(&broken));
}

#[test]
fn what_is_no_document_is_refused() {
    for value in [
        json!({}),
        json!([]),
        json!({"openapi": "2.0", "paths": {}}),
        json!({"openapi": "3.9.0", "paths": {}}),
        json!({"openapi": "3.0.3"}),
    ] {
        assert!(Document::new(value).is_err());
    }
}

#[test]
fn the_breaking_findings_go_first_and_decide_the_step() {
    let (old, new) = (
        sending(&json!({"properties": {"a": {"type": "string"}}})),
        sending(&json!({"description": "Words.", "properties": {"a": {"type": "integer"}, "b": {}}})),
    );
    let report = diff(&old, &new);
    let classes: Vec<Class> = report.findings.iter().map(|finding| finding.class).collect();
    assert_eq!(classes, [Class::Breaking, Class::Compatible, Class::Documentation]);
    assert_eq!(render::summary(&report), "1 breaking, 1 compatible, 1 documentation. Version step: major.");

    let judged = diff(
        &sending(&json!({"type": "string", "pattern": "^a"})),
        &sending(&json!({"type": "string", "pattern": "^b"})),
    );
    assert_eq!(
        render::summary(&judged),
        "0 breaking, 1 to judge, 0 compatible, 0 documentation. Version step: major."
    );
}

#[test]
fn ids_say_their_direction() {
    for rule in Rule::ALL {
        let (id, direction) = (rule.id(), rule.direction());
        assert_eq!(id.starts_with("response-"), direction == Direction::Read, "{id}");
        if id.starts_with("request-") || id.starts_with("parameter-") {
            assert_eq!(direction, Direction::Sent, "{id}");
        }
    }
}
