//! OpenAPI Overlay 1.0: our part of the document, kept apart from the vendor's.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::nearest::{closest, names, nearest};
use super::prose::PROSE;
use crate::file;

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
    /// Reads the overlay of the repository at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join("openapi/overlay.yaml");
        Self::parse(&file::read(&path)?).with_context(|| format!("{} is not an overlay", path.display()))
    }

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
    /// reason, or the vendor renamed what it is about; `before` is a document in which it matched, if
    /// there is one, and helps to find the new name.
    pub(crate) fn apply(&self, document: &mut Value, before: Option<&Value>) -> Result<()> {
        for (number, action) in self.actions.iter().enumerate() {
            action.apply(document, before).with_context(|| action.name(number))?;
        }
        Ok(())
    }

    /// The actions that change nothing in `document`: the vendor now says the same.
    pub(crate) fn idle(&self, mut document: Value) -> Result<Vec<String>> {
        let mut idle = Vec::new();
        for (number, action) in self.actions.iter().enumerate() {
            let before = document.clone();
            action.apply(&mut document, None).with_context(|| action.name(number))?;
            if document == before {
                idle.push(format!("{}: {}", action.name(number), action.description));
            }
        }
        Ok(idle)
    }
}

impl Action {
    fn name(&self, number: usize) -> String {
        format!("overlay action {} (target {})", number + 1, self.target)
    }

    fn apply(&self, document: &mut Value, before: Option<&Value>) -> Result<()> {
        let path = JsonPath::parse(&self.target).context("the target is not a JSONPath")?;
        let mut places: Vec<String> =
            path.query_located(document).locations().map(|place| place.to_json_pointer()).collect();
        if places.is_empty() {
            bail!("it matches nothing in the document: {}", nearest(&self.target, document, before));
        }
        // Deepest and last first, so that removing one place does not move another.
        places.sort_by(|a, b| compare_pointers(b, a));
        for place in places {
            match &self.update {
                Some(update) => {
                    let target = document.pointer_mut(&place).ok_or_else(|| anyhow!("{place} is gone"))?;
                    if let Some(name) = doubled_parameter(target, update) {
                        bail!("the document has the parameter `{name}` at {place} itself; take it out here");
                    }
                    if let Some(problem) = described_but_missing(target, update) {
                        bail!("{place}: {problem}");
                    }
                    merge(target, update);
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

/// A parameter that an update would add to a list that has it.
fn doubled_parameter<'a>(target: &Value, update: &'a Value) -> Option<&'a str> {
    let same = |a: &Value, b: &Value| a["in"].is_string() && a["in"] == b["in"] && a["name"] == b["name"];
    let present = target.as_array()?;
    let doubled = update.as_array()?.iter().find(|added| present.iter().any(|own| same(own, added)))?;
    doubled["name"].as_str()
}

/// A property that an update only describes and the document does not have: merged, it would come to life
/// as one that takes anything.
fn described_but_missing(target: &Value, update: &Value) -> Option<String> {
    let update = update.as_object()?;
    for (key, part) in update {
        let Some(properties) = part.as_object().filter(|_| key == "properties") else {
            let problem = target.get(key).and_then(|target| described_but_missing(target, part));
            if problem.is_some() {
                return problem;
            }
            continue;
        };
        let present = names(target, "/properties");
        for (name, property) in properties {
            let only_words = property.as_object()?.keys().all(|key| PROSE.contains(&key.as_str()));
            if only_words && !present.contains(name) {
                let hint =
                    closest(name, present.iter()).map(|near| format!("; the nearest name is `{near}`"));
                return Some(format!("the property `{name}` is not there{}", hint.unwrap_or_default()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overlay(actions: &str) -> Result<Overlay> {
        Overlay::parse(&format!("overlay: 1.0.0\ninfo: {{title: t, version: '1'}}\nactions:\n{actions}"))
    }

    fn applied(actions: &str, mut document: Value) -> Result<Value> {
        overlay(actions)?.apply(&mut document, None)?;
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
    fn a_renamed_schema_is_known_by_its_properties() {
        let schema = json!({"properties": {"id": {}, "name": {}, "size": {}}});
        let other = json!({"properties": {"key": {}}});
        let before = json!({"components": {"schemas": {"Image": schema, "Imago": other}}});
        let mut after = json!({"components": {"schemas": {"Picture": schema, "Imago": other}}});
        let action = "- {target: $.components.schemas.Image, description: why, remove: true}";
        let error = overlay(action).unwrap().apply(&mut after, Some(&before)).unwrap_err();
        assert!(format!("{error:#}").contains("nearest name is `Picture`"), "{error:#}");
    }

    #[test]
    fn a_parameter_that_the_document_has_itself_is_not_added_again() {
        let document = json!({"list": [{"name": "page", "in": "query"}]});
        let actions = "- {target: $.list, description: why, update: [{name: page, in: query}]}";
        let error = format!("{:#}", applied(actions, document).unwrap_err());
        assert!(error.contains("has the parameter `page` at /list itself"), "{error}");
    }

    #[test]
    fn a_description_does_not_bring_a_property_to_life() {
        let document = json!({"a": {"properties": {"digest": {"type": "string"}, "length": {}}}});
        let words =
            "- {target: $.a, description: why, update: {properties: {digests: {description: Words.}}}}";
        let error = format!("{:#}", applied(words, document.clone()).unwrap_err());
        assert!(
            error.contains("the property `digests` is not there; the nearest name is `digest`"),
            "{error}"
        );
        let typed = "- {target: $.a, description: why, update: {properties: {size: {type: integer}}}}";
        assert!(applied(typed, document).is_ok());
    }

    #[test]
    fn an_action_that_changes_nothing_is_idle() {
        let actions = "- {target: $.a, description: same, update: {b: 1}}\n- {target: $.a, description: new, update: {b: 2}}";
        let idle = overlay(actions).unwrap().idle(json!({"a": {"b": 1}})).unwrap();
        assert_eq!(idle, ["overlay action 1 (target $.a): same"]);
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
