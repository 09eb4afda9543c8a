//! Repositories: list, read, change, favour, delete.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use mlspace_registry_api::Rows;
use mlspace_registry_api::types::{self, Repository};
use uuid::Uuid;

use crate::bulk::{DeleteMany, Noun};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::{REPOSITORY_FAVORITE, REPOSITORY_GET, REPOSITORY_LIST, REPOSITORY_UPDATE};
use crate::pager::{Batch, Boxed, Pager, Source};
use crate::verify::{Verify, confirm, optional};

/// The repositories of the registry.
///
/// ```no_run
/// # async fn one(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let repositories = client.repositories();
/// let base = repositories.find("train/base").await?;
/// repositories.update(base.id).description("Base image").add_label("prod").send().await?;
/// // Futures own what they need.
/// let read = tokio::spawn(repositories.get(base.id));
/// println!("{:?}", read.await.expect("no panic")?.labels);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Repositories {
    pub(crate) client: Client,
}

impl Repositories {
    /// Lists all repositories. One request for the registry's count and one a page; of a list that takes
    /// several pages one more for the count.
    pub fn list(&self) -> Pager<Repository> {
        Pager::new(AllRepositories(self.client.clone()))
    }

    /// Finds one by its name, its full name, its id or the beginning of that. One request for an id; for a name as many
    /// pages of the list as it takes to find it.
    ///
    /// # Errors
    /// [`Error::Name`] when there is none, or several fit; otherwise as every call.
    pub fn find(&self, name: &str) -> impl Future<Output = Result<Repository>> + Send + use<> {
        let (mut lookup, reference) = (self.client.lookup(), name.parse());
        async move { lookup.repository(&reference?).await }
    }

    /// Reads one repository. One request.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) when there is none with this id.
    pub fn get(&self, id: Uuid) -> impl Future<Output = Result<Repository>> + Send + use<> {
        let (core, call) = (self.client.core.clone(), Call::new(&REPOSITORY_GET).fields(&["repository_id"]));
        async move { core.call(call, |api| async move { api.repository_get(id).send().await }).await }
    }

    /// Reads one repository, or `None` when there is none with this id. One request.
    ///
    /// # Errors
    /// As every call, but for 404.
    pub fn get_opt(&self, id: Uuid) -> impl Future<Output = Result<Option<Repository>>> + Send + use<> {
        let get = self.get(id);
        async move { optional(get.await) }
    }

    /// Starts a change of description and labels; [`send`](RepositoryUpdate::send) makes it.
    pub fn update(&self, id: Uuid) -> RepositoryUpdate {
        RepositoryUpdate {
            client: self.client.clone(),
            id,
            description: None,
            add: BTreeSet::new(),
            remove: BTreeSet::new(),
            verify: None,
        }
    }

    /// Marks the repository as a favourite of whoever signs in, or takes the mark away. One request; one
    /// more to read it back with [`Verify::Always`], or if the answer does not show the change.
    ///
    /// # Errors
    /// [`Error::NotApplied`] or [`Error::Unconfirmed`] when the answer got lost or does not show the change.
    pub fn set_favorite(
        &self,
        id: Uuid,
        favorite: bool,
    ) -> impl Future<Output = Result<Repository>> + Send + use<> {
        let own = self.clone();
        async move {
            let call = Call::new(&REPOSITORY_FAVORITE).fields(&["repository_id", "favorite"]);
            let body = types::FavoriteInput::new(favorite);
            let answer = own.client.core.call(call, |api| {
                let body = body.clone();
                async move { api.repository_favorite(id, body).send().await }
            });
            let what = if favorite { "the favourite mark" } else { "taking the favourite mark away" };
            let shows = |repository: &Repository| repository.favorite == favorite;
            let verify = own.client.core.settings.verify == Verify::Always;
            confirm("repository_favorite", what, answer.await, shows, verify, || own.get_opt(id)).await
        }
    }

    /// Deletes one repository with all its images and tags; `false` if there was none with this id. One request, more
    /// where its answer leaves doubt.
    ///
    /// # Errors
    /// The service's refusal; [`Error::NotApplied`] when it is still there although nothing was said against it;
    /// [`Error::Unconfirmed`] when that could not be read.
    pub fn delete(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send + use<> {
        self.delete_many([id]).only()
    }

    /// Starts to delete repositories with all their images and tags.
    pub fn delete_many(&self, ids: impl IntoIterator<Item = Uuid>) -> DeleteMany {
        DeleteMany::new(self.client.clone(), Noun::Repositories, ids)
    }
}

/// A change of a repository's description and labels. What is not set stays as it is.
#[derive(Debug)]
#[must_use = "nothing is changed before `send`"]
pub struct RepositoryUpdate {
    client: Client,
    id: Uuid,
    description: Option<String>,
    add: BTreeSet<String>,
    remove: BTreeSet<String>,
    verify: Option<bool>,
}

impl RepositoryUpdate {
    /// Sets the description; the empty text clears it.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Adds a label.
    pub fn add_label(mut self, label: impl Into<String>) -> Self {
        self.add.insert(label.into());
        self
    }

