//! A schema with its references and `allOf` followed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::document::{Document, Place};

/// A schema: all of these places apply at once. Usually there is one.
#[derive(Clone, Debug)]
pub(super) struct Schema<'a>(pub(super) Vec<Place<'a>>);

impl<'a> From<Place<'a>> for Schema<'a> {
    fn from(place: Place<'a>) -> Self {
        Self(vec![place])
    }
}

impl Schema<'_> {
    /// Tells this schema from others of its document.
    pub(super) fn key(&self) -> String {
        self.0.iter().map(|place| place.pointer.as_ref()).collect::<Vec<_>>().join("\n")
    }

    /// Says if both say the same in the same words, and refer to nothing that could say something else.
    pub(super) fn is_the_same_throughout(&self, other: &Self) -> bool {
        let same = |(a, b): (&Place<'_>, &Place<'_>)| a.value == b.value && !refers(a.value);
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// Where it is, or at least where it begins.
    pub(super) fn pointer(&self) -> Rc<str> {
        self.0.first().map_or_else(|| "".into(), |place| Rc::clone(&place.pointer))
    }
}

/// Rules for properties without a name of their own.
#[derive(Clone, Debug)]
pub(super) enum Additional<'a> {
    Forbidden,
    Anything,
    These(Schema<'a>),
}

/// A schema with references and `allOf` followed.
#[derive(Debug)]
pub(super) struct View<'a> {
    fragments: Vec<Place<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn new(document: &'a Document, schema: &Schema<'a>) -> Self {
        let mut fragments = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<Place<'a>> = schema.0.iter().rev().cloned().collect();
        while let Some(place) = open.pop() {
            let place = document.resolve(&place);
            if !seen.insert(Rc::clone(&place.pointer)) {
                continue;
            }
            let all_of = place.get("allOf").map(|all_of| all_of.items()).unwrap_or_default();
            open.extend(all_of.into_iter().rev());
            fragments.push(place);
        }
        Self { fragments }
    }

    /// Where the schema itself is.
    pub(super) fn pointer(&self) -> Rc<str> {
        self.fragments.first().map_or_else(|| "".into(), |place| Rc::clone(&place.pointer))
    }

    /// The outermost place that says `key`.
    pub(super) fn keyword(&self, key: &str) -> Option<Place<'a>> {
        self.fragments.iter().find_map(|fragment| fragment.get(key))
    }

    /// Where `key` is said, or where it is not.
    pub(super) fn pointer_of(&self, key: &str) -> Rc<str> {
        self.keyword(key).map_or_else(|| self.pointer(), |place| place.pointer)
    }

    /// Says if any part has `key` as true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.fragments.iter().any(|fragment| fragment.flag(key))
    }

    /// Every keyword that any part says.
    pub(super) fn keywords(&self) -> BTreeSet<&'a str> {
        let objects = self.fragments.iter().filter_map(Place::object);
        objects.flat_map(|object| object.keys()).map(String::as_str).collect()
    }

    /// The type, as it is said or as the other keywords imply.
    pub(super) fn kind(&self) -> Option<&'a str> {
        if let Some(Value::String(kind)) = self.keyword("type").map(|place| place.value) {
            return Some(kind);
        }
        if self.keyword("properties").is_some() || self.keyword("additionalProperties").is_some() {
            return Some("object");
        }
        if self.keyword("items").is_some() || self.keyword("prefixItems").is_some() {
            return Some("array");
        }
        let values = self.keyword("enum").and_then(|place| place.value.as_array());
        let mut kinds = values.into_iter().flatten().map(kind_of);
        let first = kinds.next()?;
        kinds.all(|kind| kind == first).then_some(first)
    }

    /// The properties that travel in one direction; `hidden` is the flag of those that do not.
    pub(super) fn properties(&self, document: &'a Document, hidden: &str) -> BTreeMap<&'a str, Schema<'a>> {
        let mut all: BTreeMap<&str, Schema<'_>> = BTreeMap::new();
        for properties in self.fragments.iter().filter_map(|fragment| fragment.get("properties")) {
            for (name, place) in properties.entries() {
                all.entry(name).or_insert_with(|| Schema(Vec::new())).0.push(place);
            }
        }
        let is_hidden = |place: &Place<'a>| place.flag(hidden) || document.resolve(place).flag(hidden);
        all.retain(|_, schema| !schema.0.iter().any(is_hidden));
        all
    }

    /// The names of the properties that must be there.
    pub(super) fn required(&self) -> BTreeSet<&'a str> {
        let lists = self.fragments.iter().filter_map(|fragment| fragment.value.get("required")?.as_array());
        lists.flatten().filter_map(Value::as_str).collect()
    }

    /// The values of `enum`: those on which all parts agree.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        let mut lists = self.fragments.iter().filter_map(|fragment| fragment.value.get("enum")?.as_array());
        let first: Vec<&Value> = lists.next()?.iter().collect();
        Some(
            lists.fold(first, |agreed, list| {
                agreed.into_iter().filter(|value| list.contains(value)).collect()
            }),
        )
    }

    /// The rule for properties beside the named ones.
    pub(super) fn additional(&self) -> Additional<'a> {
        let said: Vec<Place<'_>> =
            self.fragments.iter().filter_map(|fragment| fragment.get("additionalProperties")).collect();
        if said.iter().any(|place| place.value == &Value::Bool(false)) {
            return Additional::Forbidden;
        }
        let schemas: Vec<_> = said
            .into_iter()
            .filter(|place| place.object().is_some_and(|schema| !schema.is_empty()))
            .collect();
        if schemas.is_empty() { Additional::Anything } else { Additional::These(Schema(schemas)) }
    }

    /// The schema of every entry of an array.
    pub(super) fn items(&self) -> Option<Schema<'a>> {
        let items: Vec<_> = self.fragments.iter().filter_map(|fragment| fragment.get("items")).collect();
        (!items.is_empty()).then_some(Schema(items))
    }

    /// The schemas of the first entries of an array, each its own.
    pub(super) fn places(&self) -> Vec<Schema<'a>> {
        let places = self.keyword("prefixItems").map(|places| places.items()).unwrap_or_default();
        places.into_iter().map(Schema::from).collect()
    }

    /// The shapes of `oneOf` and `anyOf`, of which a value has one.
    pub(super) fn branches(&self) -> Vec<Schema<'a>> {
        let unions =
            self.fragments.iter().flat_map(|fragment| [fragment.get("oneOf"), fragment.get("anyOf")]);
        unions.flatten().flat_map(|union| union.items()).map(Schema::from).collect()
    }
}

fn refers(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
