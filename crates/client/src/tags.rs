//! Tags: list, create, colour, delete.

use std::num::NonZeroU32;

use mlspace_registry_api::Rows;
use mlspace_registry_api::types::{self, Tag};
use mlspace_registry_net::check_tag_name;
use uuid::Uuid;

use crate::bulk::{DeleteMany, Noun};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::{TAG_CREATE, TAG_LIST, TAG_UPDATE};
use crate::pager::{Batch, Boxed, Pager, Source};
use crate::verify::{Verify, confirm};

/// The tags of an image.
///
/// ```no_run
/// # async fn one(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let image = client.images().find("train/base:latest").await?;
/// let tag = client.tags().create(image.id, "v2").color("#2f81f7").send().await?;
/// client.tags().set_color(tag.id, None).await?;
/// client.tags().move_to(image.repository_id, "stable", image.id).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tags {
    pub(crate) client: Client,
}

impl Tags {
    /// Lists the tags of an image. One request. The service counts no tags, so whether the list is
    /// complete is not known.
    pub fn list(&self, image_id: Uuid) -> Pager<Tag> {
        Pager::new(TagsOf { client: self.client.clone(), image_id })
    }

    /// Finds one by `NAME:TAG`, a full name with its tag, its id or the beginning of that. As many pages of the list of
    /// repositories as it takes to find it.
    ///
    /// # Errors
    /// [`Error::Name`] when there is none, or several fit; otherwise as every call.
    pub fn find(&self, name: &str) -> impl Future<Output = Result<Tag>> + Send + use<> {
        let (mut lookup, reference) = (self.client.lookup(), name.parse());
        async move { lookup.tag(&reference?).await }
    }

    /// Starts to give an image another tag; [`send`](TagCreation::send) does it.
    pub fn create(&self, image_id: Uuid, name: impl Into<String>) -> TagCreation {
        TagCreation { client: self.client.clone(), image_id, name: name.into(), color: None }
    }

    /// Sets the colour of a tag, or clears it with `None`. One request; one more to list the image's tags
    /// with [`Verify::Always`]. Which colours the service takes is not known; web colours such as `#2f81f7`
    /// are common.
    ///
    /// # Errors
    /// [`Error::Unconfirmed`] when the answer does not show the colour, or got lost: without an answer it is
    /// not known which image to look at.
    pub fn set_color(
        &self,
        tag_id: Uuid,
        color: Option<&str>,
    ) -> impl Future<Output = Result<Tag>> + Send + use<> {
        let (own, color) = (self.clone(), color.map(check_color).transpose());
        async move { own.set_checked_color(tag_id, color?).await }
    }

    async fn set_checked_color(&self, tag_id: Uuid, color: Option<String>) -> Result<Tag> {
        let call = Call::new(&TAG_UPDATE).fields(&["tag_id", "color"]);
        let body = types::UpdateTag::new(color.clone());
        let answer = self.client.core.call(call, |api| {
            let body = body.clone();
            async move { api.tag_update(tag_id, body).send().await }
        });
        let answer = answer.await;
        let image_id = answer.as_ref().ok().map(|tag| tag.image_id);
        let read = async || {
            let image_id =
                image_id.ok_or_else(|| Error::Protocol("no answer told which image the tag is of".into()))?;
            self.first(image_id, |tag| tag.id == tag_id).await
        };
        let shows = |tag: &Tag| same_color(&tag.color, &color);
        confirm(TAG_UPDATE.id, "the colour", answer, shows, self.verifies(), read).await
    }

    /// The tag of an image that fits, if there is one.
    async fn first(&self, image_id: Uuid, fits: impl Fn(&Tag) -> bool) -> Result<Option<Tag>> {
        let list = self.list(image_id).collect_all().await?;
        match (list.items.into_iter().find(fits), list.unreadable.first()) {
            // It may be the one.
            (None, Some(row)) => Err(Error::Decode { operation: TAG_LIST.id, detail: row.to_string() }),
            (found, _) => Ok(found),
        }
    }

