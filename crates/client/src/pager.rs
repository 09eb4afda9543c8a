//! Lists that stream, and know when they are complete.
//!
//! How a paged list is read:
//!
//! 1. The service's own count is read, then the pages in order; items seen before are dropped. A list that
//!    is not long is asked for in one answer.
//! 2. Where a whole list came in one answer and agrees with the count, it is complete.
//! 3. Otherwise reading goes on until there are as many items as the count says, read anew, or until three
//!    pages in a row bring nothing new; neither a server that ignores `page` nor one whose pages never end
//!    goes on for ever.
//! 4. Of a list that came in several answers one walk cannot tell whether it is complete: what is deleted
//!    from a page that was read moves the rest up, and the count falls with it. Two equal walks can; see
//!    [`Pager::collect_verified`].
//! 5. A row that is not as documented is given apart, and costs the others nothing.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use mlspace_registry_api::UnreadableRow;
use mlspace_registry_api::types::Repository;
use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use cursor::{Cursor, ONE_ANSWER, read_on};

mod cursor;

/// Items asked for with one request of a long list unless the caller says otherwise. Neither the service's default nor
/// its maximum is known; other clients of it use 50 to 200.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The verdict on a list: does it hold all there was?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Completeness {
    /// All that there was at one moment: it came in one answer and agrees with the count that was read
    /// before, or two walks agreed, see [`Pager::collect_verified`]. Only a list that grows between the two
    /// past the service's largest page, and was exactly as long, is not told from a whole one.
    Complete,
    /// The service counts this many more than it gave, or than could be read.
    Short {
        /// How many are missing.
        missing: u64,
    },
    /// There is no count to compare with or it could not be read, the list changed while it was read
    /// ([`Pager::changed`]), or it came in several answers, between which it may have.
    Unknown,
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
/// A list that the service counts more items of than it gave does not end quietly: its last item is
/// [`Error::Incomplete`], so that neither `?` in a loop nor `try_collect` takes it for the whole. Who needs to know that
/// nothing is missing, and not only that nothing is known to be, uses [`collect_complete`](Self::collect_complete); who
/// can do with less uses [`collect_all`](Self::collect_all), which gives what there is with its verdict.
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
    /// The end has been told.
    told: bool,
}

/// The pages of a list, each with what was new on it.
#[must_use = "nothing is sent before the first page is asked for"]
pub struct Pages<T> {
    source: Arc<dyn Source<T>>,
    page_size: Option<NonZeroU32>,
    /// Items that may still come, where there is a limit.
    left: Option<usize>,
    stage: Stage<T>,
    completeness: Option<Completeness>,
    changed: bool,
    count: Option<u64>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Reads one page, by its number from 1. The count is what is known of the length of the whole list.
    fn page(&self, number: u32, size: NonZeroU32, count: Option<u64>) -> Boxed<'_, Result<Batch<T>>>;
    /// The service's own count of the items, if there is one.
    fn count(&self) -> Boxed<'_, Result<Option<u64>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// The id, which tells items apart.
    fn id(&self, item: &T) -> Uuid;
    /// The id of the operation that lists.
    fn operation(&self) -> &'static str;
}

/// The rows of one request.
pub(crate) struct Batch<T> {
    pub(crate) items: Vec<T>,
    pub(crate) unreadable: Vec<UnreadableRow>,
    /// Set when this is the whole list: in how many answers it came.
    pub(crate) answers: Option<u32>,
}

enum Stage<T> {
    Ready(Cursor),
    Reading(Boxed<'static, (Cursor, Option<Result<Page<T>>>)>),
    Ended,
}

impl<T: Send + 'static> Pager<T> {
    pub(crate) fn new(source: impl Source<T> + 'static) -> Self {
        Self::walk(Arc::new(source), None, Cursor::default())
    }

    /// Takes a count that was just read, and so spares a request.
    pub(crate) fn counted(mut self, count: Option<u64>) -> Self {
        self.pages.count = count;
        self.pages.stage = Stage::Ready(Cursor::after(count));
        self
    }

    fn walk(source: Arc<dyn Source<T>>, page_size: Option<NonZeroU32>, cursor: Cursor) -> Self {
        let stage = Stage::Ready(cursor);
        let pages =
            Pages { source, page_size, left: None, stage, completeness: None, changed: false, count: None };
        Self { pages, items: Vec::new().into_iter(), unreadable: Vec::new(), told: false }
    }

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// As every call. The stream has ended then.
    pub async fn next(&mut self) -> Option<Result<T>> {
        StreamExt::next(self).await
    }

    /// Reads the rest of the list into memory, complete or not: the verdict is with it.
    ///
    /// # Errors
    /// As every call.
    pub async fn collect_all(mut self) -> Result<List<T>> {
        self.rest(|_| {}).await
    }

