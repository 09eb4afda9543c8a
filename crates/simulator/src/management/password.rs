//! `/public/v2/docker_registry/v1/users/generate_password`

use serde_json::json;

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::state::Person;

pub(crate) fn generate(call: &mut Call<'_>) -> Answer {
    match call.registry()? {
        Person::Personal => {
            let password = call.service.accounts.rotate_password();
            Reply::ok(&json!({ "password": password }))
        }
        Person::ServiceAccount => Err(Reply::detail(403, "A service account has no registry password")),
    }
}
