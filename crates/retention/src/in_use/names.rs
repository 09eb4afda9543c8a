//! Names that exist, and how texts write them.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::Hit;
use crate::inventory::{Digest, Inventory, Repository};

/// What is looked for.
#[derive(Debug)]
pub(super) struct Names<'i> {
    repositories: HashMap<&'i str, &'i Repository, RandomState>,
    tags: HashMap<&'i str, (), RandomState>,
    digests: HashSet<Digest, RandomState>,
    /// The hosts of full names.
    hosts: HashSet<&'i str, RandomState>,
    /// Sets that nearly nothing else is in, to be asked first.
    likely_tags: Likely,
    likely_repositories: Likely,
    /// Repositories that the file names without a tag, with the first line.
    bare: HashMap<Uuid, (&'i Repository, u64)>,
    /// Tags that the file has as words, with the first line.
    words: HashMap<&'i str, u64, RandomState>,
}

/// Words by their lengths and ends.
#[derive(Debug)]
struct Likely(Vec<u64>);

impl Likely {
    fn none() -> Self {
        Self(vec![0; (1 << 19) / 64])
    }

    fn place(word: &[u8]) -> Option<(usize, u64)> {
        let (first, last) = (*word.first()?, *word.last()?);
        let bits = usize::from(first) & 0x7f | (usize::from(last) & 0x7f) << 7 | (word.len() & 0x1f) << 14;
        Some((bits / 64, 1 << (bits % 64)))
    }

    fn add(&mut self, word: &[u8]) {
        if let Some((at, bit)) = Self::place(word) {
            self.0[at] |= bit;
        }
    }

    fn has(&self, word: &[u8]) -> bool {
        Self::place(word).is_some_and(|(at, bit)| self.0[at] & bit != 0)
    }
}

impl<'i> Names<'i> {
    pub(super) fn new(inventory: &'i Inventory) -> Self {
        let mut names = Self {
            repositories: HashMap::default(),
            tags: HashMap::default(),
            digests: HashSet::default(),
            hosts: HashSet::default(),
            likely_tags: Likely::none(),
            likely_repositories: Likely::none(),
            bare: HashMap::new(),
            words: HashMap::default(),
        };
        for repository in &inventory.repositories {
            names.likely_repositories.add(repository.name.as_bytes());
            names.repositories.insert(&repository.name, repository);
            names.hosts.extend(repository.full_name.split_once('/').map(|(host, _)| host));
            for image in &repository.images {
                names.digests.insert(image.digest.clone());
                for tag in &image.tags {
                    names.likely_tags.add(tag.name.as_bytes());
                    names.tags.insert(&tag.name, ());
                }
            }
        }
        names
    }

