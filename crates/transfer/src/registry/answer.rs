//! Answers of registries: bodies that must not be long, and errors.

use std::pin::Pin;

use mlspace_registry_net::parse_retry_after;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;

use crate::digest::shown;
use crate::error::{Error, RegistryError, Result};
use crate::progress::Event;
use crate::retry::Patience;

/// Most of an error's body that is read.
const ERROR_CAP: usize = 16 * 1024;

/// Sends a request, and tells the observer what came of it. Boxed, so that the futures of all that is built on requests
/// stay small.
pub(crate) fn exchange<'a>(
    patience: &'a Patience,
    request: RequestBuilder,
) -> Pin<Box<dyn Future<Output = reqwest::Result<Response>> + Send + 'a>> {
    Box::pin(async move {
        let (http, request) = request.build_split();
        let request = request?;
        let (method, start) = (request.method().to_string(), patience.clock.now());
        let address = format!("{}{}", request.url().authority(), request.url().path());
        let result = http.execute(request).await;
        let answer = result.as_ref().ok();
        let id = answer.and_then(|answer| answer.headers().get("x-request-id")?.to_str().ok());
        (patience.observer)(&Event::Request {
            method,
            address,
            status: answer.map(|answer| answer.status().as_u16()),
            took: patience.clock.now().duration_since(start),
            request_id: id.map(str::to_owned),
        });
        result
    })
}

/// Reads a body that must not be long.
pub(crate) async fn read_capped(
    patience: &Patience,
    what: String,
    mut response: Response,
    cap: usize,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let chunk = tokio::time::timeout(patience.idle, response.chunk()).await;
        let Ok(chunk) = chunk else { return Err(Patience::stalled(what)) };
        match chunk.map_err(|error| Error::transport(&what, error))? {
            Some(chunk) if body.len() + chunk.len() > cap => {
                return Err(Error::protocol(what, format!("it is longer than {cap} bytes")));
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(body),
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    code: Option<String>,
    message: Option<String>,
}

/// Makes an error of an answer that is one.
pub(crate) async fn failure(patience: &Patience, what: String, mut response: Response) -> Error {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| parse_retry_after(value, patience.clock.wall()));
    let mut body = Vec::new();
    // An error that cannot be read to its end is still the error that its status says.
    while body.len() < ERROR_CAP
        && let Ok(Ok(Some(chunk))) = tokio::time::timeout(patience.idle, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    let item =
        serde_json::from_slice::<ErrorBody>(&body).ok().and_then(|body| body.errors.into_iter().next());
    let (code, message) = item.map_or((None, None), |item| (item.code, item.message));
    let clean = |text: Option<String>| text.map(|text| shown(text.trim())).filter(|text| !text.is_empty());
    Error::Registry(Box::new(RegistryError {
        what,
        status,
        code: clean(code),
        message: clean(message),
        retry_after,
    }))
}
