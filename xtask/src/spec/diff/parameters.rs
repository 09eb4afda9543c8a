//! Parameters of an operation and of its path.

use serde_json::Value;

use super::bodies::compare_schemas;
use super::document::{Document, Place};
use super::operations::{Operation, OperationChanges};
use super::rules::{Direction, Rule};
use super::schemas::Pairs;

/// A parameter and what tells it from others.
struct Parameter<'a> {
    location: &'a str,
    name: &'a str,
    /// The name, or for a path parameter its position: the name is not on the wire.
    key: String,
    place: Place<'a>,
}

impl<'a> Parameter<'a> {
    fn all(document: &'a Document, operation: &Operation<'a>) -> Vec<Self> {
        let positions = operation.path_names();
        let mut all: Vec<Self> = Vec::new();
        for holder in [&operation.place, &operation.item] {
            for place in holder.get("parameters").map(|list| list.items()).unwrap_or_default() {
                let place = document.resolve(&place);
                let location = place.text("in").unwrap_or_default();
                let name = place.text("name").unwrap_or_default();
                let key = match location {
                    "path" => positions.iter().position(|other| *other == name).map(|at| at.to_string()),
                    "header" => Some(name.to_ascii_lowercase()),
                    _ => None,
                };
                let key = key.unwrap_or_else(|| name.to_owned());
                // The operation's own go first and override those of the path.
                if !all.iter().any(|own| own.location == location && own.key == key) {
                    all.push(Self { location, name, key, place });
                }
            }
        }
        all
    }

    fn required(&self) -> bool {
        self.location == "path" || self.place.flag("required")
    }

    /// How a value is written.
    fn style(&self) -> (String, bool, bool, Vec<&'a str>) {
        let usual = if matches!(self.location, "query" | "cookie") { "form" } else { "simple" };
        let style = self.place.text("style").unwrap_or(usual);
        let explode = self.place.value.get("explode").and_then(Value::as_bool).unwrap_or(style == "form");
        let content = self.place.get("content").map(|content| content.entries()).unwrap_or_default();
        let media_types = content.into_iter().map(|(media_type, _)| media_type).collect();
        (style.to_owned(), explode, self.place.flag("allowReserved"), media_types)
    }

    fn schema(&self) -> Option<Place<'a>> {
        let content = || self.place.get("content")?.entries().into_iter().next()?.1.get("schema");
        self.place.get("schema").or_else(content)
    }
}

pub(super) fn compare<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Operation<'a>,
    new: &Operation<'a>,
) {
    let mut before = Parameter::all(pairs.old, old);
    let mut after = Parameter::all(pairs.new, new);
    let alike: [fn(&Parameter<'_>, &Parameter<'_>) -> bool; 2] = [
        |a, b| a.location == b.location && a.key == b.key,
        |a, b| a.location != b.location && a.name.eq_ignore_ascii_case(b.name),
    ];
    for alike in alike {
        let mut index = 0;
        while let Some(candidate) = before.get(index) {
            match after.iter().position(|other| alike(candidate, other)) {
                Some(other) => compare_pair(changed, pairs, &before.remove(index), &after.remove(other)),
                None => index += 1,
            }
        }
    }
    for gone in before {
        let says = format!("the {} parameter `{}` is gone", gone.location, gone.name);
        changed.add(Rule::ParameterRemoved, gone.place.pointer, new.place.pointer_of("parameters"), says);
    }
    for added in after {
        let (rule, kind) = if added.required() {
            (Rule::ParameterAddedRequired, "new and required")
        } else {
            (Rule::ParameterAddedOptional, "new")
        };
        let says = format!("the {} parameter `{}` is {kind}", added.location, added.name);
        changed.add(rule, old.place.pointer_of("parameters"), added.place.pointer, says);
    }
}

fn compare_pair<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Parameter<'a>,
    new: &Parameter<'a>,
) {
    let name = format!("the {} parameter `{}`", new.location, new.name);
    let (before, after) = (&old.place, &new.place);
    if old.location != new.location {
        let says = format!("{name} was a {} parameter", old.location);
        changed.changed(Rule::ParameterMoved, before, after, "in", says);
    } else if old.style() != new.style() {
        changed.changed(
            Rule::ParameterStyleChanged,
            before,
            after,
            "style",
            format!("{name} is written in another way"),
        );
    }
    match (old.required(), new.required()) {
        (false, true) => {
            changed.changed(
                Rule::ParameterBecameRequired,
                before,
                after,
                "required",
                format!("{name} is required now"),
            );
        }
        (true, false) => {
            let says = format!("{name} may be left out now");
            changed.changed(Rule::ParameterBecameOptional, before, after, "required", says);
        }
        _ => {}
    }
    if after.flag("deprecated") && !before.flag("deprecated") {
        changed.changed(
            Rule::ParameterDeprecated,
            before,
            after,
            "deprecated",
            format!("{name} is deprecated now"),
        );
    } else if before.flag("deprecated") && !after.flag("deprecated") {
        let says = format!("{name} is no longer deprecated");
        changed.changed(Rule::ParameterTextChanged, before, after, "deprecated", says);
    }
    if old.location == "path" && old.name != new.name {
        let says = format!("{name} was called `{}`", old.name);
        changed.changed(Rule::ParameterTextChanged, before, after, "name", says);
    }
    changed.words(Rule::ParameterTextChanged, before, after, &name, &[]);
    compare_schemas(changed, pairs, (before, old.schema()), (after, new.schema()), Direction::Sent, &name);
}
