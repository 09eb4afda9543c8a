//! The client: the face with the nouns. What calls share stands in [`Core`].

use std::fmt;
use std::sync::Arc;

use mlspace_registry_api::{self as api, types};

use crate::builder::ClientBuilder;
use crate::call::Call;
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

    /// The generated client, signed in: the way out, for what this crate has no method for. It retries
    /// nothing, and its errors print bodies, headers and URLs. The token in it ends; do not keep it. Up to
    /// three requests if nothing is cached yet, none otherwise.
    ///
    /// # Errors
    /// When signing in fails.
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
            .field("client_id", &self.core.settings.client_id)
            .field("workspace", &self.core.settings.workspace)
            .finish_non_exhaustive()
    }
}
