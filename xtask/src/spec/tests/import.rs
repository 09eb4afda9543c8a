use serde_json::{Value, json};

use super::{BUILD_IMAGES_SLICE, build_images};
use crate::file::to_stable_json;
use crate::spec::import::import;
use crate::spec::slice::Slice;

fn slice() -> Slice {
    Slice::parse(BUILD_IMAGES_SLICE).unwrap()
}

/// The imported bytes without what depends on the bytes that came in.
fn imported(document: &Value) -> String {
    let mut imported = import(document, &slice(), b"", Some("2026-01-31")).unwrap();
    imported["x-source"] = Value::Null;
    to_stable_json(&imported).unwrap()
}

fn error(document: &Value) -> String {
    format!("{:#}", import(document, &slice(), b"", Some("2026-01-31")).unwrap_err())
}

#[test]
fn what_is_imported_can_be_imported_again() {
    let mut once: Value = serde_json::from_str(&imported(&build_images())).unwrap();
    once["info"] = build_images()["info"].take();
    let mut slice = slice();
    slice.rename.clear();
    let mut again = import(&once, &slice, b"", Some("2026-01-31")).unwrap();
    again["x-source"] = Value::Null;
    assert_eq!(to_stable_json(&again).unwrap(), imported(&build_images()));
}

#[test]
fn where_and_in_what_order_the_vendor_writes_things_changes_nothing() {
    let expected = imported(&build_images());
    let mut other = build_images();
    // Parameters of a path in its operations, and whole; another order of required; prose and extensions.
    let path = "/public/v2/build-image/jobs";
    let item = other["paths"][path].as_object_mut().unwrap();
    item.remove("parameters");
    let workspace = json!([{"name": "X-Workspace-ID", "in": "header", "required": true,
        "description": "Слова на любом языке", "x-unknown": {"$ref": "nowhere"}, "schema": {"type": "string"}}]);
    item["get"]["parameters"] = workspace.clone();
    item["post"]["parameters"] = workspace;
    item["post"]["x-unknown"] = json!([1]);
    item["post"]["tags"] = json!(["新"]);
    other["components"]["schemas"]["Run"]["required"] = json!(["requirements_file", "from_image"]);
    other["components"]["schemas"]["Run"]["examples"] = json!([{"$ref": "#/nowhere"}]);
    other["components"]["schemas"]["Job-Output"]["title"] = json!("Job");
    // 3.0 spelling of what was written as 3.1.
    other["openapi"] = json!("3.0.3");
    other["components"]["schemas"]["Run"]["properties"]["install_type"] =
        json!({"type": "string", "nullable": true, "enum": ["pip", "conda"], "default": "pip"});
    other["components"]["schemas"]["RunResponse"]["properties"]["status"] = json!({"enum": ["Pending"]});
    assert_eq!(imported(&other), expected);
}

#[test]
fn yaml_and_json_are_the_same_document() {
    let json = serde_json::to_string(&build_images()).unwrap();
    assert_eq!(imported(&serde_json::from_str(&json).unwrap()), imported(&build_images()));
}

#[test]
fn unrelated_paths_change_nothing_however_many() {
    let (expected, mut big) = (imported(&build_images()), build_images());
    let words = "Words that nobody here reads. ".repeat(20);
    for number in 0..4_000 {
        let schema = format!("Unrelated{number}");
        big["paths"][format!("/public/v2/other/{number}")] = json!({"get": {"description": words,
            "responses": {"200": {"content": {"application/json": {"schema":
                {"$ref": format!("#/components/schemas/{schema}")}}}}}}});
        big["components"]["schemas"][schema] =
            json!({"type": "object", "properties": {"a": {"type": "string", "description": words}}});
    }
    let text = serde_json::to_string(&big).unwrap();
    assert!(text.len() > 5_000_000, "{} bytes are not a big document", text.len());
    assert_eq!(imported(&serde_json::from_str(&text).unwrap()), expected);
    // JSON is YAML: the other parser must take as much.
    let yaml = crate::file::parse(&format!("# a comment\n{text}"), std::path::Path::new("big.yaml")).unwrap();
    assert_eq!(imported(&yaml), expected);
}

#[test]
fn circles_of_schemas_are_imported() {
    assert!(
        imported(&build_images())
            .contains("\"next\": {\n            \"$ref\": \"#/components/schemas/JobList\"")
    );
}

/// The generator would follow these for ever, and a stack that overflows cannot be caught.
#[test]
fn a_schema_that_is_nothing_but_itself_is_refused() {
    let own = json!({"$ref": "#/components/schemas/Run"});
    for circle in [
        own.clone(),
        json!({"allOf": [own]}),
        json!({"anyOf": [own, {"type": "string"}]}),
        json!({"oneOf": [{"allOf": [own]}]}),
    ] {
        let mut document = build_images();
        document["components"]["schemas"]["Run"] = circle;
        let imported = import(&document, &slice(), b"", Some("2026-01-31")).unwrap();
        let text = format!("{:#}", crate::codegen::generate(imported, &[]).unwrap_err());
        assert!(text.contains("`Run` contains itself"), "{text}");
    }
}

