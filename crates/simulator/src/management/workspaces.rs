//! `/public/v2/workspaces/`

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::accounts::EMAIL;

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    call.person()?;
    if call.service.quirks.workspace_list_refused {
        return Err(Reply::reason(400, "The role does not allow listing workspaces"));
    }
    let accounts = &call.service.accounts;
    let workspaces: Vec<Value> = accounts
        .workspaces(call.service.quirks.workspaces)
        .map(|workspace| {
            json!({
                "id": workspace.id,
                "name": workspace.name,
                "namespace": format!("ns-{}", workspace.id),
                "project_id": workspace.project_id,
                "project_name": "project",
                "owner_email": EMAIL,
                "allocations": [{
                    "id": format!("alloc-{}", workspace.name),
                    "name": "default",
                    "cluster_key": "SR006",
                    "cluster_name": null,
                }],
            })
        })
        .collect();
    Reply::ok(&json!({ "workspaces": workspaces }))
}

pub(crate) fn api_key(call: &mut Call<'_>) -> Answer {
    call.person()?;
    if call.service.quirks.api_key_refused {
        return Err(Reply::reason(400, "The role does not allow reading the api key"));
    }
    Reply::ok(&json!({ "x-api-key": call.workspace()?.api_key }))
}
