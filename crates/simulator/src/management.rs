//! The management API: what happens to a request between its arrival and its answer, in this order: journal, rate
//! limit, firewall, faults that strike before, the operation itself, faults that strike after.

mod call;
mod deletes;
mod distort;
mod images;
mod password;
mod registry;
mod reply;
mod repositories;
mod request;
mod route;
mod service_auth;
mod tags;
pub(crate) mod views;
mod workspaces;

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use crate::body::Body;
use crate::faults::Effect;
use crate::faults::aim::Subject;
use crate::faults::run::Strike;
use crate::ids::Ids;
use crate::journal::{REQUESTS, Recorded};
use crate::operations::Operation;
use crate::quirks::Quirks;
use crate::response::{Cut, JSON, Response};
use crate::service::{Service, Shared};
use call::Call;
use distort::{Form, other_ids, rewrite, without_offset};
use reply::Reply;
use request::Request;
use route::{Route, handler, route};

/// The path of signing in.
const SIGN_IN: &str = "/public/v2/service_auth";

/// The longest body that is read to sign in.
const LONGEST_SIGN_IN: usize = 256 * 1024;

/// The part of a body that is taken in.
struct Intake {
    /// A longer one is read to its end, and nothing of it is kept.
    most: usize,
    /// A longer one does not get into the journal.
    recorded: usize,
    /// The time in which more of it must come.
    patience: Option<Duration>,
}

/// A request that goes to its operation, or to the fault that strikes it.
struct Admitted {
    operation: &'static Operation,
    part: String,
    strike: Strike,
}

impl Service {
    /// Nothing is kept of whoever is not signed in, except what signing in takes, so that a stranger costs no memory.
    fn intake(&self, parts: &Parts) -> Intake {
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.map(|value| call::token(value, &self.quirks)).unwrap_or_default();
        let longest = self.quirks.max_body;
        let (most, recorded) = match self.accounts.person(token, self.clock.now()) {
            Ok(_) => (longest, 256 * 1024),
            Err(_) if parts.uri.path() == SIGN_IN => (longest.min(LONGEST_SIGN_IN), 4 * 1024),
            // The firewall stands before signing in, and reads everything.
            Err(_) if self.quirks.firewall => (longest, 0),
            Err(_) => (0, 0),
        };
        Intake { most, recorded, patience: self.quirks.idle_timeout() }
    }

    /// Notes a request, and says what is to be done: an answer at once, or an operation. All under one lock, so
    /// that whoever sees the request in the journal knows that its fault is chosen and its delay begun.
    fn admit(
        &mut self,
        parts: &Parts,
        request: &Request,
        recorded: usize,
    ) -> (usize, Result<Admitted, Reply>) {
        let route = route(&parts.method, &request.path);
        let id = match &route {
            Route::Found(operation, _) => Some(operation.id),
            _ => None,
        };
        let body = (request.bytes.len() <= recorded).then(|| request.json().cloned()).flatten();
        let recorded = Recorded { received: request.received, ..Recorded::of(parts, id, body) };
        let admitted = self.check(route, request, &recorded);
        (self.journal.arrived(recorded, self.quirks.max_journal), admitted)
    }

    fn check(&mut self, route: Route, request: &Request, recorded: &Recorded) -> Result<Admitted, Reply> {
        if let Some(refused) = self.limit() {
            return Err(refused);
        }
        let most = match &route {
            Route::Found(operation, _) if operation.id == "service_auth" => {
                self.quirks.max_body.min(LONGEST_SIGN_IN)
            }
            _ => self.quirks.max_body,
        };
        if request.received > most as u64 {
            return Err(Reply::detail(413, "Request body too large"));
        }
        if self.quirks.firewall && is_suspicious(request) {
            return Err(Reply::firewall());
        }
        let Route::Found(operation, part) = route else {
            return Err(no_operation(&route, request, &self.quirks));
        };
        let world = &self.world;
        let fault = self.faults.strike(operation.id, || {
            let ids = ids_in(request, &part);
            let owners = ids.iter().filter_map(|id| world.owner(*id)).map(|one| one.name.clone());
            Subject { request: recorded, repositories: owners.collect(), ids }
        });
        Ok(Admitted { operation, part, strike: Strike { fault, since: self.clock.now() } })
    }

