//! Images by their references.

use std::collections::BTreeMap;

use mlspace_registry_api::UnreadableRow;
use mlspace_registry_api::types::{Image, Repository};
use uuid::Uuid;

use super::{Lookup, could_be};
use crate::error::Result;
use crate::names::candidates::{ambiguous, describe, nearest, nearest_digests};
use crate::names::reference::{Name, Reference};
use crate::pager::{Completeness, List};

/// From so many images of a repository on they are listed, instead of being read one by one.
const LISTED_FROM: usize = 3;

impl Lookup {
    /// The image. One request for an id; for NAME:TAG one more than finding the repository takes. Several of
    /// one repository cost one list of its images.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name) when there is none, or several fit; otherwise as every call.
    pub async fn image(&mut self, reference: &Reference) -> Result<Image> {
        let name = match reference {
            Reference::Id(id) => return self.image_by_id(*id).await,
            Reference::Name(name) => name,
        };
        let image = if let Some(digest) = &name.digest {
            let place = self.named_repository(name).await?;
            let images = self.images_of(self.read[place].id).await?;
            let found: Vec<_> = images.iter().filter(|image| image.digest.starts_with(digest)).collect();
            let repository = &self.read[place];
            let unreadable = self.unreadable_images.get(&repository.id).into_iter().flatten();
            let fits = |row: &&UnreadableRow| row.name.as_ref().is_none_or(|own| own.starts_with(digest));
            if let Some(row) = unreadable.filter(fits).find(|_| found.is_empty() || !self.reads_only) {
                return Err(could_be(reference, row));
            }
            match found[..] {
                [image] => image.clone(),
                [] => {
                    let near = nearest_digests(digest, repository, &images);
                    return Err(self.not_found("image", reference, near).into());
                }
                _ => {
                    let candidates = found.iter().map(|image| describe(repository, image)).collect();
                    return Err(ambiguous(reference, "is the beginning of", "digests", candidates).into());
                }
            }
        } else if name.tag.is_some() {
            let id = self.find_tag(reference).await?.image_id;
            self.image_by_id(id).await?
        } else {
            match self.by_name(name).await? {
                Some(place) => self.only_image(reference, place).await?,
                None => self.image_by_prefix(reference, name).await?,
            }
        };
        self.note(reference, "image", image.id);
        Ok(image)
    }

