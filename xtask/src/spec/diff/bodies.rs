//! Bodies and headers of requests and answers.

use super::document::{Document, Place};
use super::operations::OperationChanges;
use super::rules::{Direction, Rule};
use super::schemas::Pairs;

/// Entries of an object, each with references followed.
fn resolved<'a>(document: &'a Document, place: &Place<'a>, key: &str) -> Vec<(&'a str, Place<'a>)> {
    let entries = place.get(key).map(|map| map.entries()).unwrap_or_default();
    entries.into_iter().map(|(name, place)| (name, document.resolve(&place))).collect()
}

/// Two optional schemas; none is one that takes everything.
pub(super) fn compare_schemas<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    (old_holder, old): (&Place<'a>, Option<Place<'a>>),
    (new_holder, new): (&Place<'a>, Option<Place<'a>>),
    direction: Direction,
    name: &str,
) {
    let sent = direction == Direction::Sent;
    match (old, new) {
        (Some(old), Some(new)) => changed.roots.push(pairs.add(old.into(), new.into(), direction)),
        (Some(old), None) => {
            let rule = if sent { Rule::RequestTypeWidened } else { Rule::ResponseTypeWidened };
            changed.add(rule, old.pointer, new_holder.pointer.clone(), format!("{name} may be anything now"));
        }
        (None, Some(new)) => {
            let rule = if sent { Rule::RequestTypeNarrowed } else { Rule::ResponseTypeNarrowed };
            changed.add(
                rule,
                old_holder.pointer.clone(),
                new.pointer,
                format!("{name} may no longer be anything"),
            );
        }
        (None, None) => {}
    }
}

pub(super) fn compare_request<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Place<'a>,
    new: &Place<'a>,
    name: &str,
) {
    let before = old.get("requestBody").map(|body| pairs.old.resolve(&body));
    let after = new.get("requestBody").map(|body| pairs.new.resolve(&body));
    let (before, after) = match (before, after) {
        (None, None) => return,
        (Some(gone), None) => {
            let says = format!("{name} takes no body any more");
            return changed.add(Rule::RequestBodyRemoved, gone.pointer, new.pointer.clone(), says);
        }
        (None, Some(added)) => {
            let (rule, says) = if added.flag("required") {
                (Rule::RequestBodyAddedRequired, format!("{name} must have a body now"))
            } else {
                (Rule::RequestBodyAddedOptional, format!("{name} takes a body now"))
            };
            return changed.add(rule, old.pointer.clone(), added.pointer, says);
        }
        (Some(before), Some(after)) => (before, after),
    };
    match (before.flag("required"), after.flag("required")) {
        (false, true) => {
            let says = format!("{name} must have a body now");
            changed.changed(Rule::RequestBodyBecameRequired, &before, &after, "required", says);
        }
        (true, false) => {
            let says = format!("{name} may be sent without a body now");
            changed.changed(Rule::RequestBodyBecameOptional, &before, &after, "required", says);
        }
        _ => {}
    }
    changed.words(Rule::RequestBodyTextChanged, &before, &after, &format!("the body of {name}"), &[]);
    compare_content(
        changed,
        pairs,
        &before,
        &after,
        (Direction::Sent, false),
        &format!("the body of {name}"),
    );
}

/// The forms that a body can have; the body of an error is one that clients may not read.
fn compare_content<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Place<'a>,
    new: &Place<'a>,
    (direction, is_error): (Direction, bool),
    name: &str,
) {
    let sent = direction == Direction::Sent;
    let before = resolved(pairs.old, old, "content");
    let mut after = resolved(pairs.new, new, "content");
    for (media_type, old_form) in before {
        let Some(at) = after.iter().position(|(other, _)| essence(other) == essence(media_type)) else {
            let gone = |changed: &mut OperationChanges, rule, to| {
                changed.add(
                    rule,
                    old_form.pointer.clone(),
                    to,
                    format!("{name} is no longer `{media_type}`"),
                );
            };
            let other = after
                .iter()
                .position(|(other, _)| old.get("content").is_some_and(|all| all.get(other).is_none()));
            match other.filter(|_| is_error) {
                Some(at) => {
                    let (now, form) = after.remove(at);
                    let says = format!("{name} was `{media_type}` and is `{now}` now");
                    changed.add(Rule::ResponseErrorFormChanged, old_form.pointer, form.pointer, says);
                }
                None if sent => gone(changed, Rule::RequestMediaTypeRemoved, new.pointer_of("content")),
                None => gone(changed, Rule::ResponseMediaTypeRemoved, new.pointer_of("content")),
            }
            continue;
        };
        let (_, new_form) = after.remove(at);
        let text = if sent { Rule::RequestBodyTextChanged } else { Rule::ResponseTextChanged };
        changed.words(text, &old_form, &new_form, name, &[]);
        if sent && old_form.value.get("encoding") != new_form.value.get("encoding") {
            let says = format!("{name} is written in another way");
            changed.changed(Rule::RequestEncodingChanged, &old_form, &new_form, "encoding", says);
        }
        let (before, after) = (old_form.get("schema"), new_form.get("schema"));
        compare_schemas(changed, pairs, (&old_form, before), (&new_form, after), direction, name);
    }
    for (media_type, form) in after {
        let rule = if sent { Rule::RequestMediaTypeAdded } else { Rule::ResponseMediaTypeAdded };
        changed.add(
            rule,
            old.pointer_of("content"),
            form.pointer,
            format!("{name} may be `{media_type}` now"),
        );
    }
}

