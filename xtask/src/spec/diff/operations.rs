//! Operations: which of the old document is which of the new one, and what is said of the call itself.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use super::document::{Document, Place};
use super::rules::Rule;
use super::schemas::{Change, Pairs};
use super::{bodies, parameters, security};
use crate::spec::METHODS;
use crate::spec::prose::PROSE;

/// An operation and what it inherits.
pub(super) struct Operation<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Its id, or method and path if it has none of its own.
    pub(super) label: String,
    pub(super) item: Place<'a>,
    pub(super) place: Place<'a>,
}

impl<'a> Operation<'a> {
    fn all(document: &'a Document) -> Vec<Self> {
        let mut all = Vec::new();
        for (path, item) in document.root().get("paths").map(|paths| paths.entries()).unwrap_or_default() {
            let item = document.resolve(&item);
            for method in METHODS {
                if let Some(place) = item.get(method).filter(|place| place.object().is_some()) {
                    all.push(Self { method, path, label: String::new(), item: item.clone(), place });
                }
            }
        }
        // Generators that take ids from the names of functions give some of them twice.
        let ids: Vec<_> = all.iter().map(Self::written_id).collect();
        for (operation, id) in all.iter_mut().zip(&ids) {
            let only = id.filter(|id| ids.iter().filter(|other| **other == Some(id)).count() == 1);
            operation.label = only.map_or_else(|| operation.route_name(), str::to_owned);
        }
        all
    }

    fn written_id(&self) -> Option<&'a str> {
        self.place.text("operationId")
    }

    /// The id, if no other operation has it.
    fn id(&self) -> Option<&'a str> {
        self.written_id().filter(|id| *id == self.label)
    }

    fn route_name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    fn name(&self) -> String {
        format!("`{}`", self.route_name())
    }

    /// Method and path, without the names of path parameters: those are not on the wire.
    fn route(&self) -> (&'a str, String) {
        let mut route = String::new();
        for (index, part) in self.path.split('{').enumerate() {
            let rest = if index == 0 { part } else { part.split_once('}').map_or("", |(_, rest)| rest) };
            route.push_str(rest);
            route.push('{');
        }
        (self.method, route)
    }

    /// The names in the path, in their order.
    pub(super) fn path_names(&self) -> Vec<&'a str> {
        self.path.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
    }
}

/// A pair of operations, or one that has no other: what changed, and the schemas that it reaches.
pub(super) struct OperationChanges {
    pub(super) label: String,
    pub(super) changes: Vec<Change>,
    pub(super) roots: Vec<usize>,
}

impl OperationChanges {
    /// Records a change of `key`, at the key or at what lacks it.
    pub(super) fn changed(&mut self, rule: Rule, old: &Place<'_>, new: &Place<'_>, key: &str, says: String) {
        self.add(rule, old.pointer_of(key), new.pointer_of(key), says);
    }

    pub(super) fn add(&mut self, rule: Rule, old: Rc<str>, new: Rc<str>, sentence: String) {
        self.changes.push(Change { rule, old, new, sentence });
    }

    /// Records sentences, samples and extensions that differ.
    pub(super) fn words(&mut self, rule: Rule, old: &Place<'_>, new: &Place<'_>, of: &str, more: &[&str]) {
        let keys = |place: &Place<'_>| -> BTreeSet<String> {
            let keys = place.object().into_iter().flat_map(|object| object.keys());
            keys.filter(|key| {
                PROSE.contains(&key.as_str()) || more.contains(&key.as_str()) || key.starts_with("x-")
            })
            .cloned()
            .collect()
        };
        for key in keys(old).union(&keys(new)) {
            if old.value.get(key) != new.value.get(key) {
                self.changed(rule, old, new, key, format!("{of} has another `{key}`"));
            }
        }
    }
}

/// Changes of the document as a whole.
pub(super) fn compare_document(old: &Document, new: &Document) -> Vec<Change> {
    let mut changed = OperationChanges { label: String::new(), changes: Vec::new(), roots: Vec::new() };
    let (before, after) = (old.root(), new.root());
    if let (Some(before), Some(after)) = (before.get("info"), after.get("info")) {
        changed.words(Rule::DocumentTextChanged, &before, &after, "the document", &["version", "contact"]);
    }
    changed.words(Rule::DocumentTextChanged, &before, &after, "the document", &["tags"]);
    servers(&mut changed, &before, &after);
    changed.changes
}

