//! Finds what references name, with as few requests as possible.

mod images;
mod tags;

use std::collections::HashMap;
use std::fmt;

use mlspace_registry_api::UnreadableRow;
use mlspace_registry_api::types::{Image, Repository};
use uuid::Uuid;

use super::candidates::{ambiguous, nearest};
use super::problem::{NameError, NameProblem};
use super::reference::{Name, Reference, SHORTEST_PREFIX};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::pager::{Completeness, Pages};

/// From so many ids on the lists are read that hold them, which takes two requests at least.
const LISTED_FROM: usize = 10;

/// Finds what names mean, and remembers what it has read: many names cost one list. See [`Client::lookup`].
///
/// What it has read it does not read again, so use a new one after a change.
///
/// ```no_run
/// # async fn names(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let mut lookup = client.lookup();
/// for name in ["train/base:v1", "train/base:v2", "serve/triton:latest"] {
///     let image = lookup.image(&name.parse()?).await?;
///     println!("{name}: {} bytes", image.size);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Lookup {
    client: Client,
    unread: Option<Pages<Repository>>,
    read: Vec<Repository>,
    /// Places in `read`, by id.
    ids: HashMap<Uuid, usize>,
    /// Places in `read`, and among the tags there, by the tags' ids.
    tag_ids: HashMap<Uuid, (usize, usize)>,
    /// Places in `read`, by name and full name.
    names: HashMap<String, usize>,
    completeness: Option<Completeness>,
    /// Rows of that list that are not as documented.
    unreadable: Vec<UnreadableRow>,
    /// True where nothing is changed: what is found may then be another one than was meant.
    reads_only: bool,
    /// Repositories that were read one by one.
    single_repositories: usize,
    images: HashMap<Uuid, Image>,
    /// The images of those repositories that were listed.
    image_lists: HashMap<Uuid, Vec<Uuid>>,
    /// Rows of those lists that are not as documented.
    unreadable_images: HashMap<Uuid, Vec<UnreadableRow>>,
    /// How many images were read one by one, by repository.
    single_images: HashMap<Uuid, usize>,
    /// True if these are all images that there are.
    all_images: bool,
    /// Findings, and how they were made.
    notes: Vec<String>,
}

