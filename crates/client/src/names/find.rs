//! Finding by name in one call.

use mlspace_registry_api::types::{Image, Repository, Tag};
use uuid::Uuid;

use super::candidates::ambiguous;
use super::lookup::Lookup;
use super::problem::{NameError, NameProblem};
use super::reference::{Name, Reference};
use crate::client::Client;
use crate::error::Result;

/// What a name means.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Found {
    /// A repository: by its name or full name.
    Repository(Box<Repository>),
    /// An image: by its digest.
    Image(Image),
    /// A tag, and so an image: by `NAME:TAG`.
    Tag(Tag),
}

impl From<Repository> for Found {
    fn from(repository: Repository) -> Self {
        Self::Repository(Box::new(repository))
    }
}

impl Found {
    fn kind(&self) -> &'static str {
        match self {
            Self::Repository(_) => "a repository",
            Self::Image(_) => "an image",
            Self::Tag(_) => "a tag",
        }
    }

    /// Its own id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Repository(repository) => repository.id,
            Self::Image(image) => image.id,
            Self::Tag(tag) => tag.id,
        }
    }

    /// The image that it is or names; `None` for a repository.
    pub fn image_id(&self) -> Option<Uuid> {
        match self {
            Self::Repository(_) => None,
            Self::Image(image) => Some(image.id),
            Self::Tag(tag) => Some(tag.image_id),
        }
    }

    /// The repository that it is or is in.
    pub fn repository_id(&self) -> Uuid {
        match self {
            Self::Repository(repository) => repository.id,
            Self::Image(image) => image.repository_id,
            Self::Tag(tag) => tag.repository_id,
        }
    }
}

impl Client {
    /// Finds what a name means: an id, the beginning of one, a repository's name, `NAME:TAG`, `NAME@sha256:DIGEST`, or
    /// a full name as it was pasted, with any of these. As many requests as it takes to find it, at least two; for an
    /// id of unknown kind the list of repositories and one request.
    ///
    /// Where the kind is known, [`Repositories::find`](crate::Repositories::find),
    /// [`Images::find`](crate::Images::find) and [`Tags::find`](crate::Tags::find) say so.
    ///
    /// ```no_run
    /// # async fn find(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let found = client.find("train/resnet:latest").await?;
    /// if let Some(image) = found.image_id() {
    ///     println!("{}", client.images().get(image).await?.digest);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name) when nothing has that name, or several things do: it carries the candidates.
    /// [`Error::Invalid`](crate::Error::Invalid) for what can be no name. Otherwise as every call.
    pub async fn find(&self, name: &str) -> Result<Found> {
        self.lookup().find(&name.parse()?).await
    }

    /// The same for many names, which cost one list: what each means, in their order.
    ///
    /// ```no_run
    /// # async fn find(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// for (name, found) in client.find_many(["train/base:v1", "serve/triton"]).await {
    ///     println!("{name} is {}", found?.id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn find_many<N: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Vec<(N, Result<Found>)> {
        let (mut lookup, mut all) = (self.lookup(), Vec::new());
        for name in names {
            let found = match name.as_ref().parse() {
                Ok(reference) => lookup.find(&reference).await,
                Err(error) => Err(error),
            };
            all.push((name, found));
        }
        all
    }

    /// Looks up names, one after the other, and remembers what it has read meanwhile.
    pub fn lookup(&self) -> Lookup {
        Lookup::new(self)
    }
}

impl Lookup {
    /// What a name means, of whichever kind: see [`Client::find`].
    ///
    /// # Errors
    /// As [`Client::find`].
    pub async fn find(&mut self, reference: &Reference) -> Result<Found> {
        match reference {
            Reference::Name(Name { digest: Some(_), .. }) => self.image(reference).await.map(Found::Image),
            Reference::Name(Name { tag: Some(_), .. }) => self.tag(reference).await.map(Found::Tag),
            Reference::Name(name) if name.as_prefix().is_none() || self.by_name(name).await?.is_some() => {
                self.repository(reference).await.map(Found::from)
            }
            Reference::Name(_) => self.find_by_prefix(reference).await,
            Reference::Id(_) => match self.repository(reference).await.map(Found::from) {
                Err(error) if error.is_not_found() => match self.tag(reference).await.map(Found::Tag) {
                    Err(error) if error.is_not_found() => match self.image(reference).await {
                        Err(gone) if gone.is_not_found() => {
                            let message = format!("there is no repository, image or tag {reference}");
                            Err(NameError::new(NameProblem::NotFound, message).into())
                        }
                        image => image.map(Found::Image),
                    },
                    tag => tag,
                },
                repository => repository,
            },
        }
    }

    /// What begins like this may be the id of any kind.
    async fn find_by_prefix(&mut self, reference: &Reference) -> Result<Found> {
        let repository = self.repository(reference).await.map(Found::from);
        let tag = self.tag(reference).await.map(Found::Tag);
        let image = self.image(reference).await.map(Found::Image);
        let (mut found, mut nothing) = (Vec::new(), Vec::new());
        for one in [repository, tag, image] {
            match one {
                Ok(one) => found.push(one),
                Err(error) if error.is_not_found() => nothing.push(error),
                Err(error) => return Err(error),
            }
        }
        let several = found.len() > 1;
        match (found.pop(), nothing.into_iter().next()) {
            (Some(one), _) if !several => Ok(one),
            (None, Some(error)) => Err(error),
            (last, _) => {
                let candidates = found.iter().chain(&last).map(|one| format!("{}  {}", one.id(), one.kind()));
                Err(ambiguous(reference, "is the beginning of", "ids", candidates.collect()).into())
            }
        }
    }
}
