//! Keys, tokens, workspaces and the registry password.

pub(crate) mod registry;

use std::collections::HashMap;
use std::time::Duration;

use mlspace_registry_api::Secret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::Ids;
use crate::state::Person;

/// The address of the person whose key [`Accounts::personal`] is.
pub(crate) const EMAIL: &str = "person@example.com";

/// A key to sign in with.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key id.
    pub client_id: String,
    /// The key secret.
    pub client_secret: Secret,
}

/// A workspace that both keys can see.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) name: String,
    pub(crate) api_key: Secret,
}

/// Not `Debug`: tokens are plain text here.
pub(crate) struct Accounts {
    ids: Ids,
    /// True if the keys are random, because others than this machine can reach them.
    pub(crate) is_exposed: bool,
    pub(crate) workspace: Workspace,
    pub(crate) service_account: Key,
    pub(crate) personal: Key,
    revoked: Vec<Person>,
    tokens: HashMap<String, (Person, Duration)>,
    password: Option<Secret>,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BadToken {
    Unknown,
    Expired,
}

/// The workspace with that number, counted from 0, the same on every run.
fn workspace(number: u8) -> Workspace {
    let mut ids = Ids::new(1_000 + u64::from(number));
    Workspace {
        id: ids.uuid(),
        project_id: ids.uuid(),
        name: format!("workspace-{}", u32::from(number) + 1),
        api_key: ids.uuid().to_string().into(),
    }
}

/// The keys and the password as they are kept from one run to the next, in plain text.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    ids: Ids,
    is_exposed: bool,
    api_key: String,
    service_account: (String, String),
    personal: (String, String),
    revoked: Vec<Person>,
    password: Option<String>,
}

impl Accounts {
    pub(crate) fn new(is_exposed: bool) -> Self {
        let mut ids = Ids::secret(2, is_exposed);
        let mut key = || Key { client_id: ids.hex(2), client_secret: ids.hex(2).into() };
        let (service_account, personal) = (key(), key());
        let mut workspace = workspace(0);
        if is_exposed {
            workspace.api_key = ids.uuid().to_string().into();
        }
        Self {
            service_account,
            personal,
            workspace,
            revoked: Vec::new(),
            tokens: HashMap::new(),
            password: None,
            is_exposed,
            ids,
        }
    }

    pub(crate) fn keep(&self) -> Kept {
        let key = |key: &Key| (key.client_id.clone(), key.client_secret.expose().to_owned());
        Kept {
            ids: self.ids.clone(),
            is_exposed: self.is_exposed,
            api_key: self.workspace.api_key.expose().to_owned(),
            service_account: key(&self.service_account),
            personal: key(&self.personal),
            revoked: self.revoked.clone(),
            password: self.password.as_ref().map(|password| password.expose().to_owned()),
        }
    }

    /// Goes on with what was kept, but never exposes keys that everybody knows.
    pub(crate) fn restore(kept: Kept, is_exposed: bool) -> Self {
        if is_exposed && !kept.is_exposed {
            return Self::new(true);
        }
        let key = |(id, secret): (String, String)| Key { client_id: id, client_secret: secret.into() };
        Self {
            workspace: Workspace { api_key: kept.api_key.into(), ..workspace(0) },
            service_account: key(kept.service_account),
            personal: key(kept.personal),
            revoked: kept.revoked,
            tokens: HashMap::new(),
            password: kept.password.map(Into::into),
            is_exposed: kept.is_exposed,
            ids: kept.ids,
        }
    }

    /// The first `count` workspaces; the first of all has the registry.
    pub(crate) fn workspaces(&self, count: u8) -> impl Iterator<Item = Workspace> {
        (0..count).map(|number| if number == 0 { self.workspace.clone() } else { workspace(number) })
    }

    pub(crate) fn find_workspace(&self, id: Uuid, count: u8) -> Option<Workspace> {
        self.workspaces(count).find(|workspace| workspace.id == id)
    }

    /// A token for the key, or nothing if the key is wrong or revoked.
    pub(crate) fn sign_in(&mut self, id: &str, secret: &str, expires: Duration) -> Option<String> {
        let is = |key: &Key| key.client_id == id && key.client_secret.expose() == secret;
        let person = match () {
            () if is(&self.service_account) => Person::ServiceAccount,
            () if is(&self.personal) => Person::Personal,
            () => return None,
        };
        if self.revoked.contains(&person) {
            return None;
        }
        let token = self.ids.hex(4);
        self.tokens.insert(token.clone(), (person, expires));
        Some(token)
    }

    pub(crate) fn person(&self, token: &str, now: Duration) -> Result<Person, BadToken> {
        match self.tokens.get(token) {
            None => Err(BadToken::Unknown),
            Some((_, expires)) if *expires <= now => Err(BadToken::Expired),
            Some((person, _)) => Ok(*person),
        }
    }

    pub(crate) fn expire_tokens(&mut self) {
        self.tokens.values_mut().for_each(|(_, expires)| *expires = Duration::ZERO);
    }

    /// Ends a key: no more tokens for it, and those it has are no longer known.
    pub(crate) fn revoke(&mut self, person: Person) {
        self.revoked.push(person);
        self.tokens.retain(|_, (owner, _)| *owner != person);
    }

    /// Replaces the registry password.
    pub(crate) fn rotate_password(&mut self) -> Secret {
        self.password.insert(self.ids.hex(2).into()).clone()
    }

    pub(crate) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Replaces the api key of the workspace that has the registry.
    pub(crate) fn rotate_api_key(&mut self) {
        self.workspace.api_key = self.ids.uuid().to_string().into();
    }
}
