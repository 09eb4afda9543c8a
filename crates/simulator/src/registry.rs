//! `/public/v2/docker_registry/v2/registries/current`

use crate::call::Call;
use crate::reply::{Answer, Reply};

pub(crate) fn get(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    Reply::ok(&call.service.viewer(person).registry())
}
