//! The token endpoint: GET with the password in `Authorization`, or POST with it in a form.

use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::error::{Failure, Refusal};
use super::{Answer, Registry, RegistryRequest};
use crate::body::Body;
use crate::response::{JSON, response};

/// The longest form, in bytes.
const LONGEST: usize = 64 * 1024;

impl Registry {
    pub(super) async fn token(&self, request: &RegistryRequest, body: &mut Body) -> Answer {
        let mut fields = request.query.clone();
        if request.parts.method == Method::POST {
            let form = body.whole(LONGEST).await?.ok_or(Failure::Cut)?;
            fields.extend(form_urlencoded::parse(&form).into_owned());
            let grant = fields.iter().find(|(key, _)| key == "grant_type").map(|(_, value)| value.as_str());
            if grant != Some("password") {
                return Err(Refusal::bad("UNSUPPORTED", "the only grant_type is password").into());
            }
        }
        let (mut service, now) = (self.shared.lock(), self.shared.clock().stamp());
        let (token, lifetime) = service.registry_token(&request.parts.headers, &fields, &request.host)?;
        let body = json!({ "token": token, "access_token": token, "expires_in": lifetime, "issued_at": now });
        Ok(response(StatusCode::OK, [(CONTENT_TYPE, JSON)], body.to_string()))
    }
}
