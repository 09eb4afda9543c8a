//! Which images are in use, by texts that name them.
//!
//! No format is parsed: names that exist are looked for in any bytes. Manifests of Kubernetes, Helm and compose files,
//! lists of pods, scripts and pages are all the same. In doubt an image is in use.

mod names;
mod tokens;

use std::collections::HashMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::inventory::{Digest, Inventory};
use names::Names;
use tokens::Tokens;

/// Names of our hosts that do not exist are told up to so many.
const MOST_MISSING: usize = 100;

/// Which tags and digests are in use, each with the first place that names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InUse {
    sources: Vec<Source>,
    tags: HashMap<(Uuid, Box<str>), Place>,
    digests: HashMap<Digest, Place>,
}

/// Something that was searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Source {
    /// Its name, as it was handed in.
    pub source: String,
    /// How long it was.
    pub bytes: u64,
    /// How often it names a tag or a digest of this registry.
    pub mentions: u64,
    /// How many different ones.
    pub matched: u64,
    /// Names on a host of this registry that do not exist there; at most 100.
    pub missing: Vec<String>,
}

/// A tag or a digest that is in use, with the first place that names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Mention {
    /// `NAME:TAG`, or a digest.
    pub in_use: String,
    /// The source that names it.
    pub source: String,
    /// The line there, from 1.
    pub line: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    source: usize,
    line: u64,
}

/// Searches texts for what an inventory has.
///
/// ```
/// # use mlspace_registry_retention::{InUse, InventoryBuilder};
/// let inventory = InventoryBuilder::new().build();
/// let mut scanner = InUse::scanner(&inventory);
/// let source = scanner.scan("pods.json", &b"{\"image\": \"train/resnet:v1\"}"[..])?;
/// assert_eq!(source.mentions, 0);
/// let in_use = scanner.finish();
/// # let _ = in_use;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Scanner<'i> {
    names: Names<'i>,
    found: InUse,
}

impl InUse {
    /// Begins to search texts for what the inventory has.
    pub fn scanner(inventory: &Inventory) -> Scanner<'_> {
        Scanner { names: Names::new(inventory), found: Self::default() }
    }

    /// What was searched.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// All that is in use, in an order that does not depend on where it was found.
    pub fn mentions(&self, inventory: &Inventory) -> Vec<Mention> {
        let names: HashMap<Uuid, &str> =
            inventory.repositories.iter().map(|one| (one.id, &*one.name)).collect();
        let mention = |in_use: String, place: &Place| {
            let source =
                self.sources.get(place.source).map(|source| source.source.clone()).unwrap_or_default();
            Mention { in_use, source, line: place.line }
        };
        let tags = self.tags.iter().filter_map(|((repository, tag), place)| {
            Some(mention(format!("{}:{tag}", names.get(repository)?), place))
        });
        let digests = self.digests.iter().map(|(digest, place)| mention(digest.to_string(), place));
        let mut all: Vec<_> = tags.chain(digests).collect();
        all.sort();
        all
    }

    pub(crate) fn has_tag(&self, repository: Uuid, tag: &str) -> bool {
        !self.tags.is_empty() && self.tags.contains_key(&(repository, tag.into()))
    }

    pub(crate) fn has_digest(&self, digest: &Digest) -> bool {
        !self.digests.is_empty() && self.digests.contains_key(digest)
    }
}

impl Scanner<'_> {
    /// Searches a text to its end. What it needs of memory does not depend on its length.
    ///
    /// # Errors
    /// What the reader fails with.
    pub fn scan(&mut self, source: &str, reader: impl Read) -> io::Result<&Source> {
        let number = self.found.sources.len();
        let mut found = Found {
            source: number,
            report: Source { source: source.to_owned(), ..Source::default() },
            ..Found::default()
        };
        let mut tokens = Tokens::new(reader);
        while let Some((token, before, line)) = tokens.next()? {
            self.names.look(token, before, line, &mut |hit| found.note(hit, line));
        }
        self.names.whole_file(&mut |hit, line| found.note(hit, line));
        found.report.bytes = tokens.bytes();
        found.report.matched = (found.tags.len() + found.digests.len()) as u64;
        for (tag, place) in found.tags {
            self.found.tags.entry(tag).or_insert(place);
        }
        for (digest, place) in found.digests {
            self.found.digests.entry(digest).or_insert(place);
        }
        self.found.sources.push(found.report);
        Ok(&self.found.sources[number])
    }

    /// What was found in all of them.
    pub fn finish(self) -> InUse {
        self.found
    }
}

/// What a text names.
enum Hit<'h> {
    Tag(Uuid, &'h str),
    Digest(Digest),
    /// On a host of ours, and not there.
    Missing(&'h str),
}

/// What one source names.
#[derive(Default)]
struct Found {
    source: usize,
    report: Source,
    tags: HashMap<(Uuid, Box<str>), Place>,
    digests: HashMap<Digest, Place>,
}

impl Found {
    fn note(&mut self, hit: Hit<'_>, line: u64) {
        let place = Place { source: self.source, line };
        match hit {
            Hit::Tag(repository, tag) => {
                self.report.mentions += 1;
                self.tags.entry((repository, tag.into())).or_insert(place);
            }
            Hit::Digest(digest) => {
                self.report.mentions += 1;
                self.digests.entry(digest).or_insert(place);
            }
            Hit::Missing(name) => {
                let missing = &mut self.report.missing;
                if missing.len() < MOST_MISSING && missing.iter().all(|known| known != name) {
                    missing.push(name.to_owned());
                }
            }
        }
    }
}
