//! `/public/v2/workspaces/`

use mlspace_registry_api::types::{ApiKeyResponse, ListWorkspacesResponse, Workspace, WorkspaceAllocation};

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::accounts::EMAIL;

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    call.person()?;
    if call.service.quirks.workspace_list_refused {
        return Err(Reply::reason(400, "The role does not allow listing workspaces"));
    }
    let accounts = &call.service.accounts;
    let workspaces = accounts.workspaces(call.service.quirks.workspaces).map(|workspace| Workspace {
        id: workspace.id,
        namespace: Some(format!("ns-{}", workspace.id)),
        project_id: Some(workspace.project_id),
        project_name: Some("project".to_owned()),
        owner_email: Some(EMAIL.to_owned()),
        allocations: vec![WorkspaceAllocation {
            id: format!("alloc-{}", workspace.name),
            name: "default".to_owned(),
            cluster_key: "SR006".to_owned(),
            cluster_name: None,
        }],
        name: workspace.name,
    });
    Reply::ok(&ListWorkspacesResponse { workspaces: workspaces.collect() })
}

pub(crate) fn api_key(call: &mut Call<'_>) -> Answer {
    call.person()?;
    if call.service.quirks.api_key_refused {
        return Err(Reply::reason(400, "The role does not allow reading the api key"));
    }
    Reply::ok(&ApiKeyResponse { x_api_key: call.workspace()?.api_key })
}
