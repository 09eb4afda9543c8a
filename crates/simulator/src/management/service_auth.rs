//! `/public/v2/service_auth`

use std::time::Duration;

use serde_json::json;

use super::call::Call;
use super::reply::{Answer, Problems, Reply};
use super::request::Fields;
use crate::quirks::TokenType;

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
    let token_type = match call.service.quirks.token_type {
        TokenType::Bearer => "Bearer",
        TokenType::Unknown => "DPoP",
    };
    Reply::ok(&json!({
        "token": { "access_token": access_token, "expires_in": lifetime, "token_type": token_type },
    }))
}
