//! Every single change of a property of ours, from the document to code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Checkout, our_slice, vendored};
use crate::spec::diff::rules::Class;
use crate::spec::diff::{self, Document};
use crate::spec::import::import;
use crate::spec::overlay::Overlay;
use crate::spec::slice::Slice;
use crate::{codegen, file};

/// Set to `all` to compile the code of every change, and not of a few.
const COMPILE: &str = "SPEC_CHANGES";
/// A whole official document to start from, instead of the vendored slice.
pub(super) const DOCUMENT: &str = "SPEC_DOCUMENT";

/// A kind of change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Removed,
    Retyped,
    Nullable,
}

fn change(document: &mut Value, schema: &str, property: &str, kind: Kind) {
    let schema = &mut document["components"]["schemas"][schema];
    let old = schema["properties"][property].take();
    let new = match kind {
        Kind::Removed => {
            schema["properties"].as_object_mut().unwrap().remove(property);
            if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|name| name != property);
            }
            return;
        }
        Kind::Retyped if old["type"] == "boolean" => json!({"type": "integer"}),
        Kind::Retyped => json!({"type": "boolean"}),
        Kind::Nullable => {
            let mut nullable = if old.get("$ref").is_some() { json!({ "allOf": [old] }) } else { old };
            nullable["nullable"] = json!(true);
            nullable
        }
    };
    schema["properties"][property] = new;
}

/// The schemas that travel in each direction, found without the code under test.
struct Travel {
    sent: BTreeSet<String>,
    read: BTreeSet<String>,
}

impl Travel {
    fn of(document: &Value) -> Self {
        let (mut sent, mut read) = (BTreeSet::new(), BTreeSet::new());
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                for key in ["parameters", "requestBody"] {
                    follow(document, &operation[key], &mut sent);
                }
                follow(document, &operation["responses"], &mut read);
            }
        }
        Self { sent, read }
    }

    /// The finding that the change of a property must give.
    fn expected(&self, schema: &str, kind: Kind, was_nullable: bool) -> Option<Class> {
        match kind {
            Kind::Nullable if was_nullable => None,
            Kind::Nullable if !self.read.contains(schema) => {
                assert!(self.sent.contains(schema));
                Some(Class::Compatible)
            }
            _ => Some(Class::Breaking),
        }
    }
}

fn follow(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let reference = map.get("$ref").and_then(Value::as_str);
            if let Some(name) =
                reference.and_then(|reference| reference.strip_prefix("#/components/schemas/"))
                && found.insert(name.to_owned())
            {
                follow(document, &document["components"]["schemas"][name], found);
            }
            map.values().for_each(|child| follow(document, child, found));
        }
        Value::Array(items) => items.iter().for_each(|child| follow(document, child, found)),
        _ => {}
    }
}

/// The overlay without all that it says of one property and of schemas that are reached no more: what a
/// person would do about it.
fn without(overlay: &Value, schema: &str, property: &str, lost: &[&String]) -> Overlay {
    let mut overlay = overlay.clone();
    let actions = overlay["actions"].as_array_mut().unwrap();
    actions.retain(|action| {
        let target = action["target"].as_str().unwrap();
        let of_schema = target.starts_with(&format!("$.components.schemas.{schema}"));
        let of_property = [format!(".{property}"), format!("[\"{property}\"]")]
            .iter()
            .any(|end| target.ends_with(end) || target.contains(&format!("{end}.")));
        let of_lost = lost.iter().any(|name| target.starts_with(&format!("$.components.schemas.{name}")));
        !(of_schema && of_property || of_lost)
    });
    for action in actions {
        if action["target"] == json!(format!("$.components.schemas.{schema}")) {
            if let Some(properties) = action.pointer_mut("/update/properties").and_then(Value::as_object_mut)
            {
                properties.remove(property);
            }
            if let Some(required) = action.pointer_mut("/update/required").and_then(Value::as_array_mut) {
                required.retain(|name| name != property);
            }
        }
    }
    Overlay::parse(&overlay.to_string()).unwrap()
}

/// Where to start from.
fn start() -> (Value, Slice) {
    match std::env::var_os(DOCUMENT) {
        None => (vendored(), our_slice()),
        Some(path) => {
            let (root, path) = (file::workspace_root(), std::path::PathBuf::from(path));
            let slice = Slice::read(&root.join("openapi/slice.toml")).unwrap();
            (file::parse(&file::read(&path).unwrap(), &path).unwrap(), slice)
        }
    }
}

#[test]
fn every_single_change_of_a_property_is_classified_and_becomes_code() {
    let (document, slice) = start();
    let overlay_text = file::read(&file::workspace_root().join("openapi/overlay.yaml")).unwrap();
    let overlay = Overlay::parse(&overlay_text).unwrap();
    let overlay_value: Value = serde_saphyr::from_str(&overlay_text).unwrap();
    let before = import(&document, &slice, b"", Some("2026-01-31")).unwrap();
    let comparable = Document::new(before.clone()).unwrap();
    let travel = Travel::of(&before);
    let all = std::env::var(COMPILE).is_ok_and(|value| value == "all");

    let mut counts: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    for (name, schema) in before["components"]["schemas"].as_object().unwrap() {
        let theirs = slice.rename.iter().find(|(_, ours)| *ours == name).map_or(name, |(theirs, _)| theirs);
        for (property, old) in schema["properties"].as_object().into_iter().flatten() {
            for kind in [Kind::Removed, Kind::Retyped, Kind::Nullable] {
                let what = format!("{name}.{property} {kind:?}");
                let mut count = |outcome| *counts.entry((kind, outcome)).or_default() += 1;
                let mut changed = document.clone();
                change(&mut changed, theirs, property, kind);
                let imported = import(&changed, &slice, b"", Some("2026-01-31")).unwrap();

                let report = diff::compare(&comparable, &Document::new(imported.clone()).unwrap());
                let found: BTreeSet<Class> = report
                    .findings
                    .iter()
                    .filter(|finding| finding.class != Class::Documentation && !finding.new.is_empty())
                    .map(|finding| finding.class)
                    .collect();
                let expected = travel.expected(name, kind, old["nullable"] == json!(true));
                assert_eq!(found.first().copied(), expected, "{what}: {report:#?}");
                count("classified as expected");

                let generate = |overlay: &Overlay| {
                    let resolved = codegen::resolve(imported.clone(), overlay, Some(&before))?;
                    codegen::outputs(resolved, &slice)
                };
                let mut outputs = generate(&overlay).unwrap_or_else(|error| {
                    // What the overlay says of a property need not fit the property that it has become.
                    let error = format!("{error:#}");
                    let schemas = before["components"]["schemas"].as_object().unwrap().keys();
                    let lost: Vec<&String> = schemas
                        .filter(|name| imported["components"]["schemas"].get(name).is_none())
                        .collect();
                    let mut names = lost.iter().copied().chain([property, name]);
                    assert!(names.any(|name| error.contains(name.as_str())), "{what}: {error}");
                    count("stopped first: the overlay says something of it");
                    generate(&without(&overlay_value, name, property, &lost))
                        .unwrap_or_else(|error| panic!("{what}: {error:#}"))
                });
                count("became code");
                codes.insert(what, outputs.remove(1).1);
            }
        }
    }
    println!("{counts:#?}");

    let checkout = Checkout::new();
    let step = if all { 1 } else { codes.len() / 3 };
    for (what, code) in codes.iter().step_by(step) {
        println!("compiling {what}");
        checkout.write("crates/api/src/generated.rs", code);
        checkout.check();
    }
}
