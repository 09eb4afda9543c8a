//! OpenAPI Overlay 1.0: our part of the document, kept apart from the vendor's.

mod places;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;
use serde_saphyr::Spanned;

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
    target: Spanned<String>,
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
    /// there is one, and helps to find the new name. All errors are told at once.
    pub(crate) fn apply(&self, document: &mut Value, before: Option<&Value>) -> Result<()> {
        let misfits = self.settle(document, before, None);
        let lines: Vec<String> = misfits
            .iter()
            .map(|misfit| {
                format!("line {}: {}: {}; {}", misfit.line, misfit.action, misfit.problem, misfit.mend)
            })
            .collect();
        ensure!(lines.is_empty(), "{}", lines.join("\n  "));
        Ok(())
    }

    /// Applies what can be applied and returns the rest, each with the edit that mends it. In `earlier`,
    /// the document before, every place that an action had is looked up: one that it lost is a misfit.
    pub(crate) fn settle(
        &self,
        document: &mut Value,
        before: Option<&Value>,
        mut earlier: Option<Value>,
    ) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        for (number, action) in self.actions.iter().enumerate() {
            let line = usize::try_from(action.target.referenced.line()).unwrap_or_default();
            // A place that moved is another action's now, if that one has the same effect.
            let alike = self
                .actions
                .iter()
                .filter(|other| other.update == action.update && other.remove == action.remove);
            let matched: Vec<String> = if earlier.is_some() {
                alike.flat_map(|other| other.places(document).unwrap_or_default()).collect()
            } else {
                Vec::new()
            };
            let found = action.settle(
                document,
                before,
                earlier.as_mut().map(|earlier| (earlier, matched.as_slice())),
            );
            misfits.extend(found.into_iter().map(|(problem, mend)| Misfit {
                line,
                action: action.name(number),
                problem,
                mend,
            }));
        }
        misfits
    }

    /// The actions that change nothing in `document`: the vendor now says the same.
    pub(crate) fn idle(&self, mut document: Value) -> Vec<String> {
        let mut idle = Vec::new();
        for (number, action) in self.actions.iter().enumerate() {
            let before = document.clone();
            action.settle(&mut document, None, None);
            if document == before {
                idle.push(format!("{}: {}", action.name(number), action.description));
            }
        }
        idle
    }
}

/// An action, or a part of one, that does not fit the document.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Line of the target in overlay.yaml.
    pub(crate) line: usize,
    /// The action's number and target.
    pub(crate) action: String,
    /// The reason, as a sentence.
    pub(crate) problem: String,
    /// The edit that mends it.
    pub(crate) mend: String,
}

impl Action {
    fn name(&self, number: usize) -> String {
        format!("overlay action {} (target {})", number + 1, self.target.value)
    }

    fn places(&self, document: &Value) -> Result<Vec<String>> {
        let path = JsonPath::parse(&self.target.value).context("the target is not a JSONPath")?;
        Ok(path.query_located(document).locations().map(|place| place.to_json_pointer()).collect())
    }

    /// Applies it as far as that goes: what does not fit, and the edits that mend it.
    fn settle(
        &self,
        document: &mut Value,
        before: Option<&Value>,
        earlier: Option<(&mut Value, &[String])>,
    ) -> Vec<(String, String)> {
        let mut places = match self.places(document) {
            Ok(places) => places,
            Err(error) => return vec![(format!("{error:#}"), "mend the target".into())],
        };
        let mut misfits = Vec::new();
        if let Some((earlier, matched)) = earlier {
            let had = self.places(earlier).unwrap_or_default();
            misfits.extend(had.iter().filter_map(|place| places::lost(place, earlier, document, matched)));
            self.update_all(earlier, had);
        }
        if places.is_empty() && misfits.is_empty() {
            let problem = format!(
                "it matches nothing in the document: {}",
                nearest(&self.target.value, document, before)
            );
            misfits.push((problem, "correct the target, or take the action out".into()));
        }
        misfits.extend(self.update_all(document, std::mem::take(&mut places)));
        misfits
    }

