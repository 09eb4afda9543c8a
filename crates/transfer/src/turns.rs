//! Things that are under way, for all calls of a client: whoever wants one that is comes after it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

/// One turn for each thing that somebody holds, with what the last one has left for the next.
pub(crate) struct Turns<K, V>(Mutex<HashMap<K, Arc<AsyncMutex<V>>>>);

impl<K, V> Default for Turns<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, V: Default> Turns<K, V> {
    /// The turn of a thing; its lock is held while the thing is under way.
    pub(crate) fn of(&self, key: &K) -> Arc<AsyncMutex<V>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        under_way.entry(key.clone()).or_default().clone()
    }
}
