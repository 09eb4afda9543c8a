//! The images of all repositories, as one stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use mlspace_registry_api::types::{Image, Repository};

use crate::bulk::{DEFAULT_CONCURRENCY, MAX_CONCURRENCY};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::images::each;
use crate::operation::IMAGE_LIST;
use crate::pager::{Completeness, List};
use crate::verify::optional;

type Item = Result<(Arc<Repository>, Image)>;

/// A walk through the images of all repositories that has not begun.
///
/// ```no_run
/// # async fn sizes(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let mut images = client.images().search().in_repositories(|one| one.name.starts_with("train/")).stream();
/// let mut bytes = 0;
/// while let Some(found) = images.next().await {
///     let (repository, image) = found?;
///     println!("{} {}", repository.name, image.digest);
///     bytes += image.size;
/// }
/// println!("{bytes} bytes");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before the first image is asked for"]
pub struct ImageSearch {
    client: Client,
    concurrency: usize,
    wanted: Box<dyn Fn(&Repository) -> bool + Send + Sync>,
}

impl ImageSearch {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, concurrency: DEFAULT_CONCURRENCY, wanted: Box::new(|_| true) }
    }

    /// Repositories whose images are listed at the same time, from 1 to [`MAX_CONCURRENCY`]. Default
    /// [`DEFAULT_CONCURRENCY`]. Their lists are in memory meanwhile.
    pub fn concurrency(mut self, repositories: usize) -> Self {
        self.concurrency = repositories.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// Leaves the images of all other repositories out, which costs nothing for them.
    pub fn in_repositories(mut self, wanted: impl Fn(&Repository) -> bool + Send + Sync + 'static) -> Self {
        self.wanted = Box::new(wanted);
        self
    }

    /// Begins. The list of repositories, and one request for each repository where its count is right.
    pub fn stream(self) -> ImageStream {
        let Self { client, concurrency, wanted } = self;
        let missing = Arc::new(AtomicU64::new(0));
        let (counted, counting) = (missing.clone(), missing.clone());
        let repositories = client.repositories().list();
        let images = stream::once(repositories.collect_all()).flat_map(move |list| {
            let (repositories, failure) = match list {
                Ok(list) => {
                    count(&counted, &list);
                    (list.items, None)
                }
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            let wanted: Vec<_> = repositories.into_iter().filter(|one| wanted(one)).collect();
            let (client, counting) = (client.clone(), counting.clone());
            let lists =
                wanted.into_iter().map(move |one| images_of(client.clone(), Arc::new(one), counting.clone()));
            let images = stream::iter(lists).buffered(concurrency).flat_map(stream::iter);
            stream::iter(failure).chain(images)
        });
        let end = stream::once(async move { missing.load(Ordering::Relaxed) }).filter_map(async |missing| {
            let short = Error::Incomplete { operation: IMAGE_LIST.id, missing: Some(missing) };
            (missing > 0).then_some(Err(short))
        });
        ImageStream { images: Some(images.chain(end).boxed()) }
    }
}

fn count<T>(missing: &AtomicU64, list: &List<T>) {
    if let Completeness::Short { missing: more } = list.completeness {
        missing.fetch_add(more, Ordering::Relaxed);
    }
}

/// The images of one repository; none of one that is gone meanwhile.
async fn images_of(client: Client, repository: Arc<Repository>, missing: Arc<AtomicU64>) -> Vec<Item> {
    match optional(each::read(&client, &repository).await) {
        Ok(None) => Vec::new(),
        Ok(Some(list)) => {
            count(&missing, &list);
            list.items.into_iter().map(|image| Ok((repository.clone(), image))).collect()
        }
        Err(error) => vec![Err(error)],
    }
}

/// The images of all repositories, each with its repository, in the order of the repositories. After an error the
/// stream has ended; where the service counts more than it gave, that error is the last item, as with a
/// [`Pager`](crate::Pager).
#[must_use = "nothing is sent before the first image is asked for"]
pub struct ImageStream {
    images: Option<stream::BoxStream<'static, Item>>,
}

impl ImageStream {
    /// The next image; `None` at the end.
    ///
    /// # Errors
    /// As every call. The stream has ended then.
    pub async fn next(&mut self) -> Option<Item> {
        StreamExt::next(self).await
    }
}

impl Stream for ImageStream {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let Some(images) = &mut self.images else { return Poll::Ready(None) };
        let item = ready!(images.as_mut().poll_next(context));
        if !matches!(item, Some(Ok(_))) {
            self.images = None;
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for ImageSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSearch").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

impl fmt::Debug for ImageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageStream").finish_non_exhaustive()
    }
}
