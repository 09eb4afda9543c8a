//! Sign-ins that a call asks for before it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::document::{Document, Place};
use super::operations::{Operation, OperationChanges};
use super::rules::Rule;
use super::schemas::Pairs;
use crate::spec::{escape, prose};

/// One way in: the schemes that it asks for at once, by name, with the scopes of each.
type Alternative = BTreeMap<String, Vec<String>>;

pub(super) fn compare<'a>(
    changed: &mut OperationChanges,
    pairs: &Pairs<'a>,
    old: &Operation<'a>,
    new: &Operation<'a>,
    name: &str,
) {
    let (before, after) = (Requirement::of(pairs.old, old), Requirement::of(pairs.new, new));
    let place = || (Rc::clone(&before.pointer), Rc::clone(&after.pointer));
    match (before.is_open(), after.is_open()) {
        (true, false) => {
            let (a, b) = place();
            return changed.add(Rule::SecurityAdded, a, b, format!("{name} asks for a sign-in now"));
        }
        (false, true) => {
            let (a, b) = place();
            return changed.add(Rule::SecurityRemoved, a, b, format!("{name} asks for no sign-in any more"));
        }
        _ => {}
    }
    let mut added: Vec<&Alternative> =
        after.alternatives.iter().filter(|way| !before.has(pairs.old, pairs.new, way)).collect();
    for way in before.alternatives.iter().filter(|way| !after.has(pairs.new, pairs.old, way)) {
        if let Some(same_names) = added.iter().position(|other| *other == way) {
            added.remove(same_names);
            schemes(changed, pairs, way);
            continue;
        }
        let (a, b) = place();
        changed.add(
            Rule::SecurityAlternativeRemoved,
            a,
            b,
            format!("{name} no longer takes {}", describe(way)),
        );
    }
    for way in added {
        let (a, b) = place();
        changed.add(Rule::SecurityAlternativeAdded, a, b, format!("{name} also takes {}", describe(way)));
    }
}

/// The schemes of one way in that are defined differently.
fn schemes(changed: &mut OperationChanges, pairs: &Pairs<'_>, way: &Alternative) {
    for name in way.keys().filter(|name| definition(pairs.old, name) != definition(pairs.new, name)) {
        let says = format!("the security scheme `{name}` is defined differently");
        changed.add(Rule::SecuritySchemeChanged, scheme(name), scheme(name), says);
    }
}

fn describe(way: &Alternative) -> String {
    let names: Vec<String> = way.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "calls without a sign-in".into() } else { names.join(" with ") }
}

struct Requirement {
    pointer: Rc<str>,
    alternatives: Vec<Alternative>,
}

impl Requirement {
    fn of(document: &Document, operation: &Operation<'_>) -> Self {
        let root = document.root();
        let said = operation.place.get("security").or_else(|| root.get("security"));
        let alternative = |place: Place<'_>| -> Alternative {
            let scopes = |value: &Value| -> Vec<String> {
                let scopes: BTreeSet<&str> =
                    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                scopes.into_iter().map(str::to_owned).collect()
            };
            place.entries().into_iter().map(|(name, place)| (name.to_owned(), scopes(place.value))).collect()
        };
        Self {
            pointer: said.as_ref().map_or(&operation.place, |place| place).pointer.clone(),
            alternatives: said
                .map(|said| said.items().into_iter().map(alternative).collect())
                .unwrap_or_default(),
        }
    }

    /// Says if a call without a sign-in is answered.
    fn is_open(&self) -> bool {
        self.alternatives.is_empty() || self.alternatives.iter().any(BTreeMap::is_empty)
    }

    /// Looks for a way in that asks for the same, whatever the schemes are called.
    fn has(&self, own: &Document, other: &Document, way: &Alternative) -> bool {
        let meaning = |document: &Document, way: &Alternative| -> BTreeSet<String> {
            way.iter().map(|(name, scopes)| format!("{:?} {scopes:?}", definition(document, name))).collect()
        };
        self.alternatives.iter().any(|mine| meaning(own, mine) == meaning(other, way))
    }
}

fn scheme(name: &str) -> Rc<str> {
    format!("/components/securitySchemes/{}", escape(name)).into()
}

/// The definition of a scheme, without sentences. Of a scheme that is not there, its name is all there is.
fn definition(document: &Document, name: &str) -> Value {
    let place =
        document.root().get("components").and_then(|components| components.get("securitySchemes")?.get(name));
    let Some(place) = place else { return Value::String(name.to_owned()) };
    let mut definition = document.resolve(&place).value.clone();
    prose::strip(&mut definition, false);
    // Neither names of headers nor schemes of HTTP have case.
    let in_header = definition["in"] == "header";
    for (key, has_no_case) in [("name", in_header), ("scheme", true)] {
        if let Some(Value::String(text)) = definition.get_mut(key).filter(|_| has_no_case) {
            text.make_ascii_lowercase();
        }
    }
    definition
}
