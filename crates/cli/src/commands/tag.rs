//! `mlcr tag`.

use std::sync::Arc;

use clap::Subcommand;
use mlspace_registry::{self as sdk, Error, Lookup, Name, Reference};
use serde_json::json;

use crate::commands::planned::Writer;
use crate::commands::rm::{Noun, Rm};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::listing::Listing;
use crate::options::{self, Format};
use crate::printing::{Printing, Verdict, named};
use crate::repositories::Repositories;
use crate::rows::{InRepository, REPOSITORY};

/// Tags.
#[derive(Debug, Subcommand)]
pub(crate) enum Tag {
    /// List the tags of an image or of repositories. One request for an image, none for repositories, and those to
    /// find them.
    #[command(
        visible_alias = "list",
        after_help = "Example: mlcr tag ls train/base:latest\n\
                      Example: mlcr tag ls 'train/*' --filter 'v*,prod' --columns repository,name,pushed"
    )]
    Ls {
        #[command(flatten)]
        of: Repositories,
        #[command(flatten)]
        listing: Listing<InRepository<sdk::Tag>>,
    },
    /// Give an image another tag. A tag of this name moves from another image only after a question or with --yes.
    #[command(after_help = "Example: mlcr tag add train/base:latest v2 --color '#2f81f7'")]
    Add {
        /// Image: its id, the beginning of its id, NAME:TAG, NAME@DIGEST or a full name.
        #[arg(value_name = "IMAGE")]
        image: Reference,
        /// The new tag: up to 128 letters, digits, `_`, `.` and `-`.
        #[arg(value_name = "NAME")]
        name: String,
        /// Its colour, such as #2f81f7. The option of this name about the terminal goes before the command.
        #[arg(long, value_name = "COLOUR", value_parser = options::parse_color_option)]
        color: Option<String>,
    },
    /// Set or clear the colour of a tag.
    #[command(
        after_help = "Example: mlcr tag color train/base:v2 '#2ea043'\nExample: mlcr tag color train/base:v2 none"
    )]
    Color {
        /// Tag: its id, the beginning of its id, NAME:TAG or a full name.
        #[arg(value_name = "TAG")]
        tag: Reference,
        /// The colour, such as #2ea043, or `none`.
        #[arg(value_name = "COLOUR", id = "new_color", value_parser = options::parse_color)]
        color: String,
    },
    /// Delete tags; their images stay.
    #[command(visible_alias = "delete", after_help = "Example: mlcr tag rm train/base:v1 train/base:v2")]
    Rm(Rm),
}

impl Tag {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Ls { of, listing } => ls(context, of, listing).await,
            Self::Add { image, name, color } => add(context, image, name, options::tag_color(color)).await,
            Self::Color { tag, color } => {
                let color = (color != "none").then_some(color);
                let Writer { client, dry_run, .. } = context.writer("changing a tag")?;
                let mut lookup = client.lookup();
                let id = match &tag {
                    Reference::Id(id) => *id,
                    Reference::Name(_) => lookup.tag(&tag).await?.id,
                };
                context.say_lookup(&lookup);
                set_color(context, &client, dry_run, id, color).await
            }
            Self::Rm(rm) => rm.run(context, Noun::Tag).await,
        }
    }
}

/// The list of repositories has all their tags.
async fn ls(
    context: &mut Context<'_>,
    of: Repositories,
    listing: Listing<InRepository<sdk::Tag>>,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let mut lookup = client.lookup().reading();
    if let Some(reference) = of.one()
        && let Some((id, repository)) = image(&mut lookup, reference).await?
    {
        context.say_lookup(&lookup);
        let repository = Arc::new(repository);
        let tags = client.tags().list(id).collect_all().await?;
        // The service counts no tags, so there is never a verdict to tell of.
        let verdict = Verdict { completeness: Some(sdk::Completeness::Unknown), changed: false };
        let mut printing = Printing::new(context, "tags", &listing, Some(REPOSITORY));
        for tag in tags.items {
            printing.take(context, InRepository::new(&repository, tag))?;
        }
        let exit = context.judge("tags", verdict, &tags.unreadable);
        context.say_requests();
        return printing.end(context, verdict, None).map(|_| exit);
    }
    let chosen = of.choose(context, &client, &mut lookup, true).await?;
    let verdict =
        chosen.verdict.unwrap_or(Verdict { completeness: Some(sdk::Completeness::Complete), changed: false });
    let number = chosen.repositories.len();
    let hidden = of.is_one().then_some(REPOSITORY);
    let mut printing = Printing::new(context, "tags", &listing, hidden);
    for mut repository in chosen.repositories {
        let mut tags = std::mem::take(&mut repository.tags);
        if matches!(context.format, Format::Table | Format::Tsv) {
            tags.sort_by_key(|tag| std::cmp::Reverse(tag.push_time));
        }
        let repository = Arc::new(repository);
        for tag in tags {
            printing.take(context, InRepository::new(&repository, tag))?;
        }
    }
    let of = hidden.is_none().then(|| named(number, "repositories"));
    printing.end(context, verdict, of).map(|_| Exit::Done)
}

