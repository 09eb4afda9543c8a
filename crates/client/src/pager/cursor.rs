//! How far a paged list has been read, and whether it has ended.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{Batch, Completeness, DEFAULT_PAGE_SIZE, Page, Source};
use crate::error::{Error, Result};

const PAGE: NonZeroU32 = match NonZeroU32::new(DEFAULT_PAGE_SIZE) {
    Some(size) => size,
    None => NonZeroU32::MIN,
};

/// Pages without anything new that are read in a row before a list is given up as short.
const FRUITLESS_PAGES: u32 = 3;
/// Pages whose ids are remembered to drop repeated items: what is added while a list is read repeats the end
/// of one page at the head of the next.
const REMEMBERED_PAGES: usize = 4;
/// A list of fewer items is asked for in one answer, which is one moment: some megabytes.
pub(super) const ONE_ANSWER: u64 = 1_000;

/// How far a list has been read.
#[derive(Default)]
pub(super) struct Cursor {
    pages: u32,
    pub(super) size: Option<NonZeroU32>,
    seen: RecentIds,
    /// Rows that came, repeated ones included.
    rows: u64,
    items: u64,
    unreadable: u64,
    fruitless: u32,
    /// The count is not needed before the list turns out to be short.
    late: bool,
    /// The service's count before the first page, and the newest; `None` inside where it could not be read.
    pub(super) before: Option<Option<u64>>,
    pub(super) count: Option<u64>,
    /// The list is known to have changed while it was read.
    pub(super) changed: bool,
    pub(super) end: Option<Completeness>,
}

/// The ids of the first page, for a server that starts over, and those of the last few.
#[derive(Default)]
struct RecentIds {
    first: HashSet<Uuid, RandomState>,
    recent: HashSet<Uuid, RandomState>,
    order: VecDeque<Uuid>,
}

impl RecentIds {
    fn is_new(&mut self, id: Uuid, first_page: bool, remembered: usize) -> bool {
        if self.first.contains(&id) || self.recent.contains(&id) {
            return false;
        }
        if first_page {
            return self.first.insert(id);
        }
        if self.order.len() >= remembered
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.order.push_back(id);
        self.recent.insert(id)
    }
}

/// Reads until there is a page with something new on it, or the list ends.
pub(super) async fn read_on<T: Send + 'static>(
    mut cursor: Cursor,
    source: Arc<dyn Source<T>>,
    size: Option<NonZeroU32>,
) -> (Cursor, Option<Result<Page<T>>>) {
    while cursor.end.is_none() {
        let number = cursor.pages.saturating_add(1);
        let batch = match cursor.read(&*source, number, size).await {
            Ok(batch) => batch,
            Err(error) => return (cursor, Some(Err(error))),
        };
        cursor.pages = number;
        let Batch { mut items, mut unreadable, answers } = batch;
        let rows = items.len() + unreadable.len();
        let size = cursor.size.map_or(usize::MAX, |size| size.get() as usize);
        let remembered = size.saturating_mul(REMEMBERED_PAGES).max(rows);
        items.retain(|item| cursor.seen.is_new(source.id(item), number == 1, remembered));
        let anything_new = !items.is_empty();
        unreadable.retain(|row| match row.id {
            Some(id) => cursor.seen.is_new(id, number == 1, remembered),
            // It may be one that was seen; on a page that repeats another it is.
            None => anything_new || number == 1,
        });
        unreadable.iter_mut().for_each(|row| row.number += cursor.rows);
        cursor.rows += rows as u64;
        cursor.items += items.len() as u64;
        cursor.unreadable += unreadable.len() as u64;
        let nothing_new = items.is_empty() && unreadable.is_empty();
        cursor.fruitless = if nothing_new { cursor.fruitless + 1 } else { 0 };
        // One row more was asked for than there should be, and did not come.
        let one_answer = number == 1 && answers.map_or(rows < size, |answers| answers == 1);
        if one_answer && let Err(error) = cursor.count_first(&*source).await {
            return (cursor, Some(Err(error)));
        }
        if one_answer && cursor.before == Some(Some(cursor.items)) && cursor.unreadable == 0 {
            cursor.end = Some(Completeness::Complete);
        } else {
            cursor.judge(&*source, answers.is_some(), nothing_new).await;
        }
        if !nothing_new {
            return (cursor, Some(Ok(Page { number, items, unreadable })));
        }
    }
    (cursor, None)
}

impl Cursor {
    /// A walk that begins where another ended, with its last count.
    pub(super) fn after(count: Option<u64>) -> Self {
        Self { before: Some(count), count, ..Self::default() }
    }

    /// A walk that may never need the count.
    pub(super) fn counting_late() -> Self {
        Self { late: true, ..Self::default() }
    }

    /// Reads the count that others are compared with, unless it is known.
    async fn count_first<T>(&mut self, source: &dyn Source<T>) -> Result<()> {
        if self.before.is_none() {
            self.count = match source.count().await {
                Ok(count) => count,
                // A count that is refused or odd takes the verdict away, not the list.
                Err(error) if is_about_the_count(&error) => None,
                Err(error) => return Err(error),
            };
            self.before = Some(self.count);
        }
        Ok(())
    }

    /// Reads a page; before the first one the count, unless it is known or not needed yet.
    async fn read<T>(
        &mut self,
        source: &dyn Source<T>,
        number: u32,
        size: Option<NonZeroU32>,
    ) -> Result<Batch<T>> {
        if !self.late {
            self.count_first(source).await?;
        }
        if let Some(size) = self.size.or(size) {
            self.size = Some(size);
            return source.page(number, size, self.count).await;
        }
        let whole =
            self.count.filter(|count| *count < ONE_ANSWER).and_then(|count| u32::try_from(count + 1).ok());
        let whole = whole.and_then(NonZeroU32::new).map_or(PAGE, |whole| whole.max(PAGE));
        let mut size = whole;
        let mut batch = source.page(number, size, self.count).await;
        if batch.as_ref().is_err_and(|error| size > PAGE && is_about_the_size(error)) {
            size = PAGE;
            batch = source.page(number, size, self.count).await;
        }
        self.size = Some(size);
        batch
    }

    /// Ends the list if the page just read was its last.
    async fn judge<T>(&mut self, source: &dyn Source<T>, all_read: bool, nothing_new: bool) {
        let seen = self.items + self.unreadable;
        let reached = |count: Option<u64>| count.is_some_and(|count| seen >= count);
        let recount = all_read || reached(self.count) || nothing_new && self.fruitless == 1;
        if !recount {
            self.end = (self.fruitless >= FRUITLESS_PAGES).then(|| self.verdict());
            return;
        }
        self.count = source.count().await.unwrap_or(None);
        self.changed |=
            matches!((self.before, self.count), (Some(Some(before)), Some(after)) if before != after);
        if all_read || reached(self.count) || self.count.is_none() && nothing_new {
            self.end = Some(self.verdict());
        }
    }

    fn verdict(&mut self) -> Completeness {
        let seen = self.items + self.unreadable;
        self.changed |= self.count.is_some_and(|count| seen > count);
        match self.count {
            Some(count) if self.items < count => Completeness::Short { missing: count - self.items },
            _ => Completeness::Unknown,
        }
    }
}

/// True for a failure to read the count that says nothing of how reading the list would fare.
fn is_about_the_count(error: &Error) -> bool {
    !error.is_sign_in() && (error.status().is_some() || matches!(error, Error::Decode { .. }))
}

/// True if a smaller page may fare better.
fn is_about_the_size(error: &Error) -> bool {
    matches!(error.status(), Some(400 | 413 | 422)) || matches!(error, Error::Decode { .. })
}
