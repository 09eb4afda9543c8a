//! The handle that tests hold.

use std::fmt;
use std::time::Duration;

use mlspace_registry_api::{Secret, Timestamp, types};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::accounts::{EMAIL, Key};
use crate::builder::{Builder, StartError};
use crate::faults::Fault;
use crate::faults::spec::FaultError;
use crate::journal::Recorded;
use crate::management::views::Viewer;
use crate::quirks::{Quirk, Quirks};
use crate::ready::Ready;
use crate::service::Shared;
use crate::state::{NewImage, Person};

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    pub(crate) base_url: String,
    pub(crate) registry: String,
    pub(crate) shared: Shared,
    pub(crate) stop: watch::Sender<()>,
    pub(crate) has_lost: bool,
    pub(crate) server: JoinHandle<((), (), ())>,
}

impl Simulator {
    /// Starts a simulator with the demo seed on 127.0.0.1 and a free port.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// A simulator to be described first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Ends all connections and returns when nothing of the simulator runs any more. Dropping it ends it as
    /// well, without waiting.
    ///
    /// With [`Builder::state_dir`] it writes the state for the next run; that it could not is logged. See
    /// [`Simulator::finish`].
    pub async fn stop(self) {
        if let Err(error) = self.finish().await {
            tracing::error!(%error, "cannot write the state");
        }
    }

    /// As [`Simulator::stop`].
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn finish(mut self) -> std::io::Result<()> {
        self.stop.send_replace(());
        // It ends by itself; a panic in it has been printed already.
        let _ = (&mut self.server).await;
        self.shared.lock().save()
    }

    /// True if the last run in the state folder did not end well, so that what it changed is lost.
    pub fn has_lost_state(&self) -> bool {
        self.has_lost
    }

    /// The address of the management API, without `/public/v2`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `HOST:PORT` of the image registry.
    pub fn registry_address(&self) -> &str {
        &self.registry
    }

    /// The workspace that has the registry.
    pub fn workspace_id(&self) -> Uuid {
        self.shared.lock().accounts.workspace.id
    }

    /// That workspace's api key.
    pub fn api_key(&self) -> Secret {
        self.shared.lock().accounts.workspace.api_key.clone()
    }

    /// A service account's key, for which `generate_password` is refused.
    pub fn service_account(&self) -> Key {
        self.shared.lock().accounts.service_account.clone()
    }

    /// A person's key.
    pub fn personal(&self) -> Key {
        self.shared.lock().accounts.personal.clone()
    }

    /// That person's address, which is the user name for `docker login`.
    pub fn personal_email(&self) -> &str {
        EMAIL
    }

    /// That person's registry password, once there is one.
    pub fn registry_password(&self) -> Option<Secret> {
        self.shared.lock().accounts.password().cloned()
    }

    /// Gives that person a new registry password, as `generate_password` does. The one before and the tokens that
    /// were asked with it end at once.
    pub fn rotate_registry_password(&self) -> Secret {
        self.shared.lock().accounts.rotate_password()
    }

    /// Ends all tokens that the image registry gave out.
    pub fn expire_registry_tokens(&self) {
        self.shared.lock().tokens.expire();
    }

    /// Everything that another program needs to use this simulator.
    pub fn ready(&self) -> Ready {
        Ready::new(self.base_url.clone(), self.registry.clone(), &self.shared.lock().accounts)
    }

    /// Pushes an image as docker would, and returns its id.
    pub fn push_image(&self, image: NewImage) -> Uuid {
        self.shared.lock().world.push_image(image)
    }

    /// Notes that an image was pulled, by a tag if one is given.
    pub fn pull_image(&self, image: Uuid, tag: Option<&str>) {
        self.shared.lock().world.pull_image(image, tag);
    }

    /// The registry as the service account sees it.
    pub fn registry(&self) -> types::Registry {
        self.look(|viewer| decode(&viewer.registry()))
    }

    /// All repositories as the service account sees them, oldest first.
    pub fn repositories(&self) -> Vec<types::Repository> {
        self.look(|viewer| {
            let all = viewer.world.repositories().iter().filter_map(|id| viewer.world.repository(id));
            all.map(|repository| decode(&viewer.repository(repository))).collect()
        })
    }