    fn update_all(&self, document: &mut Value, mut places: Vec<String>) -> Vec<(String, String)> {
        let mut misfits = Vec::new();
        // Deepest and last first, so that removing one place does not move another.
        places.sort_by(|a, b| compare_pointers(b, a));
        for place in places {
            let Some(update) = &self.update else {
                misfits.extend(
                    remove(document, &place).err().map(|error| (error.to_string(), "mend it".into())),
                );
                continue;
            };
            let mut update = update.clone();
            misfits.extend(take_doubled(document, &place, &mut update));
            misfits.extend(take_missing(document, &place, &mut update));
            if let Some(target) = document.pointer_mut(&place) {
                merge(target, &update);
            }
        }
        misfits
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

/// Takes parameters out of an update that the list has itself.
fn take_doubled(document: &Value, place: &str, update: &mut Value) -> Vec<(String, String)> {
    let same = |a: &Value, b: &Value| a["in"].is_string() && a["in"] == b["in"] && a["name"] == b["name"];
    let present = document.pointer(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut doubled = Vec::new();
    if let Value::Array(added) = update {
        added.retain(|added| {
            let is_new = !present.iter().any(|own| same(own, added));
            doubled.extend((!is_new).then(|| added["name"].as_str().unwrap_or_default().to_owned()));
            is_new
        });
    }
    if doubled.is_empty() {
        return Vec::new();
    }
    let names = format!("`{}`", doubled.join("`, `"));
    let is_all = update.as_array().is_some_and(Vec::is_empty);
    let mend = if is_all { "take the action out".into() } else { format!("take {names} out here") };
    vec![(format!("the document has the parameter {names} at {place} itself"), mend)]
}

/// Takes properties out of an update that only describes them where the document does not have them:
/// merged, they would come to life as ones that take anything.
fn take_missing(document: &Value, place: &str, update: &mut Value) -> Vec<(String, String)> {
    let Some(update) = update.as_object_mut() else { return Vec::new() };
    let mut misfits = Vec::new();
    for (key, part) in update {
        let inner = format!("{place}/{}", super::escape(key));
        let Some(properties) = part.as_object_mut().filter(|_| key == "properties") else {
            if document.pointer(&inner).is_some() {
                misfits.extend(take_missing(document, &inner, part));
            }
            continue;
        };
        let present = names(document, &inner);
        let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        properties.retain(|name, property| {
            let mut keys = property.as_object().into_iter().flat_map(|property| property.keys());
            if !keys.all(|key| PROSE.contains(&key.as_str())) || present.contains(name) {
                return true;
            }
            match places::in_parts(document, place, name) {
                Some(home) => homes.entry(home).or_default().push(format!("`{name}`")),
                None => {
                    let near = closest(name, present.iter());
                    let hint = near.map(|near| format!("; the nearest name is `{near}`")).unwrap_or_default();
                    let mend = format!("rename `{name}` here or take it out");
                    misfits.push((format!("{place}: the property `{name}` is not there{hint}"), mend));
                }
            }
            false
        });
        for (home, names) in homes {
            let (names, target) = (names.join(", "), places::json_path(&home));
            misfits.push((
                format!("{place}: {names} stand in a part of it now"),
                format!("move them to an action with the target `{target}`"),
            ));
        }
    }
    misfits
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

    fn misfits(actions: &str, earlier: Value, mut document: Value) -> Vec<String> {
        let misfits = overlay(actions).unwrap().settle(&mut document, None, Some(earlier));
        misfits
            .into_iter()
            .map(|misfit| format!("{}: {}; {}", misfit.line, misfit.problem, misfit.mend))
            .collect()
    }

    #[test]
    fn every_misfit_is_told_at_once_with_its_line_and_its_mend() {
        let document = json!({"a": {"list": [{"name": "page", "in": "query"}]}});
        let actions = "- {target: $.b, description: why, remove: true}\n\
            - {target: $.a.list, description: why, update: [{name: page, in: query}, {name: size, in: query}]}";
        let error = overlay(actions).unwrap().apply(&mut document.clone(), None).unwrap_err().to_string();
        assert!(error.contains("line 4: overlay action 1 (target $.b)"), "{error}");
        assert!(error.contains("line 5: ") && error.contains("take `page` out here"), "{error}");
    }

    #[test]
    fn a_place_that_an_action_lost_is_a_misfit_and_one_that_is_gone_is_not() {
        let schema = |properties: Value| json!({"properties": properties});
        let with = |schemas: Value| json!({"components": {"schemas": schemas}});
        let commands = || schema(json!({"commands": {"type": "object"}}));
        let earlier = with(json!({"Image": commands(), "Tag": commands(), "Old": commands()}));
        let later = with(json!({"Image": commands(), "Tag": {"allOf": [schema(json!({})), commands()]}}));
        let actions = "- {target: '$.components.schemas[?@.properties.commands].properties.commands', \
            description: why, update: {nullable: true}}";
        assert_eq!(
            misfits(actions, earlier, later),
            ["4: it no longer matches `$.components.schemas.Tag.properties.commands`, which is \
                `$.components.schemas.Tag.allOf[1].properties.commands` now; add an action with the target \
                `$.components.schemas.Tag.allOf[1].properties.commands`"]
        );
        // Another order of parameters is no loss; another word in the filter is.
        let list = |names: [&str; 2]| json!({"list": names.map(|name| json!({"name": name, "in": "query"}))});
        let by_name = "- {target: '$.list[?@.name == \"a\"]', description: why, update: {x: 1}}";
        assert!(misfits(by_name, list(["a", "b"]), list(["b", "a"])).is_empty());
        let mut renamed = list(["a", "b"]);
        renamed["list"][0]["in"] = json!("header");
        let by_place = "- {target: '$.list[?@.in == \"query\"]', description: why, update: {x: 1}}";
        assert_eq!(misfits(by_place, list(["a", "b"]), renamed).len(), 1);
    }

    #[test]
    fn a_description_follows_a_property_into_a_part() {
        let base = json!({"properties": {"id": {}}});
        let tag = json!({"allOf": [{"$ref": "#/components/schemas/TagBase"}, {"properties": {"color": {}}}]});
        let document = json!({"components": {"schemas": {"TagBase": base, "Tag": tag}}});
        let actions = "- {target: $.components.schemas.Tag, description: why, \
            update: {properties: {id: {description: I.}, color: {description: C.}}}}";
        let mut misfits = misfits(actions, document.clone(), document);
        misfits.sort();
        assert_eq!(misfits.len(), 2, "{misfits:?}");
        assert!(
            misfits[0].contains(
                "`color` stand in a part of it now; move them to an action with the target \
            `$.components.schemas.Tag.allOf[1]`"
            ),
            "{misfits:?}"
        );
        assert!(misfits[1].contains("the target `$.components.schemas.TagBase`"), "{misfits:?}");
    }

    #[test]
    fn an_action_that_changes_nothing_is_idle() {
        let actions = "- {target: $.a, description: same, update: {b: 1}}\n- {target: $.a, description: new, update: {b: 2}}";
        let idle = overlay(actions).unwrap().idle(json!({"a": {"b": 1}}));
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
