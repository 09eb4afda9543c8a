//! The contents of a running simulator, and the one lock around it. Below both listeners, and knows neither.

mod publish;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::accounts::registry::Tokens;
use crate::accounts::{self, Accounts};
use crate::clock::Clock;
use crate::faults::armed::Faults;
use crate::journal::Journal;
use crate::limiter::Limiter;
use crate::quirks::Quirks;
use crate::state::World;
use crate::state::content::{Content, Index};

pub(crate) use publish::{BadPart, Push, PushError};

/// Everything that a running simulator holds.
pub(crate) struct Service {
    pub(crate) clock: Arc<Clock>,
    pub(crate) world: World,
    pub(crate) content: Content,
    pub(crate) tokens: Tokens,
    pub(crate) accounts: Accounts,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) limiter: Limiter,
}

impl Service {
    pub(crate) fn new(clock: Arc<Clock>, world: World, content: Content, accounts: Accounts) -> Self {
        Self {
            world,
            content,
            tokens: Tokens::new(accounts.is_exposed),
            accounts,
            quirks: Quirks::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            limiter: Limiter::default(),
            clock,
        }
    }
}

/// The state as it is kept from one run to the next; to be read, `World` and the others are owned.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept<W = World, I = Index> {
    format: u32,
    pub(crate) world: W,
    pub(crate) index: I,
    pub(crate) accounts: accounts::Kept,
}

/// The form in which the state is kept. A file of another one is refused.
const FORMAT: u32 = 1;

impl Kept {
    /// Reads a state, or says why it is none.
    pub(crate) fn read(bytes: &[u8]) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let Form { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(io::Error::other(format!(
                "its state is of format {format}, and this simulator reads {FORMAT}"
            )));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

impl Service {
    /// Writes the state for the next run, if there is to be one.
    pub(crate) fn save(&self) -> io::Result<()> {
        let (world, index, accounts) = (&self.world, self.content.index(), self.accounts.keep());
        let kept = Kept { format: FORMAT, world, index, accounts };
        self.content.store.save(|| Ok(serde_json::to_vec(&kept)?))
    }
}

/// The service and the clock that it shares with whoever waits.
#[derive(Clone)]
pub(crate) struct Shared {
    service: Arc<Mutex<Service>>,
    clock: Arc<Clock>,
}

impl Shared {
    pub(crate) fn new(service: Service) -> Self {
        Self { clock: service.clock.clone(), service: Arc::new(Mutex::new(service)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}
