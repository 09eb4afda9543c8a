//! Comma-separated values, as RFC 4180 has them.

use serde::Serialize;
use serde_json::Value;

use super::Look;
use crate::failure::Failure;

/// The fields of one item. Text is written as it is, what is nested as JSON, a list of things that have a name as the
/// JSON list of their names, what is not there as nothing.
pub(super) fn row<T: Serialize>(item: &T, fields: &[&str], look: &Look) -> Result<String, Failure> {
    let value = serde_json::to_value(item)
        .map_err(|error| Failure::other(format!("this cannot be written as CSV: {error}")))?;
    Ok(line(fields.iter().map(|field| match &value[*field] {
        Value::Null => String::new(),
        Value::String(text) if look.for_spreadsheets => look.text(defused(text)),
        Value::String(text) => look.text(text.clone()),
        other => look.text(names(other).as_ref().unwrap_or(other).to_string()),
    })))
}

/// The names of a list of things that have one.
fn names(list: &Value) -> Option<Value> {
    list.as_array()?.iter().map(|one| one.get("name").filter(|name| name.is_string()).cloned()).collect()
}

/// Text that spreadsheets would run as a formula, with the mark before it by which they take it for text. They
/// skip the blanks and line ends before a formula.
fn defused(text: &str) -> String {
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
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

    fn written(item: &Value, fields: &[&str], look: &Look) -> String {
        row(item, fields, look).unwrap()
    }

    #[test]
    fn cells_hold_what_is_there_and_are_quoted_where_they_must_be() {
        let item = serde_json::json!({ "a": "x,\"y\"", "b": [1, "z"], "c": null, "d": true,
            "tags": [{ "name": "v1", "id": 1 }, { "name": "latest", "id": 2 }], "labels": ["a;b", "c"] });
        let fields = ["a", "b", "c", "d", "e", "tags", "labels"];
        assert_eq!(
            written(&item, &fields, &Look::default()),
            "\"x,\"\"y\"\"\",\"[1,\"\"z\"\"]\",,true,,\"[\"\"v1\"\",\"\"latest\"\"]\",\"[\"\"a;b\"\",\"\"c\"\"]\"\r\n"
        );
        let item =
            serde_json::json!({ "a": "line 1\nline 2\tend 👩\u{200d}💻\u{202e}", "b": "=1+1", "c": -1 });
        let plain = written(&item, &["a", "b", "c"], &Look::default());
        assert_eq!(plain, "\"line 1\nline 2\tend 👩\u{200d}💻\u{202e}\",=1+1,-1\r\n");
        let terminal = Look { terminal: true, ..Look::default() };
        assert_eq!(written(&item, &["a"], &terminal), "\"line 1\nline 2\tend 👩\u{200d}💻\\u{202e}\"\r\n");
    }

    #[test]
    fn formulas_are_defused_on_request_and_numbers_stay_numbers() {
        let look = Look { for_spreadsheets: true, ..Look::default() };
        for (text, cell) in [
            ("=1", "'=1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\t=1", "'\t=1"),
            ("a=1", "a=1"),
            ("＝1", "'＝1"),
        ] {
            let item = serde_json::json!({ "text": text, "number": -1 });
            assert_eq!(written(&item, &["text", "number"], &look), format!("{cell},-1\r\n"));
        }
    }
}
