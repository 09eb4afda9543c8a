//! A whole platform in one slice: whatever a document of this kind says becomes code that compiles.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Checkout;
use super::changes::DOCUMENT;
use crate::spec::import::import;
use crate::spec::overlay::Overlay;
use crate::spec::slice::Slice;
use crate::{codegen, file};

/// Every operation of a document, under the ids that it has.
fn everything(document: &Value) -> Slice {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().iter().filter(|(_, value)| value.get("responses").is_some());
        operations.extend(methods.map(|(method, _)| format!("{} {path}", method.to_uppercase())));
    }
    Slice::parse(&format!("operations = {operations:?}")).unwrap()
}

/// The platform of our own, as the generator gets it.
pub(super) fn platform() -> Value {
    resolved(&serde_saphyr::from_str(include_str!("platform.yaml")).unwrap()).unwrap()
}

pub(super) fn resolved(document: &Value) -> anyhow::Result<Value> {
    let slice = everything(document);
    let mut imported = import(document, &slice, b"", Some("2026-01-31"))?;
    distinct_ids(&mut imported);
    let overlay = Overlay::parse(
        "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions: [{target: '$.paths.*.*.responses.*', \
         description: Needed., update: {description: An answer.}}]",
    )?;
    codegen::resolve(imported, &overlay, None)
}

/// Ids that a slice's overlay would give: those of the vendor's framework may be doubled.
fn distinct_ids(document: &mut Value) {
    let mut seen = BTreeSet::new();
    for operation in crate::adjust::operations(document) {
        let id = operation["operationId"].as_str().unwrap_or("operation").to_owned();
        let mut fresh = id.clone();
        while !seen.insert(fresh.clone()) {
            fresh.push('_');
        }
        operation["operationId"] = json!(fresh);
    }
}

#[test]
fn a_whole_platform_becomes_code_that_compiles() {
    let document = match std::env::var_os(DOCUMENT) {
        Some(path) => {
            let path = std::path::PathBuf::from(path);
            file::parse(&file::read(&path).unwrap(), &path).unwrap()
        }
        None => serde_saphyr::from_str(include_str!("platform.yaml")).unwrap(),
    };
    let resolved = resolved(&document).unwrap_or_else(|error| panic!("{error:#}"));
    let slice = everything(&document);
    let code = codegen::outputs(resolved, &slice).unwrap_or_else(|error| panic!("{error:#}")).remove(1).1;
    let checkout = Checkout::new();
    checkout.write("crates/api/src/generated.rs", &code);
    checkout.check();
}
