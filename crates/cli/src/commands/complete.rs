//! Names for completions, from a list that is kept for a minute.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::text::printable;
use crate::settings::files;

/// Seconds that the list is kept.
const KEPT: u64 = 60;
/// Repositories that are read at most: a person waits for the answer.
const MOST: usize = 1_000;

/// A word that is being typed.
#[derive(Args, Debug)]
pub(crate) struct Complete {
    noun: String,
    #[arg(default_value = "", allow_hyphen_values = true)]
    word: String,
}

/// The names as of a moment.
#[derive(Deserialize, Serialize)]
struct Cached {
    /// Seconds since 1970.
    at: u64,
    repositories: Vec<(String, Vec<String>)>,
}

impl Complete {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let Cached { repositories, .. } = names(context).await?;
        let with_tags = self.word.contains(':') || self.noun == "tag";
        let mut lines = String::new();
        for (repository, tags) in repositories {
            let names = match self.noun.as_str() {
                "repo" => vec![repository],
                _ if with_tags => tags.iter().map(|tag| format!("{repository}:{tag}")).collect(),
                _ => vec![repository],
            };
            for name in names.iter().filter(|name| name.starts_with(&self.word)) {
                lines.push_str(&printable(name));
                lines.push('\n');
            }
        }
        context.io.stdout.write_all(lines.as_bytes())?;
        Ok(Exit::Done)
    }
}

async fn names(context: &Context<'_>) -> Result<Cached, Failure> {
    let now = context.io.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let settings = context.settings()?;
    let path =
        cache_file(context, &[&settings.base_url, &settings.client_id, &settings.workspace.map(|w| w.id)]);
    if let Some(cached) = path.as_deref().and_then(read)
        && (cached.at..cached.at + KEPT).contains(&now)
    {
        return Ok(cached);
    }
    let mut pager = context.client()?.repositories().list();
    let mut repositories = Vec::new();
    // What is there of a list that is cut is better than nothing.
    while let Some(repository) = pager.next().await {
        let repository = match repository {
            Err(error) if error.is_incomplete() => break,
            repository => repository?,
        };
        let tags = repository.tags.into_iter().map(|tag| tag.name).collect();
        repositories.push((repository.name, tags));
        if repositories.len() == MOST {
            break;
        }
    }
    let cached = Cached { at: now, repositories };
    if let (Some(path), Ok(text)) = (path, serde_json::to_string(&cached)) {
        // Without a cache it only takes longer.
        let _ = files::write_private(&path, &text);
    }
    Ok(cached)
}

fn read(path: &Path) -> Option<Cached> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// A file for each account and workspace.
fn cache_file(context: &Context<'_>, whose: &[&Option<String>]) -> Option<PathBuf> {
    let whose: Vec<_> = whose.iter().map(|part| part.as_deref().unwrap_or_default()).collect();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(whose.join("\n").as_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Some(files::cache_folder(context.io)?.join(format!("names-{name}.json")))
}
