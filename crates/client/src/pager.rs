//! Lists that stream, and know when they are complete.
//!
//! How a paged list is read:
//!
//! 1. Pages are asked for in order; items seen before are dropped.
//! 2. A page that is short or brings nothing new is a reason for doubt, not the end: the service's own
//!    count is read, once.
//! 3. With as many items as the count says, the list has ended. With fewer, reading goes on, until
//!    three pages in a row bring nothing new; a server that ignores `page` stops us there.
//! 4. A row that is not as documented is given apart, and costs the others nothing.
//! 5. The verdict says whether the list is complete.

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use mlspace_registry_api::UnreadableRow;
use mlspace_registry_api::types::Repository;
use uuid::Uuid;

use crate::error::Result;
use cursor::{Cursor, read_on};

mod cursor;

/// Items asked for with one request unless the caller says otherwise. Neither the service's default nor
/// its maximum is known; other clients of it use 50 to 200.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The verdict on a list: does it hold all there was?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completeness {
    /// As many items as the service counts.
    Complete,
    /// The service counts this many more than it gave, or than could be read.
    Short {
        /// How many are missing.
        missing: u64,
    },
    /// There is no count to compare with, it could not be read, or the list changed while it was read.
    Unknown,
}

impl Completeness {
    pub(crate) fn judge(seen: u64, counted: Option<u64>) -> Self {
        match counted {
            Some(counted) if seen == counted => Self::Complete,
            Some(counted) if seen < counted => Self::Short { missing: counted - seen },
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Short { missing } => write!(f, "short by {missing}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A list, read as it is consumed: a [`Stream`] of items. Nothing is sent before the first item is asked
/// for. After an error the stream has ended.
///
/// Items that are deleted while the list is read move the rest up, and the next page then skips some: to
/// delete what a list shows, read it to its end first.
///
/// ```no_run
/// # async fn list(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let mut repositories = client.repositories().list();
/// while let Some(repository) = repositories.next().await {
///     println!("{}", repository?.name);
/// }
/// println!("{:?}", repositories.completeness());
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before the first item is asked for"]
pub struct Pager<T> {
    pages: Pages<T>,
    items: std::vec::IntoIter<T>,
    unreadable: Vec<UnreadableRow>,
}

/// The pages of a list, each with what was new on it.
#[must_use = "nothing is sent before the first page is asked for"]
pub struct Pages<T> {
    source: Arc<dyn Source<T>>,
    page_size: NonZeroU32,
    stage: Stage<T>,
    completeness: Option<Completeness>,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// Its number, from 1.
    pub number: u32,
    /// Its items that were new, in the service's order.
    pub items: Vec<T>,
    /// Its rows that are not as documented. Where there is none, there are items.
    pub unreadable: Vec<UnreadableRow>,
}

/// All of a list, and whether it is all there was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct List<T> {
    /// The items, in the service's order.
    pub items: Vec<T>,
    /// The rows that are not as documented. Where there are any, the list is not complete.
    pub unreadable: Vec<UnreadableRow>,
    /// The verdict: are they all?
    pub completeness: Completeness,
}

/// Where a list comes from.
pub(crate) trait Source<T>: Send + Sync {
    /// Reads one page, by its number from 1.
    fn page(&self, number: u32, size: NonZeroU32) -> Boxed<'_, Result<Batch<T>>>;
    /// The service's own count of the items, if there is one and it can be read.
    fn count(&self) -> Boxed<'_, Option<u64>> {
        Box::pin(std::future::ready(None))
    }
    /// The id, which tells items apart.
    fn id(&self, item: &T) -> Uuid;
}

/// The rows of one request.
pub(crate) struct Batch<T> {
    pub(crate) items: Vec<T>,
    pub(crate) unreadable: Vec<UnreadableRow>,
    /// Set when the source itself knows that the list ends here, and how.
    pub(crate) end: Option<Completeness>,
}

enum Stage<T> {
    Ready(Cursor),
    Reading(Boxed<'static, (Cursor, Option<Result<Page<T>>>)>),
    Ended,
}

impl<T: Send + 'static> Pager<T> {
    pub(crate) fn new(source: impl Source<T> + 'static) -> Self {
        let page_size = NonZeroU32::new(DEFAULT_PAGE_SIZE).unwrap_or(NonZeroU32::MIN);
        let stage = Stage::Ready(Cursor::default());
        let pages = Pages { source: Arc::new(source), page_size, stage, completeness: None };
        Self { pages, items: Vec::new().into_iter(), unreadable: Vec::new() }
    }

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// As every call. The stream has ended then.
    pub async fn next(&mut self) -> Option<Result<T>> {
        StreamExt::next(self).await
    }

    /// Reads the rest of the list into memory.
    ///
    /// # Errors
    /// As every call.
    pub async fn collect_all(mut self) -> Result<List<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        let completeness = self.completeness().unwrap_or(Completeness::Unknown);
        Ok(List { items, unreadable: self.unreadable, completeness })
    }

    /// The pages instead of the items. Items of a page that is partly consumed are not seen again.
    pub fn into_pages(self) -> Pages<T> {
        self.pages
    }

    /// The rows so far that are not as documented, and so no items. Where there are any, the list is not
    /// complete.
    pub fn unreadable(&self) -> &[UnreadableRow] {
        &self.unreadable
    }

    /// The verdict on the whole list; `None` until it has been read to its end.
    pub fn completeness(&self) -> Option<Completeness> {
        // The verdict is on the whole list, so it is not given while items of it are still in hand.
        self.pages.completeness.filter(|_| self.items.as_slice().is_empty())
    }
}

impl Pager<Repository> {
    /// How many items to ask for with one request. Default [`DEFAULT_PAGE_SIZE`]. A service that gives
    /// fewer is read all the same.
    pub fn page_size(mut self, size: NonZeroU32) -> Self {
        self.pages.page_size = size;
        self
    }
}

impl<T: Send + 'static> Pages<T> {
    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// As every call. The stream has ended then.
    pub async fn next(&mut self) -> Option<Result<Page<T>>> {
        StreamExt::next(self).await
    }

    /// The verdict on the whole list; `None` until it has been read to its end.
    pub fn completeness(&self) -> Option<Completeness> {
        self.completeness
    }
}

impl<T: Send + 'static> Stream for Pages<T> {
    type Item = Result<Page<T>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::Ready(cursor) => {
                    let (cursor, source) = (std::mem::take(cursor), self.source.clone());
                    self.stage = Stage::Reading(Box::pin(read_on(cursor, source, self.page_size)));
                }
                Stage::Reading(reading) => {
                    let (cursor, page) = ready!(reading.as_mut().poll(context));
                    self.completeness = cursor.end;
                    self.stage = match &page {
                        Some(Ok(_)) => Stage::Ready(cursor),
                        _ => Stage::Ended,
                    };
                    return Poll::Ready(page);
                }
            }
        }
    }
}

impl<T: Send + 'static> Stream for Pager<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(context)) {
                Some(Ok(page)) => {
                    self.items = page.items.into_iter();
                    self.unreadable.extend(page.unreadable);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> Unpin for Pager<T> {}
impl<T> Unpin for Pages<T> {}

impl<T> fmt::Debug for Pager<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pager").field("completeness", &self.pages.completeness).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("completeness", &self.completeness).finish_non_exhaustive()
    }
}
