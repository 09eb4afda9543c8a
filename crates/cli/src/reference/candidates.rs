//! What may have been meant.

use mlspace_registry::{Image, Repository};

use super::Reference;
use crate::failure::{Exit, Failure};
use crate::output::text::short_digest;

/// Candidates that are listed.
const SHOWN: usize = 5;

/// The failure of a reference that fits several.
pub(super) fn ambiguous(reference: &Reference, mut candidates: Vec<String>) -> Failure {
    let message = format!("{reference} fits {}", candidates.len());
    candidates.truncate(2 * SHOWN);
    Failure { candidates, ..Failure::new(Exit::NotFound, "ambiguous", message) }
        .hint("give one of these, or more of the id")
}

/// An image as it can be written.
pub(super) fn describe(repository: &Repository, image: &Image) -> String {
    match image.tags.first() {
        Some(tag) => format!("{}  {}:{}", image.id, repository.name, tag.name),
        None => format!("{}  {}@{}", image.id, repository.name, short_digest(&image.digest)),
    }
}

/// The names that look most like what was asked for.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let wanted = wanted.rsplit('/').next().unwrap_or(wanted).to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let last = name.rsplit('/').next().unwrap_or(&name);
        strsim::jaro_winkler(&wanted, &name).max(strsim::jaro_winkler(&wanted, last))
    };
    let mut near: Vec<_> =
        names.map(|name| (likeness(name), name)).filter(|(like, _)| *like > 0.55).collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.cmp(other)));
    near.into_iter().take(SHOWN).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_their_neighbours() {
        let names = ["team/base", "team/notebook", "inference"];
        let near = |wanted| nearest(wanted, names.into_iter());
        assert_eq!(near("notbook")[0], "team/notebook");
        assert_eq!(near("infrence")[0], "inference");
        assert_eq!(near("zzz"), Vec::<String>::new());
    }
}
