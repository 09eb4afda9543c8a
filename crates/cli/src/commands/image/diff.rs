//! `mlcr image diff`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::inside::{Inside, Inspection, Layer, bytes};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::table::Cell;
use crate::output::{Look, Record};

/// A comparison.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST, a full name, or a path that begins with `./` or `/`.
    #[arg(value_name = "A")]
    old: String,
    /// The image to compare it with.
    #[arg(value_name = "B")]
    new: String,
    #[command(flatten)]
    inspection: Inspection,
}

/// What is different between two images.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diff")]
pub(crate) struct Difference {
    /// The name of the one.
    old: String,
    /// The name of the other.
    new: String,
    /// Layers that both have.
    common: Vec<Layer>,
    /// Layers that only the one has.
    gone: Vec<Layer>,
    /// Layers that only the other has.
    added: Vec<Layer>,
    /// Bytes of the one.
    old_size: u64,
    /// Bytes of the other.
    new_size: u64,
    /// Lines of the configuration that are not the same.
    config: Vec<Change>,
}

/// A line of the configuration that only one of the two has.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Change {
    /// The part of the configuration.
    part: &'static str,
    /// The line of the one, null if it is the other's.
    gone: Option<String>,
    /// The line of the other, null if it is the one's.
    added: Option<String>,
}

impl Diff {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let old = self.inspection.look(&self.old, context).await?;
        let new = self.inspection.look(&self.new, context).await?;
        let unknown = [&old, &new].into_iter().find(|one| one.layers.is_none());
        if let Some(one) = unknown {
            let message =
                format!("the layers of {} are not known without the registry's password", one.reference);
            return Err(Failure::new(Exit::SignIn, "sign_in_refused", message)
                .hint("`mlcr password rotate` makes a new registry password and keeps it"));
        }
        context.print(&Difference::between(old, new))
    }
}

impl Difference {
    fn between(old: Inside, new: Inside) -> Self {
        let config = changes(&old, &new);
        let (old_layers, new_layers) = (old.layers.unwrap_or_default(), new.layers.unwrap_or_default());
        let has = |layers: &[Layer], layer: &Layer| layers.iter().any(|one| one.digest == layer.digest);
        let (common, gone): (Vec<_>, Vec<_>) =
            old_layers.iter().cloned().partition(|layer| has(&new_layers, layer));
        let added = new_layers.into_iter().filter(|layer| !has(&old_layers, layer)).collect();
        let (old_size, new_size) = (old.size, new.size);
        Self { old: old.reference, new: new.reference, common, gone, added, old_size, new_size, config }
    }
}

/// The lines of the configurations that only one of them has, part by part.
fn changes(old: &Inside, new: &Inside) -> Vec<Change> {
    let parts = |image: &Inside| {
        let mut parts = vec![("Platform", image.platform.iter().cloned().collect())];
        parts.extend(image.config.parts());
        parts
    };
    let mut changes = Vec::new();
    for ((part, old), (_, new)) in parts(old).into_iter().zip(parts(new)) {
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| !those.contains(line)).cloned().collect()
        };
        for line in only(&old, &new) {
            changes.push(Change { part, gone: Some(line), added: None });
        }
        for line in only(&new, &old) {
            changes.push(Change { part, gone: None, added: Some(line) });
        }
    }
    changes
}

fn sum(layers: &[Layer]) -> String {
    let total = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
    let word = if layers.len() == 1 { "layer" } else { "layers" };
    format!("{} {word}, {}", layers.len(), bytes(total))
}

impl Record for Difference {
    const HEADER: &'static [&'static str] = &["A", "B", "COMMON", "GONE", "ADDED"];
    const FIELDS: &'static [&'static str] =
        &["old", "new", "common", "gone", "added", "old_size", "new_size", "config"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        let names = [&self.old, &self.new].map(Cell::new);
        names
            .into_iter()
            .chain([&self.common, &self.gone, &self.added].map(|layers| Cell::new(sum(layers))))
            .collect()
    }

    fn card(&self, _: &Look) -> Vec<(&'static str, Cell)> {
        let mut card = vec![
            ("A", Cell::new(format!("{} ({})", self.old, bytes(self.old_size)))),
            ("B", Cell::new(format!("{} ({})", self.new, bytes(self.new_size)))),
            ("In common", Cell::new(sum(&self.common))),
        ];
        for (name, layers) in [("Only in A", &self.gone), ("Only in B", &self.added)] {
            card.extend(layers.iter().map(|layer| (name, Cell::new(layer.line()))));
        }
        for change in &self.config {
            let lines = [("-", &change.gone), ("+", &change.added)];
            let lines =
                lines.into_iter().filter_map(|(sign, line)| Some(format!("{sign} {}", line.as_ref()?)));
            card.extend(lines.map(|line| (change.part, Cell::new(line))));
        }
        card
    }
}
