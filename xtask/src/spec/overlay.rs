//! OpenAPI Overlay 1.0: our part of the document, kept apart from the vendor's.

mod change;
mod places;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;
use serde_saphyr::Spanned;

use super::nearest::nearest;
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
        let places = match self.places(document) {
            Ok(places) => places,
            Err(error) => return vec![(format!("{error:#}"), "mend the target".into())],
        };
        let mut misfits = Vec::new();
        if let Some((earlier, matched)) = earlier {
            let had = self.places(earlier).unwrap_or_default();
            misfits.extend(had.iter().filter_map(|place| places::lost(place, earlier, document, matched)));
            change::apply(earlier, had, self.update.as_ref());
        }
        if places.is_empty() && misfits.is_empty() {
            let problem = format!(
                "it matches nothing in the document: {}",
                nearest(&self.target.value, document, before)
            );
            misfits.push((problem, "correct the target, or take the action out".into()));
        }
        misfits.extend(change::apply(document, places, self.update.as_ref()));
        misfits
    }
}
