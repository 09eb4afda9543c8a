//! The forms in which the service writes things, counted: never the things themselves.

use std::collections::{BTreeMap, BTreeSet};

use mlspace_registry::{Image, Registry, Repository, Tag};
use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::Facts;

/// How often each form was seen.
type Counts = BTreeMap<String, usize>;

const STAMPS: [&str; 4] = ["created_at", "updated_at", "push_time", "pull_time"];

/// Adds what can be told from rows, by what they are.
pub(super) fn add(rows: &[(&'static str, &Vec<Value>)], facts: &mut Facts) {
    let all = || rows.iter().flat_map(|(kind, rows)| rows.iter().map(move |row| (*kind, row)));
    let mut stamps: BTreeMap<&str, Counts> = BTreeMap::new();
    let (mut numbers, mut commands, mut keys) = (Counts::new(), Counts::new(), BTreeSet::new());
    let (mut lists, mut unknown) =
        (BTreeMap::<String, Counts>::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    let names: BTreeSet<&str> = all().filter_map(|(_, row)| row["name"].as_str()).collect();
    // A key of a map could be somebody's name for something; words of the trade are not.
    let is_word = |key: &str| {
        !names.contains(key) && key.len() < 32 && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    for (kind, row) in all() {
        let Some(row) = row.as_object() else { continue };
        for field in STAMPS.iter().filter(|field| row.contains_key(**field) || fields(kind).contains(**field))
        {
            *stamps.entry(field).or_default().entry(stamp(row.get(*field)).to_owned()).or_default() += 1;
        }
        for number in ["repositories_count", "images_count", "size"].iter().filter_map(|name| row.get(*name))
        {
            let form = if number.is_i64() || number.is_u64() { "whole" } else { "other" };
            *numbers.entry(form.to_owned()).or_default() += 1;
        }
        *commands.entry(form(row.get("commands")).to_owned()).or_default() += 1;
        let map = row.get("commands").and_then(Value::as_object);
        keys.extend(map.into_iter().flat_map(Map::keys).filter(|key| is_word(key)).map(String::as_str));
        if fields(kind).contains("tags") {
            *lists
                .entry(format!("{kind}.tags"))
                .or_default()
                .entry(form(row.get("tags")).to_owned())
                .or_default() += 1;
        }
        let beyond =
            row.keys().map(String::as_str).filter(|key| is_word(key) && !fields(kind).contains(*key));
        unknown.entry(kind).or_default().extend(beyond);
    }
    facts.add(
        "stamps",
        "whether an age can be told: a zero is no age, and a stamp without an offset may be 14 hours off",
        Ok(json!(stamps)),
    );
    facts.add("numbers", "whether sizes and counts are read as whole numbers", Ok(json!(numbers)));
    facts.add(
        "commands",
        "whether the host of the images can be told from an empty registry",
        Ok(json!({ "forms": commands, "keys": keys })),
    );
    facts.add("tags", "how an image without tags is written, which clean-up must know", Ok(json!(lists)));
    facts.add(
        "extra_attrs",
        "whether an image can be told from an index by its configuration, without the registry's password",
        Ok(extra_attrs(all().filter(|(kind, _)| *kind == "image").map(|(_, row)| row))),
    );
    unknown.retain(|_, names| !names.is_empty());
    facts.add("fields_beyond_the_document", "what the document should say and does not", Ok(json!(unknown)));
}

/// The fields that the document names.
fn fields(kind: &str) -> BTreeSet<String> {
    let schema = match kind {
        "registry" => schema_for!(Registry),
        "repository" => schema_for!(Repository),
        "image" => schema_for!(Image),
        _ => schema_for!(Tag),
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).cloned().collect()
}

fn extra_attrs<'a>(images: impl Iterator<Item = &'a Value>) -> Value {
    let (mut forms, mut architecture, mut config) = (Counts::new(), 0, 0);
    for image in images {
        *forms.entry(form(image.get("extra_attrs")).to_owned()).or_default() += 1;
        architecture += usize::from(image["extra_attrs"]["architecture"].is_string());
        config += usize::from(image["extra_attrs"]["config"].is_object());
    }
    json!({ "forms": forms, "with_architecture": architecture, "with_config": config })
}

/// The form of a list or a map.
fn form(value: Option<&Value>) -> &'static str {
    match value {
        None => "absent",
        Some(Value::Null) => "null",
        Some(Value::Array(items)) if items.is_empty() => "empty list",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(fields)) if fields.is_empty() => "empty map",
        Some(Value::Object(_)) => "map",
        Some(_) => "other",
    }
}

/// The form of a moment.
fn stamp(value: Option<&Value>) -> &'static str {
    let text = match value {
        None => return "absent",
        Some(Value::Null) => return "null",
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return "other",
    };
    let after_day = text.get(10..).unwrap_or_default();
    let has_offset = after_day.ends_with('Z') || after_day.contains(['+', '-']);
    let digits = after_day
        .split_once('.')
        .map_or(0, |(_, rest)| rest.chars().take_while(char::is_ascii_digit).count());
    match text.get(..4) {
        None => {
            if text.is_empty() {
                "empty"
            } else {
                "other"
            }
        }
        Some("0001") => "zero",
        Some("9999") => "the last year",
        Some(year) if !year.bytes().all(|byte| byte.is_ascii_digit()) => "other",
        Some(_) if digits > 9 => "more than nine digits of a second",
        Some(_) if has_offset => "with an offset",
        Some(_) => "without an offset",
    }
}
