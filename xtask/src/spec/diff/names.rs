//! Names of places as people say them: `Image.size`, not its pointer.

use super::document::Document;
use crate::spec::unescape;

/// The schema, property, parameter or body at `pointer`, in backquotes.
pub(super) fn subject(document: &Document, pointer: &str) -> String {
    let segments: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    let schema = words.iter().position(|word| *word == "schema");
    match (words.as_slice(), schema) {
        (["components", "schemas", name, inner @ ..], _) => format!("`{name}{}`", within(inner)),
        (_, Some(at)) => {
            let outer: Vec<&str> = words[..at].to_vec();
            let inner = within(&words[at + 1..]);
            let holder = holder(document, &outer);
            if inner.is_empty() { holder } else { format!("{holder}, `{}`", inner.trim_start_matches('.')) }
        }
        (_, None) => format!("`{pointer}`"),
    }
}

/// The holder of a schema outside of the components.
fn holder(document: &Document, outer: &[&str]) -> String {
    let kinds = ["requestBody", "requestBodies", "headers", "responses", "parameters"];
    let last = outer.iter().rposition(|word| kinds.contains(word));
    match last.map(|at| (outer[at], outer.get(at + 1).copied().unwrap_or_default())) {
        Some(("requestBody" | "requestBodies", _)) => "the request body".into(),
        Some(("headers", name)) => format!("the header `{name}`"),
        Some(("responses", status)) => format!("the answer {status}"),
        Some(("parameters", _)) => {
            let pointer: String = outer
                .iter()
                .take(last.unwrap_or_default() + 2)
                .map(|word| format!("/{}", crate::spec::escape(word)))
                .collect();
            let name = document.text(&pointer, "name").unwrap_or("?");
            format!("the parameter `{name}`")
        }
        _ => "the schema".into(),
    }
}

/// The way from a schema into its parts.
fn within(segments: &[&str]) -> String {
    let mut path = String::new();
    let mut rest = segments.iter();
    while let Some(segment) = rest.next() {
        match *segment {
            "properties" => path.extend([".", rest.next().copied().unwrap_or_default()]),
            "items" => path.push_str("[]"),
            "additionalProperties" => path.push_str("{}"),
            // All of them are one schema to the reader.
            "allOf" => drop(rest.next()),
            "oneOf" | "anyOf" | "prefixItems" => {
                path.extend(["(", rest.next().copied().unwrap_or_default(), ")"]);
            }
            _ => {}
        }
    }
    path
}
