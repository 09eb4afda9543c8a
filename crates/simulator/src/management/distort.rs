//! Answers that are changed after the operation is done.

use serde_json::{Map, Value, json};

use super::reply::Reply;
use crate::ids::Ids;
use crate::quirks::{EmptyLists, ExtraAttrs, NeverPulled, Quirks, Stamps};

/// The time that Go writes for one that is not known.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Changes the JSON of an answer.
pub(crate) fn rewrite(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        change(&mut value);
        reply.body = value.to_string().into();
    }
}

/// Calls `change` for every object that the service writes. What an image's maker wrote, and command lines, are not
/// the service's to change.
fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        Value::Object(fields) => {
            let own = fields.iter_mut().filter(|(name, _)| *name != "extra_attrs" && *name != "commands");
            own.for_each(|(_, value)| each_object(value, change));
            change(fields);
        }
        _ => {}
    }
}

/// The texts of an object that are stamps.
fn stamps(fields: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    fields
        .iter_mut()
        .filter(|(name, _)| name.ends_with("_at") || name.ends_with("_time"))
        .map(|(_, value)| value)
}

/// Takes the offset from every stamp.
pub(crate) fn without_offset(value: &mut Value) {
    each_object(value, &mut |fields| {
        for stamp in stamps(fields) {
            if let Value::String(text) = stamp {
                *text = text.trim_end_matches('Z').to_owned();
            }
        }
    });
}

/// Replaces the ids of a delete, or the `id` of each thing that is answered.
pub(crate) fn other_ids(value: &mut Value, ids: &mut Ids) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| other_ids(item, ids)),
        Value::Object(fields) => {
            if let Some(id) = fields.get_mut("id") {
                *id = ids.uuid().to_string().into();
            }
        }
        Value::String(id) => *id = ids.uuid().to_string(),
        _ => {}
    }
}

/// How answers are written, as far as quirks change it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Form {
    extra_attrs: ExtraAttrs,
    empty_lists: EmptyLists,
    stamps: Stamps,
    never_pulled: NeverPulled,
    unknown_fields: bool,
    whole_floats: bool,
    odd_row: Option<usize>,
    nameless_row: Option<usize>,
}

impl Form {
    pub(crate) fn of(quirks: &Quirks) -> Self {
        Self {
            extra_attrs: quirks.extra_attrs,
            empty_lists: quirks.empty_lists,
            stamps: quirks.stamps,
            never_pulled: quirks.never_pulled,
            unknown_fields: quirks.unknown_fields,
            whole_floats: quirks.whole_floats,
            odd_row: quirks.odd_row,
            nameless_row: quirks.nameless_row,
        }
    }

    /// True if there is nothing to change, so that the answer need not be read again.
    pub(crate) fn is_plain(self) -> bool {
        self == Self::of(&Quirks::default())
    }

    pub(crate) fn apply(self, answer: &mut Value) {
        each_object(answer, &mut |fields| self.bend(fields));
        if let Value::Array(rows) = answer {
            set(rows, self.odd_row, [("tags", json!("none")), ("signed", json!("no"))]);
            set(rows, self.nameless_row, [("name", Value::Null), ("digest", Value::Null)]);
        }
        self.empty(answer);
    }

    fn bend(self, fields: &mut Map<String, Value>) {
        for stamp in stamps(fields) {
            match (self.stamps, stamp) {
                (Stamps::Long, Value::String(text)) => *text = text.replace('Z', ".123456789012Z"),
                (Stamps::Maximum, Value::String(text)) => "9999-12-31T23:59:59.999999".clone_into(text),
                (Stamps::Zero, Value::String(text)) => ZERO_TIME.clone_into(text),
                _ => {}
            }
        }
        if let Some(never @ Value::Null) = fields.get_mut("pull_time") {
            match self.never_pulled {
                NeverPulled::Null => {}
                NeverPulled::Zero => *never = ZERO_TIME.into(),
                NeverPulled::Empty => *never = "".into(),
            }
        }
        self.bend_attrs(fields);
        for value in fields.values_mut() {
            self.empty(value);
            if let Some(number) = value.as_i64().filter(|_| self.whole_floats) {
                *value = json!(number as f64);
            }
        }
        if self.unknown_fields {
            let more = json!({ "nested": { "list": [1, "two", null] } });
            fields.extend([("x_text".to_owned(), "unknown".into()), ("x_object".to_owned(), more)]);
        }
    }

    fn bend_attrs(self, fields: &mut Map<String, Value>) {
        let Some(attrs) = fields.get_mut("extra_attrs") else { return };
        let is_empty = attrs.as_object().is_some_and(Map::is_empty);
        match self.extra_attrs {
            ExtraAttrs::Null => *attrs = Value::Null,
            ExtraAttrs::Absent => drop(fields.remove("extra_attrs")),
            ExtraAttrs::AbsentIfEmpty if is_empty => drop(fields.remove("extra_attrs")),
            ExtraAttrs::Present | ExtraAttrs::AbsentIfEmpty => {}
        }
    }

    fn empty(self, value: &mut Value) {
        let is_empty = match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if is_empty && self.empty_lists == EmptyLists::Null {
            *value = Value::Null;
        }
    }
}

/// Sets the first of those fields that the row has; rows are counted from 1.
fn set<const N: usize>(rows: &mut [Value], row: Option<usize>, fields: [(&str, Value); N]) {
    let row = row.and_then(|row| rows.get_mut(row - 1));
    let Some(row) = row.and_then(Value::as_object_mut) else { return };
    let known = fields.into_iter().find(|(name, _)| row.contains_key(*name));
    row.extend(known.map(|(name, value)| (name.to_owned(), value)));
}
