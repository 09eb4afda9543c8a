//! The promises of the client, one file each, against the simulator. Time stands still: waits are counted
//! and take none.

#![allow(clippy::unwrap_used, clippy::panic)] // A failing test panics.

mod bulk;
mod bulk_property;
mod cancel;
mod certificates;
mod deleting_one;
mod discovery;
mod errors;
mod image_lists;
mod made;
mod names;
mod observing;
mod odd_answers;
mod paging;
mod public_types;
mod rate;
mod repetition;
mod requests;
mod seam;
mod search;
mod secrets;
mod settings;
mod sign_in;
mod writes;

use std::sync::Arc;

use mlspace_registry::{Client, ClientBuilder, ManualClock, Uuid};
use mlspace_registry_simulator::{Fault, NewImage, Quirk, Seed, Simulator};

/// A simulator that refuses what the document does not name, and a client of it whose clock stands still.
struct World {
    simulator: Simulator,
    client: Client,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new(seed: Seed) -> Self {
        Self::with(seed, |builder| builder).await
    }

    async fn with(seed: Seed, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let simulator = Simulator::builder().seed(seed).quirk(Quirk::Strict(true)).start().await.unwrap();
        let clock = Arc::new(ManualClock::new());
        let client = settings(builder(&simulator).clock(clock.clone())).build().unwrap();
        Self { simulator, client, clock }
    }

    /// An empty registry with that many repositories, `r0`, `r1` and so on; their ids in order.
    async fn with_repositories(count: usize) -> (Self, Vec<Uuid>) {
        let world = Self::new(repositories(count)).await;
        let ids = world.simulator.repositories().iter().map(|repository| repository.id).collect();
        (world, ids)
    }

    /// One repository with that many images, each with one tag; the image ids in order.
    async fn with_images(count: usize) -> (Self, Vec<Uuid>) {
        let world = Self::new(Seed::Empty).await;
        let image = |n| world.simulator.push_image(NewImage::new("train/base", [format!("v{n}")]));
        let ids = (0..count).map(image).collect();
        (world, ids)
    }

    fn fail(&self, operation: &str, fault: Fault) {
        self.simulator.fail(operation, fault).unwrap();
    }

    fn quirk(&self, quirk: &str) {
        self.simulator.quirk(quirk.parse::<Quirk>().unwrap());
    }
}

pub(crate) fn builder(simulator: &Simulator) -> ClientBuilder {
    let key = simulator.service_account();
    Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.client_id, key.client_secret)
        .workspace(simulator.workspace_id())
        .api_key(simulator.api_key())
        .rate_limit(None)
}

fn repositories(count: usize) -> Seed {
    format!("repos={count},images=0,tags=0").parse().unwrap()
}
