//! The images of many repositories.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use mlspace_registry_api::types::{Image, Repository};

use super::{Images, ImagesOf, Merged};
use crate::client::Client;
use crate::error::Result;
use crate::pager::{Boxed, Completeness, List};

/// Repositories whose images are read at the same time.
const AT_ONCE: usize = 4;

/// The images of many repositories, a list for each, read as they are consumed: a [`Stream`]. Nothing is sent before
/// the first is asked for.
#[must_use = "nothing is sent before the first list is asked for"]
pub struct ImageLists(Pin<Box<dyn Stream<Item = ImagesIn> + Send>>);

/// The images of one repository of many.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImagesIn {
    /// The repository, as it was handed in.
    pub repository: Repository,
    /// Its images, or why they could not be read; the lists of the others are read all the same.
    pub result: Result<List<Image>>,
}

impl Images {
    /// Lists the images of many repositories, four at a time and in this order.
    ///
    /// One request each where the count of the repository that is handed in agrees. Where it does not, an image may
    /// have come or gone meanwhile: the list is then read anew with a fresh count, which is two requests more and
    /// what [`list`](Self::list) does.
    ///
    /// ```no_run
    /// # async fn sizes(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let repositories = client.repositories().list().collect_all().await?.items;
    /// let mut lists = client.images().list_each(repositories);
    /// while let Some(one) = lists.next().await {
    ///     let images = one.result?.items;
    ///     println!("{} {}", one.repository.name, images.iter().map(|image| image.size).sum::<i64>());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_each<I>(&self, repositories: I) -> ImageLists
    where
        I: IntoIterator<Item = Repository>,
        I::IntoIter: Send + 'static,
    {
        let client = self.client.clone();
        let lists =
            futures_util::stream::iter(repositories).map(move |repository| one(client.clone(), repository));
        ImageLists(Box::pin(lists.buffered(AT_ONCE)))
    }
}

fn one(client: Client, repository: Repository) -> Boxed<'static, ImagesIn> {
    Box::pin(async move {
        let result = read(&client, &repository).await;
        ImagesIn { repository, result }
    })
}

pub(crate) async fn read(client: &Client, repository: &Repository) -> Result<List<Image>> {
    let source = ImagesOf { client: client.clone(), repository_id: repository.id };
    let mut merged = Merged::default();
    merged.add(source.rows(None).await?);
    let agrees = u64::try_from(repository.images_count) == Ok(merged.images.len() as u64);
    if agrees && merged.unreadable.is_empty() {
        let Merged { images: items, unreadable, .. } = merged;
        return Ok(List { items, unreadable, completeness: Completeness::Complete });
    }
    client.images().list(repository.id).collect_all().await
}

impl ImageLists {
    /// The next list; `None` at the end.
    pub async fn next(&mut self) -> Option<ImagesIn> {
        StreamExt::next(&mut self.0).await
    }
}

impl Stream for ImageLists {
    type Item = ImagesIn;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ImagesIn>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ImageLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImageLists")
    }
}
