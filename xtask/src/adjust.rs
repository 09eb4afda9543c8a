//! What progenitor needs and other readers of `resolved.json` must not see: each a named change with
//! its reason, made in memory. The slice names those that it needs.

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One kind of change, as `slice.toml` names it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Adjustment {
    /// progenitor takes at most one error type per operation and loses the status of an error whose body
    /// has another shape. Without a declared error every one arrives as status, headers and unread body.
    DropErrorResponses,
    /// A 201 or 202 with a good body is a success, whatever the document names.
    WidenSuccess,
    /// The client sends `x-workspace-id` with every call; as a parameter it would be an argument of each.
    DropWorkspaceHeader,
    /// The generator turns a pattern into a regular expression, which needs one more crate, and into a
    /// client that refuses what the service may have come to accept.
    DropPatterns,
}

impl Adjustment {
    /// The name in `slice.toml`.
    fn name(self) -> &'static str {
        match self {
            Self::DropErrorResponses => "drop_error_responses",
            Self::WidenSuccess => "widen_success",
            Self::DropWorkspaceHeader => "drop_workspace_header",
            Self::DropPatterns => "drop_patterns",
        }
    }
}

/// Makes the wanted adjustments. One that changes nothing has outlived its reason and is an error.
pub(crate) fn adjust(document: &mut Value, wanted: &[Adjustment]) -> Result<()> {
    for adjustment in wanted {
        let changes = match adjustment {
            Adjustment::DropErrorResponses => operations(document).map(drop_error_responses).sum(),
            Adjustment::WidenSuccess => operations(document).map(widen_success).sum::<Result<usize>>()?,
            Adjustment::DropWorkspaceHeader => operations(document).map(drop_workspace_header).sum(),
            Adjustment::DropPatterns => drop_patterns(document),
        };
        if changes == 0 {
            bail!(
                "the adjustment `{}` changes nothing; take it out of openapi/slice.toml",
                adjustment.name()
            );
        }
    }
    Ok(())
}

/// All operation objects of a document.
pub(crate) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    items.flat_map(Map::values_mut).filter(|operation| operation.get("responses").is_some())
}

fn drop_error_responses(operation: &mut Value) -> usize {
    let Some(responses) = operation["responses"].as_object_mut() else { return 0 };
    let all = responses.len();
    responses.retain(|status, _| status.starts_with('2'));
    all - responses.len()
}

fn widen_success(operation: &mut Value) -> Result<usize> {
    let Some(responses) = operation["responses"].as_object_mut() else { return Ok(0) };
    let first = responses.keys().next().cloned();
    match (first, responses.len()) {
        (Some(status), 1) => {
            let response = responses.remove(&status).unwrap_or_default();
            responses.insert("2XX".into(), response);
            Ok(1)
        }
        (_, count) => {
            let id = operation["operationId"].as_str().unwrap_or("without an id");
            bail!("the operation `{id}` documents {count} successes; one was expected")
        }
    }
}

fn drop_workspace_header(operation: &mut Value) -> usize {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return 0 };
    let all = parameters.len();
    parameters.retain(|parameter| {
        parameter["in"] != json!("header") || parameter["name"] != json!("x-workspace-id")
    });
    all - parameters.len()
}

/// Only a pattern is a text: a property of that name is an object.
fn drop_patterns(value: &mut Value) -> usize {
    match value {
        Value::Object(map) => {
            let own = map.get("pattern").is_some_and(Value::is_string);
            if own {
                map.remove("pattern");
            }
            usize::from(own) + map.values_mut().map(drop_patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(drop_patterns).sum(),
        _ => 0,
    }
}
