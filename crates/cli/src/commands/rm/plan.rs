//! What will go.

use mlspace_registry::{Client, Uuid};
use schemars::JsonSchema;
use serde::Serialize;

use super::Kind;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::table::{self, Cell};
use crate::output::text::{short_digest, size};
use crate::output::{Look, Record};
use crate::reference::{Lookup, Reference};

/// How many of what will go are shown before the question; all are in `--dry-run`.
const SHOWN: usize = 50;

/// One thing to be deleted. What is null was not looked up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletionTarget")]
pub(crate) struct Target {
    /// Its id.
    pub(crate) id: Uuid,
    /// The repository's name, or `repository:tag`, or `repository@digest`.
    pub(crate) name: Option<String>,
    /// The tags that go with it.
    pub(crate) tags: Option<Vec<String>>,
    /// How many images go with it.
    pub(crate) images: Option<u64>,
    /// Bytes of its images; layers that other images share are counted too.
    pub(crate) size: Option<i64>,
}

impl Target {
    fn bare(id: Uuid) -> Self {
        Self { id, name: None, tags: None, images: None, size: None }
    }
}

/// Finds what the references name. An id that does not exist stays in: the report says so.
pub(super) async fn targets(
    lookup: &mut Lookup<'_>,
    client: &Client,
    kind: Kind,
    references: &[Reference],
    details: bool,
) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    for reference in references {
        let target = match reference {
            Reference::Id(id) if !details => Target::bare(*id),
            Reference::Id(id) => match target(lookup, client, kind, reference, true).await {
                Err(failure) if failure.code == "not_found" => Target::bare(*id),
                result => result?,
            },
            Reference::Name(_) => target(lookup, client, kind, reference, details).await?,
        };
        if targets.iter().all(|known| known.id != target.id) {
            targets.push(target);
        }
    }
    Ok(targets)
}

async fn target(
    lookup: &mut Lookup<'_>,
    client: &Client,
    kind: Kind,
    reference: &Reference,
    details: bool,
) -> Result<Target, Failure> {
    match kind {
        Kind::Repository => {
            let repository = lookup.repository(reference).await?;
            let size = if details {
                let images = client.images().list(repository.id).collect_all().await?.items;
                Some(images.iter().map(|image| image.size).sum())
            } else {
                None
            };
            Ok(Target {
                id: repository.id,
                tags: Some(repository.tags.into_iter().map(|tag| tag.name).collect()),
                name: Some(repository.name),
                images: u64::try_from(repository.images_count).ok(),
                size,
            })
        }
        Kind::Image => {
            if !details {
                return Ok(Target {
                    name: Some(reference.to_string()),
                    ..Target::bare(lookup.image_id(reference).await?)
                });
            }
            let image = lookup.image(reference).await?;
            let name = format!("{}@{}", short_name(&image.full_name), short_digest(&image.digest));
            Ok(Target {
                id: image.id,
                name: Some(name),
                tags: Some(image.tags.into_iter().map(|tag| tag.name).collect()),
                images: Some(1),
                size: Some(image.size),
            })
        }
        Kind::Tag => {
            let tag = lookup.tag(reference).await?;
            Ok(Target {
                name: Some(short_name(&tag.full_name).to_owned()),
                tags: Some(vec![tag.name]),
                ..Target::bare(tag.id)
            })
        }
    }
}

/// The name without the host and the registry before it.
fn short_name(full_name: &str) -> &str {
    let mut parts = full_name.splitn(3, '/').skip(1);
    match (parts.next(), parts.next()) {
        (Some(registry), Some(name)) if registry.parse::<Uuid>().is_ok() => name,
        _ => full_name,
    }
}

/// `2 images with 5 tags, 1.2 GiB`.
pub(super) fn sentence(kind: Kind, targets: &[Target]) -> String {
    let mut text = format!("{} {}", targets.len(), kind.word(targets.len()));
    let images: u64 = targets.iter().filter_map(|target| target.images).sum();
    let tags: usize = targets.iter().filter_map(|target| target.tags.as_ref()).map(Vec::len).sum();
    let plural = |number: usize, kind: Kind| format!("{number} {}", kind.word(number));
    match kind {
        Kind::Repository => {
            let images = usize::try_from(images).unwrap_or(usize::MAX);
            text += &format!(" with {} and {}", plural(images, Kind::Image), plural(tags, Kind::Tag));
        }
        Kind::Image => text += &format!(" with {}", plural(tags, Kind::Tag)),
        Kind::Tag => return text,
    }
    let bytes: Vec<i64> = targets.iter().filter_map(|target| target.size).collect();
    if !bytes.is_empty() {
        text += &format!(", {}", size(bytes.iter().sum()));
    }
    text
}

/// Shows on stderr what will go.
pub(super) fn show(context: &Context<'_>, kind: Kind, targets: &[Target]) {
    let look = Look { color: false, ..context.look() };
    let rows: Vec<_> = targets.iter().take(SHOWN).map(|target| target.row(&look)).collect();
    context.io.stderr.text(&table::draw(Target::HEADER, &rows, None, false));
    if targets.len() > SHOWN {
        let more = targets.len() - SHOWN;
        context.say(&format!("… and {more} more {}; --dry-run lists all", kind.word(more)));
    }
    let unknown = targets.iter().filter(|target| target.name.is_none()).count();
    if unknown > 0 {
        context.say(&format!("{unknown} of these ids do not exist"));
    }
}

impl Record for Target {
    const HEADER: &'static [&'static str] = &["NAME", "IMAGES", "TAGS", "SIZE", "ID"];
    const FIELDS: &'static [&'static str] = &["id", "name", "tags", "images", "size"];

    fn row(&self, _: &Look) -> Vec<Cell> {
        vec![
            Cell::new(self.name.as_deref().unwrap_or("-")),
            Cell::new(self.images.map_or("-".into(), |images| images.to_string())).right(),
            Cell::new(self.tags.as_ref().map_or("-".into(), |tags| tags.join(", "))),
            Cell::new(self.size.map_or("-".into(), size)).right(),
            Cell::new(self.id.to_string()),
        ]
    }

    fn card(&self, look: &Look) -> Vec<(&'static str, Cell)> {
        Self::HEADER.iter().copied().zip(self.row(look)).collect()
    }
}
