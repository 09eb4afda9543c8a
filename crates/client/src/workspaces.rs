//! Workspaces: what a key can see.

use mlspace_registry_api::{Secret, types};

use crate::client::Client;
use crate::error::Result;

/// The workspaces that the key sees.
#[derive(Clone, Copy, Debug)]
pub struct Workspaces<'a> {
    pub(crate) client: &'a Client,
}

impl Workspaces<'_> {
    /// Lists them. One request; needs no workspace.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(self) -> Result<Vec<types::Workspace>> {
        self.client.core.workspace_list(None, None).await
    }

    /// Lists those of one customer. One request.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_of_customer(self, customer_id: &str) -> Result<Vec<types::Workspace>> {
        self.client.core.workspace_list(Some(customer_id), None).await
    }

    /// Reads the api key of a workspace. One request.
    ///
    /// # Errors
    /// 400 when the key's role does not allow it.
    pub async fn api_key(self, workspace_id: &str) -> Result<Secret> {
        self.client.core.workspace_api_key(workspace_id, None).await
    }
}
