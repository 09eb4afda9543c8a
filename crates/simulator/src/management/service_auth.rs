//! `/public/v2/service_auth`

use std::time::Duration;

use mlspace_registry_api::types::{BaseToken, ServiceAuthResponse};

use super::call::Call;
use super::reply::{Answer, Problems, Reply};
use super::request::Fields;

pub(crate) fn sign_in(call: &mut Call<'_>) -> Answer {
    let mut problems = Problems::default();
    let fields = call.request.fields()?;
    let id = fields.text("client_id", &mut problems);
    let secret = fields.text("client_secret", &mut problems);
    problems.check()?;

    let lifetime = call.service.quirks.token_lifetime;
    let expires = call.now().saturating_add(Duration::from_secs(lifetime as u64));
    let token = call.service.accounts.sign_in(&id, &secret, expires);
    let access_token = token.ok_or_else(|| Reply::code(401, 1, "invalid user credentials"))?;
    Reply::ok(&ServiceAuthResponse {
        token: BaseToken {
            access_token: access_token.into(),
            expires_in: i64::try_from(lifetime).unwrap_or(i64::MAX),
            token_type: "Bearer".to_owned(),
        },
    })
}
