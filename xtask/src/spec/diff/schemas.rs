//! Pairs of schemas, each compared once however many operations reach it.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::document::Document;
use super::names::subject;
use super::rules::{Direction, Rule};
use super::schema::{Additional, Schema, View};
use super::{branches, values};

/// A change, before it is known which operations it affects.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) rule: Rule,
    pub(super) old: Rc<str>,
    pub(super) new: Rc<str>,
    pub(super) sentence: String,
}

/// Two schemas that stand in the same place, and what they lead to.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    old: Schema<'a>,
    new: Schema<'a>,
    pub(super) direction: Direction,
    pub(super) changes: Vec<Change>,
    pub(super) children: Vec<usize>,
}

/// Every pair that was reached. A list and not a recursion: schemas may refer to themselves.
pub(super) struct Pairs<'a> {
    pub(super) old: &'a Document,
    pub(super) new: &'a Document,
    all: Vec<Pair<'a>>,
    known: HashMap<(String, String, Direction), usize>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(old: &'a Document, new: &'a Document) -> Self {
        Self { old, new, all: Vec::new(), known: HashMap::new() }
    }

    /// The number of the pair of these two.
    pub(super) fn add(&mut self, old: Schema<'a>, new: Schema<'a>, direction: Direction) -> usize {
        let old = Schema(old.0.iter().map(|place| self.old.resolve(place)).collect());
        let new = Schema(new.0.iter().map(|place| self.new.resolve(place)).collect());
        *self.known.entry((old.key(), new.key(), direction)).or_insert_with(|| {
            self.all.push(Pair { old, new, direction, changes: Vec::new(), children: Vec::new() });
            self.all.len() - 1
        })
    }

    /// Compares all pairs and those that they lead to.
    pub(super) fn compare(mut self) -> Vec<Pair<'a>> {
        let mut next = 0;
        while let Some(pair) = self.all.get(next) {
            let (old, new, direction) = (pair.old.clone(), pair.new.clone(), pair.direction);
            let mut comparison = Comparison {
                old: View::new(self.old, &old),
                new: View::new(self.new, &new),
                documents: (self.old, self.new),
                direction,
                changes: Vec::new(),
                open: Vec::new(),
            };
            comparison.run(&old, &new);
            let Comparison { changes, open, .. } = comparison;
            let children = open.into_iter().map(|(old, new)| self.add(old, new, direction)).collect();
            if let Some(pair) = self.all.get_mut(next) {
                pair.changes = changes;
                pair.children = children;
            }
            next += 1;
        }
        self.all
    }
}

/// One pair under comparison.
pub(super) struct Comparison<'a> {
    pub(super) old: View<'a>,
    pub(super) new: View<'a>,
    pub(super) documents: (&'a Document, &'a Document),
    direction: Direction,
    changes: Vec<Change>,
    open: Vec<(Schema<'a>, Schema<'a>)>,
}

impl<'a> Comparison<'a> {
    fn run(&mut self, old: &Schema<'a>, new: &Schema<'a>) {
        if old.is_the_same_throughout(new) {
            return;
        }
        values::about(self);
        let same_kind = branches::compare(self, old, new);
        if same_kind && values::kind(self) {
            values::within_kind(self);
            self.properties();
            self.additional();
            self.items();
        }
    }

    /// The rule for the direction of this pair.
    pub(super) fn pick(&self, sent: Rule, read: Rule) -> Rule {
        if self.direction == Direction::Sent { sent } else { read }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.direction == Direction::Sent
    }

    /// Records a change of the keyword `key`. The sentence says it of a subject.
    pub(super) fn keyword(&mut self, rule: Rule, key: &str, says: &str) {
        let (old, new) = (self.old.pointer_of(key), self.new.pointer_of(key));
        let subject = subject(self.documents.1, &self.new.pointer());
        self.changes.push(Change { rule, old, new, sentence: format!("{subject} {says}") });
    }

    /// Has these two compared as well.
    pub(super) fn follow(&mut self, old: Schema<'a>, new: Schema<'a>) {
        self.open.push((old, new));
    }

    /// Records that something of the old schema is gone.
    pub(super) fn gone(&mut self, rule: Rule, from: &str, thing: &Schema<'a>, says: &str) {
        let sentence = format!("{} {says}", subject(self.documents.0, &thing.pointer()));
        self.changes.push(Change { rule, old: thing.pointer(), new: self.new.pointer_of(from), sentence });
    }

    /// Records that the new schema has something more.
    pub(super) fn more(&mut self, rule: Rule, to: &str, thing: &Schema<'a>, says: &str) {
        let sentence = format!("{} {says}", subject(self.documents.1, &thing.pointer()));
        self.changes.push(Change { rule, old: self.old.pointer_of(to), new: thing.pointer(), sentence });
    }

