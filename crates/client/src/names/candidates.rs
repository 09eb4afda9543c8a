//! Names that may have been meant.

use mlspace_registry_api::types::{Image, Repository};

use super::problem::{NameError, NameProblem};
use super::reference::Reference;

/// Candidates that are listed.
const SHOWN: usize = 5;
/// How alike names are that may be meant for each other, from 0 to 1; unrelated words reach 0.6 and more.
const ALIKE: f64 = 0.8;
/// The same for hexadecimal digits, of which unrelated ones share fewer.
const DIGITS_ALIKE: f64 = 0.7;

/// The error of a reference that fits several: `3fa8 is the beginning of 4 ids`.
pub(super) fn ambiguous(
    reference: &Reference,
    relation: &str,
    things: &str,
    mut candidates: Vec<String>,
) -> NameError {
    let message = format!("{reference} {relation} {} {things}", candidates.len());
    candidates.truncate(2 * SHOWN);
    NameError { candidates, ..NameError::new(NameProblem::Ambiguous, message) }
        .advice("give one of these, or more of the id")
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
    let wanted = wanted.to_lowercase();
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        // The beginning of a name is as good as the name.
        let begins = !wanted.is_empty() && (name.starts_with(&wanted) || last(&name).starts_with(&wanted));
        let whole = strsim::jaro_winkler(&last(&wanted), &name);
        if begins { 1.0 } else { whole.max(strsim::jaro_winkler(&last(&wanted), &last(&name))) }
    };
    best(names.map(|name| (likeness(name), name.to_owned())), ALIKE)
}

/// The images of a repository whose digests look most like the one, or the beginning of one, asked for.
pub(super) fn nearest_digests(wanted: &str, repository: &Repository, images: &[Image]) -> Vec<String> {
    let digits = |digest: &str| digest.rsplit(':').next().unwrap_or(digest).to_owned();
    let wanted = digits(wanted);
    let likeness = |image: &Image| {
        let beginning: String = digits(&image.digest).chars().take(wanted.len()).collect();
        strsim::normalized_levenshtein(&wanted, &beginning)
    };
    let name = |image: &Image| format!("{}@{}", repository.name, short_digest(&image.digest));
    best(images.iter().map(|image| (likeness(image), name(image))), DIGITS_ALIKE)
}

/// The digest as people recognise it: its first twelve digits.
fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) if hex.len() > 12 && hex.is_ascii() => format!("{algorithm}:{}", &hex[..12]),
        _ => digest.to_owned(),
    }
}

fn best(candidates: impl Iterator<Item = (f64, String)>, at_least: f64) -> Vec<String> {
    let mut near: Vec<_> = candidates.filter(|(likeness, _)| *likeness >= at_least).collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.cmp(other)));
    near.into_iter().take(SHOWN).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_their_neighbours_and_no_others() {
        let names = ["team/base", "team/notebook", "inference", "serve/triton", "scratch", "latest", "v1.2"];
        let near = |wanted| nearest(wanted, names.into_iter());
        for (wanted, name) in [
            ("notbook", "team/notebook"),
            ("other/notebok", "team/notebook"),
            ("infrence", "inference"),
            ("note", "team/notebook"),
            ("lates", "latest"),
            ("v1.3", "v1.2"),
        ] {
            assert_eq!(near(wanted), [name], "{wanted}");
        }
        for wanted in ["zzz", "resnet", "train/resnt", "stable", "v9"] {
            assert_eq!(near(wanted), Vec::<String>::new(), "{wanted}");
        }
    }
}
