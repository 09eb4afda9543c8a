//! How far a paged list has been read, and whether it has ended.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{Batch, Completeness, Page, Source};
use crate::error::Result;

/// Pages without anything new that are read in a row before a list is given up as short.
const FRUITLESS_PAGES: u32 = 3;
/// Ids that are remembered to drop repeated items: a bound, so that memory does not grow with the list.
const REMEMBERED: usize = 65_536;

/// How far a list has been read.
#[derive(Default)]
pub(super) struct Cursor {
    pages: u32,
    seen: Seen,
    /// Rows that came, repeated ones included.
    rows: u64,
    items: u64,
    unreadable: u64,
    fruitless: u32,
    counted: bool,
    count: Option<u64>,
    pub(super) end: Option<Completeness>,
}

/// The ids of the first page, for a server that starts over, and the most recent ones.
#[derive(Default)]
struct Seen {
    first: HashSet<Uuid, RandomState>,
    recent: HashSet<Uuid, RandomState>,
    order: VecDeque<Uuid>,
}

impl Seen {
    fn is_new(&mut self, id: Uuid, first_page: bool) -> bool {
        if self.first.contains(&id) || self.recent.contains(&id) {
            return false;
        }
        if first_page {
            return self.first.insert(id);
        }
        if self.order.len() == REMEMBERED
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
    size: NonZeroU32,
) -> (Cursor, Option<Result<Page<T>>>) {
    while cursor.end.is_none() {
        let number = cursor.pages + 1;
        let batch = match source.page(number, size).await {
            Ok(batch) => batch,
            Err(error) => return (cursor, Some(Err(error))),
        };
        cursor.pages = number;
        let Batch { mut items, mut unreadable, end } = batch;
        let rows = items.len() + unreadable.len();
        let full = rows >= size.get() as usize;
        items.retain(|item| cursor.seen.is_new(source.id(item), number == 1));
        let anything_new = !items.is_empty();
        unreadable.retain(|row| match row.id {
            Some(id) => cursor.seen.is_new(id, number == 1),
            // It may be one that was seen; on a page that repeats another it is.
            None => anything_new || number == 1,
        });
        unreadable.iter_mut().for_each(|row| row.number += cursor.rows);
        cursor.rows += rows as u64;
        cursor.items += items.len() as u64;
        cursor.unreadable += unreadable.len() as u64;
        let nothing_new = items.is_empty() && unreadable.is_empty();
        cursor.fruitless = if nothing_new { cursor.fruitless + 1 } else { 0 };
        cursor.end = match end {
            Some(end) => Some(end),
            None => cursor.judge(&*source, full, nothing_new).await,
        };
        if !nothing_new {
            return (cursor, Some(Ok(Page { number, items, unreadable })));
        }
    }
    (cursor, None)
}

impl Cursor {
    /// Says if the list ends with the page just read, and how.
    async fn judge<T>(
        &mut self,
        source: &dyn Source<T>,
        full: bool,
        nothing_new: bool,
    ) -> Option<Completeness> {
        if (!full || nothing_new) && !self.counted {
            self.counted = true;
            // A count that cannot be read takes the verdict away, not the list.
            self.count = source.count().await;
        }
        let reached = self.count.is_some_and(|count| self.items + self.unreadable >= count);
        let given_up = nothing_new && (self.count.is_none() || self.fruitless >= FRUITLESS_PAGES);
        (self.counted && (reached || given_up)).then(|| Completeness::judge(self.items, self.count))
    }
}