    /// Looks at one word.
    pub(super) fn look(&mut self, token: &[u8], before: u8, line: u64, note: &mut dyn FnMut(Hit<'_>)) {
        let is_plain = !token.iter().any(|byte| matches!(byte, b'/' | b':' | b'@'));
        if is_plain && !self.likely_tags.has(trimmed(token)) && !self.likely_tags.has(token) {
            // Most words of most texts, unless it is the name of a repository at the root, which says nothing alone.
            return;
        }
        let Ok(text) = std::str::from_utf8(token) else { return };
        self.tag_words(text, line);
        if is_plain {
            return;
        }
        self.bare_digests(text, note);
        let reference = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
        // The end of a sentence is no part of a name, unless it is.
        let trimmed = reference.trim_end_matches(['.', ':', '-', '_', '/', '+', '@']);
        let mut found = self.reference(reference, before, line, note);
        if trimmed != reference {
            found |= self.reference(trimmed, before, line, note);
        }
        if !found && self.is_ours(trimmed) {
            note(Hit::Missing(trimmed));
        }
    }

    /// Words that are tags of something, for repositories that are named without one: `repository: …`, `tag: v1`.
    fn tag_words(&mut self, text: &str, line: u64) {
        let mut remember = |word: &str| {
            if self.likely_tags.has(word.as_bytes())
                && let Some((tag, ())) = self.tags.get_key_value(word)
            {
                self.words.entry(tag).or_insert(line);
            }
        };
        remember(text);
        for word in text.split([':', '/', '@']) {
            remember(word);
            remember(word.trim_end_matches(['.', '-', '_']));
        }
    }

    fn bare_digests(&self, text: &str, note: &mut dyn FnMut(Hit<'_>)) {
        for (colon, _) in text.match_indices(':') {
            let algorithm =
                text[..colon].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            // What stands before it may go on without a space.
            let algorithm =
                ["sha256", "sha512"].into_iter().find(|one| algorithm.ends_with(one)).unwrap_or(algorithm);
            let hex =
                text[colon + 1..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len() - colon - 1);
            if algorithm.is_empty() || hex < 32 {
                continue;
            }
            let digest = Digest::new(&text[colon - algorithm.len()..colon + 1 + hex]);
            if self.digests.contains(&digest) {
                note(Hit::Digest(digest));
            }
        }
    }

    /// `[host[:port]/][registry id/]NAME[:TAG][@DIGEST]`; true if that is there.
    fn reference(&mut self, text: &str, before: u8, line: u64, note: &mut dyn FnMut(Hit<'_>)) -> bool {
        let (path, has_digest) = text.split_once('@').map_or((text, false), |(path, _)| (path, true));
        let (name, tag) = match path.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (path, None),
        };
        let starts = [0].into_iter().chain(name.match_indices('/').map(|(at, _)| at + 1));
        for start in starts.chain(name.match_indices(':').map(|(at, _)| at + 1)) {
            if !self.likely_repositories.has(&name.as_bytes()[start..]) {
                continue;
            }
            let Some(repository) = self.repositories.get(&name[start..]).copied() else { continue };
            let prefix = &name[..start];
            if !is_prefix(prefix, before) {
                continue;
            }
            match tag {
                Some(tag) => {
                    let Some(tag) = has_tag(repository, tag) else { return has_digest };
                    note(Hit::Tag(repository.id, tag));
                }
                // A word without a host and a folder says nothing: `base` is in any text.
                None if !has_digest && (!prefix.is_empty() || name.contains('/')) => {
                    self.bare.entry(repository.id).or_insert((repository, line));
                }
                None => {}
            }
            return true;
        }
        has_digest
    }

    /// True if the text begins with a host that our full names begin with.
    fn is_ours(&self, text: &str) -> bool {
        text.split_once('/').is_some_and(|(host, _)| self.hosts.contains(host))
    }

    /// Ends a file: what it names without a tag is used as `latest`, and by every tag that the file has anywhere.
    pub(super) fn whole_file(&mut self, note: &mut dyn FnMut(Hit<'_>, u64)) {
        for (repository, line) in std::mem::take(&mut self.bare).into_values() {
            for tag in repository.images.iter().flat_map(|image| &image.tags) {
                if &*tag.name == "latest" {
                    note(Hit::Tag(repository.id, &tag.name), line);
                } else if let Some(line) = self.words.get(&*tag.name) {
                    note(Hit::Tag(repository.id, &tag.name), *line);
                }
            }
        }
        self.words.clear();
    }
}

fn trimmed(token: &[u8]) -> &[u8] {
    let end = token.iter().rposition(|byte| !matches!(byte, b'.' | b'-' | b'_')).map_or(0, |last| last + 1);
    &token[..end]
}

fn has_tag<'r>(repository: &'r Repository, wanted: &str) -> Option<&'r str> {
    let tags = repository.images.iter().flat_map(|image| &image.tags);
    tags.map(|tag| &*tag.name).find(|name| *name == wanted)
}

/// What may stand before a name: nothing, a host or what a variable stands for, and the id of a registry; a key as
/// in `image:train/base:v1`. Another folder makes it another name.
fn is_prefix(prefix: &str, before: u8) -> bool {
    let Some(folders) = prefix.strip_suffix('/') else { return true };
    let mut folders = folders.split('/');
    let host = folders.next().unwrap_or_default();
    let is_host =
        host.is_empty() || before == b'$' || host == "localhost" || host.contains(['.', ':']) || is_id(host);
    is_host && folders.all(|folder| folder.is_empty() || is_id(folder))
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.parse::<Uuid>().is_ok()
}
