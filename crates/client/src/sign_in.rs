//! Signing calls: the token, the workspace and its api key.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mlspace_registry_api::{self as api, Secret, types};
use mlspace_registry_net::{Cached, secret_header};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::builder::DEFAULT_DEADLINE;
use crate::call::Call;
use crate::core::{Core, Credentials};
use crate::error::{Error, Result};
use crate::operation::{Needs, SERVICE_AUTH, WORKSPACE_API_KEY, WORKSPACE_LIST};
use crate::pager::Boxed;
use crate::token::told;

/// Codes of a 401 that are about the api key, from the examples in the vendor's document.
const API_KEY_CODES: [&str; 2] = ["9", "10"];

/// Which workspace calls are about, and its key.
#[derive(Debug)]
pub(crate) struct WorkspaceKey {
    pub(crate) id: String,
    pub(crate) api_key: Secret,
}

/// The generated client with the headers of a call, and what they were made from. Never changed once made.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) api: api::Client,
    token: Option<Cached<Secret>>,
    workspace: Option<Cached<Arc<WorkspaceKey>>>,
}

impl Signature {
    /// True if it was made from this token and this workspace.
    fn is_from(&self, token: u64, workspace: u64) -> bool {
        self.token.as_ref().is_some_and(|of| of.generation == token)
            && self.workspace.as_ref().is_some_and(|of| of.generation == workspace)
    }
}

impl Core {
    /// The last full signature, if nothing that it was made from has changed or needs to be replaced.
    pub(crate) fn signed_already(&self, call: &Call) -> Option<Arc<Signature>> {
        if call.operation.needs != Needs::Everything || call.workspace.is_some() {
            return None;
        }
        let token = self.tokens.fresh_generation(self.clock())?;
        let workspace = self.workspaces.fresh_generation(self.clock())?;
        let last = self.signature.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|signature| signature.is_from(token, workspace)).cloned()
    }

    /// Makes the headers that a call needs; fetches what there is not yet.
    pub(crate) async fn sign(self: &Arc<Self>, call: &Call) -> Result<Arc<Signature>> {
        let needs = call.operation.needs;
        let (mut headers, mut token, mut workspace) = (HeaderMap::new(), None, None);
        if needs != Needs::Nothing {
            let cached = self.token().await?;
            headers.insert(
                AUTHORIZATION,
                secret_header(&format!("Bearer {}", cached.value.expose())).map_err(|_| {
                    Error::Protocol("the token holds characters that no header can carry".into())
                })?,
            );
            token = Some(cached);
        }
        if let Some(id) = &call.workspace {
            headers.insert("x-workspace-id", header(id)?);
        } else if needs == Needs::Everything {
            let cached = self.workspace_key().await?;
            headers.insert("x-workspace-id", header(&cached.value.id)?);
            headers.insert(
                "x-api-key",
                secret_header(cached.value.api_key.expose()).map_err(|_| {
                    match self.settings.workspace_key {
                        Some(_) => unsendable("api key"),
                        None => Error::Protocol(
                            "the api key that the service gave holds characters that no header can carry"
                                .into(),
                        ),
                    }
                })?,
            );
            workspace = Some(cached);
        }
        let api = self.signing(needs, headers);
        let signature = Signature { api, token, workspace };
        let signature = Arc::new(signature);
        if signature.workspace.is_some() {
            let mut last = self.signature.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(signature.clone());
        }
        Ok(signature)
    }

    /// Drops what a 401 refused. Says whether there was anything that a new sign-in can replace.
    pub(crate) fn forget(&self, signature: &Signature, error: &Error) -> bool {
        let code = error.api().and_then(|error| error.code());
        if let (Some(workspace), Some(code)) = (&signature.workspace, code)
            && API_KEY_CODES.contains(&code)
        {
            return self.workspaces.refused(self.clock(), workspace.generation)
                && self.settings.workspace_key.is_none();
        }
        signature.token.as_ref().is_some_and(|token| self.tokens.refused(self.clock(), token.generation))
    }

    /// Notes that the service took a call's signature, whatever it answered otherwise.
    pub(crate) fn accepted(&self, signature: &Signature) {
        if let Some(token) = &signature.token {
            self.tokens.accepted(token.generation);
        }
        if let Some(workspace) = &signature.workspace {
            self.workspaces.accepted(workspace.generation);
        }
    }

    /// All secrets that an answer could repeat.
    pub(crate) fn secrets(&self, signature: &Signature) -> Vec<Secret> {
        let mut secrets = Vec::new();
        if let Credentials::Key { secret, .. } = &self.settings.credentials {
            secrets.push(secret.clone());
        }
        secrets.extend(signature.token.as_ref().map(|token| token.value.clone()));
        secrets.extend(signature.workspace.as_ref().map(|workspace| workspace.value.api_key.clone()));
        secrets
    }

    /// The token, fetched if need be. Boxed: fetching is itself a call.
    fn token(self: &Arc<Self>) -> Boxed<'_, Result<Cached<Secret>>> {
        let core = self.clone();
        let fetch = || async move {
            if let Credentials::Source(source) = &core.settings.credentials {
                let token = source.token().await;
                let token =
                    token.map_err(|error| Error::Protocol(format!("no token came: {}", told(&*error))))?;
                return Ok((token.secret, token.life));
            }
            let token = core.service_auth(Some(core.unhurried())).await?.token;
            let life = Duration::from_secs(token.expires_in.max(0).unsigned_abs());
            Ok((token.access_token, Some(life)))
        };
        let token = self.tokens.get(&self.settings.clock, self.unhurried(), fetch);
        Box::pin(async move { token.await.map_err(|source| Error::SignIn { source }) })
    }

    /// The time for a sign-in: not that of the caller who happens to begin it, since a short one would end it
    /// each time.
    fn unhurried(&self) -> Duration {
        self.settings.deadline.max(DEFAULT_DEADLINE)
    }

    pub(crate) async fn service_auth(
        self: &Arc<Self>,
        deadline: Option<Duration>,
    ) -> Result<types::ServiceAuthResponse> {
        let Credentials::Key { id, secret } = &self.settings.credentials else {
            return Err(Error::Invalid("there is no key to sign in with: tokens come from a source".into()));
        };
        let body = types::ServiceAccount::new(id.clone(), secret.clone());
        let call = Call { deadline, ..Call::new(&SERVICE_AUTH).fields(&["client_id", "client_secret"]) };
        self.call(call, |api| {
            let body = body.clone();
            async move { api.service_auth(body).send().await }
        })
        .await
    }

    /// The workspace and its key, found if not given. Boxed for the same reason as the token.
    pub(crate) fn workspace_key(self: &Arc<Self>) -> Boxed<'_, Result<Cached<Arc<WorkspaceKey>>>> {
        let core = self.clone();
        let fetch = || async move {
            let (settings, deadline) = (&core.settings, Some(core.unhurried()));
            let id = match (settings.workspace_id(), &settings.workspace) {
                (Some(id), _) => id.to_owned(),
                (None, Some(name)) => named(name, core.workspace_list(None, deadline).await?)?,
                (None, None) => only(core.workspace_list(None, deadline).await?)?,
            };
            let api_key = match &settings.workspace_key {
                Some(key) => key.clone(),
                None => core.workspace_api_key(&id, deadline).await?,
            };
            Ok((Arc::new(WorkspaceKey { id, api_key }), None))
        };
        let key = self.workspaces.get(&self.settings.clock, self.unhurried(), fetch);
        Box::pin(async move { key.await.map_err(|source| Error::SignIn { source }) })
    }

    pub(crate) async fn workspace_list(
        self: &Arc<Self>,
        customer_id: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<Vec<types::Workspace>> {
        let fields: &[_] = if customer_id.is_some() { &["customer_id"] } else { &[] };
        let call = Call { deadline, ..Call::new(&WORKSPACE_LIST).fields(fields) };
        let customer_id = customer_id.map(str::to_owned);
        let answer = self.call(call, |api| {
            let customer_id = customer_id.clone();
            async move { api.workspace_list().customer_id(customer_id).send().await }
        });
        Ok(answer.await?.workspaces)
    }

    pub(crate) async fn workspace_api_key(
        self: &Arc<Self>,
        workspace: &str,
        deadline: Option<Duration>,
    ) -> Result<Secret> {
        let call = Call { workspace: Some(workspace.to_owned()), deadline, ..Call::new(&WORKSPACE_API_KEY) };
        let answer = self.call(call, |api| async move { api.workspace_api_key().send().await });
        Ok(answer.await?.x_api_key)
    }
}

