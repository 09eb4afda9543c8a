//! The client: the face with the nouns. What calls share stands in [`Core`].

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "low-level")]
use mlspace_registry_api as api;
use mlspace_registry_api::types;

use crate::builder::ClientBuilder;
use crate::call::Call;
use crate::call_settings::CallSettings;
use crate::core::{Core, Handle};
use crate::error::Result;
use crate::images::Images;
use crate::operation::REGISTRY_GET;
use crate::password::Password;
use crate::repositories::Repositories;
use crate::tags::Tags;
use crate::workspaces::Workspaces;

/// A client of one workspace's registry. Cheap to clone; clones share the token, the connections and the
/// rate limit.
///
/// It works within a tokio runtime whose time and IO are on; anywhere else calls fail with
/// [`Error::Invalid`](crate::Error::Invalid). It belongs to the runtime of its first call: a connection that was made on
/// one that nobody drives any more holds up calls on another until they time out, so a program with several runtimes
/// makes a client for each.
///
/// ```no_run
/// use mlspace_registry::Client;
///
/// # async fn start() -> mlspace_registry::Result<()> {
/// let client = Client::from_env()?;
/// let registry = client.registry().await?;
/// println!("{} has {} repositories", registry.name, registry.repositories_count);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) core: Arc<Core>,
    _handle: Arc<Handle>,
}

impl Client {
    /// Starts to build a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn of(core: Core) -> Self {
        let core = Arc::new(core);
        Self { _handle: Arc::new(Handle(core.clone())), core }
    }

    /// The same client with other settings for calls. It shares the token, the connections and the rate limit, so that
    /// two kinds of calls do not need two clients.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use mlspace_registry::{RetryPolicy, Verify};
    ///
    /// # async fn calls(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let quick = client.with(|calls| calls.deadline(Duration::from_secs(5)).retry(RetryPolicy::none()));
    /// let sure = client.with(|calls| calls.verify(Verify::Always));
    /// quick.registry().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(&self, change: impl FnOnce(CallSettings) -> CallSettings) -> Self {
        let settings = change(CallSettings(self.core.settings.clone())).0;
        let core = Arc::new(Core { settings, ..(*self.core).clone() });
        Self { core, _handle: self._handle.clone() }
    }

    /// Reads the workspace's registry. One request.
    ///
    /// # Errors
    /// As every call: [`Error`](crate::Error) says whether the service refused, could not be reached or
    /// answered with something else.
    pub async fn registry(&self) -> Result<types::Registry> {
        self.core.call(Call::new(&REGISTRY_GET), |api| async move { api.registry_get().send().await }).await
    }

    /// The repositories of the registry.
    pub fn repositories(&self) -> Repositories {
        Repositories { client: self.clone() }
    }

    /// The images of a repository.
    pub fn images(&self) -> Images {
        Images { client: self.clone() }
    }

    /// The tags of an image.
    pub fn tags(&self) -> Tags {
        Tags { client: self.clone() }
    }

    /// The person's registry password.
    pub fn password(&self) -> Password {
        Password { client: self.clone() }
    }

    /// The workspaces that the key sees, and their api keys.
    pub fn workspaces(&self) -> Workspaces {
        Workspaces { client: self.clone() }
    }

    /// Exchanges the key for a token now, whatever is in the cache, and returns what the service answers.
    /// Calls sign in by themselves; this is for those who want to know that it works. One request.
    ///
    /// # Errors
    /// 401 with a message when the key id or the key secret is wrong.
    pub async fn sign_in(&self) -> Result<types::ServiceAuthResponse> {
        self.core.service_auth(None).await
    }

    /// The low-level client, signed in: the way out, for what this crate has no method for. It retries
    /// nothing, and its errors print bodies, headers and URLs. The token in it ends; do not keep it. Up to
    /// three requests if nothing is cached yet, none otherwise.
    ///
    /// # Errors
    /// When signing in fails.
    #[cfg(feature = "low-level")]
    #[cfg_attr(docsrs, doc(cfg(feature = "low-level")))]
    pub async fn api(&self) -> Result<api::Client> {
        Ok(self.core.sign(&Call::new(&REGISTRY_GET)).await?.api.clone())
    }

    /// The workspace that calls are about, as given or as found. Up to three requests if it is not known
    /// yet, none otherwise.
    ///
    /// # Errors
    /// When signing in fails, or when the key sees several workspaces and none was chosen.
    pub async fn workspace_id(&self) -> Result<String> {
        match self.core.settings.workspace_id() {
            Some(id) => Ok(id.to_owned()),
            None => Ok(self.core.workspace_key().await?.value.id.clone()),
        }
    }

    /// Where requests go, without `/public/v2`.
    pub fn base_url(&self) -> &str {
        &self.core.settings.base_url
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.core.settings.base_url)
            .field("client_id", &self.core.settings.client_id())
            .field("workspace", &self.core.settings.workspace)
            .finish_non_exhaustive()
    }
}
