//! The image registry: the OCI distribution specification 1.1 over the same state as the management API.

mod auth;
mod blobs;
mod error;
mod manifests;
mod referrers;
mod route;
mod tags;
mod token;
mod uploads;
mod write;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};

use crate::body::Body;
use crate::faults::Effect;
use crate::faults::aim::Subject;
use crate::faults::run::Strike;
use crate::journal::{REQUESTS, Recorded};
use crate::oci::error::{Failure, Refusal};
use crate::oci::route::{Endpoint, Route};
use crate::oci::uploads::Uploads;
use crate::quirks::{RegistryPrefix, UploadLocation};
use crate::response::{Cut, JSON, Response, response};
use crate::service::Shared;

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The result of a handler.
type Answer = Result<Response, Failure>;

/// The registry as every connection shares it.
#[derive(Clone)]
pub(crate) struct Registry {
    shared: Shared,
    uploads: Uploads,
    /// `HOST:PORT`, for clients that do not say how they call it.
    address: String,
    /// The port of the storage, where blobs are if they are not at the registry's own address.
    storage_port: u16,
}

/// A request that was let in.
struct RegistryRequest {
    parts: Parts,
    query: Vec<(String, String)>,
    /// The repository as the request names it.
    name: String,
    /// The repository as the management API names it.
    repository: String,
    host: String,
    /// A fault cuts the connection after so many bytes of the body.
    cut_after: Option<u64>,
    /// A fault fills the disk after so many bytes of the body.
    disk_full_after: Option<u64>,
}

impl RegistryRequest {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header that is text.
    fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

impl Registry {
    /// `address` is `HOST:PORT`.
    pub(crate) fn new(shared: Shared, address: String, storage_port: u16) -> Self {
        let uploads = Uploads::new(shared.lock().accounts.is_exposed);
        Self { shared, uploads, address, storage_port }
    }

    /// Answers a request to the image registry.
    pub(crate) async fn respond(self, request: hyper::Request<Incoming>) -> Result<Response, Cut> {
        let (parts, body) = request.into_parts();
        let patience = self.shared.lock().quirks.idle_timeout();
        let mut body = Body::new(body, patience);
        let waits = parts.headers.contains_key(hyper::header::EXPECT);
        let mut response = self.answer(parts, &mut body).await?;
        if !waits {
            // Whoever is still sending shall see the answer.
            body.drain().await;
        }
        response.headers_mut().insert(VERSION, HeaderValue::from_static("registry/2.0"));
        Ok(response)
    }

    async fn answer(&self, parts: Parts, body: &mut Body) -> Result<Response, Cut> {
        let host = self.host(&parts.headers);
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let routed = route::route(&parts.method, parts.uri.path());
        let (number, admitted) = self.admit(&parts, routed, &host);
        let response = match admitted {
            Ok((route, strike)) => {
                let handle = async {
                    match self.handle(parts, body, route, host, strike.effect()).await {
                        Ok(response) => Ok(response),
                        Err(Failure::Refused(refusal)) => Ok(refusal.into_response()),
                        Err(Failure::Cut) => Err(Cut),
                    }
                };
                let answered = strike.run(self.shared.clock(), handle).await;
                self.shared.lock().journal.received(number, body.received);
                answered?
            }
            Err(refusal) => refusal.into_response(),
        };
        let status = response.status().as_u16();
        self.shared.lock().journal.answered(number, status);
        tracing::info!(target: REQUESTS, "{method} {path} {status}");
        Ok(response)
    }

    /// Notes a request, and lets it in or not. Faults strike only what is let in, so that the first request of a
    /// client that has yet to fetch a token does not use them up.
    fn admit(
        &self,
        parts: &Parts,
        routed: Result<Route, Refusal>,
        host: &str,
    ) -> (usize, Result<(Route, Strike), Refusal>) {
        let mut service = self.shared.lock();
        let operation = routed.as_ref().ok().map(|route| route.operation);
        let most = service.quirks.max_journal;
        let recorded = Recorded::of(parts, operation, None);
        let admitted = routed.and_then(|route| {
            service.admit_to_registry(&route, parts, host)?;
            let repositories = vec![service.repository_name(&route.name).to_owned()];
            let fault = service.faults.strike(route.operation, || Subject {
                request: &recorded,
                ids: Vec::new(),
                repositories,
            });
            if fault.as_ref().is_some_and(|fault| fault.effect == Effect::ExpireToken) {
                service.tokens.expire();
                service.admit_to_registry(&route, parts, host)?;
            }
            Ok((route, Strike { fault, since: service.clock.now() }))
        });
        (service.journal.arrived(recorded, most), admitted)
    }

