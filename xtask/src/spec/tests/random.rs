//! Random changes of a good document: they end in bytes or in an error that names the place.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::{BUILD_IMAGES_OVERLAY, BUILD_IMAGES_SLICE, build_images};
use crate::codegen;
use crate::spec::diff::{self, Document};
use crate::spec::import::import;
use crate::spec::overlay::Overlay;
use crate::spec::slice::Slice;

/// One change. Places are drawn by number from those that there are.
#[derive(Clone, Debug)]
enum Change {
    Remove(Index),
    Replace(Index, Value),
    Copy(Index, Index),
    Rename(Index, String),
    Add(Index, String, Value),
}

fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "type",
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "items",
        "properties",
        "required",
        "enum",
        "const",
        "nullable",
        "additionalProperties",
        "parameters",
        "requestBody",
        "responses",
        "content",
        "schema",
        "default",
        "format",
        "in",
        "name",
        "200",
        "get",
        "not",
        "minimum",
        "pattern",
        "security",
        "a/b~c",
        "#/components/schemas/Run",
        "#/components/schemas/JobList",
        "#/components/parameters/Workspace",
        "#/paths",
        "null",
        "object",
        "array",
        "string",
        "uuid",
        "path",
        "query",
        "",
        "é",
    ];
    prop_oneof![4 => proptest::sample::select(WORDS).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(word(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), value()).prop_map(|(at, value)| Change::Replace(at, value)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Copy(from, to)),
        (any::<Index>(), word()).prop_map(|(at, name)| Change::Rename(at, name)),
        (any::<Index>(), word(), value()).prop_map(|(at, name, value)| Change::Add(at, name, value)),
    ];
    proptest::collection::vec(change, 1..4)
}

fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, child)| (crate::spec::escape(key).into_owned(), child)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let place = format!("{place}/{key}");
        places(child, &place, found);
        found.push(place);
    }
}

fn apply(document: &mut Value, change: &Change) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    if all.is_empty() {
        return;
    }
    let place = |at: &Index| at.get(&all).as_str();
    let parent_and_key = |place: &str| {
        let (parent, key) = place.rsplit_once('/').unwrap();
        (parent.to_owned(), crate::spec::unescape(key))
    };
    match change {
        Change::Remove(at) => {
            let (parent, key) = parent_and_key(place(at));
            match document.pointer_mut(&parent).unwrap() {
                Value::Object(map) => drop(map.remove(&key)),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => unreachable!(),
            }
        }
        Change::Replace(at, value) => *document.pointer_mut(place(at)).unwrap() = value.clone(),
        Change::Copy(from, to) => {
            let value = document.pointer(place(from)).unwrap().clone();
            *document.pointer_mut(place(to)).unwrap() = value;
        }
        Change::Rename(at, name) => {
            let (parent, key) = parent_and_key(place(at));
            if let Value::Object(map) = document.pointer_mut(&parent).unwrap() {
                let value = map.remove(&key).unwrap();
                map.insert(name.clone(), value);
            }
        }
        Change::Add(at, name, value) => match document.pointer_mut(place(at)).unwrap() {
            Value::Object(map) => drop(map.insert(name.clone(), value.clone())),
            Value::Array(items) => items.push(value.clone()),
            _ => {}
        },
    }
}

fn pipeline(document: &Value) -> anyhow::Result<String> {
    let slice = Slice::parse(BUILD_IMAGES_SLICE)?;
    let imported = import(document, &slice, b"", Some("2026-01-31"))?;
    let overlay = Overlay::parse(BUILD_IMAGES_OVERLAY)?;
    let resolved = codegen::resolve(imported, &overlay, Some(&build_images()))?;
    Ok(codegen::outputs(resolved, &slice)?.remove(1).1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(96),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_random_change_ends_in_bytes_or_in_an_error_that_names_the_place(changes in changes()) {
        let (before, mut document) = (build_images(), build_images());
        for change in &changes {
            apply(&mut document, change);
        }
        match pipeline(&document) {
            Ok(code) => prop_assert!(code.starts_with("// @generated")),
            Err(error) => {
                let error = format!("{error:#}");
                let names_a_place = ["/", "`", "caused by: "].iter().any(|sign| error.contains(sign));
                prop_assert!(names_a_place, "{error}");
            }
        }
        // The comparison takes whatever calls itself a document.
        if let (Ok(old), Ok(new)) = (Document::new(before), Document::new(document)) {
            prop_assert!(diff::compare(&new, &new).findings.is_empty());
            for finding in diff::compare(&old, &new).findings {
                prop_assert!(!finding.sentence.is_empty());
            }
            diff::compare(&new, &old);
        }
    }
}