    fn verifies(&self) -> bool {
        self.client.core.settings.verify == Verify::Always
    }

    /// Deletes one tag; its image stays. `false` if there was none with this id. One request, more where its answer
    /// leaves doubt.
    ///
    /// # Errors
    /// As [`Repositories::delete`](crate::Repositories::delete).
    pub fn delete(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send + use<> {
        self.delete_many([id]).only()
    }

    /// Starts to delete tags. Where an answer leaves doubt, all repositories are listed to see which tags
    /// are still there: the service has no way to read a single tag.
    pub fn delete_many(&self, ids: impl IntoIterator<Item = Uuid>) -> DeleteMany {
        DeleteMany::new(self.client.clone(), Noun::Tags, ids)
    }
}

/// A tag to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `send`"]
pub struct TagCreation {
    client: Client,
    image_id: Uuid,
    name: String,
    color: Option<String>,
}

impl TagCreation {
    /// Gives it a colour.
    pub fn color(mut self, color: impl Into<String>) -> Self {
        self.color = Some(color.into());
        self
    }

    /// Makes the tag. One request; one more to read the image's tags if the answer is lost, or with
    /// [`Verify::Always`]. If reading proves that it was not made, it is sent once more.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name cannot be a tag's; nothing is sent then. [`Error::NotApplied`] when
    /// the answer got lost and the tag is not there; [`Error::Unconfirmed`] when that cannot be seen.
    pub async fn send(self) -> Result<Tag> {
        match self.send_once().await {
            Err(Error::NotApplied { .. }) => self.send_once().await,
            settled => settled,
        }
    }

    async fn send_once(&self) -> Result<Tag> {
        check_tag_name(&self.name).map_err(|error| Error::Invalid(error.to_string()))?;
        let color = self.color.as_deref().map(check_color).transpose()?;
        let fields: &[_] =
            if color.is_some() { &["image_id", "name", "color"] } else { &["image_id", "name"] };
        let body = types::CreateTag::new(self.image_id, self.name.clone()).color(color);
        let answer = self.client.core.call(Call::new(&TAG_CREATE).fields(fields), |api| {
            let body = body.clone();
            async move { api.tag_create(body).send().await }
        });
        let (answer, tags) = (answer.await, self.client.tags());
        let shows = |tag: &Tag| {
            tag.name == self.name && (body.color.is_none() || same_color(&tag.color, &body.color))
        };
        let read = || tags.first(self.image_id, |tag| tag.name == self.name);
        let what = format!("the tag {:?}", self.name);
        confirm(TAG_CREATE.id, &what, answer, shows, tags.verifies(), read).await
    }
}

/// Compares two colours; a service may spell hexadecimal digits its own way.
fn same_color(a: &Option<String>, b: &Option<String>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    }
}

/// The colour is a free text to the service; what no field can sensibly hold is refused here.
fn check_color(color: &str) -> Result<String> {
    if color.is_empty() || color.len() > 64 || color.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a colour is a short text such as #2f81f7; to clear it, give none".into(),
        ));
    }
    Ok(color.to_owned())
}

struct TagsOf {
    client: Client,
    image_id: Uuid,
}

impl Source<Tag> for TagsOf {
    fn page(&self, _: u32, _: NonZeroU32, _: Option<u64>) -> Boxed<'_, Result<Batch<Tag>>> {
        let (call, id) = (Call::new(&TAG_LIST).fields(&["image_id"]), self.image_id);
        Box::pin(async move {
            let Rows { items, unreadable, .. } =
                self.client.core.call(call, |api| async move { api.tag_list(id).send().await }).await?;
            Ok(Batch { items, unreadable, answers: Some(1) })
        })
    }

    fn id(&self, tag: &Tag) -> Uuid {
        tag.id
    }

    fn operation(&self) -> &'static str {
        TAG_LIST.id
    }
}