    /// One repository as the service account sees it; `None` if there is no such repository.
    pub fn repository(&self, id: Uuid) -> Option<types::Repository> {
        self.look(|viewer| viewer.world.repository(id).map(|one| decode(&viewer.repository(one))))
    }

    /// The ids of all repositories, oldest first: much cheaper than [`Simulator::repositories`].
    pub fn repository_ids(&self) -> Vec<Uuid> {
        self.shared.lock().world.repositories().iter().collect()
    }

    /// The images of a repository in the order they were pushed; none if there is no such repository.
    pub fn images(&self, repository: Uuid) -> Vec<types::Image> {
        self.look(|viewer| {
            let repository = viewer.world.repository(repository).into_iter();
            let images = repository.flat_map(|one| one.images.iter()).filter_map(|id| viewer.world.image(id));
            images.map(|image| decode(&viewer.image(image))).collect()
        })
    }

    /// The tags of an image; none if there is no such image.
    pub fn tags(&self, image: Uuid) -> Vec<types::Tag> {
        self.look(|viewer| {
            let tags = viewer.world.tags_of(image).into_iter().flat_map(|tags| tags.iter());
            viewer.tags(tags).iter().map(decode).collect()
        })
    }

    /// True if the repository exists.
    pub fn contains_repository(&self, id: Uuid) -> bool {
        self.shared.lock().world.repository(id).is_some()
    }

    /// True if the image exists.
    pub fn contains_image(&self, id: Uuid) -> bool {
        self.shared.lock().world.image(id).is_some()
    }

    /// True if the tag exists.
    pub fn contains_tag(&self, id: Uuid) -> bool {
        self.shared.lock().world.tag(id).is_some()
    }

    /// The simulator's time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock().stamp()
    }

    /// Moves the simulator's time ahead: tokens end, rate limits and delays pass.
    pub fn advance(&self, by: Duration) {
        self.shared.clock().advance(by);
    }

    /// Ends all tokens that were given out; they get 401 with the code for an expired token.
    pub fn expire_tokens(&self) {
        self.shared.lock().accounts.expire_tokens();
    }

    /// Ends the service account's key: it cannot sign in any more, and its tokens are no longer known.
    pub fn revoke_service_account(&self) {
        self.shared.lock().accounts.revoke(Person::ServiceAccount);
    }

    /// Replaces the workspace's api key.
    pub fn rotate_api_key(&self) {
        self.shared.lock().accounts.rotate_api_key();
    }

    /// Arms a fault for an operation, behind those that are armed already.
    ///
    /// # Errors
    /// When there is no operation of that id, or the fault can do nothing in it.
    pub fn fail(&self, operation: &str, fault: Fault) -> Result<(), FaultError> {
        self.shared.lock().faults.arm(operation, fault)
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Sets a switch.
    pub fn quirk(&self, quirk: Quirk) {
        self.shared.lock().quirks.set(quirk);
    }

    /// The last 10,000 requests in the order they came, fewer if they have more bytes than [`Quirk::MaxJournal`] says.
    pub fn journal(&self) -> Vec<Recorded> {
        self.shared.lock().journal.records()
    }

    /// The number of requests of that operation since the start or since [`Simulator::clear_journal`].
    pub fn requests(&self, operation: &str) -> usize {
        self.shared.lock().journal.count(operation)
    }

    /// Forgets the requests so far.
    pub fn clear_journal(&self) {
        self.shared.lock().journal.clear();
    }

    /// Looks at the registry, written in the plain way whatever the quirks.
    fn look<T>(&self, look: impl FnOnce(Viewer<'_>) -> T) -> T {
        let service = self.shared.lock();
        let quirks = Quirks { registry_host: service.quirks.registry_host.clone(), ..Quirks::default() };
        look(Viewer { quirks: &quirks, ..service.viewer(Person::ServiceAccount) })
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(());
    }
}

/// The model that a client reads when the service writes this.
#[expect(clippy::expect_used, reason = "the models are those of the document, and so are the views")]
fn decode<T: DeserializeOwned>(view: &impl Serialize) -> T {
    serde_json::from_value(serde_json::json!(view)).expect("a view that the models can read")
}
