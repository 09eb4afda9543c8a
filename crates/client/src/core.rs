//! The core: settings, caches and rate, which every call needs. Calling and signing are its methods.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlspace_registry_api::{self as api, Secret, Transport};
use mlspace_registry_net::{Cache, Clock, RetryPolicy};
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::call::Observer;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::names::RegistryAddress;
use crate::operation::{Needs, refuse_writes};
use crate::sign_in::{Signature, WorkspaceKey};
use crate::token::TokenSource;
use crate::verify::Verify;

/// Shared by all clones of a client. What comes after the settings is shared with those that [`Client::with`] makes.
///
/// [`Client::with`]: crate::Client::with
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) unsigned: api::Client,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) tokens: Arc<Cache<Secret, Error>>,
    pub(crate) workspaces: Arc<Cache<Arc<WorkspaceKey>, Error>>,
    pub(crate) address: Arc<OnceCell<RegistryAddress>>,
    /// The last full signature, so that a call which needs nothing new makes no headers.
    pub(crate) signature: Arc<Mutex<Option<Arc<Signature>>>>,
}

/// What a client signs in with.
#[derive(Clone)]
pub(crate) enum Credentials {
    Key { id: String, secret: Secret },
    Source(Arc<dyn TokenSource>),
}

/// The builder's settings, checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) base_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) workspace: Option<String>,
    pub(crate) workspace_key: Option<Secret>,
    pub(crate) registry_host: Option<String>,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) read_only: bool,
    pub(crate) user_agent: HeaderValue,
    pub(crate) verify: Verify,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) on_wait: Option<Observer>,
}

impl Settings {
    /// The id of the key, where there is one.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match &self.credentials {
            Credentials::Key { id, .. } => Some(id),
            Credentials::Source(_) => None,
        }
    }

    /// The id of the workspace, if it was given: what stands beside an api key is one, else a text may be a name.
    pub(crate) fn workspace_id(&self) -> Option<&str> {
        let given = self.workspace.as_deref()?;
        (self.workspace_key.is_some() || given.parse::<Uuid>().is_ok()).then_some(given)
    }
}

/// Lets go of the core, with the last clone of a client: a sign-in that nobody waits for any more holds the core
/// that holds it.
pub(crate) struct Handle(pub(crate) Arc<Core>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.tokens.abandon();
        self.0.workspaces.abandon();
    }
}

impl Core {
    pub(crate) fn new(settings: Settings, http: reqwest::Client, limiter: Limiter) -> Self {
        let unsigned = api::Client::new_with_client(&settings.base_url, http, api::Signing::default());
        Self {
            settings,
            unsigned,
            limiter: Arc::new(limiter),
            tokens: Arc::default(),
            workspaces: Arc::default(),
            address: Arc::default(),
            signature: Arc::default(),
        }
    }

    /// The generated client, signing with these headers, and held to the rules of this one.
    pub(crate) fn signing(&self, needs: Needs, headers: HeaderMap) -> api::Client {
        let settings = &self.settings;
        let rule = settings.read_only.then(|| Arc::new(refuse_writes) as api::Rule);
        let signing = api::Signing::new(headers).transport(settings.transport.clone());
        let signing = signing.user_agent(settings.user_agent.clone()).rule(rule);
        // What is sent unsigned is the key itself.
        self.unsigned.with_signing(signing.seal_bodies(needs == Needs::Nothing))
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.settings.clock
    }
}