#[test]
fn a_merge_that_never_ends_is_refused() {
    let own = json!({"$ref": "#/components/schemas/Run"});
    let mut document = build_images();
    document["components"]["schemas"]["Run"] =
        json!({"type": "object", "properties": {"next": {"allOf": [own, {"required": ["more"]}]}}});
    let imported = import(&document, &slice(), b"", Some("2026-01-31")).unwrap();
    let text = format!("{:#}", crate::codegen::generate(imported, &[]).unwrap_err());
    assert!(
        text.contains("`allOf` at /components/schemas/Run/properties/next leads back to itself"),
        "{text}"
    );
}

#[test]
fn schemas_that_contain_themselves_in_their_parts_become_code() {
    let own = json!({"$ref": "#/components/schemas/Tree"});
    for tree in [
        json!({"type": "array", "items": own}),
        json!({"type": "object", "additionalProperties": own}),
        json!({"type": "object", "properties": {"next": {"allOf": [own], "nullable": true}}}),
        json!({"type": "object", "properties": {"next": {"anyOf": [own, {"type": "string"}]}}}),
        json!({"allOf": [{"type": "object"}, {"properties": {"next": own}}]}),
    ] {
        let what = tree.to_string();
        let answer = json!({"description": "", "content": {"application/json": {"schema": own}}});
        let document = json!({"openapi": "3.0.3", "info": {"title": "t", "version": "1"},
            "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": answer}}}},
            "components": {"schemas": {"Tree": tree}}});
        let code =
            crate::codegen::generate(document, &[]).unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert!(code.contains("Tree"), "{what}");
    }
}

#[test]
fn an_operation_that_is_gone_is_named_with_what_comes_nearest() {
    let mut document = build_images();
    let item = document["paths"].as_object_mut().unwrap().remove("/public/v2/build-image/jobs").unwrap();
    document["paths"]["/public/v3/build-image/jobs"] = item;
    let text = error(&document);
    assert!(text.contains("lacks 2 of our operations"), "{text}");
    assert!(
        text.contains("GET /public/v2/build-image/jobs (the nearest path is /public/v3/build-image/jobs)"),
        "{text}"
    );

    let mut document = build_images();
    document["paths"]["/public/v2/build-image/jobs/{job_name}"].as_object_mut().unwrap().remove("delete");
    assert!(error(&document).contains("(the path has GET)"), "{}", error(&document));
}

#[test]
fn a_schema_that_slice_toml_renames_and_is_gone_is_named_with_what_comes_nearest() {
    let text = build_images().to_string().replace("Job-Output", "JobOutput");
    let text = error(&serde_json::from_str(&text).unwrap());
    assert!(text.contains("renames the schema `Job-Output`"), "{text}");
    assert!(text.contains("the nearest is `JobOutput`"), "{text}");
}

#[test]
fn bad_references_are_named_with_their_place() {
    let cases = [
        ("#/components/schemas/Nowhere", "points to nothing"),
        ("other.yaml#/a", "does not point to #/components/<section>/<name>"),
    ];
    for (reference, problem) in cases {
        let mut document = build_images();
        document["components"]["schemas"]["JobList"]["properties"]["next"]["$ref"] = json!(reference);
        let text = error(&document);
        assert!(text.contains(problem) && text.contains("/components/schemas/JobList"), "{text}");
    }
    let mut document = build_images();
    document["components"]["parameters"]["Workspace"] = json!({"$ref": "#/components/parameters/Workspace"});
    assert!(error(&document).contains("leads in a circle"), "{}", error(&document));
}

#[test]
fn other_versions_are_refused() {
    for version in [json!("2.0"), json!("3.2.0"), json!(3), Value::Null] {
        let mut document = build_images();
        document["openapi"] = version;
        assert!(error(&document).contains("not an OpenAPI 3 document"));
    }
}

#[test]
fn what_can_be_imported_can_be_compared() {
    for version in ["3.0.3", "3.1.1"] {
        let mut document = build_images();
        document["openapi"] = json!(version);
        assert_eq!(imported(&document), imported(&build_images()), "{version}");
        assert!(crate::spec::diff::Document::new(document).is_ok(), "{version}");
    }
    for version in ["2.0", "3.2.0", "4.0.0"] {
        let mut document = build_images();
        document["openapi"] = json!(version);
        assert!(error(&document).contains(version));
        assert!(crate::spec::diff::Document::new(document).is_err(), "{version}");
    }
}

#[test]
fn a_version_that_is_a_number_asks_for_quotes() {
    let mut document = build_images();
    document["info"]["version"] = json!(2.5);
    assert!(error(&document).contains("`info.version` is the number 2.5; put it in quotes"));
}
