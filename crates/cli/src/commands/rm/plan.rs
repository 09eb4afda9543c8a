//! A plan of what will go.

use std::collections::{HashMap, HashSet};

use mlspace_registry::{Lookup, Name, Reference, Uuid};
use serde_json::json;

use super::{Doomed, Noun};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::table;
use crate::output::text::size;
use crate::output::{Look, Record};

/// How many of what will go are shown before the question; all are in `--dry-run`.
const SHOWN: usize = 50;
/// How many repositories have their images listed for their sizes.
const SIZED: usize = 50;

/// How much is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// Looks up ids too, and not only what has to be found by its name.
    pub(super) ids: bool,
    /// Digests and sizes of what has been found.
    pub(super) details: bool,
}

/// All that will go.
#[derive(Debug)]
pub(super) struct Plan {
    noun: Noun,
    depth: Depth,
    pub(super) doomed: Vec<Doomed>,
    /// Images that were named by some of their tags and have more.
    more_tags: Vec<MoreTags>,
}

#[derive(Debug)]
struct MoreTags {
    named: Vec<String>,
    others: Vec<String>,
}

impl Plan {
    /// Finds what the references name. An id that does not exist stays in: the report says so.
    pub(super) async fn make(
        lookup: &mut Lookup,
        noun: Noun,
        references: &[Reference],
        depth: Depth,
    ) -> Result<Self, Failure> {
        let (mut doomed, mut known) = (Vec::new(), HashSet::new());
        let mut named: HashMap<Uuid, Vec<&Name>> = HashMap::new();
        let mut sized = 0;
        if depth.ids {
            let ids: HashSet<_> = references
                .iter()
                .filter_map(|one| if let Reference::Id(id) = one { Some(id) } else { None })
                .collect();
            match noun {
                Noun::Repository => lookup.expect_repositories(ids.len()).await?,
                Noun::Image => lookup.expect_images(ids.len()).await?,
                Noun::Tag => {}
            }
        }
        for reference in references {
            let target = match reference {
                Reference::Id(id) if known.contains(id) => continue,
                Reference::Id(id) if !depth.ids => Doomed::bare(*id),
                Reference::Id(id) => match target(lookup, noun, reference, true, &mut sized).await {
                    Err(failure) if failure.code == "not_found" => Doomed::bare(*id),
                    result => result?,
                },
                Reference::Name(name) => {
                    let target = target(lookup, noun, reference, depth.details, &mut sized).await?;
                    named.entry(target.id).or_default().push(name);
                    target
                }
            };
            if known.insert(target.id) {
                doomed.push(target);
            }
        }
        remember(lookup, noun, &mut doomed);
        let more_tags = match noun {
            Noun::Image => {
                doomed.iter().filter_map(|target| more_tags(target, named.get(&target.id)?)).collect()
            }
            Noun::Repository | Noun::Tag => Vec::new(),
        };
        Ok(Self { noun, depth, doomed, more_tags })
    }

    /// `2 images with 5 tags, 1.2 GiB`, as far as it was looked up.
    pub(super) fn sentence(&self) -> String {
        let plural = |number: usize, noun: Noun| format!("{number} {}", noun.word(number));
        let found: Vec<_> = self.doomed.iter().filter(|target| target.tags.is_some()).collect();
        // Ids that were looked up and not found are nothing to delete.
        let number = if self.depth.ids { found.len() } else { self.doomed.len() };
        let mut text = plural(number, self.noun);
        if found.is_empty() || self.noun == Noun::Tag {
            return text;
        }
        let least = |all: bool| if all { "" } else { "at least " };
        text += " with ";
        text += least(found.len() == number);
        if self.noun == Noun::Repository {
            let images: u64 = found.iter().filter_map(|target| target.images).sum();
            text += &plural(usize::try_from(images).unwrap_or(usize::MAX), Noun::Image);
            text += " and ";
        }
        text +=
            &plural(found.iter().filter_map(|target| target.tags.as_ref()).map(Vec::len).sum(), Noun::Tag);
        let bytes: Vec<i64> = found.iter().filter_map(|target| target.size).collect();
        if !bytes.is_empty() {
            text += &format!(", {}{}", least(bytes.len() == found.len()), size(bytes.iter().sum()));
        }
        text
    }

