//! `oneOf` and `anyOf`: which shape of the old schema is which of the new one.

use super::document::Document;
use super::rules::Rule;
use super::schema::{Schema, View};
use super::schemas::Comparison;

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

/// Says if two shapes can be each other.
type Likeness<'f, 'a> = &'f dyn Fn(&Schema<'a>, &Schema<'a>) -> bool;

fn pair_up<'a>(comparison: &mut Comparison<'a>, mut old: Vec<Schema<'a>>, mut new: Vec<Schema<'a>>) {
    let (before, after) = comparison.documents;
    // The surest likeness first: the same place, then the same outline, then kinds that can follow each other.
    let likenesses: [Likeness<'_, 'a>; 3] = [
        &|a, b| place(before, a) == place(after, b) && place(before, a).is_some(),
        &|a, b| Outline::of(before, a) == Outline::of(after, b),
        &|a, b| Outline::of(before, a).is_like(&Outline::of(after, b)),
    ];
    for alike in likenesses {
        let mut index = 0;
        while let Some(candidate) = old.get(index) {
            match new.iter().position(|other| alike(candidate, other)) {
                Some(other) => comparison.follow(old.remove(index), new.remove(other)),
                None => index += 1,
            }
        }
    }
    for schema in old {
        let rule = comparison.pick(Rule::RequestBranchRemoved, Rule::ResponseBranchRemoved);
        let from = key(&comparison.new);
        comparison.gone(rule, from, &schema, "is no longer one of the shapes");
    }
    for schema in new {
        let rule = comparison.pick(Rule::RequestBranchAdded, Rule::ResponseBranchAdded);
        let to = key(&comparison.old);
        comparison.more(rule, to, &schema, "is a new one of the shapes");
    }
}

/// The component that a shape refers to.
fn place(document: &Document, schema: &Schema<'_>) -> Option<String> {
    let [only] = schema.0.as_slice() else { return None };
    let pointer = document.resolve(only).pointer;
    pointer.starts_with("/components/").then(|| pointer.to_string())
}

/// Traits that tell shapes apart at a glance.
#[derive(Debug, PartialEq)]
struct Outline<'a> {
    kind: Option<&'a str>,
    format: Option<&'a str>,
    properties: Vec<&'a str>,
    values: Option<String>,
}

impl<'a> Outline<'a> {
    fn of(document: &'a Document, schema: &Schema<'a>) -> Self {
        let view = View::new(document, schema);
        Self {
            kind: view.kind(),
            format: view.keyword("format").and_then(|format| format.value.as_str()),
            properties: view.properties(document, "").into_keys().collect(),
            values: view.values().map(|values| format!("{values:?}")),
        }
    }

    /// The same kind; of objects those that have half of their properties in common.
    fn is_like(&self, other: &Self) -> bool {
        let common = self.properties.iter().filter(|name| other.properties.contains(name)).count();
        let most = self.properties.len().max(other.properties.len());
        let numbers = [self.kind, other.kind].iter().all(|kind| matches!(kind, Some("integer" | "number")));
        numbers || (self.kind == other.kind && common * 2 >= most)
    }
}