    fn limit(&mut self) -> Option<Reply> {
        let limit = self.quirks.rate_limit?;
        let wait = self.limiter.take(limit, self.clock.now()).err()?;
        let reply = Reply::code(429, 429, &format!("Rate limit exceeded: {limit} per 1 minute"));
        Some(if self.quirks.retry_after { reply.header("retry-after", wait.to_string()) } else { reply })
    }
}

/// Answers a request to the management API.
pub(crate) async fn respond(shared: Shared, request: hyper::Request<Incoming>) -> Result<Response, Cut> {
    let (parts, body) = request.into_parts();
    let intake = shared.lock().intake(&parts);
    let mut body = Body::new(body, intake.patience);
    let kept = body.whole(intake.most).await?.unwrap_or_default();
    let request = Request::new(&parts, kept, body.received);
    let (number, admitted) = shared.lock().admit(&parts, &request, intake.recorded);
    let response = match admitted {
        Ok(Admitted { operation, part, strike }) => {
            let process =
                async { Ok(process(&shared, operation, &part, &request, strike.effect()).into_response()) };
            strike.run(shared.clock(), process).await?
        }
        Err(reply) => reply.into_response(),
    };
    let status = response.status().as_u16();
    shared.lock().journal.answered(number, status);
    tracing::info!(target: REQUESTS, "{} {} {status}", request.method, request.path);
    Ok(response)
}

fn process(
    shared: &Shared,
    operation: &Operation,
    part: &str,
    request: &Request,
    effect: Option<&Effect>,
) -> Reply {
    let mut service = shared.lock();
    if service.quirks.strict
        && let Err(refused) = request.strict(operation)
    {
        return refused;
    }
    let naive = service.quirks.naive_timestamps || effect == Some(&Effect::NaiveTimestamps);
    let form = Form::of(&service.quirks);
    let mut call = Call { service: &mut service, request, part, effect };
    let mut reply = handler(operation.name)(&mut call).unwrap_or_else(|refusal| refusal);
    drop(service);
    if reply.status == 200 && !form.is_plain() {
        rewrite(&mut reply, |value| form.apply(value));
    }
    if reply.status == 200 && naive {
        rewrite(&mut reply, without_offset);
    }
    if reply.status == 200 && effect == Some(&Effect::WrongIds) {
        rewrite(&mut reply, |value| other_ids(value, &mut Ids::new(3)));
    }
    reply
}

/// The answer to a path and method that no operation has.
fn no_operation(route: &Route, request: &Request, quirks: &Quirks) -> Reply {
    match route {
        Route::WrongMethod(allow) => Reply::detail(405, "Method Not Allowed").header("allow", allow.as_str()),
        Route::Redirect(path) => {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
            let separator = if query.is_empty() { "" } else { "?" };
            let host = request.header("host").unwrap_or_default();
            let location = format!("http://{host}{path}{separator}{query}");
            Reply::new(307, JSON, "").header("location", location)
        }
        _ => Reply::not_found(quirks.html_not_found, "Not Found"),
    }
}

/// The ids that a request names: in its path, its query, and the fields of its body and their lists.
fn ids_in(request: &Request, part: &str) -> Vec<Uuid> {
    let fields: Vec<_> =
        request.json().and_then(Value::as_object).into_iter().flat_map(|fields| fields.values()).collect();
    let items = fields.iter().filter_map(|field| field.as_array()).flatten();
    let of_body = items.chain(fields.iter().copied()).filter_map(Value::as_str);
    let of_query = request.query.iter().map(|(_, value)| value.as_str());
    of_body.chain(of_query).chain([part]).filter_map(|text| text.parse().ok()).collect()
}

/// True if the web application firewall would stop it.
fn is_suspicious(request: &Request) -> bool {
    fn text(text: &str) -> bool {
        ["../", "..\\", "$(", "`", ";", "|", "&&"].iter().any(|sign| text.contains(sign))
    }
    fn any(value: &Value) -> bool {
        match value {
            Value::String(value) => text(value),
            Value::Array(items) => items.iter().any(any),
            Value::Object(fields) => fields.values().any(any),
            _ => false,
        }
    }
    request.query.iter().any(|(_, value)| text(value)) || request.json().is_some_and(any)
}
