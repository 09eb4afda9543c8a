//! OpenAPI Overlay 1.0: our part of the document, kept apart from the vendor's.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

/// An overlay document. Unknown keys are refused: a misspelt `remove` would otherwise do nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    overlay: String,
    #[serde(rename = "info")]
    _info: Info,
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "version")]
    _version: String,
}

/// One change. `description` is optional in the standard and required here: it is the reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    target: String,
    description: String,
    #[serde(default)]
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
}

impl Overlay {
    /// Parses an overlay and checks what can be checked without a document.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let overlay: Self = serde_saphyr::from_str(text)?;
        ensure!(overlay.overlay.starts_with("1.0."), "overlay version {} is not 1.0.x", overlay.overlay);
        for (number, action) in overlay.actions.iter().enumerate() {
            let name = action.name(number);
            ensure!(!action.description.trim().is_empty(), "{name} gives no reason (`description`)");
            ensure!(action.remove != action.update.is_some(), "{name} must have either `update` or `remove`");
        }
        Ok(overlay)
    }

    /// Applies every action in order. An action that matches nothing is an error: it has outlived its
    /// reason, or the vendor renamed what it is about.
    pub(crate) fn apply(&self, document: &mut Value) -> Result<()> {
        for (number, action) in self.actions.iter().enumerate() {
            action.apply(document).with_context(|| action.name(number))?;
        }
        Ok(())
    }
}

impl Action {
    fn name(&self, number: usize) -> String {
        format!("overlay action {} (target {})", number + 1, self.target)
    }

    fn apply(&self, document: &mut Value) -> Result<()> {
        let path = JsonPath::parse(&self.target).context("the target is not a JSONPath")?;
        let mut places: Vec<String> =
            path.query_located(document).locations().map(|place| place.to_json_pointer()).collect();
        if places.is_empty() {
            bail!("it matches nothing in the document: {}", nearest(&self.target, document));
        }
        // Deepest and last first, so that removing one place does not move another.
        places.sort_by(|a, b| compare_pointers(b, a));
        for place in places {
            match &self.update {
                Some(update) => {
                    merge(document.pointer_mut(&place).ok_or_else(|| anyhow!("{place} is gone"))?, update)
                }
                None => remove(document, &place)?,
            }
        }
        Ok(())
    }
}

/// Orders pointers by their segments, array indexes by value.
fn compare_pointers(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |pointer: &str| -> Vec<(Option<usize>, String)> {
        pointer.split('/').map(|segment| (segment.parse().ok(), segment.to_owned())).collect()
    };
    key(a).cmp(&key(b))
}

/// The update rule of the standard: objects merge, an array at the target grows, anything else is replaced.
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                match target.get_mut(key) {
                    Some(present) => merge(present, value),
                    None => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (Value::Array(target), update) => target.push(update.clone()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(document: &mut Value, pointer: &str) -> Result<()> {
    let (parent, last) = pointer.rsplit_once('/').context("the whole document cannot be removed")?;
    let last = super::unescape(last);
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            let index: usize = last.parse().with_context(|| format!("{pointer} is not an array index"))?;
            if index < items.len() {
                items.remove(index);
            }
        }
        _ => bail!("{pointer} is gone"),
    }
    Ok(())
}

/// Says which name of the target is unknown and what comes closest to it.
fn nearest(target: &str, document: &Value) -> String {
    let schemas = names(document, "/components/schemas");
    let paths = names(document, "/paths");
    let properties: Vec<String> = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|schemas| schemas.values())
        .flat_map(|schema| names(schema, "/properties"))
        .collect();
    let mut words: Vec<&str> =
        target.split(['.', '[', ']', '\'', '"']).filter(|word| !word.is_empty()).collect();
    words.retain(|word| !["$", "*", "components", "schemas", "paths", "properties"].contains(word));
    for word in words {
        let known = if word.starts_with('/') { &paths } else { &schemas };
        if known.iter().chain(&properties).any(|name| name == word) || is_keyword(word) {
            continue;
        }
        if let Some(close) = closest(word, known.iter()) {
            return format!("`{word}` is not there; the nearest name is `{close}`");
        }
        return format!("`{word}` is not there");
    }
    "its parts exist, but not together".into()
}

fn is_keyword(word: &str) -> bool {
    ["get", "put", "post", "delete", "responses", "default", "required", "parameters", "enum", "schema"]
        .contains(&word)
}

fn names(document: &Value, pointer: &str) -> Vec<String> {
    let map = document.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

/// The candidate that is most like `word`, if any is like it at all.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    candidates
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overlay(actions: &str) -> Result<Overlay> {
        Overlay::parse(&format!("overlay: 1.0.0\ninfo: {{title: t, version: '1'}}\nactions:\n{actions}"))
    }

    fn applied(actions: &str, mut document: Value) -> Result<Value> {
        overlay(actions)?.apply(&mut document)?;
        Ok(document)
    }

    #[test]
    fn objects_merge_arrays_grow_and_the_rest_is_replaced() {
        let document = json!({"a": {"keep": 1, "list": [1], "value": "old"}});
        let actions = "- {target: $.a, description: why, update: {list: [2], value: new, more: {b: 1}}}";
        let expected = json!({"a": {"keep": 1, "list": [1, 2], "value": "new", "more": {"b": 1}}});
        assert_eq!(applied(actions, document).unwrap(), expected);
    }

    #[test]
    fn every_match_is_removed_even_in_one_array() {
        let document = json!({"list": [{"n": 1}, {"n": 2}, {"n": 1}, {"n": 3}]});
        let actions = "- {target: '$.list[?@.n == 1]', description: why, remove: true}";
        assert_eq!(applied(actions, document).unwrap(), json!({"list": [{"n": 2}, {"n": 3}]}));
    }

    #[test]
    fn an_action_that_matches_nothing_names_itself_and_the_nearest_name() {
        let document = json!({"components": {"schemas": {"Image": {}, "Repository": {}}}});
        let actions = "- {target: $.components.schemas.Repositori, description: why, remove: true}";
        let error = format!("{:#}", applied(actions, document).unwrap_err());
        assert!(error.contains("overlay action 1 (target $.components.schemas.Repositori)"), "{error}");
        assert!(error.contains("nearest name is `Repository`"), "{error}");
    }

    #[test]
    fn an_action_without_a_reason_or_with_an_unknown_key_is_refused() {
        assert!(overlay("- {target: $.a, description: ' ', remove: true}").is_err());
        assert!(overlay("- {target: $.a, remove: true}").is_err());
        assert!(overlay("- {target: $.a, description: why, delete: true}").is_err());
        assert!(overlay("- {target: $.a, description: why}").is_err());
        assert!(overlay("- {target: $.a, description: why, remove: true, update: 1}").is_err());
    }

    #[test]
    fn another_overlay_version_is_refused() {
        assert!(Overlay::parse("overlay: 2.0.0\ninfo: {title: t, version: '1'}\nactions: []").is_err());
    }
}
