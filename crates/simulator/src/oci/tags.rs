//! `/v2/NAME/tags/list` and `/v2/_catalog`

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, LINK};
use serde_json::{Value, json};

use super::error::Refusal;
use super::{Answer, Registry, RegistryRequest};
use crate::response::{JSON, append, response};

impl Registry {
    /// The tags in the order of their bytes.
    pub(super) fn list_tags(&self, request: &RegistryRequest) -> Answer {
        let service = self.shared.lock();
        let unknown = || Refusal::missing("NAME_UNKNOWN", "there is no such repository");
        let tags = service.world.tag_names(&request.repository).ok_or_else(unknown)?;
        let path = format!("/v2/{}/tags/list", request.name);
        page(request, &path, tags, |tags| json!({ "name": request.name, "tags": tags }))
    }

    /// All repositories, as far as the registry has something like that.
    pub(super) fn list_repositories(&self, request: &RegistryRequest) -> Answer {
        let service = self.shared.lock();
        if !service.quirks.catalog {
            return Err(Refusal::missing("UNSUPPORTED", "this registry has no catalog").into());
        }
        let all = service.world.repositories().iter().filter_map(|id| service.world.repository(id));
        let mut names: Vec<_> = all.map(|repository| repository.name.as_str()).collect();
        names.sort_unstable();
        page(request, "/v2/_catalog", names, |names| json!({ "repositories": names }))
    }
}

/// A page of names: `n` of them, those behind `last`.
fn page(
    request: &RegistryRequest,
    path: &str,
    mut names: Vec<&str>,
    body: impl FnOnce(&[&str]) -> Value,
) -> Answer {
    if let Some(last) = request.query("last") {
        names.drain(..names.partition_point(|name| *name <= last));
    }
    let most = match request.query("n") {
        Some(text) => text.parse().map_err(|_| Refusal::bad("UNSUPPORTED", "`n` is not a number"))?,
        None => usize::MAX,
    };
    let more = names.len() > most;
    names.truncate(most);
    let mut response = response(StatusCode::OK, [(CONTENT_TYPE, JSON)], body(&names).to_string());
    let Some(last) = names.last().filter(|_| more) else { return Ok(response) };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("n", &most.to_string())
        .append_pair("last", last)
        .finish();
    append(&mut response, [(LINK, format!("<{path}?{query}>; rel=\"next\""))]);
    Ok(response)
}
