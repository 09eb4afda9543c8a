//! The contents of a running simulator, and the one lock around it. Below both listeners, and knows neither.

mod publish;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::accounts::Accounts;
use crate::accounts::registry::Tokens;
use crate::clock::Clock;
use crate::faults::armed::Faults;
use crate::journal::Journal;
use crate::limiter::Limiter;
use crate::quirks::Quirks;
use crate::state::World;
use crate::state::content::Content;

pub(crate) use publish::{BadPart, Push};

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
    pub(crate) fn new(clock: Arc<Clock>, world: World, content: Content) -> Self {
        Self {
            world,
            content,
            tokens: Tokens::default(),
            accounts: Accounts::new(),
            quirks: Quirks::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            limiter: Limiter::default(),
            clock,
        }
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
