//! `mlcr repo`.

use clap::{Args, Subcommand};
use mlspace_registry::{Filter, Reference, Repository, Timestamp};
use serde_json::json;

use crate::commands::planned::Writer;
use crate::commands::rm::{Noun, Rm};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::listing::{Listed, Listing};

/// Repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum Repo {
    /// List the repositories. One request for every 100, and one for the count.
    #[command(
        visible_alias = "list",
        after_help = "Example: mlcr repo ls --filter 'train/*' --filter label=prod --sort -updated"
    )]
    Ls(Listing<Repository>),
    /// Show one repository.
    #[command(after_help = "Example: mlcr repo show train/base")]
    Show(One),
    /// Change the description and the labels, and read them back.
    #[command(after_help = "Example: mlcr repo edit train/base --description 'Base image' --add-label prod")]
    Edit(Edit),
    /// Mark a repository as your favourite.
    #[command(after_help = "Example: mlcr repo fav train/base")]
    Fav(One),
    /// Take the favourite mark away.
    #[command(after_help = "Example: mlcr repo unfav train/base")]
    Unfav(One),
    /// Delete repositories with all their images and tags.
    #[command(
        visible_alias = "delete",
        after_help = "Example: mlcr repo rm scratch --dry-run\n\
                      Example: mlcr repo ls --filter label=old --jq '.[].id' | mlcr repo rm - --yes"
    )]
    Rm(Rm),
}

/// One repository.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Repository: its id, the beginning of its id, its name or its full name.
    #[arg(value_name = "REF")]
    repository: Reference,
}

/// A change.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Edit {
    /// Repository: its id, the beginning of its id, its name or its full name.
    #[arg(value_name = "REF")]
    repository: Reference,

    /// The new description; the empty text clears it.
    #[arg(long, value_name = "TEXT", group = "change")]
    description: Option<String>,

    /// Add a label. Can be given several times.
    #[arg(long = "add-label", value_name = "LABEL", group = "change")]
    add: Vec<String>,

    /// Remove a label. Can be given several times.
    #[arg(long = "remove-label", value_name = "LABEL", group = "change")]
    remove: Vec<String>,
}

impl Repo {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Ls(listing) => {
                let pager = context.client()?.repositories().list();
                let pager = match listing.first() {
                    Some(first) => pager.limit(first),
                    None => pager,
                };
                context.print_list("repositories", pager, &listing).await
            }
            Self::Show(One { repository }) => {
                let client = context.client()?;
                let mut lookup = client.lookup().reading();
                let repository = lookup.repository(&repository).await?;
                context.say_lookup(&lookup);
                context.print(&repository)
            }
            Self::Edit(edit) => edit.run(context).await,
            Self::Fav(One { repository }) => set_favorite(context, repository, true).await,
            Self::Unfav(One { repository }) => set_favorite(context, repository, false).await,
            Self::Rm(rm) => rm.run(context, Noun::Repository).await,
        }
    }
}

impl Edit {
    async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let Writer { client, dry_run, .. } = context.writer("changing a repository")?;
        let mut lookup = client.lookup();
        let id = lookup.repository_id(&self.repository).await?;
        context.say_lookup(&lookup);
        if dry_run {
            let mut body = serde_json::Map::new();
            body.extend(self.description.map(|text| ("description".to_owned(), json!(text))));
            let labels = [("labels", self.add), ("labels_to_delete", self.remove)];
            let labels = labels.into_iter().filter(|(_, labels)| !labels.is_empty());
            body.extend(labels.map(|(name, labels)| (name.to_owned(), json!(labels))));
            return context.planned("repository_update", id, body.into());
        }
        let mut update = client.repositories().update(id);
        if let Some(text) = self.description {
            update = update.description(text);
        }
        update = self.add.into_iter().fold(update, |update, label| update.add_label(label));
        update = self.remove.into_iter().fold(update, |update, label| update.remove_label(label));
        let repository = update.send().await?;
        context.print(&repository)
    }
}

async fn set_favorite(
    context: &mut Context<'_>,
    repository: Reference,
    favorite: bool,
) -> Result<Exit, Failure> {
    let Writer { client, dry_run, .. } = context.writer("changing a favourite mark")?;
    let mut lookup = client.lookup();
    let id = lookup.repository_id(&repository).await?;
    context.say_lookup(&lookup);
    if dry_run {
        return context.planned("repository_favorite", id, json!({ "favorite": favorite }));
    }
    let repository = client.repositories().set_favorite(id, favorite).await?;
    context.print(&repository)
}

impl Listed for Repository {
    type Noun = Self;
    const SORTS: &'static [&'static str] = &["name", "images", "tags", "created", "updated"];

    fn fits(&self, filter: &Filter<Self>, now: Timestamp) -> bool {
        filter.matches(self, now)
    }

    fn compare(&self, other: &Self, by: &str) -> std::cmp::Ordering {
        match by {
            "images" => self.images_count.cmp(&other.images_count),
            "tags" => self.tags.len().cmp(&other.tags.len()),
            "created" => self.created_at.cmp(&other.created_at),
            "updated" => self.updated_at.cmp(&other.updated_at),
            _ => self.name.cmp(&other.name),
        }
    }
}
