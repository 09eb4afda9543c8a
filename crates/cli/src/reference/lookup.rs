//! Finds what references name, with as few requests as possible.

use std::collections::{BTreeMap, HashMap};

use mlspace_registry::{Client, Completeness, Image, Pager, Repository, Tag, Uuid};

use super::candidates::{ambiguous, describe, nearest};
use super::{Name, Reference};
use crate::failure::{Exit, Failure};

/// Looks things up, and remembers what it has read: many references cost one list.
pub(crate) struct Lookup<'a> {
    client: &'a Client,
    unread: Option<Pager<Repository>>,
    read: Vec<Repository>,
    completeness: Option<Completeness>,
    images: HashMap<Uuid, Vec<Image>>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        let unread = Some(client.repositories().list());
        Self { client, unread, read: Vec::new(), completeness: None, images: HashMap::new() }
    }

    /// How many repositories had to be listed.
    pub(crate) fn listed(&self) -> usize {
        self.read.len()
    }

    /// The repository. One request for an id; for a name as many pages as it takes to find it.
    pub(crate) async fn repository(&mut self, reference: &Reference) -> Result<Repository, Failure> {
        match reference {
            Reference::Id(id) => self.repository_by_id(*id).await,
            Reference::Name(Name { tag: None, digest: None, .. }) => {
                let place = self.place(reference).await?;
                Ok(self.read[place].clone())
            }
            Reference::Name(_) => {
                let message = format!("{reference} names an image, and a repository is expected");
                Err(Failure::usage(message).hint("leave the tag and the digest away"))
            }
        }
    }

    /// The repository's id, without a request if the reference is one.
    pub(crate) async fn repository_id(&mut self, reference: &Reference) -> Result<Uuid, Failure> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(_) => Ok(self.repository(reference).await?.id),
        }
    }

    /// The image. One request for an id; for NAME:TAG one more than finding the repository takes.
    pub(crate) async fn image(&mut self, reference: &Reference) -> Result<Image, Failure> {
        let name = match reference {
            Reference::Id(id) => return self.image_by_id(*id).await,
            Reference::Name(name) => name,
        };
        if let Some(digest) = &name.digest {
            let place = self.named_repository(name).await?;
            let images = self.images_of(place).await?;
            let found = images.iter().filter(|image| image.digest.starts_with(digest)).cloned().collect();
            return self.only_image(reference, place, found);
        }
        if name.tag.is_some() {
            let id = self.tag(reference).await?.image_id;
            return self.image_by_id(id).await;
        }
        match self.by_name(name).await? {
            Some(place) => {
                let images = self.images_of(place).await?.to_vec();
                self.only_image(reference, place, images)
            }
            None => self.image_by_prefix(reference, name).await,
        }
    }

    /// The image's id, without a request if the reference is one.
    pub(crate) async fn image_id(&mut self, reference: &Reference) -> Result<Uuid, Failure> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(Name { tag: Some(_), digest: None, .. }) => {
                Ok(self.tag(reference).await?.image_id)
            }
            Reference::Name(_) => Ok(self.image(reference).await?.id),
        }
    }

    /// The tag, out of the list of repositories: the service has no way to read a single one.
    pub(crate) async fn tag(&mut self, reference: &Reference) -> Result<Tag, Failure> {
        let name = match reference {
            Reference::Id(id) => {
                let found =
                    self.search(|repository| repository.tags.iter().position(|tag| tag.id == *id)).await?;
                return match found {
                    Some((place, tag)) => Ok(self.read[place].tags[tag].clone()),
                    None => Err(self.not_found("tag", reference, Vec::new())),
                };
            }
            Reference::Name(name) => name,
        };
        if name.digest.is_some() {
            let message = format!("{reference} names an image, and a tag is expected");
            return Err(Failure::usage(message).hint("write NAME:TAG"));
        }
        let Some(wanted) = &name.tag else { return self.tag_by_prefix(reference, name).await };
        let place = self.named_repository(name).await?;
        let repository = &self.read[place];
        match repository.tags.iter().find(|tag| tag.name == *wanted) {
            Some(tag) => Ok(tag.clone()),
            None => {
                let names = repository.tags.iter().map(|tag| tag.name.as_str());
                let near = nearest(wanted, names);
                let near = near.into_iter().map(|tag| format!("{}:{tag}", repository.name)).collect();
                Err(self.not_found("tag", reference, near))
            }
        }
    }

    /// The image of that digest in the repository of that path, which is what full names have after the host.
    pub(crate) async fn pushed(&mut self, path: &str, digest: &str) -> Result<Option<Image>, Failure> {
        let fits = |one: &Repository| {
            let own = one.full_name.split_once('/').map(|(_, path)| path);
            (own == Some(path) || one.name == path).then_some(())
        };
        let Some((place, ())) = self.search(fits).await? else { return Ok(None) };
        Ok(self.images_of(place).await?.iter().find(|image| image.digest == digest).cloned())
    }

    /// All repositories, and whether they are all.
    pub(crate) async fn all(&mut self) -> Result<(&[Repository], Option<Completeness>), Failure> {
        while self.next().await?.is_some() {}
        Ok((&self.read, self.completeness))
    }

    async fn repository_by_id(&mut self, id: Uuid) -> Result<Repository, Failure> {
        if let Some(known) = self.read.iter().find(|repository| repository.id == id) {
            return Ok(known.clone());
        }
        let found = self.client.repositories().get_opt(id).await?;
        found.ok_or_else(|| self.not_found("repository", &Reference::Id(id), Vec::new()))
    }

    async fn image_by_id(&mut self, id: Uuid) -> Result<Image, Failure> {
        let found = self.client.images().get_opt(id).await?;
        found.ok_or_else(|| self.not_found("image", &Reference::Id(id), Vec::new()))
    }

    /// The place of the repository that the reference names, by its name or the beginning of its id.
    async fn place(&mut self, reference: &Reference) -> Result<usize, Failure> {
        let Reference::Name(name) = reference else {
            return Err(Failure::usage(format!("{reference} is not a name")));
        };
        if let Some(place) = self.by_name(name).await? {
            return Ok(place);
        }
        let places: Vec<usize> = match name.as_prefix() {
            Some(prefix) => {
                let all = self.read.iter().enumerate();
                all.filter(|(_, one)| one.id.to_string().starts_with(&prefix))
                    .map(|(place, _)| place)
                    .collect()
            }
            None => Vec::new(),
        };
        match places[..] {
            [] => {
                let near = nearest(&name.base, self.read.iter().map(|repository| repository.name.as_str()));
                Err(self.not_found("repository", reference, near))
            }
            [place] => self.certain(reference).map(|()| place),
            _ => {
                let candidates = places.iter().map(|place| &self.read[*place]);
                let candidates = candidates.map(|one| format!("{}  {}", one.id, one.name)).collect();
                Err(ambiguous(reference, candidates))
            }
        }
    }

    /// The place of the repository in `NAME:TAG` or `NAME@DIGEST`.
    async fn named_repository(&mut self, name: &Name) -> Result<usize, Failure> {
        let base = Reference::Name(Name { base: name.base.clone(), tag: None, digest: None });
        self.place(&base).await
    }

    /// Names are unique in a registry, so reading stops where the name is found.
    async fn by_name(&mut self, name: &Name) -> Result<Option<usize>, Failure> {
        let fits = |repository: &Repository| {
            (repository.name == name.base || repository.full_name == name.base).then_some(())
        };
        Ok(self.search(fits).await?.map(|(place, ())| place))
    }

    /// Searches what is read already, then the rest page by page.
    async fn search<T>(
        &mut self,
        find: impl Fn(&Repository) -> Option<T>,
    ) -> Result<Option<(usize, T)>, Failure> {
        let known = self.read.iter().enumerate().find_map(|(place, one)| Some((place, find(one)?)));
        if known.is_some() {
            return Ok(known);
        }
        while let Some(place) = self.next().await? {
            if let Some(found) = find(&self.read[place]) {
                return Ok(Some((place, found)));
            }
        }
        Ok(None)
    }

    /// Reads one more repository.
    async fn next(&mut self) -> Result<Option<usize>, Failure> {
        let Some(pager) = &mut self.unread else { return Ok(None) };
        match pager.next().await {
            Some(repository) => {
                self.read.push(repository?);
                Ok(Some(self.read.len() - 1))
            }
            None => {
                self.completeness = pager.completeness();
                self.unread = None;
                Ok(None)
            }
        }
    }

    async fn images_of(&mut self, place: usize) -> Result<&[Image], Failure> {
        let id = self.read[place].id;
        if !self.images.contains_key(&id) {
            let images = self.client.images().list(id).collect_all().await?.items;
            self.images.insert(id, images);
        }
        Ok(self.images.get(&id).map(Vec::as_slice).unwrap_or_default())
    }

    fn only_image(
        &self,
        reference: &Reference,
        place: usize,
        mut found: Vec<Image>,
    ) -> Result<Image, Failure> {
        let repository = &self.read[place];
        if found.len() > 1 {
            let candidates = found.iter().map(|image| describe(repository, image)).collect();
            return Err(ambiguous(reference, candidates));
        }
        found.pop().ok_or_else(|| self.not_found("image", reference, Vec::new()))
    }

    /// Tags and recent images in the list of repositories name most images; only repositories that hold
    /// others are read.
    async fn image_by_prefix(&mut self, reference: &Reference, name: &Name) -> Result<Image, Failure> {
        let Some(prefix) = name.as_prefix() else {
            let near = nearest(&name.base, self.read.iter().map(|repository| repository.name.as_str()));
            return Err(self.not_found("image", reference, near));
        };
        let mut found: BTreeMap<Uuid, String> = BTreeMap::new();
        for place in 0..self.read.len() {
            let repository = &self.read[place];
            let mut ids: Vec<Uuid> = repository.tags.iter().map(|tag| tag.image_id).collect();
            ids.extend(repository.recent_image.iter().map(|image| image.id));
            ids.sort();
            ids.dedup();
            if i64::try_from(ids.len()).is_ok_and(|known| known < repository.images_count) {
                ids = self.images_of(place).await?.iter().map(|image| image.id).collect();
            }
            let fitting = ids.into_iter().filter(|id| id.to_string().starts_with(&prefix));
            let repository = self.read[place].name.clone();
            found.extend(fitting.map(|id| (id, repository.clone())));
        }
        match found.len() {
            0 => Err(self.not_found("image", reference, Vec::new())),
            1 => {
                self.certain(reference)?;
                let id = found.into_keys().next().unwrap_or_default();
                self.image_by_id(id).await
            }
            _ => Err(ambiguous(reference, found.iter().map(|(id, name)| format!("{id}  {name}")).collect())),
        }
    }

    async fn tag_by_prefix(&mut self, reference: &Reference, name: &Name) -> Result<Tag, Failure> {
        let Some(prefix) = name.as_prefix() else {
            return Err(Failure::usage(format!("{reference} does not name a tag")).hint("write NAME:TAG"));
        };
        self.all().await?;
        let all = self.read.iter().flat_map(|one| one.tags.iter().map(move |tag| (&one.name, tag)));
        let found: Vec<_> = all.filter(|(_, tag)| tag.id.to_string().starts_with(&prefix)).collect();
        match found[..] {
            [] => Err(self.not_found("tag", reference, Vec::new())),
            [(_, tag)] => self.certain(reference).map(|()| tag.clone()),
            _ => {
                let candidates = found.iter().map(|(name, tag)| format!("{}  {name}:{}", tag.id, tag.name));
                Err(ambiguous(reference, candidates.collect()))
            }
        }
    }

    /// In a list that is known to lack something, the beginning of an id may fit what is missing.
    fn certain(&self, reference: &Reference) -> Result<(), Failure> {
        let Some(Completeness::Short { missing }) = self.completeness else { return Ok(()) };
        let message = format!("{reference} may name another one: the list lacks {missing} repositories");
        Err(Failure::safety(message).hint("give the whole id"))
    }

    fn not_found(&self, what: &str, reference: &Reference, candidates: Vec<String>) -> Failure {
        let message = format!("there is no {what} {reference}");
        let failure = Failure { candidates, ..Failure::new(Exit::NotFound, "not_found", message) };
        match self.completeness {
            Some(Completeness::Short { missing }) => {
                failure.hint(format!("the list lacks {missing} repositories; give the whole id"))
            }
            _ if !failure.candidates.is_empty() => failure.hint("these come nearest"),
            _ => failure,
        }
    }
}
