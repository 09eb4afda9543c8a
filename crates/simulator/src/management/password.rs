//! `/public/v2/docker_registry/v1/users/generate_password`

use mlspace_registry_api::types::UserPasswordResponse;

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::state::Person;

pub(crate) fn generate(call: &mut Call<'_>) -> Answer {
    match call.registry()? {
        Person::Personal => {
            let password = call.service.accounts.rotate_password();
            Reply::ok(&UserPasswordResponse { password })
        }
        Person::ServiceAccount => Err(Reply::detail(403, "A service account has no registry password")),
    }
}
