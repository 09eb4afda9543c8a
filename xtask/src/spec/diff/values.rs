//! Keywords about a single value: type, format, null, `enum`, bounds, default, words.

use serde_json::Value;

use super::rules::Rule;
use super::schema::View;
use super::schemas::Comparison;
use crate::spec::prose::PROSE;

/// Keywords that have a rule of their own.
const KNOWN: [&str; 43] = [
    "$ref",
    "$defs",
    "$schema",
    "$id",
    "$comment",
    "type",
    "format",
    "nullable",
    "enum",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "allOf",
    "oneOf",
    "anyOf",
    "discriminator",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "pattern",
    "multipleOf",
    "xml",
    "const",
    "prefixItems",
    "minContains",
    "maxContains",
    "definitions",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
];
/// Lower bounds, each with the keyword that makes it exclusive.
const LOWER: [(&str, &str); 5] = [
    ("minimum", "exclusiveMinimum"),
    ("minLength", ""),
    ("minItems", ""),
    ("minProperties", ""),
    ("minContains", ""),
];
/// Upper bounds likewise.
const UPPER: [(&str, &str); 5] = [
    ("maximum", "exclusiveMaximum"),
    ("maxLength", ""),
    ("maxItems", ""),
    ("maxProperties", ""),
    ("maxContains", ""),
];

/// Compares keywords that do not depend on the type: words, null, deprecation, default.
pub(super) fn about(comparison: &mut Comparison<'_>) {
    let (old, new) = (&comparison.old, &comparison.new);
    let mut words = Vec::new();
    for key in old.keywords().union(&new.keywords()) {
        let is_prose = PROSE.contains(key) || key.starts_with("x-") || *key == "xml";
        if is_prose && value(old, key) != value(new, key) {
            words.push((*key).to_owned());
        }
    }
    for key in words {
        comparison.keyword(Rule::SchemaTextChanged, &key, &format!("has another `{key}`"));
    }
    match (comparison.old.flag("deprecated"), comparison.new.flag("deprecated")) {
        (false, true) => comparison.keyword(Rule::SchemaDeprecated, "deprecated", "is deprecated now"),
        (true, false) => {
            comparison.keyword(Rule::SchemaUndeprecated, "deprecated", "is no longer deprecated")
        }
        _ => {}
    }
    // What is only null is a type of its own.
    let is_null = |view: &View<'_>| view.kind() == Some("null");
    match (comparison.old.flag("nullable"), comparison.new.flag("nullable")) {
        (false, true) if !is_null(&comparison.new) => {
            let rule = comparison.pick(Rule::RequestBecameNullable, Rule::ResponseBecameNullable);
            comparison.keyword(rule, "nullable", "may be null now");
        }
        (true, false) if !is_null(&comparison.old) => {
            let rule = comparison.pick(Rule::RequestNoLongerNullable, Rule::ResponseNoLongerNullable);
            comparison.keyword(rule, "nullable", "may no longer be null");
        }
        _ => {}
    }
    default(comparison);
}

fn default(comparison: &mut Comparison<'_>) {
    let (old, new) = (value(&comparison.old, "default"), value(&comparison.new, "default"));
    let (sent, says) = match (old, new) {
        (old, new) if old == new => return,
        (None, Some(new)) => (Rule::RequestDefaultAdded, format!("has a default now: {new}")),
        (Some(old), None) => (Rule::RequestDefaultRemoved, format!("has no default any more; it was {old}")),
        (Some(old), Some(new)) => {
            (Rule::RequestDefaultChanged, format!("has another default: {old} → {new}"))
        }
        (None, None) => return,
    };
    comparison.keyword(comparison.pick(sent, Rule::ResponseDefaultChanged), "default", &says);
}

