//! `/public/v2/docker_registry/v2/registries/current`

use super::call::Call;
use super::reply::{Answer, Reply};

pub(crate) fn get(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    Reply::ok(&call.service.viewer(person).registry())
}
