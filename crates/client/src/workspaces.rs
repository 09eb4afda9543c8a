//! Workspaces: what a key can see.

use mlspace_registry_api::{Secret, types};

use crate::client::Client;
use crate::error::Result;

/// The workspaces that the key sees.
///
/// ```no_run
/// # async fn see(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// for workspace in client.workspaces().list().await? {
///     println!("{} {}", workspace.id, workspace.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Workspaces {
    pub(crate) client: Client,
}

impl Workspaces {
    /// Lists them. One request; needs no workspace.
    ///
    /// # Errors
    /// As every call.
    pub fn list(&self) -> impl Future<Output = Result<Vec<types::Workspace>>> + Send + use<> {
        let core = self.client.core.clone();
        async move { core.workspace_list(None, None).await }
    }

    /// Lists those of one customer. One request.
    ///
    /// # Errors
    /// As every call.
    pub fn list_of_customer(
        &self,
        customer_id: &str,
    ) -> impl Future<Output = Result<Vec<types::Workspace>>> + Send + use<> {
        let (core, customer_id) = (self.client.core.clone(), customer_id.to_owned());
        async move { core.workspace_list(Some(&customer_id), None).await }
    }

    /// Reads the api key of a workspace. One request.
    ///
    /// # Errors
    /// 400 when the key's role does not allow it.
    pub fn api_key(&self, workspace_id: &str) -> impl Future<Output = Result<Secret>> + Send + use<> {
        let (core, workspace_id) = (self.client.core.clone(), workspace_id.to_owned());
        async move { core.workspace_api_key(&workspace_id, None).await }
    }
}
