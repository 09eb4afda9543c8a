//! Edits of our own files that a new document asks for: those that can be made, and those that a person
//! must make.

use std::path::Path;

use anyhow::Result;

use crate::file;

pub(super) const SLICE: &str = "openapi/slice.toml";
pub(super) const OVERLAY: &str = "openapi/overlay.yaml";

/// One change of the lines of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edit {
    /// A part of the line that it is about.
    old: String,
    change: Change,
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    Replace(String),
    Remove,
    After(String),
}

impl Edit {
    pub(super) fn replace(old: &str, new: &str) -> Self {
        Self { old: old.into(), change: Change::Replace(new.into()) }
    }

    pub(super) fn remove(old: &str) -> Self {
        Self { old: old.into(), change: Change::Remove }
    }

    /// A line to add after the one that `old` is in.
    pub(super) fn after(old: &str, new: &str) -> Self {
        Self { old: old.into(), change: Change::After(new.into()) }
    }

    /// The lines of `text` that it is about.
    fn lines(&self, text: &str) -> Vec<usize> {
        let lines =
            text.lines().enumerate().filter(|(_, line)| line.contains(&self.old) && !line.starts_with('#'));
        lines.map(|(index, _)| index + 1).collect()
    }

    fn is_addition(&self) -> bool {
        matches!(self.change, Change::After(_))
    }

    fn describe(&self) -> String {
        match &self.change {
            Change::Replace(new) => format!("write `{new}`"),
            Change::Remove => "take the line out".into(),
            Change::After(new) => format!("add `{new}` under `{}`", self.old),
        }
    }

    fn apply(&self, text: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        let about = self.lines(text);
        for (index, line) in text.lines().enumerate() {
            match &self.change {
                _ if !about.contains(&(index + 1)) => lines.push(line.into()),
                Change::Replace(new) => lines.push(line.replace(&self.old, new)),
                Change::Remove => {}
                Change::After(new) => lines.extend([line.to_owned(), new.clone()]),
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Everything that does not fit, in the order in which it was found.
#[derive(Default)]
pub(super) struct Edits {
    /// Texts of the files, as they are.
    files: Vec<(&'static str, String)>,
    /// Those that are made with the rest, each with its lines.
    made: Vec<(&'static str, Edit)>,
    /// Sentences about those that are made.
    pub(super) will_make: Vec<String>,
    /// Sentences about those that a person must make.
    pub(super) asked: Vec<String>,
}

impl Edits {
    pub(super) fn new(root: &Path) -> Result<Self> {
        let files = [SLICE, OVERLAY].map(|name| Ok((name, file::read(&root.join(name))?)));
        Ok(Self { files: files.into_iter().collect::<Result<_>>()?, ..Self::default() })
    }

    fn text(&self, name: &str) -> &str {
        self.files.iter().find(|(other, _)| *other == name).map_or("", |(_, text)| text)
    }

    /// Edits whose result is certain, for one reason: they are made when everything else is settled. The first is
    /// the one that matters; where its line is written in another way than is known here, a person must make it.
    pub(super) fn add(&mut self, edits: Vec<(&'static str, Edit)>, why: &str) {
        let mut places = Vec::new();
        let mut is_certain = None;
        let mend = edits.first().map(|(_, edit)| edit.describe()).unwrap_or_default();
        for (name, edit) in edits {
            let lines = edit.lines(&self.edited(name));
            is_certain.get_or_insert(!lines.is_empty() || edit.is_addition());
            if !self.made.contains(&(name, edit.clone())) && (!lines.is_empty() || edit.is_addition()) {
                let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
                let colon = if lines.is_empty() { "" } else { ":" };
                places.push(format!("`{name}{colon}{}`", lines.join(",")));
                self.made.push((name, edit));
            } else if places.is_empty() {
                places.push(format!("`{name}`"));
            }
        }
        let sentence = format!("{}: {why}; {mend}", places.join(", "));
        if is_certain == Some(true) { self.will_make.push(sentence) } else { self.asked.push(sentence) }
    }

    /// An edit of the line that has `old`, which a person must make.
    pub(super) fn ask(&mut self, name: &'static str, old: &str, why: &str, mend: &str) {
        let line =
            Edit::remove(old).lines(self.text(name)).first().map_or(String::new(), |line| format!(":{line}"));
        self.asked.push(format!("`{name}{line}`: {why}; {mend}"));
    }

    /// The text of a file with the edits that are made.
    pub(super) fn edited(&self, name: &str) -> String {
        let edits = self.made.iter().filter(|(other, _)| *other == name);
        edits.fold(self.text(name).to_owned(), |mut text, (_, edit)| {
            // The heading need not be there yet.
            if edit.is_addition() && edit.lines(&text).is_empty() {
                text = format!("{text}\n{}\n", edit.old);
            }
            edit.apply(&text)
        })
    }
}
