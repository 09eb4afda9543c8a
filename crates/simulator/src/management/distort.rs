//! Answers that are changed after the operation is done.

use serde_json::Value;

use super::reply::Reply;
use crate::ids::Ids;

/// Changes the JSON of an answer.
pub(crate) fn rewrite(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        change(&mut value);
        reply.body = value.to_string().into();
    }
}

/// Takes the offset from every stamp of the service.
pub(crate) fn without_offset(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_offset),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // What the image's maker wrote is not the service's to change.
                    _ if name == "extra_attrs" => {}
                    Value::String(text) if name.ends_with("_at") || name.ends_with("_time") => {
                        *text = text.trim_end_matches('Z').to_owned();
                    }
                    other => without_offset(other),
                }
            }
        }
        _ => {}
    }
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
