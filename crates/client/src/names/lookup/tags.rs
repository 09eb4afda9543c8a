//! Tags by their references, out of the list of repositories: the service has no way to read a single one.

use mlspace_registry_api::types::Tag;

use super::Lookup;
use crate::error::Result;
use crate::names::candidates::{ambiguous, nearest};
use crate::names::problem::NameError;
use crate::names::reference::{Name, Reference};

impl Lookup {
    /// The tag. As many pages of repositories as it takes to find it.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name) when there is none, or several fit; otherwise as every call.
    pub async fn tag(&mut self, reference: &Reference) -> Result<Tag> {
        let tag = self.find_tag(reference).await?;
        if let Reference::Name(_) = reference {
            self.note(reference, "tag", tag.id);
        }
        Ok(tag)
    }

    pub(super) async fn find_tag(&mut self, reference: &Reference) -> Result<Tag> {
        let name = match reference {
            Reference::Id(id) => loop {
                if let Some((place, tag)) = self.tag_ids.get(id).copied() {
                    return Ok(self.read[place].tags[tag].clone());
                }
                if !self.next_page().await? {
                    return Err(self.not_found("tag", reference, Vec::new()).into());
                }
            },
            Reference::Name(name) => name,
        };
        if name.digest.is_some() {
            let message = format!("{reference} names an image, and a tag is expected");
            return Err(NameError::unfit(message).advice("write NAME:TAG").into());
        }
        let Some(wanted) = &name.tag else { return self.tag_by_prefix(reference, name).await };
        let place = self.named_repository(name).await?;
        let repository = &self.read[place];
        if let Some(tag) = repository.tags.iter().find(|tag| tag.name == *wanted) {
            return Ok(tag.clone());
        }
        let near = nearest(wanted, repository.tags.iter().map(|tag| tag.name.as_str()));
        let of = (!repository.tags.is_empty()).then(|| repository.name.clone());
        let near = near.into_iter().map(|tag| format!("{}:{tag}", repository.name)).collect();
        Err(NameError { repository: of, ..self.not_found("tag", reference, near) }.into())
    }

    async fn tag_by_prefix(&mut self, reference: &Reference, name: &Name) -> Result<Tag> {
        let Some(prefix) = name.as_prefix() else {
            return Err(NameError::unfit(format!("{reference} does not name a tag"))
                .advice("write NAME:TAG")
                .into());
        };
        while self.next_page().await? {}
        let all = self.read.iter().flat_map(|one| one.tags.iter().map(move |tag| (&one.name, tag)));
        let found: Vec<_> = all.filter(|(_, tag)| tag.id.to_string().starts_with(&prefix)).collect();
        match found[..] {
            [] => Err(self.not_found("tag", reference, Vec::new()).into()),
            [(_, tag)] => self.certain(reference).map(|()| tag.clone()),
            _ => {
                let candidates = found.iter().map(|(name, tag)| format!("{}  {name}:{}", tag.id, tag.name));
                Err(ambiguous(reference, "is the beginning of", "ids", candidates.collect()).into())
            }
        }
    }
}
