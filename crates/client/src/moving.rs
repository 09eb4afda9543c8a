//! Moving a tag from one image to another.

use mlspace_registry_api::types::Tag;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::operation::TAG_CREATE;
use crate::tags::Tags;

/// What became of a tag that was to be on an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Moved {
    /// There was none of that name in the repository; now there is.
    Created(Tag),
    /// It was on another image.
    Moved {
        /// The tag as it is now.
        tag: Tag,
        /// The image that it was on.
        from: Uuid,
    },
    /// It was there already. Nothing was sent.
    Already(Tag),
}

impl Moved {
    /// The tag as it is now.
    pub fn tag(&self) -> &Tag {
        match self {
            Self::Created(tag) | Self::Already(tag) | Self::Moved { tag, .. } => tag,
        }
    }
}

impl Tags {
    /// Puts the tag `name` of a repository on one of its images, from wherever it is. Two requests; one if it is there
    /// already. Where the service does not move a tag that exists, it is deleted and made anew with its colour: some
    /// requests more, and a moment without the tag.
    ///
    /// ```no_run
    /// use mlspace_registry::Moved;
    ///
    /// # async fn promote(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let image = client.images().find("train/base:v2").await?;
    /// match client.tags().move_to(image.repository_id, "stable", image.id).await? {
    ///     Moved::Moved { from, .. } => println!("stable was on {from}"),
    ///     Moved::Created(_) => println!("stable is new"),
    ///     _ => println!("stable was there"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`TagCreation::send`](crate::TagCreation::send). Where the tag was taken from its image and could be put
    /// neither on the new one nor back, [`Error::Unconfirmed`] says so.
    pub async fn move_to(&self, repository: Uuid, name: impl Into<String>, image: Uuid) -> Result<Moved> {
        let name = name.into();
        let tags = self.client.repositories().get(repository).await?.tags;
        let Some(old) = tags.into_iter().find(|tag| tag.name == name) else {
            return self.create(image, name).send().await.map(Moved::Created);
        };
        if old.image_id == image {
            return Ok(Moved::Already(old));
        }
        let from = old.image_id;
        let refused = match self.create(image, &name).send().await {
            Ok(tag) => return Ok(Moved::Moved { tag, from }),
            Err(error) if error.is_conflict() => error,
            Err(error) => return Err(error),
        };
        if !self.delete(old.id).await? {
            // Somebody else took it away meanwhile, and may have put it elsewhere.
            return Err(refused);
        }
        let error = match self.again(image, &old).await {
            Ok(tag) => return Ok(Moved::Moved { tag, from }),
            Err(error) => error,
        };
        match self.again(from, &old).await {
            Ok(_) => Err(error),
            Err(_) => Err(Error::Unconfirmed {
                operation: TAG_CREATE.id,
                what: format!("moving the tag {name:?}, which was deleted from the image {from},"),
                source: Some(Box::new(error)),
            }),
        }
    }

    async fn again(&self, image: Uuid, old: &Tag) -> Result<Tag> {
        let creation = self.create(image, &old.name);
        match &old.color {
            Some(color) => creation.color(color).send().await,
            None => creation.send().await,
        }
    }
}
