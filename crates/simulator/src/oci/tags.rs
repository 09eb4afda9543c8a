//! `/v2/NAME/tags/list`

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, LINK};
use serde_json::json;

use super::error::Refusal;
use super::{Answer, Registry, RegistryRequest};
use crate::response::{JSON, append, response};

impl Registry {
    /// The tags in the order of their bytes: `n` of them, those behind `last`.
    pub(super) fn list_tags(&self, request: &RegistryRequest) -> Answer {
        let service = self.shared.lock();
        let unknown = || Refusal::missing("NAME_UNKNOWN", "there is no such repository");
        let mut tags = service.world.tag_names(&request.repository).ok_or_else(unknown)?;
        if let Some(last) = request.query("last") {
            tags.drain(..tags.partition_point(|tag| *tag <= last));
        }
        let most = match request.query("n") {
            Some(text) => text.parse().map_err(|_| Refusal::bad("UNSUPPORTED", "`n` is not a number"))?,
            None => usize::MAX,
        };
        let more = tags.len() > most;
        tags.truncate(most);
        let body = json!({ "name": request.name, "tags": tags }).to_string();
        let mut response = response(StatusCode::OK, [(CONTENT_TYPE, JSON)], body);
        let Some(last) = tags.last().filter(|_| more) else { return Ok(response) };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("n", &most.to_string())
            .append_pair("last", last)
            .finish();
        let link = format!("</v2/{}/tags/list?{query}>; rel=\"next\"", request.name);
        append(&mut response, [(LINK, link)]);
        Ok(response)
    }
}
