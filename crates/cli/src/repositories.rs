//! The repositories that a command is about: names, patterns, or all.

use std::collections::HashSet;

use clap::Args;
use mlspace_registry::{Client, Completeness, Lookup, Pattern, Patterns, Reference, Repository};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::printing::Verdict;

/// Repositories by names and patterns.
#[derive(Args, Clone, Debug)]
pub(crate) struct Repositories {
    /// Repositories: names, ids, full names, or patterns of names such as 'train/*'; `*` stops at `/`, `**` does not,
    /// and a `!` before a pattern takes out.
    #[arg(value_name = "REPO", required_unless_present = "all")]
    wanted: Vec<Wanted>,

    /// All repositories.
    #[arg(long, short = 'A', conflicts_with = "wanted")]
    all: bool,
}

#[derive(Clone, Debug)]
enum Wanted {
    One(Reference),
    Pattern(Pattern),
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Pattern::is_meant(text) {
            true => text
                .parse()
                .map(Self::Pattern)
                .map_err(|error: mlspace_registry::PatternError| error.to_string()),
            false => text.parse().map(Self::One).map_err(|error: mlspace_registry::Error| error.to_string()),
        }
    }
}

/// What was chosen, without tags where a pattern chose.
pub(crate) struct Chosen {
    pub(crate) repositories: Vec<Repository>,
    /// On the list of repositories; `None` where it was not read whole, because each was named.
    pub(crate) verdict: Option<Verdict>,
}

impl Repositories {
    /// Every repository.
    pub(crate) fn all() -> Self {
        Self { wanted: Vec::new(), all: true }
    }

    /// True if one was named, so that its name need not be told.
    pub(crate) fn is_one(&self) -> bool {
        matches!(self.wanted[..], [Wanted::One(_)])
    }

    /// The one that was named, if it was one.
    pub(crate) fn one(&self) -> Option<&Reference> {
        match &self.wanted[..] {
            [Wanted::One(reference)] => Some(reference),
            _ => None,
        }
    }

    /// Finds them, each once. For names as many pages as it takes; for patterns the list of repositories, whole.
    pub(crate) async fn choose(
        &self,
        context: &Context<'_>,
        client: &Client,
        lookup: &mut Lookup,
        tags: bool,
    ) -> Result<Chosen, Failure> {
        let mut found = Vec::new();
        for wanted in &self.wanted {
            if let Wanted::One(reference) = wanted {
                found.push(lookup.repository(reference).await?);
            }
        }
        context.say_lookup(lookup);
        let mut verdict = None;
        if self.all || found.len() < self.wanted.len() {
            let patterns = self.patterns()?;
            let list = client.repositories().list();
            let list = if tags {
                list.collect_verified().await?
            } else {
                list.collect_verified_without_tags().await?
            };
            let found_before = found.len();
            found.extend(list.items.into_iter().filter(|one| self.all || patterns.matches(&one.name)));
            if found.len() == found_before && !self.all {
                return Err(none_matches(&patterns, list.completeness));
            }
            let read = Verdict { completeness: Some(list.completeness), changed: false };
            context.judge("repositories", read, &list.unreadable);
            verdict = Some(read);
            context.say_requests();
        }
        let mut seen = HashSet::new();
        found.retain(|repository| seen.insert(repository.id));
        Ok(Chosen { repositories: found, verdict })
    }

    fn patterns(&self) -> Result<Patterns, Failure> {
        let patterns = self.wanted.iter().filter_map(|wanted| match wanted {
            Wanted::Pattern(pattern) => Some(pattern.as_str()),
            Wanted::One(_) => None,
        });
        Patterns::new(patterns).map_err(|error| Failure::usage(error.to_string()))
    }
}

fn none_matches(patterns: &Patterns, completeness: Completeness) -> Failure {
    let patterns: Vec<_> = patterns.iter().map(Pattern::as_str).collect();
    let message = format!("no repository matches {}", patterns.join(" "));
    let failure = Failure::new(Exit::NotFound, "not_found", message);
    match completeness {
        Completeness::Short { missing } => failure.hint(format!("the list lacks {missing} repositories")),
        _ => failure
            .hint("`*` stops at `/`: `train/**` is all below train; `mlcr repo ls` shows what there is"),
    }
}