    /// Adds several labels.
    pub fn add_labels(mut self, labels: impl IntoIterator<Item: Into<String>>) -> Self {
        self.add.extend(labels.into_iter().map(Into::into));
        self
    }

    /// Removes a label. Removing one that is not there is no error.
    pub fn remove_label(mut self, label: impl Into<String>) -> Self {
        self.remove.insert(label.into());
        self
    }

    /// Reads the repository again to see that the change stuck, or does not: one request more. By default as
    /// the client's [`Verify`] says: when labels change, and not otherwise.
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = Some(verify);
        self
    }

    /// Makes the change. One request, two when it is verified.
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing is set, a label is empty, or one is both added and removed; nothing
    /// is sent then. [`Error::Unconfirmed`] when the service said yes and reading does not show the change.
    pub async fn send(self) -> Result<Repository> {
        self.check()?;
        let id = self.id;
        let mut fields = vec!["repository_id"];
        fields.extend(self.description.is_some().then_some("description"));
        fields.extend((!self.add.is_empty()).then_some("labels"));
        fields.extend((!self.remove.is_empty()).then_some("labels_to_delete"));
        let list = |labels: &BTreeSet<String>| (!labels.is_empty()).then(|| labels.iter().cloned().collect());
        let body = types::UpdateRepository::new()
            .description(self.description.clone())
            .labels(list(&self.add))
            .labels_to_delete(list(&self.remove));
        let answer = self.client.core.call(Call::new(&REPOSITORY_UPDATE).fields(&fields), |api| {
            let body = body.clone();
            async move { api.repository_update(id, body).send().await }
        });
        let labels = !self.add.is_empty() || !self.remove.is_empty();
        let by_default = match self.client.core.settings.verify {
            Verify::Labels => labels,
            Verify::Always => true,
            Verify::Never => false,
        };
        let (answer, verify) = (answer.await, self.verify.unwrap_or(by_default));
        let repositories = self.client.repositories();
        let read = || repositories.get_opt(id);
        confirm("repository_update", "the change", answer, |shown| self.shows(shown), verify, read).await
    }

    fn check(&self) -> Result<()> {
        let invalid = |problem: &str| Err(Error::Invalid(format!("repository_update: {problem}")));
        if self.description.is_none() && self.add.is_empty() && self.remove.is_empty() {
            return invalid("nothing to change: set a description, add a label or remove one");
        }
        if self.add.iter().chain(&self.remove).any(|label| label.trim().is_empty()) {
            return invalid("a label is empty");
        }
        match self.add.intersection(&self.remove).next() {
            Some(label) => invalid(&format!("the label {label:?} is both added and removed")),
            None => Ok(()),
        }
    }

    fn shows(&self, repository: &Repository) -> bool {
        let labels = repository.labels.as_deref().unwrap_or_default();
        let description = repository.description.as_deref().unwrap_or_default();
        self.description.as_deref().is_none_or(|wanted| wanted == description)
            && self.add.iter().all(|label| labels.contains(label))
            && !self.remove.iter().any(|label| labels.contains(label))
    }
}

struct AllRepositories(Client);

impl Source<Repository> for AllRepositories {
    fn page(&self, number: u32, size: NonZeroU32, _: Option<u64>) -> Boxed<'_, Result<Batch<Repository>>> {
        let call = Call::new(&REPOSITORY_LIST).fields(&["page", "page_size"]);
        Box::pin(async move {
            let rows = self.0.core.call(call, |api| async move {
                api.repository_list().page(i64::from(number)).page_size(i64::from(size.get())).send().await
            });
            let Rows { items, unreadable, .. } = rows.await?;
            Ok(Batch { items, unreadable, answers: None })
        })
    }

    fn count(&self) -> Boxed<'_, Result<Option<u64>>> {
        Box::pin(async move { Ok(u64::try_from(self.0.registry().await?.repositories_count).ok()) })
    }

    fn id(&self, repository: &Repository) -> Uuid {
        repository.id
    }

    fn operation(&self) -> &'static str {
        REPOSITORY_LIST.id
    }
}