/// Compares types. Returns whether it makes sense to compare what depends on them.
pub(super) fn kind(comparison: &mut Comparison<'_>) -> bool {
    let (sent, read, says) = match (comparison.old.kind(), comparison.new.kind()) {
        (old, new) if old == new => return true,
        (Some("integer"), Some("number")) => {
            (Rule::RequestTypeWidened, Rule::ResponseTypeWidened, "was integer and is number now".to_owned())
        }
        (Some("number"), Some("integer")) => (
            Rule::RequestTypeNarrowed,
            Rule::ResponseTypeNarrowed,
            "was number and is integer now".to_owned(),
        ),
        (Some(old), Some("null")) if comparison.old.flag("nullable") => (
            Rule::RequestTypeNarrowed,
            Rule::ResponseTypeNarrowed,
            format!("was {old} or null and is only null now"),
        ),
        (Some("null"), Some(new)) if comparison.new.flag("nullable") => (
            Rule::RequestTypeWidened,
            Rule::ResponseTypeWidened,
            format!("was only null and is {new} or null now"),
        ),
        (Some(old), Some(new)) => {
            (Rule::RequestTypeChanged, Rule::ResponseTypeChanged, format!("was {old} and is {new} now"))
        }
        (Some(old), None) => {
            (Rule::RequestTypeWidened, Rule::ResponseTypeWidened, format!("was {old} and is anything now"))
        }
        (None, Some(new)) => {
            (Rule::RequestTypeNarrowed, Rule::ResponseTypeNarrowed, format!("was anything and is {new} now"))
        }
        (None, None) => return true,
    };
    comparison.keyword(comparison.pick(sent, read), "type", &says);
    false
}

/// Compares keywords about values of one type.
pub(super) fn within_kind(comparison: &mut Comparison<'_>) {
    format(comparison);
    values(comparison);
    bounds(comparison);
    patterns(comparison);
    others(comparison);
}

fn format(comparison: &mut Comparison<'_>) {
    let text = |view: &View<'_>| value(view, "format").and_then(Value::as_str).map(str::to_owned);
    let (old, new) = (text(&comparison.old), text(&comparison.new));
    if old == new {
        return;
    }
    let says = match (&old, &new) {
        (Some(old), Some(new)) => format!("had the format {old} and has {new} now"),
        (Some(old), None) => format!("no longer has the format {old}"),
        (None, Some(new)) => format!("has the format {new} now"),
        (None, None) => return,
    };
    // `password` asks that the value is hidden and takes any.
    let real = |format: Option<String>| format.filter(|format| format != "password");
    let rule = match (real(old).as_deref(), real(new).as_deref()) {
        (old, new) if old == new => Rule::SchemaTextChanged,
        (Some(_), None) | (Some("int32"), Some("int64")) | (Some("float"), Some("double")) => {
            comparison.pick(Rule::RequestFormatWidened, Rule::ResponseFormatWidened)
        }
        (None, Some(_)) | (Some("int64"), Some("int32")) | (Some("double"), Some("float")) => {
            comparison.pick(Rule::RequestFormatNarrowed, Rule::ResponseFormatNarrowed)
        }
        _ => comparison.pick(Rule::RequestFormatChanged, Rule::ResponseFormatChanged),
    };
    comparison.keyword(rule, "format", &says);
}

fn values(comparison: &mut Comparison<'_>) {
    match (comparison.old.values(), comparison.new.values()) {
        (Some(old), Some(new)) => {
            for value in old.iter().filter(|value| !new.contains(value)) {
                let rule = comparison.pick(Rule::RequestEnumValueRemoved, Rule::ResponseEnumValueRemoved);
                comparison.keyword(rule, "enum", &format!("no longer has the value {value}"));
            }
            for value in new.iter().filter(|value| !old.contains(value)) {
                let rule = comparison.pick(Rule::RequestEnumValueAdded, Rule::ResponseEnumValueAdded);
                comparison.keyword(rule, "enum", &format!("has the new value {value}"));
            }
        }
        (None, Some(new)) => {
            let rule = comparison.pick(Rule::RequestEnumAdded, Rule::ResponseEnumAdded);
            comparison.keyword(rule, "enum", &format!("is one of {} listed values now", new.len()));
        }
        (Some(_), None) => {
            let rule = comparison.pick(Rule::RequestEnumRemoved, Rule::ResponseEnumRemoved);
            comparison.keyword(rule, "enum", "is no longer one of listed values");
        }
        (None, None) => {}
    }
}