/// The only workspace there is; with several, the caller has to choose.
fn only(workspaces: Vec<types::Workspace>) -> Result<String> {
    match workspaces.as_slice() {
        [one] => Ok(one.id.to_string()),
        [] => Err(Error::Invalid("this key sees no workspace; ask the workspace's owner for access".into())),
        several => {
            let names = names(several);
            Err(Error::Invalid(format!("this key sees several workspaces, choose one: {names}")))
        }
    }
}

fn named(name: &str, workspaces: Vec<types::Workspace>) -> Result<String> {
    let fitting: Vec<_> = workspaces.iter().filter(|one| one.name == name).collect();
    match fitting.as_slice() {
        [one] => Ok(one.id.to_string()),
        [] if workspaces.is_empty() => only(workspaces),
        [] => {
            let names = names(&workspaces);
            Err(Error::Invalid(format!("this key sees no workspace {name}; it sees {names}")))
        }
        several => {
            let number = several.len();
            Err(Error::Invalid(format!("{number} workspaces are named {name}: choose one by its id")))
        }
    }
}

fn names(workspaces: &[types::Workspace]) -> String {
    let names: Vec<_> = workspaces.iter().map(|one| format!("{} ({})", one.name, one.id)).collect();
    names.join(", ")
}

fn header(value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| unsendable("workspace id"))
}

fn unsendable(what: &str) -> Error {
    Error::Invalid(format!("the {what} holds characters that no header can carry"))
}
