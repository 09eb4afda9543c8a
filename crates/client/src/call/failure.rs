//! What an attempt without a good answer means.

use std::sync::Arc;

use mlspace_registry_api::{self as api, TransportKind};
use mlspace_registry_net::{certificate_problem, parse_retry_after};

use super::Call;
use crate::api_error::{ApiError, BODY_CAP, Secrets};
use crate::core::Core;
use crate::error::Error;
use crate::operation::Operation;
use crate::sign_in::Signature;

/// Longest piece of a decoder's message that is shown.
const DETAIL_CAP: usize = 200;

impl Core {
    /// Turns whatever the generated client reports into this crate's error.
    pub(super) async fn classify(&self, call: &Call, signature: &Signature, error: api::Error) -> Error {
        let operation = call.operation.id;
        let lost = |kind, source| Error::Transport { operation, kind, source };
        match error {
            api::Error::UnexpectedResponse(response) => {
                Error::Api(Box::new(self.read_error(call, signature, *response).await))
            }
            api::Error::Transport(error) => {
                let (kind, source) = (error.kind(), error.into_source());
                let http = source.as_ref().and_then(|source| source.downcast_ref::<reqwest::Error>());
                match http.filter(|_| kind == TransportKind::Connect).and_then(certificate_problem) {
                    Some(problem) => lost(TransportKind::Certificate, Some(Arc::new(problem))),
                    None => lost(kind, source),
                }
            }
            api::Error::ResponseBody(error) if error.is_too_long() => {
                Error::Decode { operation, detail: format!("longer than {} MiB", api::ANSWER_CAP >> 20) }
            }
            api::Error::ResponseBody(error) => lost(TransportKind::Truncated, error.into_source()),
            api::Error::InvalidResponsePayload(body, error) => {
                Error::Decode { operation, detail: describe_mismatch(call.operation, &body, &error) }
            }
            other => Error::Internal(format!("{operation}: {other}")),
        }
    }

    async fn read_error(
        &self,
        call: &Call,
        signature: &Signature,
        response: http::Response<api::Body>,
    ) -> ApiError {
        let (parts, mut answer) = response.into_parts();
        let mut error = ApiError::new(call.operation.id, parts.status.as_u16());
        error.sent_fields.clone_from(&call.fields);
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let secrets = self.secrets(signature);
        let secrets = Secrets(secrets.iter().map(api::Secret::expose).collect());
        let printable = |id: &str| id.chars().filter(char::is_ascii_graphic).collect::<String>();
        error.request_id =
            header("x-request-id").map(|id| secrets.hidden(&printable(id)).chars().take(128).collect());
        error.retry_after =
            header("retry-after").and_then(|value| parse_retry_after(value, self.clock().wall()));
        // The status is what matters; a body that breaks off or never ends must not cost us that.
        // Somewhat more is read than kept, so that no secret is cut in two where the body is cut.
        let most = BODY_CAP + 1 + secrets.longest();
        let mut body = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            let room = most - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == most {
                break;
            }
        }
        error.read_body(&body, &secrets);
        if call.operation.secret {
            error.body = None;
        }
        error
    }
}

/// Says what was expected where, without quoting the answer: it may hold a secret or a page of HTML.
fn describe_mismatch(operation: &Operation, body: &[u8], error: &serde_json::Error) -> String {
    if body.trim_ascii_start().starts_with(b"<") {
        return "a page of HTML".into();
    }
    if body.trim_ascii().is_empty() {
        return "an empty answer".into();
    }
    let text = error.to_string();
    if operation.secret {
        // The field alone: a number that stands in its place may be the secret.
        return text.split(": ").next().unwrap_or_default().to_owned();
    }
    text.chars().filter(|c| !c.is_control()).take(DETAIL_CAP).collect()
}