impl Lookup {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            unread: Some(client.repositories().list().into_pages()),
            read: Vec::new(),
            ids: HashMap::new(),
            tag_ids: HashMap::new(),
            names: HashMap::new(),
            completeness: None,
            unreadable: Vec::new(),
            reads_only: false,
            single_repositories: 0,
            images: HashMap::new(),
            image_lists: HashMap::new(),
            unreadable_images: HashMap::new(),
            single_images: HashMap::new(),
            all_images: false,
            notes: Vec::new(),
        }
    }

    /// The same for a program that changes nothing: where a row of the service's list cannot be read, it takes what a
    /// name probably means. Otherwise that is an error, since another thing than was meant could be changed.
    pub fn reading(self) -> Self {
        Self { reads_only: true, ..self }
    }

    /// Makes ready for so many ids: from ten on they cost the lists that hold them, and not a request each.
    ///
    /// # Errors
    /// As every call.
    pub async fn expect_repositories(&mut self, ids: usize) -> Result<()> {
        if ids < LISTED_FROM || !self.read.is_empty() || self.unread.is_none() {
            return Ok(());
        }
        let list = self.client.repositories().list().collect_verified().await?;
        self.unread = None;
        self.completeness = Some(list.completeness);
        self.remember(list.items, list.unreadable);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.completeness == Some(Completeness::Complete)
    }

    /// What was found, a line each, and then what had to be read for it: for a log.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let counts = [
            (self.read.len(), "looked through", "repositories"),
            (self.single_repositories, "read", "repositories by id"),
            (self.image_lists.len(), "listed the images of", "repositories"),
            (self.single_images.values().sum(), "read", "images by id"),
        ];
        let counts = counts.into_iter().filter(|(number, ..)| *number > 0);
        let counts = counts.map(|(number, did, what)| match number {
            1 => format!("{did} 1 {}", what.replace("repositories", "repository").replace("images", "image")),
            _ => format!("{did} {number} {what}"),
        });
        self.notes.iter().cloned().chain(counts)
    }

    /// The repository. One request for an id; for a name as many pages as it takes to find it.
    ///
    /// # Errors
    /// [`Error::Name`] when there is none, or several fit; otherwise as every call.
    pub async fn repository(&mut self, reference: &Reference) -> Result<Repository> {
        match reference {
            Reference::Id(id) => self.repository_by_id(*id).await,
            Reference::Name(Name { tag: None, digest: None, .. }) => {
                let place = self.place(reference).await?;
                self.note(reference, "repository", self.read[place].id);
                Ok(self.read[place].clone())
            }
            Reference::Name(_) => {
                let message = format!("{reference} names an image, and a repository is expected");
                Err(NameError::unfit(message).advice("leave the tag and the digest away").into())
            }
        }
    }

    /// The repository's id, without a request if the reference is one.
    ///
    /// # Errors
    /// As [`repository`](Self::repository).
    pub async fn repository_id(&mut self, reference: &Reference) -> Result<Uuid> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(_) => Ok(self.repository(reference).await?.id),
        }
    }

    /// The repositories that have been read so far: what is known without a request.
    pub fn known(&self) -> &[Repository] {
        &self.read
    }

    /// One request for the first. From the second on the list is read, at most a page for each.
    async fn repository_by_id(&mut self, id: Uuid) -> Result<Repository> {
        if !self.ids.contains_key(&id) && self.single_repositories > 0 {
            self.next_page().await?;
        }
        if let Some(place) = self.ids.get(&id) {
            return Ok(self.read[*place].clone());
        }
        if self.is_complete() {
            return Err(self.not_found("repository", &Reference::Id(id), Vec::new()).into());
        }
        self.single_repositories += 1;
        let found = self.client.repositories().get_opt(id).await?;
        found.ok_or_else(|| self.not_found("repository", &Reference::Id(id), Vec::new()).into())
    }

    /// The place of the repository that the reference names, by its name or the beginning of its id.
    async fn place(&mut self, reference: &Reference) -> Result<usize> {
        let Reference::Name(name) = reference else {
            return Err(NameError::unfit(format!("{reference} is not a name")).into());
        };
        let found = self.by_name(name).await?;
        let named = |row: &UnreadableRow| row.name.as_deref().is_none_or(|own| own == name.base);
        if let Some(row) = self.unreadable.iter().find(|row| named(row)) {
            match found {
                Some(_) if !self.reads_only => return Err(could_be(reference, row)),
                None if row.name.is_some() => return Err(could_be(reference, row)),
                _ => {}
            }
        }
        if let Some(place) = found {
            return Ok(place);
        }
        let prefix = name.as_prefix();
        let begins = |one: &Repository| prefix.as_ref().is_some_and(|p| one.id.to_string().starts_with(p));
        let places: Vec<usize> = (0..self.read.len()).filter(|place| begins(&self.read[*place])).collect();
        match places[..] {
            [] => {
                let near = nearest(&name.base, self.read.iter().map(|repository| repository.name.as_str()));
                Err(self.not_found("repository", reference, near).into())
            }
            [place] => {
                let other = |row: &&UnreadableRow| {
                    row.id.is_some_and(|id| !prefix.as_ref().is_some_and(|p| id.to_string().starts_with(p)))
                };
                let others = self.unreadable.iter().filter(other).count() as u64;
                match self.completeness {
                    Some(Completeness::Short { missing }) if missing <= others => Ok(place),
                    _ => self.certain(reference).map(|()| place),
                }
            }
            _ => {
                let candidates = places.iter().map(|place| &self.read[*place]);
                let candidates = candidates.map(|one| format!("{}  {}", one.id, one.name)).collect();
                Err(ambiguous(reference, "is the beginning of", "ids", candidates).into())
            }
        }
    }

    /// The place of the repository in `NAME:TAG` or `NAME@DIGEST`.
    async fn named_repository(&mut self, name: &Name) -> Result<usize> {
        let base = Reference::Name(Name { base: name.base.clone(), tag: None, digest: None });
        self.place(&base).await
    }

    /// Names are unique in a registry, so reading stops where the name is found.
    pub(super) async fn by_name(&mut self, name: &Name) -> Result<Option<usize>> {
        loop {
            if let Some(place) = self.names.get(&name.base).copied() {
                return Ok(Some(place));
            }
            if !self.next_page().await? {
                return Ok(None);
            }
        }
    }

    /// Searches what is read already, then the rest page by page.
    async fn search<T>(&mut self, find: impl Fn(&Repository) -> Option<T>) -> Result<Option<(usize, T)>> {
        let mut from = 0;
        loop {
            let unseen = self.read.iter().enumerate().skip(from);
            if let Some(found) = unseen.filter_map(|(place, one)| Some((place, find(one)?))).next() {
                return Ok(Some(found));
            }
            from = self.read.len();
            if !self.next_page().await? {
                return Ok(None);
            }
        }
    }

    /// Reads one more page of repositories; false at the end.
    async fn next_page(&mut self) -> Result<bool> {
        let Some(pages) = &mut self.unread else { return Ok(false) };
        let Some(page) = pages.next().await else {
            self.completeness = pages.completeness();
            self.unread = None;
            return Ok(false);
        };
        let page = page?;
        self.remember(page.items, page.unreadable);
        Ok(true)
    }

    fn remember(&mut self, items: Vec<Repository>, unreadable: Vec<UnreadableRow>) {
        self.unreadable.extend(unreadable);
        for repository in items {
            let place = self.read.len();
            self.ids.insert(repository.id, place);
            let tags = repository.tags.iter().enumerate();
            self.tag_ids.extend(tags.map(|(tag, one)| (one.id, (place, tag))));
            self.names.entry(repository.name.clone()).or_insert(place);
            self.names.entry(repository.full_name.clone()).or_insert(place);
            self.read.push(repository);
        }
    }

    fn note(&mut self, reference: &Reference, what: &str, id: Uuid) {
        self.notes.push(format!("{reference} is the {what} {id}"));
    }

    /// In a list that is known to lack something, the beginning of an id may fit what is missing.
    fn certain(&self, reference: &Reference) -> Result<()> {
        let Some(Completeness::Short { missing }) = self.completeness else { return Ok(()) };
        let message = format!("{reference} may name another one: the list lacks {missing} repositories");
        Err(NameError::new(NameProblem::Incomplete, message).advice("give the whole id").into())
    }

    fn not_found(&self, what: &str, reference: &Reference, candidates: Vec<String>) -> NameError {
        let message = format!("there is no {what} {reference}");
        let error = NameError { candidates, ..NameError::new(NameProblem::NotFound, message) };
        match self.completeness {
            Some(Completeness::Short { missing }) => {
                error.advice(format!("the list lacks {missing} repositories; give the whole id"))
            }
            _ if !error.candidates.is_empty() => error.advice("these come nearest"),
            _ if reference.is_short_of_a_prefix() => {
                error.advice(format!("of an id, at least {SHORTEST_PREFIX} characters are needed"))
            }
            _ => error,
        }
    }
}

/// A row that cannot be read may be what a reference names, and another one than was found.
fn could_be(reference: &Reference, row: &UnreadableRow) -> Error {
    let message = format!("{reference} may name a row of the list that cannot be read: {row}");
    NameError::new(NameProblem::Unreadable, message).advice("give the whole id").into()
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("read", &self.read.len()).finish_non_exhaustive()
    }
}