    async fn rest(&mut self, trim: fn(&mut T)) -> Result<List<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            match item {
                Ok(mut item) => {
                    trim(&mut item);
                    items.push(item);
                }
                Err(Error::Incomplete { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let completeness = self.completeness().unwrap_or(Completeness::Unknown);
        Ok(List { items, unreadable: std::mem::take(&mut self.unreadable), completeness })
    }

    /// Reads the whole list into memory, and gives it only if it is complete: for whoever acts on what is *not* in it.
    /// See [`collect_verified`](Self::collect_verified), which costs the same.
    ///
    /// ```no_run
    /// # async fn list(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let repositories = client.repositories().list().collect_complete().await?;
    /// println!("all {} of them", repositories.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Incomplete`] where it is not, or not known to be; that of tags never is, because the service does not
    /// count them. Otherwise as every call.
    pub async fn collect_complete(self) -> Result<Vec<T>> {
        let operation = self.pages.source.operation();
        let list = self.collect_verified().await?;
        match list.completeness {
            Completeness::Complete => Ok(list.items),
            Completeness::Short { missing } => Err(Error::Incomplete { operation, missing: Some(missing) }),
            Completeness::Unknown => Err(Error::Incomplete { operation, missing: None }),
        }
    }

    /// Reads the whole list into memory, from its beginning, and tells whether it is complete: a second time
    /// where it comes in several answers. If both walks give the same ids in the same order, and the count
    /// before, between and after is theirs, these are the items that there were between the two. That holds
    /// whatever changes meanwhile, unless an id that was deleted comes back; a service that leaves out and
    /// counts the same both times is out of reach.
    ///
    /// Twice the requests of [`collect_all`](Self::collect_all) at most.
    ///
    /// # Errors
    /// As every call.
    pub async fn collect_verified(self) -> Result<List<T>> {
        self.collect_trimmed(|_| {}).await
    }

    /// The same, with each item made smaller as it comes.
    async fn collect_trimmed(self, trim: fn(&mut T)) -> Result<List<T>> {
        let Pages { source, page_size, count, .. } = self.pages;
        let told = |list: &List<T>, pages: &Pages<T>| match list.completeness {
            Completeness::Complete => true,
            // Another walk finds what was passed over, and not what is never given.
            Completeness::Short { .. } => !pages.changed,
            Completeness::Unknown => pages.count.is_none() || !list.unreadable.is_empty(),
        };
        let start = count.map_or_else(Cursor::default, |count| Cursor::after(Some(count)));
        let mut walk = Self::walk(source.clone(), page_size, start);
        let first = walk.rest(trim).await?;
        if told(&first, &walk.pages) {
            return Ok(first);
        }
        let Pages { count, changed, page_size, .. } = walk.pages;
        let mut walk = Self::walk(source.clone(), page_size, Cursor::after(count));
        let mut second = walk.rest(trim).await?;
        let steady = !changed && !walk.pages.changed && walk.pages.count == count;
        let ids = |list: &List<T>| list.items.iter().map(|item| source.id(item)).collect::<Vec<_>>();
        let (before, ids) = (ids(&first), ids(&second));
        let distinct = ids.iter().collect::<HashSet<_>>().len() as u64;
        if steady && before == ids && count == Some(distinct) && ids.len() as u64 == distinct {
            second.completeness = Completeness::Complete;
        }
        Ok(second)
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

    /// True if the list is known to have changed while it was read, so that items may have been passed over:
    /// the counts before and after differ, or there were more items than the count says.
    pub fn changed(&self) -> bool {
        self.pages.changed
    }
}

impl Pager<Repository> {
    /// How many items to ask for with one request. By default the whole list where it is shorter than 1,000
    /// items, else [`DEFAULT_PAGE_SIZE`]. A service that gives fewer is read all the same.
    pub fn page_size(mut self, size: NonZeroU32) -> Self {
        self.pages.page_size = Some(size);
        self
    }

    /// Ends the list after so many items, and asks for no more than those: one request for less than 1,000,
    /// and none for the count unless there are fewer. A list that is cut has no verdict.
    pub fn limit(mut self, items: NonZeroU32) -> Self {
        self.pages.left = Some(items.get() as usize);
        if u64::from(items.get()) < ONE_ANSWER {
            self.pages.page_size.get_or_insert(items);
            self.pages.stage = Stage::Ready(Cursor::counting_late());
        }
        self
    }

    /// [`collect_verified`](Self::collect_verified), which keeps of each repository neither its tags nor its recent
    /// image nor its commands: of thousands of repositories these are hundreds of megabytes.
    ///
    /// # Errors
    /// As every call.
    pub async fn collect_verified_without_tags(self) -> Result<List<Repository>> {
        self.collect_trimmed(|repository| {
            repository.tags = Vec::new();
            (repository.recent_image, repository.commands) = (None, None);
        })
        .await
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

    /// Leaves out what is beyond the limit; says whether that has been reached.
    fn cut(&mut self, page: &mut Page<T>) -> bool {
        let Some(left) = &mut self.left else { return false };
        page.items.truncate(*left);
        *left -= page.items.len();
        if *left == 0 {
            self.completeness = None;
        }
        *left == 0
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
                    let (cursor, mut page) = ready!(reading.as_mut().poll(context));
                    self.completeness = cursor.end;
                    (self.page_size, self.changed, self.count) = (cursor.size, cursor.changed, cursor.count);
                    let goes_on =
                        page.as_mut().is_some_and(|page| page.as_mut().is_ok_and(|page| !self.cut(page)));
                    self.stage = if goes_on { Stage::Ready(cursor) } else { Stage::Ended };
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
                None => {
                    let Some(Completeness::Short { missing }) =
                        self.pages.completeness.filter(|_| !self.told)
                    else {
                        return Poll::Ready(None);
                    };
                    self.told = true;
                    let operation = self.pages.source.operation();
                    return Poll::Ready(Some(Err(Error::Incomplete { operation, missing: Some(missing) })));
                }
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

#[cfg(test)]
mod tests;
