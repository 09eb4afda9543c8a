//! The address and the keys, as a program that runs the simulator for others tells them.

use mlspace_registry_api::Secret;
use serde::Serialize;
use uuid::Uuid;

/// The addresses of the simulator and the keys to sign in with. It holds the secrets on purpose: serialise it, or write
/// [`Ready::to_env`], only to where the simulator's user is to find them.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Ready {
    event: &'static str,
    /// The address of the management API, without `/public/v2`.
    pub base_url: String,
    /// `HOST:PORT` of the image registry.
    pub registry: String,
    /// The workspace that has the registry.
    pub workspace_id: Uuid,
    /// Its api key.
    pub api_key: Secret,
    /// The key id of the service account.
    pub client_id: String,
    /// The key secret of the service account.
    pub client_secret: Secret,
    /// The key of a person.
    pub personal: Personal,
}

/// The key of a person.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Personal {
    /// The key id.
    pub client_id: String,
    /// The key secret.
    pub client_secret: Secret,
    /// The person's address, which is the user name for `docker login`.
    pub email: String,
}

impl Ready {
    pub(crate) fn new(base_url: String, registry: String, accounts: &crate::accounts::Accounts) -> Self {
        Self {
            event: "ready",
            base_url,
            registry,
            workspace_id: accounts.workspace.id,
            api_key: accounts.workspace.api_key.clone(),
            client_id: accounts.service_account.client_id.clone(),
            client_secret: accounts.service_account.client_secret.clone(),
            personal: Personal {
                client_id: accounts.personal.client_id.clone(),
                client_secret: accounts.personal.client_secret.clone(),
                email: crate::accounts::EMAIL.to_owned(),
            },
        }
    }

    /// A line of JSON without a line end.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The same as lines of `NAME=value`, to be written with mode 0600. No value needs quoting.
    pub fn to_env(&self) -> String {
        let lines = [
            ("MLSPACE_BASE_URL", self.base_url.clone()),
            ("MLSPACE_CLIENT_ID", self.client_id.clone()),
            ("MLSPACE_CLIENT_SECRET", self.client_secret.expose().to_owned()),
            ("MLSPACE_WORKSPACE_ID", self.workspace_id.to_string()),
            ("MLSPACE_API_KEY", self.api_key.expose().to_owned()),
            ("MLCR_REGISTRY", self.registry.clone()),
            ("MLCR_PERSONAL_CLIENT_ID", self.personal.client_id.clone()),
            ("MLCR_PERSONAL_CLIENT_SECRET", self.personal.client_secret.expose().to_owned()),
            ("MLCR_PERSONAL_EMAIL", self.personal.email.clone()),
        ];
        lines.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}