fn bounds(comparison: &mut Comparison<'_>) {
    for (sign, keys) in [(1.0, LOWER), (-1.0, UPPER)] {
        for (key, exclusive) in keys {
            let old = bound(&comparison.old, key, exclusive, sign);
            let new = bound(&comparison.new, key, exclusive, sign);
            let says = || {
                let before = value(&comparison.old, key).map_or("none".to_owned(), Value::to_string);
                let after = value(&comparison.new, key).map_or("none".to_owned(), Value::to_string);
                format!("has another `{key}`: {before} → {after}")
            };
            if new > old {
                tightened(comparison, key, &says());
            } else if new < old {
                loosened(comparison, key, &says());
            }
        }
    }
    match (comparison.old.flag("uniqueItems"), comparison.new.flag("uniqueItems")) {
        (false, true) => tightened(comparison, "uniqueItems", "must not repeat entries now"),
        (true, false) => loosened(comparison, "uniqueItems", "may repeat entries now"),
        _ => {}
    }
}

/// A bound such that the greater one leaves less room. No bound is the least.
fn bound(view: &View<'_>, key: &str, exclusive: &str, sign: f64) -> Option<(f64, bool)> {
    let limit = value(view, key)?.as_f64()?;
    Some((sign * limit, view.flag(exclusive)))
}

fn patterns(comparison: &mut Comparison<'_>) {
    for key in ["pattern", "multipleOf"] {
        limit(comparison, key);
    }
}

/// A keyword that can only leave less room: with it there is less than without.
fn limit(comparison: &mut Comparison<'_>, key: &str) {
    match (value(&comparison.old, key), value(&comparison.new, key)) {
        (old, new) if old == new => {}
        (None, Some(new)) if new.is_object() => tightened(comparison, key, &format!("has `{key}` now")),
        (None, Some(new)) => tightened(comparison, key, &format!("has `{key}` now: {new}")),
        (Some(_), None) => loosened(comparison, key, &format!("no longer has `{key}`")),
        _ => constraint(comparison, key),
    }
}

fn others(comparison: &mut Comparison<'_>) {
    let (old, new) = (&comparison.old, &comparison.new);
    let mut changed = Vec::new();
    for key in old.keywords().union(&new.keywords()) {
        let is_known = KNOWN.contains(key) || PROSE.contains(key) || key.starts_with("x-");
        if !is_known && value(old, key) != value(new, key) {
            changed.push((*key).to_owned());
        }
    }
    for key in changed {
        // These describe what a text holds and are checked by some.
        if key.starts_with("content") { constraint(comparison, &key) } else { limit(comparison, &key) }
    }
    // A reference that could not be followed.
    if value(&comparison.old, "$ref") != value(&comparison.new, "$ref") {
        constraint(comparison, "$ref");
    }
    if discriminator(&comparison.old) != discriminator(&comparison.new) {
        let sent = Rule::RequestDiscriminatorChanged;
        let rule = comparison.pick(sent, Rule::ResponseDiscriminatorChanged);
        comparison.keyword(rule, "discriminator", "has another discriminator");
    }
}

/// The field and its values; what schemas they lead to is compared with the shapes.
fn discriminator<'a>(view: &View<'a>) -> Option<(Option<&'a Value>, Vec<&'a str>)> {
    let discriminator = view.keyword("discriminator")?;
    let mapping = discriminator.get("mapping").map(|mapping| mapping.entries()).unwrap_or_default();
    let names = mapping.into_iter().map(|(name, _)| name).collect();
    Some((discriminator.value.get("propertyName"), names))
}

fn tightened(comparison: &mut Comparison<'_>, key: &str, says: &str) {
    let rule = comparison.pick(Rule::RequestBoundsTightened, Rule::ResponseBoundsTightened);
    comparison.keyword(rule, key, says);
}

fn loosened(comparison: &mut Comparison<'_>, key: &str, says: &str) {
    let rule = comparison.pick(Rule::RequestBoundsLoosened, Rule::ResponseBoundsLoosened);
    comparison.keyword(rule, key, says);
}

fn constraint(comparison: &mut Comparison<'_>, key: &str) {
    let rule = comparison.pick(Rule::RequestConstraintChanged, Rule::ResponseConstraintChanged);
    comparison.keyword(rule, key, &format!("has another `{key}`"));
}

fn value<'a>(view: &View<'a>, key: &str) -> Option<&'a Value> {
    view.keyword(key).map(|place| place.value)
}
