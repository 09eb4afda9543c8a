//! How a simulator is described and started.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::dispatch::{Service, Shared};
use crate::fault_spec::{FaultError, FaultSpec};
use crate::quirks::Quirk;
use crate::seed::{Seed, SeedError};
use crate::simulator::Simulator;
use crate::state::World;

/// How a simulator is to be.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    seed: Seed,
    quirks: Vec<Quirk>,
    faults: Vec<FaultSpec>,
    running_clock: bool,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The seed cannot be used.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A fault cannot be armed.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            seed: Seed::default(),
            quirks: Vec::new(),
            faults: Vec::new(),
            running_clock: false,
        }
    }
}

impl Builder {
    /// Where to listen; 127.0.0.1 and any free port if not set.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// What is in the registry at the start; [`Seed::Demo`] if not set.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Sets a switch.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Arms a fault from the start, as [`Simulator::fail`] does later.
    #[must_use]
    pub fn fault(mut self, spec: FaultSpec) -> Self {
        self.faults.push(spec);
        self
    }

    /// Follows the machine's clock. Otherwise the clock stands at 2026-11-01T12:00:00Z and moves only by
    /// [`Simulator::advance`], so that tests neither wait nor differ from run to run.
    #[must_use]
    pub fn running_clock(mut self) -> Self {
        self.running_clock = true;
        self
    }

    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, the seed cannot be used, or a fault cannot be armed.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let clock = Arc::new(Clock::new(self.running_clock));
        let mut world = World::new(clock.clone());
        self.seed.sow(&mut world)?;
        let mut service = Service::new(clock, world);
        for quirk in self.quirks {
            service.quirks.set(quirk);
        }
        for spec in self.faults {
            service.faults.arm(&spec.operation, spec.fault)?;
        }
        let address = self.listen;
        let cannot_listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
        let base_url = format!("http://{}", listener.local_addr().map_err(cannot_listen)?);
        let shared = Shared::new(service);
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(crate::server::serve(listener, shared.clone(), stopped));
        Ok(Simulator { base_url, shared, stop, server })
    }
}
