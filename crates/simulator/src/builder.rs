//! Describing and starting a simulator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::faults::spec::{FaultError, FaultSpec};
use crate::quirks::Quirk;
use crate::seed::{Seed, SeedError};
use crate::server::Limits;
use crate::service::{Kept, Service, Shared};
use crate::simulator::Simulator;
use crate::state::World;
use crate::state::content::{Content, Index};
use crate::state::store::BlobStore;
use crate::{management, oci, server};

/// The description of a simulator that is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    seed: Seed,
    quirks: Vec<Quirk>,
    faults: Vec<FaultSpec>,
    running_clock: bool,
    registry_listen: SocketAddr,
    state_dir: Option<PathBuf>,
}

/// The reason for which a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The folder for the registry's files cannot be used.
    #[error("cannot keep the state in {}; the folder must be writable, hold nothing else, and no other simulator may use it", folder.display())]
    State {
        /// The folder.
        folder: PathBuf,
        /// The cause.
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
            registry_listen: (Ipv4Addr::LOCALHOST, 0).into(),
            state_dir: None,
        }
    }
}

impl Builder {
    /// Listens there; 127.0.0.1 and any free port if not set. Beyond loopback keys, tokens and passwords are random;
    /// on loopback they are the same on every run.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets the image registry listen there; 127.0.0.1 and any free port if not set.
    #[must_use]
    pub fn registry_listen(mut self, address: SocketAddr) -> Self {
        self.registry_listen = address;
        self
    }

    /// The folder where everything is kept, made if it is missing; a temporary folder that is removed at the end if
    /// not set. [`Simulator::stop`] writes the whole state there, keys included, and the next start reads it; the seed
    /// counts only for a folder without a state. After a kill the state of the last good end is read, and
    /// [`Simulator::has_lost_state`] says so. One folder is for one simulator at a time, and for nothing else.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// Fills the registry with that seed; [`Seed::Demo`] if not set.
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
    /// When an address cannot be listened on, the seed or the folder for blobs cannot be used, or a fault cannot be
    /// armed.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let clock = Arc::new(Clock::new(self.running_clock));
        let is_exposed = !self.listen.ip().is_loopback() || !self.registry_listen.ip().is_loopback();
        let store = BlobStore::open(self.state_dir.as_deref()).map_err(self.bad_folder())?;
        let kept = store.state().and_then(|state| state.map(|state| Kept::read(&state)).transpose());
        let has_lost = store.has_lost;
        if has_lost {
            tracing::warn!("the last run did not end well, and what it changed is lost");
        }
        let (world, index, accounts) = match kept.map_err(self.bad_folder())? {
            Some(Kept { world, index, accounts, .. }) => {
                (world.with_clock(clock.clone()), index, Accounts::restore(accounts, is_exposed))
            }
            None => {
                let mut world = World::new(clock.clone());
                self.seed.sow(&mut world)?;
                (world, Index::default(), Accounts::new(is_exposed))
            }
        };
        let content = Content::new(store, index).map_err(self.bad_folder())?;
        let mut service = Service::new(clock, world, content, accounts);
        let (registry_listener, registry) = listen(self.registry_listen).await?;
        service.quirks.set(Quirk::RegistryHost(registry.to_string()));
        for quirk in self.quirks {
            service.quirks.set(quirk);
        }
        for spec in self.faults {
            service.faults.arm(&spec.operation, spec.fault)?;
        }
        let (listener, address) = listen(self.listen).await?;
        let base_url = format!("http://{address}");
        let shared = Shared::new(service);
        let (stop, stopped) = watch::channel(());
        let quirks = shared.clone();
        let limits = move || {
            let quirks = &quirks.lock().quirks;
            let (connections, idle) = (quirks.max_connections, quirks.idle_timeout());
            Limits { connections, idle, head: quirks.max_head }
        };
        // Where blobs are redirected to if the quirk says so. It answers as the registry does, on another port.
        let (storage_listener, storage) = listen((self.registry_listen.ip(), 0).into()).await?;
        let images = oci::Registry::new(shared.clone(), registry.to_string(), storage.port());
        let storage = images.clone();
        let images = server::serve(
            registry_listener,
            limits.clone(),
            move |request| images.clone().respond(request),
            stopped.clone(),
        );
        let storage = server::serve(
            storage_listener,
            limits.clone(),
            move |request| storage.clone().respond(request),
            stopped.clone(),
        );
        let service = shared.clone();
        let management = server::serve(
            listener,
            limits,
            move |request| management::respond(service.clone(), request),
            stopped,
        );
        let server = tokio::spawn(async { tokio::join!(management, images, storage) });
        Ok(Simulator { base_url, registry: registry.to_string(), shared, stop, server, has_lost })
    }

    fn bad_folder(&self) -> impl Fn(std::io::Error) -> StartError + use<> {
        let folder = self.state_dir.clone().unwrap_or_else(std::env::temp_dir);
        move |source| StartError::State { folder: folder.clone(), source }
    }
}

/// A listener and the address where this machine's programs reach it: "all of the machine's" is an address to listen
/// at, and none to connect to.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let cannot_listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
    let mut address = listener.local_addr().map_err(cannot_listen)?;
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok((listener, address))
}
