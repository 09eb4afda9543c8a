//! Comma-separated values, as RFC 4180 has them.

use serde::Serialize;
use serde_json::Value;

use super::text::{json_line, printable};
use crate::failure::Failure;

/// The fields of one item. A list is written as its names with `;` between them, what else is nested as JSON, what
/// is not there as nothing.
pub(super) fn row<T: Serialize>(item: &T, fields: &[&str]) -> Result<String, Failure> {
    let value = serde_json::to_value(item)
        .map_err(|error| Failure::other(format!("this cannot be written as CSV: {error}")))?;
    Ok(line(fields.iter().map(|field| match &value[*field] {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => names(other).unwrap_or_else(|| json_line(other)),
    })))
}

/// The names in a list, if it is one of texts or of things that have a name.
fn names(value: &Value) -> Option<String> {
    let name = |one: &Value| one.as_str().or_else(|| one["name"].as_str()).map(printable);
    Some(value.as_array()?.iter().map(name).collect::<Option<Vec<_>>>()?.join(";"))
}

pub(super) fn line(cells: impl Iterator<Item = impl AsRef<str>>) -> String {
    let quoted: Vec<_> = cells.map(|cell| quote(cell.as_ref())).collect();
    quoted.join(",") + "\r\n"
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let item = serde_json::json!({ "a": "x,\"y\"", "b": [1, "z"], "c": null, "d": true,
            "tags": [{ "name": "v1", "id": 1 }, { "name": "latest", "id": 2 }], "labels": ["prod"] });
        assert_eq!(
            row(&item, &["a", "b", "c", "d", "e", "tags", "labels"]).unwrap(),
            "\"x,\"\"y\"\"\",\"[1,\"\"z\"\"]\",,true,,v1;latest,prod\r\n"
        );
    }
}