    async fn handle(
        &self,
        parts: Parts,
        body: &mut Body,
        route: Route,
        host: String,
        effect: Option<&Effect>,
    ) -> Answer {
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let repository = self.repository(&route)?;
        let cut_after = match effect {
            Some(Effect::CutAfter(bytes)) => Some(*bytes),
            _ => None,
        };
        let disk_full_after = match effect {
            Some(Effect::DiskFull(bytes)) => Some(*bytes),
            _ => None,
        };
        let name = route.name;
        let request = RegistryRequest { parts, query, name, repository, host, cut_after, disk_full_after };
        let method = request.parts.method.clone();
        match (&route.endpoint, method) {
            (Endpoint::Ping, _) => Ok(response(StatusCode::OK, [(CONTENT_TYPE, JSON)], "{}")),
            (Endpoint::Token, _) => self.token(&request, body).await,
            (Endpoint::Blob(digest), Method::DELETE) => self.delete_blob(&request, digest),
            (Endpoint::Blob(digest), _) => self.get_blob(&request, digest),
            (Endpoint::Stored(digest), _) => self.get_stored(&request, digest),
            (Endpoint::Uploads, _) => self.start_upload(&request, body).await,
            (Endpoint::Upload(id), Method::PATCH) => self.patch_upload(&request, *id, body).await,
            (Endpoint::Upload(id), Method::PUT) => self.put_upload(&request, *id, body).await,
            (Endpoint::Upload(id), Method::DELETE) => self.cancel_upload(&request, *id).await,
            (Endpoint::Upload(id), _) => self.upload_status(&request, *id).await,
            (Endpoint::Manifest(reference), Method::PUT) => {
                self.put_manifest(&request, reference, body).await
            }
            (Endpoint::Manifest(reference), Method::DELETE) => self.delete_manifest(&request, reference),
            (Endpoint::Manifest(reference), _) => self.get_manifest(&request, reference),
            (Endpoint::Catalog, _) => self.list_repositories(&request),
            (Endpoint::Tags, _) => self.list_tags(&request),
            (Endpoint::Referrers(digest), _) => self.list_referrers(&request, digest),
        }
    }

    /// The repository that the management API would show.
    fn repository(&self, route: &Route) -> Result<String, Refusal> {
        let service = self.shared.lock();
        let repository = service.repository_name(&route.name).to_owned();
        let names_none = matches!(route.endpoint, Endpoint::Ping | Endpoint::Token | Endpoint::Catalog);
        let has_prefix = repository.len() < route.name.len();
        if route.name == service.world.id.to_string() {
            return Err(Refusal::bad(
                "NAME_INVALID",
                "the name of the repository is missing after the registry's id",
            ));
        }
        let required = service.quirks.registry_prefix == RegistryPrefix::Required;
        if required && !has_prefix && !names_none {
            let message = "the name does not begin with the registry's id";
            return Err(Refusal::missing("NAME_UNKNOWN", message));
        }
        Ok(repository)
    }

    /// `HOST:PORT` as the client calls this registry.
    fn host(&self, headers: &HeaderMap) -> String {
        let sent = headers.get(HOST).and_then(|value| value.to_str().ok());
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        sent.filter(|host| !host.is_empty() && host.chars().all(plain)).unwrap_or(&self.address).to_owned()
    }

    /// A `Location`.
    fn location(&self, request: &RegistryRequest, path: &str) -> String {
        match self.shared.lock().quirks.upload_location {
            UploadLocation::Absolute => format!("http://{}{path}", request.host),
            UploadLocation::Relative => path.to_owned(),
        }
    }
}