    /// The image's id, without a request if the reference is one.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub async fn image_id(&mut self, reference: &Reference) -> Result<Uuid> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(Name { tag: Some(_), digest: None, .. }) => {
                let id = self.find_tag(reference).await?.image_id;
                self.note(reference, "image", id);
                Ok(id)
            }
            Reference::Name(_) => Ok(self.image(reference).await?.id),
        }
    }

    /// The image's id, and the repository that holds it. Two requests for an id; for NAME:TAG none but those
    /// that find the repository.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub async fn image_in_repository(&mut self, reference: &Reference) -> Result<(Uuid, Repository)> {
        let (id, repository_id) = match reference {
            Reference::Name(Name { tag: Some(_), digest: None, .. }) => {
                let tag = self.find_tag(reference).await?;
                self.note(reference, "image", tag.image_id);
                (tag.image_id, tag.repository_id)
            }
            _ => {
                let image = self.image(reference).await?;
                (image.id, image.repository_id)
            }
        };
        Ok((id, self.repository_by_id(repository_id).await?))
    }

    /// The image of that digest in the repository of that path, which is what full names have after the host. `None` if it
    /// is not listed.
    ///
    /// # Errors
    /// As every call.
    pub async fn pushed(&mut self, path: &str, digest: &str) -> Result<Option<Image>> {
        let fits = |one: &Repository| {
            let own = one.full_name.split_once('/').map(|(_, path)| path);
            (own == Some(path) || one.name == path).then_some(())
        };
        let Some((place, ())) = self.search(fits).await? else { return Ok(None) };
        let images = self.images_of(self.read[place].id).await?;
        Ok(images.into_iter().find(|image| image.digest == digest))
    }

    /// Whoever asks for several images of one repository gets them out of its list.
    async fn image_by_id(&mut self, id: Uuid) -> Result<Image> {
        if !self.images.contains_key(&id) {
            let often = |(id, number): &(&Uuid, &usize)| {
                **number + 1 >= LISTED_FROM && !self.image_lists.contains_key(id)
            };
            let often: Vec<Uuid> = self.single_images.iter().filter(often).map(|(id, _)| *id).collect();
            for repository in often {
                self.list_images(repository).await?;
            }
        }
        if let Some(known) = self.images.get(&id) {
            return Ok(known.clone());
        }
        if self.all_images {
            return Err(self.not_found("image", &Reference::Id(id), Vec::new()).into());
        }
        let Some(image) = self.client.images().get_opt(id).await? else {
            return Err(self.not_found("image", &Reference::Id(id), Vec::new()).into());
        };
        *self.single_images.entry(image.repository_id).or_default() += 1;
        self.images.insert(id, image.clone());
        Ok(image)
    }

    /// Makes ready for so many ids, as [`expect_repositories`](Self::expect_repositories): a list for each
    /// repository, where that is less.
    ///
    /// # Errors
    /// As every call.
    pub async fn expect_images(&mut self, ids: usize) -> Result<()> {
        self.expect_repositories(ids).await?;
        if ids < super::LISTED_FROM || !self.is_complete() || self.read.len() >= ids {
            return Ok(());
        }
        let mut all = true;
        for place in 0..self.read.len() {
            let repository = &self.read[place];
            let list = self.client.images().list_in(repository).collect_verified().await;
            match list {
                Ok(list) => {
                    all &= list.completeness == Completeness::Complete;
                    self.keep_images(self.read[place].id, list);
                }
                // It is gone meanwhile, or will say why when it is asked for.
                Err(_) => all = false,
            }
        }
        self.all_images = all;
        Ok(())
    }

    /// All images of a repository. Two requests, the first time.
    ///
    /// # Errors
    /// As every call.
    pub async fn images_of(&mut self, repository: Uuid) -> Result<Vec<Image>> {
        self.list_images(repository).await?;
        let ids = self.image_lists.get(&repository).into_iter().flatten();
        Ok(ids.filter_map(|id| self.images.get(id).cloned()).collect())
    }

    async fn list_images(&mut self, repository: Uuid) -> Result<()> {
        if !self.image_lists.contains_key(&repository) {
            let list = self.client.images().list(repository).collect_all().await?;
            self.keep_images(repository, list);
        }
        Ok(())
    }

    fn keep_images(&mut self, repository: Uuid, list: List<Image>) {
        self.unreadable_images.insert(repository, list.unreadable);
        self.image_lists.insert(repository, list.items.iter().map(|image| image.id).collect());
        self.images.extend(list.items.into_iter().map(|image| (image.id, image)));
    }

    /// The image of a repository that has only one.
    async fn only_image(&mut self, reference: &Reference, place: usize) -> Result<Image> {
        let mut images = self.images_of(self.read[place].id).await?;
        let unreadable = self.unreadable_images.get(&self.read[place].id);
        if let Some(row) = unreadable.and_then(|rows| rows.first())
            && !(self.reads_only && images.len() == 1)
        {
            return Err(could_be(reference, row));
        }
        if images.len() > 1 {
            let repository = &self.read[place];
            let candidates = images.iter().map(|image| describe(repository, image)).collect();
            return Err(ambiguous(reference, "has", "images", candidates).into());
        }
        images.pop().ok_or_else(|| self.not_found("image", reference, Vec::new()).into())
    }

    /// Tags and recent images in the list of repositories name most images; only repositories that hold
    /// others are read.
    async fn image_by_prefix(&mut self, reference: &Reference, name: &Name) -> Result<Image> {
        let Some(prefix) = name.as_prefix() else {
            let near = nearest(&name.base, self.read.iter().map(|repository| repository.name.as_str()));
            return Err(self.not_found("image", reference, near).into());
        };
        let mut found: BTreeMap<Uuid, String> = BTreeMap::new();
        for place in 0..self.read.len() {
            let repository = &self.read[place];
            let mut ids: Vec<Uuid> = repository.tags.iter().map(|tag| tag.image_id).collect();
            ids.extend(repository.recent_image.iter().map(|image| image.id));
            ids.sort();
            ids.dedup();
            if i64::try_from(ids.len()).is_ok_and(|known| known < repository.images_count) {
                ids = self.images_of(repository.id).await?.iter().map(|image| image.id).collect();
            }
            let fitting = ids.into_iter().filter(|id| id.to_string().starts_with(&prefix));
            let repository = self.read[place].name.clone();
            found.extend(fitting.map(|id| (id, repository.clone())));
        }
        match found.len() {
            0 => Err(self.not_found("image", reference, Vec::new()).into()),
            1 => {
                self.certain(reference)?;
                let id = found.into_keys().next().unwrap_or_default();
                self.image_by_id(id).await
            }
            _ => {
                let candidates = found.iter().map(|(id, name)| format!("{id}  {name}")).collect();
                Err(ambiguous(reference, "is the beginning of", "ids", candidates).into())
            }
        }
    }
}