fn servers(changed: &mut OperationChanges, old: &Place<'_>, new: &Place<'_>) {
    let urls = |place: &Place<'_>| -> BTreeSet<String> {
        let servers = place.get("servers").map(|servers| servers.items()).unwrap_or_default();
        // An empty address is the one that the document came from: the same as none.
        servers
            .iter()
            .filter_map(|server| server.text("url"))
            .filter(|url| !url.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (before, after) = (urls(old), urls(new));
    for url in before.difference(&after) {
        changed.changed(Rule::ServerRemoved, old, new, "servers", format!("the server {url} is gone"));
    }
    for url in after.difference(&before) {
        changed.changed(Rule::ServerAdded, old, new, "servers", format!("the server {url} is new"));
    }
}

/// Every operation of either document.
pub(super) fn compare_operations<'a>(
    old: &'a Document,
    new: &'a Document,
    pairs: &mut Pairs<'a>,
) -> Vec<OperationChanges> {
    let (mut before, mut after) = (Operation::all(old), Operation::all(new));
    let mut calls = Vec::new();
    let alike: [fn(&Operation<'_>, &Operation<'_>) -> bool; 3] = [
        |a, b| a.route() == b.route(),
        |a, b| a.id().is_some() && a.id() == b.id(),
        |a, b| a.route().1 == b.route().1 && a.id().is_none() && b.id().is_none(),
    ];
    for alike in alike {
        let mut index = 0;
        while let Some(candidate) = before.get(index) {
            match after.iter().position(|other| alike(candidate, other)) {
                Some(other) => {
                    let (a, b) = (before.remove(index), after.remove(other));
                    calls.push(compare(pairs, &a, &b));
                }
                None => index += 1,
            }
        }
    }
    let paths = |document: &Document| document.root().pointer_of("paths");
    for gone in before {
        let mut changed =
            OperationChanges { label: gone.label.clone(), changes: Vec::new(), roots: Vec::new() };
        let says = format!("{} is gone", gone.name());
        changed.add(Rule::OperationRemoved, gone.place.pointer, paths(new), says);
        calls.push(changed);
    }
    for added in after {
        let mut changed =
            OperationChanges { label: added.label.clone(), changes: Vec::new(), roots: Vec::new() };
        let says = format!("{} is new", added.name());
        changed.add(Rule::OperationAdded, paths(old), added.place.pointer, says);
        calls.push(changed);
    }
    calls
}

fn compare<'a>(pairs: &mut Pairs<'a>, old: &Operation<'a>, new: &Operation<'a>) -> OperationChanges {
    let mut changed = OperationChanges { label: new.label.clone(), changes: Vec::new(), roots: Vec::new() };
    let name = new.name();
    let (before, after) = (&old.place, &new.place);
    if old.route() != new.route() {
        let (a, b) = (Rc::clone(&before.pointer), Rc::clone(&after.pointer));
        changed.add(Rule::OperationMoved, a, b, format!("{} is {name} now", old.name()));
    }
    if let (Some(a), Some(b)) = (old.written_id(), new.written_id())
        && a != b
    {
        let says = format!("{name} has another id: {a} → {b}");
        changed.changed(Rule::OperationIdChanged, before, after, "operationId", says);
    }
    match (before.flag("deprecated"), after.flag("deprecated")) {
        (false, true) => {
            let says = format!("{name} is deprecated now");
            changed.changed(Rule::OperationDeprecated, before, after, "deprecated", says);
        }
        (true, false) => {
            let says = format!("{name} is no longer deprecated");
            changed.changed(Rule::OperationUndeprecated, before, after, "deprecated", says);
        }
        _ => {}
    }
    if empty_is_none(before.value.get("callbacks")) != empty_is_none(after.value.get("callbacks")) {
        let says = format!("{name} has other callbacks");
        changed.changed(Rule::CallbacksChanged, before, after, "callbacks", says);
    }
    changed.words(Rule::OperationTextChanged, before, after, &name, &["tags"]);
    servers(&mut changed, before, after);
    security::compare(&mut changed, pairs, old, new, &name);
    parameters::compare(&mut changed, pairs, old, new);
    bodies::compare_request(&mut changed, pairs, before, after, &name);
    bodies::compare_responses(&mut changed, pairs, before, after, &name);
    changed
}

fn empty_is_none(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| value.as_object().is_none_or(|object| !object.is_empty()))
}