/// The image with its repository, unless a repository was named.
async fn image(
    lookup: &mut Lookup,
    reference: &Reference,
) -> Result<Option<(sdk::Uuid, sdk::Repository)>, Failure> {
    let is_id = matches!(reference, Reference::Id(_));
    if let Reference::Name(Name { tag: None, digest: None, .. }) = reference
        && lookup.repository(reference).await.is_ok()
    {
        return Ok(None);
    }
    match lookup.image_in_repository(reference).await {
        Ok(image) => Ok(Some(image)),
        Err(Error::Name(_)) if is_id => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn add(
    context: &mut Context<'_>,
    image: Reference,
    name: String,
    color: Option<String>,
) -> Result<Exit, Failure> {
    let Writer { client, dry_run, .. } = context.writer("adding a tag")?;
    let mut lookup = client.lookup();
    let (id, repository) = lookup.image_in_repository(&image).await?;
    context.say_lookup(&lookup);
    let full = format!("{}:{name}", repository.name);
    let mut taken = repository.tags.iter().filter(|tag| tag.name == name);
    if let Some(tag) = taken.clone().find(|tag| tag.image_id == id) {
        context.say(&format!("{full} is a tag of this image already"));
        return match color.filter(|color| tag.color.as_ref() != Some(color)) {
            Some(color) => set_color(context, &client, dry_run, tag.id, Some(color)).await,
            None => context.print(tag),
        };
    }
    let moved = taken.next();
    if let Some(tag) = moved {
        let message = format!("{full} moves from {}", describe_move(&repository, tag, id));
        context.warn("tag_moves", &message, json!({ "tag": full, "from": tag.image_id, "to": id }));
    }
    if dry_run {
        let mut body = json!({ "image_id": id, "name": name });
        if let Some(color) = color {
            body["color"] = color.into();
        }
        return context.planned("tag_create", id, body);
    }
    if moved.is_some() {
        context.confirm(&format!("Move {full}?"))?;
    }
    let mut creation = client.tags().create(id, name);
    if let Some(color) = color {
        creation = creation.color(color);
    }
    match creation.send().await {
        Ok(tag) => context.print(&tag),
        // Whether the service moves tags is not known.
        Err(error) if moved.is_some() && error.status() == Some(409) => {
            let hint = format!("the service does not move tags: `mlcr tag rm {full}`, then add it again");
            Err(Failure::from(error).hint(hint))
        }
        Err(error) => Err(error.into()),
    }
}

/// `image ID, which keeps latest, to image ID`.
fn describe_move(repository: &sdk::Repository, moved: &sdk::Tag, to: sdk::Uuid) -> String {
    let others = repository.tags.iter().filter(|tag| tag.image_id == moved.image_id && tag.id != moved.id);
    let others: Vec<_> = others.map(|tag| tag.name.as_str()).collect();
    let left = match &others[..] {
        [] => "which is left without a tag".to_owned(),
        names => format!("which keeps {}", names.join(", ")),
    };
    format!("image {}, {left}, to image {to}", moved.image_id)
}

async fn set_color(
    context: &mut Context<'_>,
    client: &sdk::Client,
    dry_run: bool,
    id: sdk::Uuid,
    color: Option<String>,
) -> Result<Exit, Failure> {
    if dry_run {
        return context.planned("tag_update", id, json!({ "color": color }));
    }
    let tag = client.tags().set_color(id, color.as_deref()).await?;
    context.print(&tag)
}