    /// True if everything was looked up and nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.depth.ids && self.doomed.iter().all(|target| target.name.is_none())
    }

    /// Shows on stderr what will go, as far as it was looked up.
    pub(super) fn show(&self, context: &Context<'_>) {
        let look = Look { color: false, ..context.look() };
        let found: Vec<_> = self.doomed.iter().filter(|target| target.name.is_some()).collect();
        if !found.is_empty() {
            let rows: Vec<_> = found.iter().take(SHOWN).map(|target| target.row(&look)).collect();
            context.io.stderr.text(&table::draw(Doomed::HEADER, &rows, None, false));
        }
        let more = found.len().saturating_sub(SHOWN);
        if more > 0 {
            context.say(&format!("… and {more} more {}; --dry-run lists all", self.noun.word(more)));
        }
        match self.doomed.len() - found.len() {
            0 => {}
            1 if self.depth.ids => context.say("one of these ids does not exist"),
            ids if self.depth.ids => context.say(&format!("{ids} of these ids do not exist")),
            _ if found.is_empty() => {}
            ids => context.say(&format!("and {ids} {} by id, not looked up", self.noun.word(ids))),
        }
        self.warn(context);
    }

    /// Says which tags nobody named and go all the same.
    pub(super) fn warn(&self, context: &Context<'_>) {
        for MoreTags { named, others } in self.more_tags.iter().take(SHOWN) {
            let (is, names) = (if named.len() == 1 { "is" } else { "are" }, named.join(" and "));
            let all = match named.len() + others.len() {
                2 => "both tags go".to_owned(),
                all => format!("all {all} tags go"),
            };
            let message = format!("{names} {is} also tagged {}; {all}", others.join(", "));
            context.warn("more_tags", &message, json!({ "named": named, "others": others }));
        }
    }
}

/// The tags that an image has beside those that it was named by, if it was named by tags alone.
fn more_tags(target: &Doomed, names: &[&Name]) -> Option<MoreTags> {
    let mut tags = Vec::new();
    for name in names {
        tags.push(name.tag.as_ref().filter(|_| name.digest.is_none())?);
    }
    let others = target.tags.iter().flatten().filter(|tag| !tags.contains(tag)).cloned();
    let others: Vec<_> = others.collect();
    let named = names.iter().map(|name| Reference::Name((*name).clone()).to_string()).collect();
    (!others.is_empty()).then_some(MoreTags { named, others })
}

/// Looks one thing up. Without details no more is read than finds it.
async fn target(
    lookup: &mut Lookup,
    noun: Noun,
    reference: &Reference,
    details: bool,
    sized: &mut usize,
) -> Result<Doomed, Failure> {
    Ok(match noun {
        Noun::Repository => {
            let repository = lookup.repository(reference).await?;
            let mut target = Doomed::of_repository(&repository);
            if details && target.size.is_none() && *sized < SIZED {
                *sized += 1;
                let images = lookup.images_of(repository.id).await?;
                target.size = Some(images.iter().map(|image| image.size).sum());
            }
            target
        }
        Noun::Image if details => Doomed::of_image(lookup.image(reference).await?),
        Noun::Image => {
            Doomed { name: Some(reference.to_string()), ..Doomed::bare(lookup.image_id(reference).await?) }
        }
        Noun::Tag => Doomed::of_tag(&lookup.tag(reference).await?),
    })
}

/// Fills in what the repositories that were read say of doomed that were not looked up themselves.
fn remember(lookup: &Lookup, noun: Noun, doomed: &mut [Doomed]) {
    let unknown = doomed.iter_mut().filter(|target| target.tags.is_none());
    let mut unknown: HashMap<Uuid, &mut Doomed> = unknown.map(|target| (target.id, target)).collect();
    if unknown.is_empty() {
        return;
    }
    for repository in lookup.known() {
        if let (Noun::Repository, Some(target)) = (noun, unknown.get_mut(&repository.id)) {
            **target = Doomed::of_repository(repository);
        }
        for tag in &repository.tags {
            match (noun, unknown.get_mut(&tag.id)) {
                (Noun::Tag, Some(target)) => **target = Doomed::of_tag(tag),
                (Noun::Image, _) => {
                    let Some(target) = unknown.get_mut(&tag.image_id) else { continue };
                    target.name.get_or_insert_with(|| format!("{}:{}", repository.name, tag.name));
                    target.tags.get_or_insert_default().push(tag.name.clone());
                    target.images = Some(1);
                }
                _ => {}
            }
        }
    }
}
