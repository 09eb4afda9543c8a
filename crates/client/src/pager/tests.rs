//! Whatever changes between two requests, a list that is called complete is what there was at one moment.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

/// What happens to a list between two requests. Ids never come back, as those of the service.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Deleted(prop::sample::Index),
    Added(prop::sample::Index),
    Moved(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let one = prop_oneof![
        4 => Just(Change::Nothing),
        2 => index().prop_map(Change::Deleted),
        2 => index().prop_map(Change::Added),
        1 => (index(), index()).prop_map(|(from, to)| Change::Moved(from, to)),
    ];
    prop::collection::vec(one, 0..3)
}

/// A list that changes before each request, and what it was at each.
struct Changing {
    now: Mutex<State>,
    most: usize,
}

struct State {
    ids: Vec<Uuid>,
    next: u128,
    changes: VecDeque<Vec<Change>>,
    moments: Vec<Vec<Uuid>>,
}

impl Changing {
    fn new(length: usize, changes: Vec<Vec<Change>>, most: usize) -> Self {
        let ids = (0..length as u128).map(Uuid::from_u128).collect();
        let state = State { ids, next: length as u128, changes: changes.into(), moments: Vec::new() };
        Self { now: Mutex::new(state), most }
    }

    fn request<R>(&self, answer: impl FnOnce(&[Uuid]) -> R) -> R {
        let mut now = self.now.lock().unwrap();
        for change in now.changes.pop_front().unwrap_or_default() {
            let length = now.ids.len();
            match change {
                Change::Deleted(place) if length > 0 => drop(now.ids.remove(place.index(length))),
                Change::Added(place) => {
                    let id = Uuid::from_u128(now.next);
                    now.next += 1;
                    now.ids.insert(place.index(length + 1), id);
                }
                Change::Moved(from, to) if length > 0 => {
                    let id = now.ids.remove(from.index(length));
                    now.ids.insert(to.index(length), id);
                }
                _ => {}
            }
        }
        let ids = now.ids.clone();
        now.moments.push(ids.clone());
        answer(&ids)
    }

    /// True if these were the ids at the time of a request.
    fn was(&self, ids: &[Uuid]) -> bool {
        let sorted = |ids: &[Uuid]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        self.now.lock().unwrap().moments.iter().any(|moment| sorted(moment) == sorted(ids))
    }
}

impl Source<Uuid> for Arc<Changing> {
    fn page(&self, number: u32, size: NonZeroU32, _: Option<u64>) -> Boxed<'_, Result<Batch<Uuid>>> {
        let size = self.most.min(size.get() as usize);
        let items =
            self.request(|ids| ids.iter().skip((number as usize - 1) * size).take(size).copied().collect());
        Box::pin(async move { Ok(Batch { items, unreadable: Vec::new(), answers: None }) })
    }

    fn count(&self) -> Boxed<'_, Result<Option<u64>>> {
        let count = self.request(|ids| Some(ids.len() as u64));
        Box::pin(async move { Ok(count) })
    }

    fn operation(&self) -> &'static str {
        "repository_list"
    }

    fn id(&self, id: &Uuid) -> Uuid {
        *id
    }
}

fn ready<T>(reading: impl Future<Output = Result<T>>) -> T {
    reading.now_or_never().unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_answer_that_agrees_with_its_count_is_all_there_was(
        length in 0..40_usize,
        changes in prop::collection::vec(change(), 0..20),
    ) {
        let list = Arc::new(Changing::new(length, changes, usize::MAX));
        let read = ready(Pager::new(list.clone()).collect_all());
        prop_assert!(read.completeness != Completeness::Complete || list.was(&read.items));
    }

    #[test]
    fn two_equal_walks_with_one_count_are_all_there_was(
        length in 0..40_usize,
        most in 1..20_usize,
        changes in prop::collection::vec(change(), 0..40),
    ) {
        let list = Arc::new(Changing::new(length, changes, most));
        let read = ready(Pager::new(list.clone()).collect_verified());
        // An answer as long as the count is taken for whole; that it is cut just there cannot be seen.
        prop_assume!(list.now.lock().unwrap().moments.iter().all(|moment| moment.len() != most));
        prop_assert!(read.completeness != Completeness::Complete || list.was(&read.items), "{read:?}");
    }

    #[test]
    fn a_list_at_rest_is_known_to_be_complete(length in 0..300_usize, most in 1..120_usize) {
        let list = Arc::new(Changing::new(length, Vec::new(), most));
        let read = ready(Pager::new(list.clone()).collect_verified());
        prop_assert_eq!((read.items.len(), read.completeness), (length, Completeness::Complete));
    }
}

/// Every page is full of new ids, for ever.
struct Endless;

impl Source<Uuid> for Endless {
    fn page(&self, _: u32, size: NonZeroU32, _: Option<u64>) -> Boxed<'_, Result<Batch<Uuid>>> {
        let items = (0..size.get()).map(|_| Uuid::new_v4()).collect();
        Box::pin(async move { Ok(Batch { items, unreadable: Vec::new(), answers: None }) })
    }

    fn count(&self) -> Boxed<'_, Result<Option<u64>>> {
        Box::pin(async { Ok(Some(2_500)) })
    }

    fn operation(&self) -> &'static str {
        "repository_list"
    }

    fn id(&self, id: &Uuid) -> Uuid {
        *id
    }
}

#[test]
fn pages_without_end_end_by_the_count() {
    let read = ready(Pager::new(Endless).collect_all());
    assert_eq!((read.items.len(), read.completeness), (2_500, Completeness::Unknown));
}