/// A media type without its parameters.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn compare_responses<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Place<'a>,
    new: &Place<'a>,
    name: &str,
) {
    let mut before = resolved(pairs.old, old, "responses");
    let mut after = resolved(pairs.new, new, "responses");
    before.retain(|(status, _)| !status.starts_with("x-"));
    after.retain(|(status, _)| !status.starts_with("x-"));
    let statuses = |entries: &[(&'a str, Place<'a>)]| -> Vec<&'a str> {
        entries.iter().map(|(status, _)| *status).collect()
    };
    let (old_statuses, new_statuses) = (statuses(&before), statuses(&after));
    for alike in [|a: &str, b: &str| a == b, covers] {
        let mut index = 0;
        while let Some((status, _)) = before.get(index) {
            match after.iter().position(|(other, _)| alike(status, other)) {
                Some(other) => {
                    let ((_, a), (status, b)) = (before.remove(index), after.remove(other));
                    compare_response(
                        changed,
                        pairs,
                        (&a, &b),
                        !is_success(status),
                        &format!("the answer {status} of {name}"),
                    );
                }
                None => index += 1,
            }
        }
    }
    before.retain(|(status, _)| !new_statuses.iter().any(|range| covers(range, status)));
    after.retain(|(status, _)| !old_statuses.iter().any(|range| covers(range, status)));
    for (status, gone) in before {
        let rule = if is_success(status) { Rule::ResponseSuccessRemoved } else { Rule::ResponseErrorRemoved };
        changed.add(
            rule,
            gone.pointer,
            new.pointer_of("responses"),
            format!("{name} no longer answers {status}"),
        );
    }
    for (status, added) in after {
        let rule = if is_success(status) { Rule::ResponseSuccessAdded } else { Rule::ResponseErrorAdded };
        changed.add(
            rule,
            old.pointer_of("responses"),
            added.pointer,
            format!("{name} may answer {status} now"),
        );
    }
}

fn is_success(status: &str) -> bool {
    status.starts_with('2')
}

/// Says if one of the two is the range that the other is in, as `2XX` and `200`.
fn covers(a: &str, b: &str) -> bool {
    let is_range = |status: &str| status.to_ascii_uppercase().ends_with("XX");
    a.bytes().next() == b.bytes().next() && is_range(a) != is_range(b)
}

fn compare_response<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    (old, new): (&Place<'a>, &Place<'a>),
    is_error: bool,
    name: &str,
) {
    changed.words(Rule::ResponseTextChanged, old, new, name, &["links"]);
    let has_body =
        |place: &Place<'_>| place.get("content").is_some_and(|content| !content.entries().is_empty());
    match (has_body(old), has_body(new)) {
        (true, true) => compare_content(changed, pairs, old, new, (Direction::Read, is_error), name),
        (true, false) => {
            changed.changed(
                Rule::ResponseBodyRemoved,
                old,
                new,
                "content",
                format!("{name} has no body any more"),
            );
        }
        (false, true) => {
            changed.changed(Rule::ResponseBodyAdded, old, new, "content", format!("{name} has a body now"));
        }
        (false, false) => {}
    }
    compare_headers(changed, pairs, old, new, name);
}

fn compare_headers<'a>(
    changed: &mut OperationChanges,
    pairs: &mut Pairs<'a>,
    old: &Place<'a>,
    new: &Place<'a>,
    name: &str,
) {
    let before = resolved(pairs.old, old, "headers");
    let mut after = resolved(pairs.new, new, "headers");
    for (header, a) in before {
        let Some(at) = after.iter().position(|(other, _)| other.eq_ignore_ascii_case(header)) else {
            let says = format!("{name} no longer has the header `{header}`");
            changed.add(Rule::ResponseHeaderRemoved, a.pointer, new.pointer_of("headers"), says);
            continue;
        };
        let (_, b) = after.remove(at);
        let name = format!("the header `{header}` of {name}");
        match (a.flag("required"), b.flag("required")) {
            (false, true) => {
                let says = format!("{name} is always there now");
                changed.changed(Rule::ResponseHeaderBecameRequired, &a, &b, "required", says);
            }
            (true, false) => {
                let says = format!("{name} may be missing now");
                changed.changed(Rule::ResponseHeaderBecameOptional, &a, &b, "required", says);
            }
            _ => {}
        }
        changed.words(Rule::ResponseTextChanged, &a, &b, &name, &[]);
        let (before, after) = (a.get("schema"), b.get("schema"));
        compare_schemas(changed, pairs, (&a, before), (&b, after), Direction::Read, &name);
    }
    for (header, added) in after {
        let says = format!("{name} has the new header `{header}`");
        changed.add(Rule::ResponseHeaderAdded, old.pointer_of("headers"), added.pointer, says);
    }
}
