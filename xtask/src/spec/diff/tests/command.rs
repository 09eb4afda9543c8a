use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{diff, document, rules, sending};
use crate::file;
use crate::spec::diff::{Arguments, FailOn, Format, run};

fn exit(folder: &Path, old: &str, new: &str, fail_on: Option<FailOn>) -> Result<ExitCode, String> {
    let arguments = Arguments { old: folder.join(old), new: folder.join(new), format: Format::Text, fail_on };
    run(&arguments).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_exit_code_says_whether_something_breaks_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("string.json", sending(&json!({"type": "string"})).to_string());
    write("integer.json", sending(&json!({"type": "integer"})).to_string());
    write("nullable.json", sending(&json!({"type": ["string", "null"]})).to_string());
    write("broken.json", "{".into());
    write("other.yaml", "swagger: '2.0'".into());
    let exit = |old, new, fail_on| exit(folder.path(), old, new, fail_on);
    let breaking = Some(FailOn::Breaking);
    assert_eq!(exit("string.json", "integer.json", breaking), Ok(ExitCode::from(1)));
    assert_eq!(exit("string.json", "integer.json", None), Ok(ExitCode::SUCCESS));
    assert_eq!(exit("string.json", "nullable.json", breaking), Ok(ExitCode::SUCCESS));
    // An error is exit code 2 in `main`.
    for (name, problem) in [
        ("broken.json", "not valid JSON"),
        ("other.yaml", "not an OpenAPI 3 document"),
        ("missing.json", "cannot read"),
    ] {
        let error = exit("string.json", name, breaking).unwrap_err();
        assert!(error.contains(name) && error.contains(problem), "{error}");
    }
}

#[test]
fn our_own_documents_differ_by_the_overlay() {
    let read = |name: &str| -> Value {
        let path = file::workspace_root().join("openapi").join(name);
        file::parse(&file::read(&path).unwrap(), &path).unwrap()
    };
    let (vendored, resolved) = (read("registry.json"), read("resolved.json"));
    assert!(rules(&diff(&vendored, &vendored)).is_empty());
    let found = rules(&diff(&vendored, &resolved));
    for rule in ["parameter-added-optional", "request-property-became-required", "server-added"] {
        assert!(found.contains(&rule), "{rule}");
    }
}

/// As many operations and schemas as the whole platform has, each reached from everywhere.
#[test]
fn a_document_of_full_size_is_compared() {
    let full = |kind: &str| {
        let mut whole = document(&json!({"paths": {}, "components": {"schemas": {}}}));
        for number in 0..200 {
            let next = format!("#/components/schemas/S{}", (number + 1) % 200);
            whole["components"]["schemas"][format!("S{number}")] = json!({"type": "object", "properties": {
                "next": {"$ref": next}, "list": {"type": "array", "items": {"$ref": next}}, "id": {"type": kind}}});
            whole["paths"][format!("/p{number}")]["get"] = json!({"responses": {"200": {"content":
                {"application/json": {"schema": {"$ref": format!("#/components/schemas/S{number}")}}}}}});
        }
        whole
    };
    let report = diff(&full("string"), &full("integer"));
    assert_eq!(report.summary.breaking, 200);
    assert!(report.findings.iter().all(|finding| finding.operations.len() == 200));
}
