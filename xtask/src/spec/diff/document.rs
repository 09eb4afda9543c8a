//! A document to compare, and places in it.

use std::rc::Rc;

use anyhow::{Result, ensure};
use serde_json::{Map, Value};

use super::canonical::canonicalise;
use crate::spec::{escape, openapi_version, spelling};

/// References that lead to references: more of them than this is a circle.
const LONGEST_CHAIN: usize = 32;

/// A document in the spelling of OpenAPI 3.0, which remembers how it was spelled.
pub(crate) struct Document {
    spelled: Value,
    normal: Value,
}

impl Document {
    /// Takes any OpenAPI 3 document: official, vendored or resolved. What cannot be said in 3.0 stays as
    /// it is and is compared like that.
    pub(crate) fn new(spelled: Value) -> Result<Self> {
        openapi_version(&spelled)?;
        ensure!(spelled.get("paths").is_some_and(Value::is_object), "it has no `paths`");
        let mut normal = spelled.clone();
        spelling::normalise_document(&mut normal);
        spelling::each_schema(&mut normal, |_, schema| canonicalise(schema));
        Ok(Self { spelled, normal })
    }

    /// The whole document.
    pub(super) fn root(&self) -> Place<'_> {
        Place { pointer: "".into(), value: &self.normal }
    }

    /// The nearest place around `pointer` that is in the document as it was spelled.
    pub(super) fn spelled(&self, pointer: &str) -> String {
        let mut pointer = pointer;
        while self.spelled.pointer(pointer).is_none() {
            pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        pointer.to_owned()
    }

    /// The text of `key` in the object at `pointer`.
    pub(super) fn text(&self, pointer: &str, key: &str) -> Option<&str> {
        self.normal.pointer(pointer)?.get(key)?.as_str()
    }

    /// The value that `value` is a reference to.
    pub(super) fn target(&self, value: &Value) -> Option<&Value> {
        self.normal.pointer(value.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// Follows references from `place`. A reference that leads nowhere or in a circle stays what it is.
    pub(super) fn resolve<'a>(&'a self, place: &Place<'a>) -> Place<'a> {
        let mut current = place.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(pointer) = current.text("$ref").and_then(|reference| reference.strip_prefix('#')) else {
                return current;
            };
            let Some(value) = self.normal.pointer(pointer) else { return current };
            current = Place { pointer: pointer.into(), value };
        }
        place.clone()
    }
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) pointer: Rc<str>,
    pub(super) value: &'a Value,
}

impl<'a> Place<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(Self { pointer: format!("{}/{}", self.pointer, escape(key)).into(), value })
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.as_object()?.get(key)?.as_str()
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(super) fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    /// The entries of an object, in the order of their names.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let mut names: Vec<&'a str> =
            self.object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter().filter_map(|name| Some((name, self.get(name)?))).collect()
    }

    /// Where `key` is said, or where it is not.
    pub(super) fn pointer_of(&self, key: &str) -> Rc<str> {
        self.get(key).map_or_else(|| Rc::clone(&self.pointer), |place| place.pointer)
    }

    /// The entries of an array.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let place = |(index, value)| Self { pointer: format!("{}/{index}", self.pointer).into(), value };
        items.iter().enumerate().map(place).collect()
    }
}
