//! The client: what all calls share, and the way to the nouns.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlspace_registry_api::{self as api, Secret, Transport, types};
use mlspace_registry_net::{Clock, RetryPolicy};
use uuid::Uuid;

use crate::builder::ClientBuilder;
use crate::cache::Cache;
use crate::call::{Call, Observer};
use crate::error::Result;
use crate::images::Images;
use crate::limiter::Limiter;
use crate::operation::REGISTRY_GET;
use crate::password::Password;
use crate::repositories::Repositories;
use crate::sign_in::{Signature, WorkspaceKey};
use crate::tags::Tags;
use crate::verify::Verify;
use crate::workspaces::Workspaces;

/// A client of one workspace's registry. Cheap to clone; clones share the token, the connections and the
/// rate limit.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    api: api::Client,
    tokens: Cache<Secret>,
    workspaces: Cache<Arc<WorkspaceKey>>,
    limiter: Limiter,
    signature: Mutex<Option<Arc<Signature>>>,
}

/// What the builder was told.
pub(crate) struct Settings {
    pub(crate) base_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) workspace: Option<String>,
    pub(crate) workspace_key: Option<Secret>,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) read_only: bool,
    pub(crate) verify: Verify,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) on_wait: Option<Observer>,
}

impl Settings {
    /// The id of the workspace, if it was given: what stands beside an api key is one, else a text may be a name.
    pub(crate) fn workspace_id(&self) -> Option<&str> {
        let given = self.workspace.as_deref()?;
        (self.workspace_key.is_some() || given.parse::<Uuid>().is_ok()).then_some(given)
    }
}

impl Client {
    /// Starts to build a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn from_parts(settings: Settings, http: reqwest::Client, limiter: Limiter) -> Self {
        let api = api::Client::new_with_client(&settings.base_url, http, api::Session::default());
        let (tokens, workspaces) = (Cache::new(), Cache::new());
        Self {
            inner: Arc::new(Inner {
                settings,
                api,
                tokens,
                workspaces,
                limiter,
                signature: Mutex::default(),
            }),
        }
    }

    /// Reads the workspace's registry. One request.
    ///
    /// # Errors
    /// As every call: [`Error`](crate::Error) says whether the service refused, could not be reached or
    /// answered with something else.
    pub async fn registry(&self) -> Result<types::Registry> {
        self.call(Call::new(&REGISTRY_GET), |api| async move { api.registry_get().await }).await
    }

    /// The repositories of the registry.
    pub fn repositories(&self) -> Repositories<'_> {
        Repositories { client: self }
    }

    /// The images of a repository.
    pub fn images(&self) -> Images<'_> {
        Images { client: self }
    }

    /// The tags of an image.
    pub fn tags(&self) -> Tags<'_> {
        Tags { client: self }
    }

    /// The person's registry password.
    pub fn password(&self) -> Password<'_> {
        Password { client: self }
    }

    /// The workspaces that the key sees, and their api keys.
    pub fn workspaces(&self) -> Workspaces<'_> {
        Workspaces { client: self }
    }

    /// Exchanges the key for a token now, whatever is in the cache, and returns what the service answers.
    /// Calls sign in by themselves; this is for those who want to know that it works. One request.
    ///
    /// # Errors
    /// 401 with a message when the key id or the key secret is wrong.
    pub async fn sign_in(&self) -> Result<types::ServiceAuthResponse> {
        self.service_auth().await
    }

    /// The generated client, signed in: the way out, for what this crate has no method for. It retries
    /// nothing, and its errors print bodies, headers and URLs. The token in it ends; do not keep it. Up to
    /// three requests if nothing is cached yet, none otherwise.
    ///
    /// # Errors
    /// When signing in fails.
    pub async fn api(&self) -> Result<api::Client> {
        Ok(self.sign(&Call::new(&REGISTRY_GET)).await?.api.clone())
    }

    /// The workspace that calls are about, as given or as found. Up to three requests if it is not known
    /// yet, none otherwise.
    ///
    /// # Errors
    /// When signing in fails, or when the key sees several workspaces and none was chosen.
    pub async fn workspace_id(&self) -> Result<String> {
        let settings = self.settings();
        match settings.workspace_id() {
            Some(id) => Ok(id.to_owned()),
            None => Ok(self.workspace_key().await?.value.id.clone()),
        }
    }

    /// Where requests go, without `/public/v2`.
    pub fn base_url(&self) -> &str {
        &self.inner.settings.base_url
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.settings.clock
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    pub(crate) fn tokens(&self) -> &Cache<Secret> {
        &self.inner.tokens
    }

    pub(crate) fn workspaces_cache(&self) -> &Cache<Arc<WorkspaceKey>> {
        &self.inner.workspaces
    }

    pub(crate) fn last_signature(&self) -> &Mutex<Option<Arc<Signature>>> {
        &self.inner.signature
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        self.inner.settings.transport.clone()
    }

    pub(crate) fn unsigned(&self) -> &api::Client {
        &self.inner.api
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.inner.settings.base_url)
            .field("client_id", &self.inner.settings.client_id)
            .field("workspace", &self.inner.settings.workspace)
            .finish_non_exhaustive()
    }
}
