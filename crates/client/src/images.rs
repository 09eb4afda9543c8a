//! Images: list, read, delete.

pub(crate) mod each;

use std::collections::HashMap;
use std::num::NonZeroU32;

use mlspace_registry_api::types::{Image, Repository};
use mlspace_registry_api::{Rows, UnreadableRow};
use uuid::Uuid;

use crate::bulk::{DeleteMany, Noun};
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::operation::{IMAGE_GET, IMAGE_LIST};
use crate::pager::{Batch, Boxed, Pager, Source};
use crate::search::ImageSearch;
use crate::verify::optional;
pub use each::{ImageLists, ImagesIn};

/// The images of a repository.
///
/// ```no_run
/// # async fn one(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let images = client.images();
/// let image = images.find("train/base:latest").await?;
/// for image in images.list(image.repository_id).collect_complete().await? {
///     println!("{} {} bytes, {} tags", image.digest, image.size, image.tags.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Images {
    pub(crate) client: Client,
}

impl Images {
    /// Lists the images of a repository, one row an image with all its tags.
    ///
    /// Two requests: the repository's count is read to compare, and the service gives the whole list at
    /// once. Where the service gives less than it counts, further pages are read and merged by image,
    /// because paging here splits an image over two pages with part of its tags on each.
    pub fn list(&self, repository_id: Uuid) -> Pager<Image> {
        Pager::new(ImagesOf { client: self.client.clone(), repository_id })
    }

    /// The same for a repository that was just read, whose count is known: one request where it is right.
    pub fn list_in(&self, repository: &Repository) -> Pager<Image> {
        self.list(repository.id).counted(u64::try_from(repository.images_count).ok())
    }

    /// Starts to go through the images of all repositories.
    pub fn search(&self) -> ImageSearch {
        ImageSearch::new(self.client.clone())
    }

    /// Finds one by `NAME:TAG`, `NAME@sha256:DIGEST`, a full name with either, its id or the beginning of that. One
    /// request for an id; for a name one more than it takes to find the repository.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name) when there is none, or several fit; otherwise as every call.
    pub fn find(&self, name: &str) -> impl Future<Output = Result<Image>> + Send + use<> {
        let (mut lookup, reference) = (self.client.lookup(), name.parse());
        async move { lookup.image(&reference?).await }
    }

    /// Reads one image. One request.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) when there is none with this id.
    pub fn get(&self, id: Uuid) -> impl Future<Output = Result<Image>> + Send + use<> {
        let (core, call) = (self.client.core.clone(), Call::new(&IMAGE_GET).fields(&["image_id"]));
        async move { core.call(call, |api| async move { api.image_get(id).send().await }).await }
    }

    /// Reads one image, or `None` when there is none with this id. One request.
    ///
    /// # Errors
    /// As every call, but for 404.
    pub fn get_opt(&self, id: Uuid) -> impl Future<Output = Result<Option<Image>>> + Send + use<> {
        let get = self.get(id);
        async move { optional(get.await) }
    }

    /// Deletes one image with all its tags; `false` if there was none with this id. One request, more where its answer
    /// leaves doubt.
    ///
    /// # Errors
    /// As [`Repositories::delete`](crate::Repositories::delete).
    pub fn delete(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send + use<> {
        self.delete_many([id]).only()
    }

    /// Starts to delete images.
    pub fn delete_many(&self, ids: impl IntoIterator<Item = Uuid>) -> DeleteMany {
        DeleteMany::new(self.client.clone(), Noun::Images, ids)
    }
}

struct ImagesOf {
    client: Client,
    repository_id: Uuid,
}

impl ImagesOf {
    async fn rows(&self, page: Option<u32>) -> Result<Rows<Image>> {
        let fields: &[_] = if page.is_some() { &["repository_id", "page"] } else { &["repository_id"] };
        let (call, id) = (Call::new(&IMAGE_LIST).fields(fields), self.repository_id);
        self.client
            .core
            .call(call, |api| async move { api.image_list(id).page(page.map(i64::from)).send().await })
            .await
    }

    /// The whole list: an image is only whole when all rows about it have been seen.
    async fn all(&self, count: Option<u64>) -> Result<Batch<Image>> {
        let mut merged = Merged::default();
        merged.add(self.rows(None).await?);
        let mut answers = 1_u32;
        while count.is_some_and(|count| merged.rows() < count) {
            answers = answers.saturating_add(1);
            if !merged.add(self.rows(Some(answers)).await?) {
                break;
            }
        }
        Ok(Batch { items: merged.images, unreadable: merged.unreadable, answers: Some(answers) })
    }
}

impl Source<Image> for ImagesOf {
    fn page(&self, _: u32, _: NonZeroU32, count: Option<u64>) -> Boxed<'_, Result<Batch<Image>>> {
        Box::pin(self.all(count))
    }

    fn count(&self) -> Boxed<'_, Result<Option<u64>>> {
        Box::pin(async move {
            let repository = self.client.repositories().get(self.repository_id).await?;
            Ok(u64::try_from(repository.images_count).ok())
        })
    }

    fn id(&self, image: &Image) -> Uuid {
        image.id
    }

    fn operation(&self) -> &'static str {
        IMAGE_LIST.id
    }
}

/// Images in the order of their first rows, each with the tags of all its rows.
#[derive(Default)]
struct Merged {
    images: Vec<Image>,
    places: HashMap<Uuid, usize>,
    unreadable: Vec<UnreadableRow>,
}

impl Merged {
    /// As many images as the rows are about.
    fn rows(&self) -> u64 {
        (self.images.len() + self.unreadable.len()) as u64
    }

    /// Adds rows; says whether they brought anything new.
    fn add(&mut self, rows: Rows<Image>) -> bool {
        let before = self.unreadable.len();
        for row in rows.unreadable {
            // Without an id it may be one that is known: only the first time it is surely not.
            if if row.id.is_some() {
                self.unreadable.iter().all(|known| known.id != row.id)
            } else {
                self.images.is_empty()
            } {
                self.unreadable.push(row);
            }
        }
        let mut news = self.unreadable.len() > before;
        for row in rows.items {
            let Some(place) = self.places.get(&row.id) else {
                self.places.insert(row.id, self.images.len());
                self.images.push(row);
                news = true;
                continue;
            };
            let tags = &mut self.images[*place].tags;
            for tag in row.tags {
                if tags.iter().all(|known| known.id != tag.id) {
                    tags.push(tag);
                    news = true;
                }
            }
        }
        news
    }
}