    fn properties(&mut self) {
        let hidden = if self.is_sent() { "readOnly" } else { "writeOnly" };
        let old = self.old.properties(self.documents.0, hidden);
        let new = self.new.properties(self.documents.1, hidden);
        let (was_required, is_required) = (self.old.required(), self.new.required());
        for (name, schema) in &old {
            if new.contains_key(name) {
                continue;
            }
            let hidden_now = self.new.properties(self.documents.1, "").remove(name);
            if let Some(hidden_now) = hidden_now.filter(|now| !self.is_sent() && self.is_secret(now)) {
                let sentence = format!(
                    "{} is write-only now, and was in answers",
                    subject(self.documents.1, &hidden_now.pointer())
                );
                let (old, new) = (schema.pointer(), hidden_now.pointer());
                self.changes.push(Change { rule: Rule::ResponsePropertyWriteOnly, old, new, sentence });
                self.follow(schema.clone(), hidden_now);
            } else {
                let rule = self.pick(Rule::RequestPropertyRemoved, Rule::ResponsePropertyRemoved);
                self.gone(rule, "properties", schema, "is gone");
            }
        }
        for (name, schema) in &new {
            let required = is_required.contains(name);
            let Some(before) = old.get(name) else {
                let (sent, says) = if required {
                    (Rule::RequestPropertyAddedRequired, "is new and required")
                } else {
                    (Rule::RequestPropertyAddedOptional, "is new")
                };
                self.more(self.pick(sent, Rule::ResponsePropertyAdded), "properties", schema, says);
                continue;
            };
            if required != was_required.contains(name) {
                self.requiredness(before, schema, required);
            }
            self.follow(before.clone(), schema.clone());
        }
        self.required_without_schema();
    }

    /// Says if a property of the new schema is a password: pydantic marks one as write-only wherever it is.
    fn is_secret(&self, property: &Schema<'a>) -> bool {
        let format = View::new(self.documents.1, property).keyword("format");
        format.is_some_and(|format| format.value == "password")
    }

    fn requiredness(&mut self, old: &Schema<'a>, new: &Schema<'a>, required: bool) {
        let (rule, says) = if required {
            let read = Rule::ResponsePropertyBecameRequired;
            (self.pick(Rule::RequestPropertyBecameRequired, read), "must be there now")
        } else {
            let read = Rule::ResponsePropertyBecameOptional;
            (self.pick(Rule::RequestPropertyBecameOptional, read), "may be missing now")
        };
        let sentence = format!("{} {says}", subject(self.documents.1, &new.pointer()));
        self.changes.push(Change { rule, old: old.pointer(), new: new.pointer(), sentence });
    }

    /// Names that must be there although nothing is said about their values.
    fn required_without_schema(&mut self) {
        let described: BTreeSet<&str> = [(&self.old, self.documents.0), (&self.new, self.documents.1)]
            .into_iter()
            .flat_map(|(view, document)| view.properties(document, "").into_keys())
            .collect();
        let (old, new) = (self.old.required(), self.new.required());
        for name in old.symmetric_difference(&new).filter(|name| !described.contains(*name)) {
            if new.contains(name) {
                let read = Rule::ResponsePropertyBecameRequired;
                let rule = self.pick(Rule::RequestPropertyBecameRequired, read);
                self.keyword(rule, "required", &format!("must have `{name}` now"));
            } else {
                let read = Rule::ResponsePropertyBecameOptional;
                let rule = self.pick(Rule::RequestPropertyBecameOptional, read);
                self.keyword(rule, "required", &format!("may lack `{name}` now"));
            }
        }
    }

    fn additional(&mut self) {
        const KEY: &str = "additionalProperties";
        match (self.old.additional(), self.new.additional()) {
            (Additional::Forbidden, Additional::Forbidden) | (Additional::Anything, Additional::Anything) => {
            }
            (_, Additional::Forbidden) => {
                let rule = self.pick(Rule::RequestAdditionalForbidden, Rule::ResponseAdditionalForbidden);
                self.keyword(rule, KEY, "takes no other names now");
            }
            (Additional::Forbidden, _) => {
                let rule = self.pick(Rule::RequestAdditionalAllowed, Rule::ResponseAdditionalAllowed);
                self.keyword(rule, KEY, "takes other names now");
            }
            (Additional::Anything, Additional::These(_)) => {
                let rule = self.pick(Rule::RequestTypeNarrowed, Rule::ResponseTypeNarrowed);
                self.keyword(rule, KEY, "no longer takes every value under other names");
            }
            (Additional::These(_), Additional::Anything) => {
                let rule = self.pick(Rule::RequestTypeWidened, Rule::ResponseTypeWidened);
                self.keyword(rule, KEY, "takes every value under other names now");
            }
            (Additional::These(old), Additional::These(new)) => self.follow(old, new),
        }
    }

    fn items(&mut self) {
        let (old, new) = (self.old.places(), self.new.places());
        for (old, new) in old.iter().zip(&new) {
            self.follow(old.clone(), new.clone());
        }
        if old.len() < new.len() {
            let rule = self.pick(Rule::RequestBoundsTightened, Rule::ResponseBoundsTightened);
            self.keyword(rule, "prefixItems", "says more of its first entries");
        } else if old.len() > new.len() {
            let rule = self.pick(Rule::RequestBoundsLoosened, Rule::ResponseBoundsLoosened);
            self.keyword(rule, "prefixItems", "says less of its first entries");
        }
        match (self.old.items(), self.new.items()) {
            (Some(old), Some(new)) => self.follow(old, new),
            (Some(_), None) => {
                let rule = self.pick(Rule::RequestTypeWidened, Rule::ResponseTypeWidened);
                self.keyword(rule, "items", "takes every kind of entry now");
            }
            (None, Some(_)) => {
                let rule = self.pick(Rule::RequestTypeNarrowed, Rule::ResponseTypeNarrowed);
                self.keyword(rule, "items", "no longer takes every kind of entry");
            }
            (None, None) => {}
        }
    }
}
