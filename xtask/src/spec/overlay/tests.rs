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
    let words = "- {target: $.a, description: why, update: {properties: {digests: {description: Words.}}}}";
    let error = format!("{:#}", applied(words, document.clone()).unwrap_err());
    assert!(error.contains("the property `digests` is not there; the nearest name is `digest`"), "{error}");
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
