//! `oneOf` and `anyOf`: which shape of the old schema is which of the new one.

use serde_json::Value;

use super::document::Document;
use super::rules::Rule;
use super::schema::{Schema, View};
use super::schemas::Comparison;
use crate::spec::prose::PROSE;

/// Compares the shapes of two schemas. Returns whether what both say besides is left to compare.
pub(super) fn compare<'a>(comparison: &mut Comparison<'a>, old: &Schema<'a>, new: &Schema<'a>) -> bool {
    let (before, after) = (comparison.old.branches(), comparison.new.branches());
    match (before.is_empty(), after.is_empty()) {
        (true, true) => true,
        (false, false) => {
            pair_up(comparison, before, after);
            true
        }
        (true, false) if comparison.new.kind().is_none() => {
            if comparison.old.kind().is_none() {
                let rule = comparison.pick(Rule::RequestTypeNarrowed, Rule::ResponseTypeNarrowed);
                comparison.keyword(rule, key(&comparison.new), "no longer takes every value");
            } else {
                pair_up(comparison, vec![old.clone()], after);
            }
            false
        }
        (false, true) if comparison.old.kind().is_none() => {
            if comparison.new.kind().is_none() {
                let rule = comparison.pick(Rule::RequestTypeWidened, Rule::ResponseTypeWidened);
                comparison.keyword(rule, key(&comparison.old), "takes every value now");
            } else {
                pair_up(comparison, before, vec![new.clone()]);
            }
            false
        }
        (true, false) => {
            let rule = comparison.pick(Rule::RequestBoundsTightened, Rule::ResponseBoundsTightened);
            comparison.keyword(rule, key(&comparison.new), "must have one of several shapes now");
            true
        }
        (false, true) => {
            let rule = comparison.pick(Rule::RequestBoundsLoosened, Rule::ResponseBoundsLoosened);
            comparison.keyword(rule, key(&comparison.old), "need not have one of several shapes any more");
            true
        }
    }
}

fn key(view: &View<'_>) -> &'static str {
    if view.keyword("oneOf").is_some() { "oneOf" } else { "anyOf" }
}

/// Depth to which the content of shapes is compared; below, a reference is only its name.
const DEPTH: usize = 8;

fn pair_up<'a>(comparison: &mut Comparison<'a>, old: Vec<Schema<'a>>, new: Vec<Schema<'a>>) {
    let (before, after) = comparison.documents;
    let traits = |document: &'a Document, shapes: &[Schema<'a>]| -> Vec<Traits<'a>> {
        shapes.iter().map(|shape| Traits::of(document, shape)).collect()
    };
    let (old_traits, new_traits) = (traits(before, &old), traits(after, &new));
    let mut likenesses = Vec::new();
    for (i, a) in old_traits.iter().enumerate() {
        likenesses.extend(new_traits.iter().enumerate().map(|(j, b)| (a.likeness(b), i, j)));
    }
    likenesses.retain(|(likeness, ..)| *likeness > 0);
    // The surest first, and of equals those that stand first.
    likenesses.sort_by_key(|(likeness, i, j)| (std::cmp::Reverse(*likeness), *i, *j));
    let (mut old, mut new): (Vec<_>, Vec<_>) =
        (old.into_iter().map(Some).collect(), new.into_iter().map(Some).collect());
    for (_, i, j) in likenesses {
        if old[i].is_some() && new[j].is_some() {
            let (a, b) = (old[i].take(), new[j].take());
            a.into_iter().zip(b).for_each(|(a, b)| comparison.follow(a, b));
        }
    }
    for schema in old.into_iter().flatten() {
        let rule = comparison.pick(Rule::RequestBranchRemoved, Rule::ResponseBranchRemoved);
        let from = key(&comparison.new);
        comparison.gone(rule, from, &schema, "is no longer one of the shapes");
    }
    for schema in new.into_iter().flatten() {
        let rule = comparison.pick(Rule::RequestBranchAdded, Rule::ResponseBranchAdded);
        let to = key(&comparison.old);
        comparison.more(rule, to, &schema, "is a new one of the shapes");
    }
}

/// Traits by which a shape is found again, wherever it stands and whatever it is called.
#[derive(Debug)]
struct Traits<'a> {
    /// All that it says, with references followed.
    content: Value,
    /// The component that it refers to.
    component: Option<String>,
    kind: Option<&'a str>,
    entries: Option<&'a str>,
    format: Option<&'a str>,
    properties: Vec<&'a str>,
    values: Option<String>,
}

impl<'a> Traits<'a> {
    fn of(document: &'a Document, schema: &Schema<'a>) -> Self {
        let view = View::new(document, schema);
        let resolved: Vec<_> = schema.0.iter().map(|place| document.resolve(place)).collect();
        let component = match resolved.as_slice() {
            // Deeper is a part of a component, which is known by its number only.
            [only] if only.pointer.starts_with("/components/") && only.pointer.split('/').count() == 4 => {
                Some(only.pointer.to_string())
            }
            _ => None,
        };
        Self {
            content: resolved.iter().map(|place| content(document, place.value, DEPTH)).collect(),
            component,
            kind: view.kind(),
            entries: view.items().and_then(|items| View::new(document, &items).kind()),
            format: view.keyword("format").and_then(|format| format.value.as_str()),
            properties: view.properties(document, "").into_keys().collect(),
            values: view.values().map(|values| format!("{values:?}")),
        }
    }

    /// How sure it is that the one became the other; 0 if it cannot have.
    fn likeness(&self, other: &Self) -> usize {
        let outline =
            |of: &Self| (of.kind, of.entries, of.format, of.values.clone(), of.properties.join(","));
        let common = self.properties.iter().filter(|name| other.properties.contains(name)).count();
        let most = self.properties.len().max(other.properties.len());
        let numbers = [self.kind, other.kind].iter().all(|kind| matches!(kind, Some("integer" | "number")));
        if self.content == other.content {
            4000
        } else if self.component.is_some() && self.component == other.component {
            3000
        } else if outline(self) == outline(other) {
            2000
        } else if self.kind == other.kind && common * 2 >= most {
            1 + 1000 * common / most.max(1) + usize::from(self.entries == other.entries)
        } else {
            usize::from(numbers)
        }
    }
}

/// All that a schema says but for words, with references followed.
fn content(document: &Document, value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(map) if depth > 0 => {
            if let Some(target) = document.target(value) {
                return content(document, target, depth - 1);
            }
            let said = map.iter().filter(|(key, _)| !PROSE.contains(&key.as_str()) && !key.starts_with("x-"));
            said.map(|(key, value)| (key.clone(), content(document, value, depth))).collect()
        }
        Value::Array(items) => items.iter().map(|item| content(document, item, depth)).collect(),
        other => other.clone(),
    }
}
