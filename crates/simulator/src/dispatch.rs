//! What happens to a request between its arrival and its answer, in this order: journal, rate limit, firewall,
//! faults that strike before, the operation itself, faults that strike after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::auth::{Auth, BadToken, Workspace};
use crate::clock::Clock;
use crate::faults::{Effect, Faults};
use crate::ids::Ids;
use crate::journal::{Journal, Recorded};
use crate::limiter::Limiter;
use crate::operations::{Operation, Route, route};
use crate::quirks::Quirks;
use crate::reply::{JSON, Problems, Reply};
use crate::request::Request;
use crate::state::{Person, World};
use crate::views::Viewer;

/// Everything that a running simulator holds.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) clock: Arc<Clock>,
    pub(crate) world: World,
    pub(crate) auth: Auth,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    limiter: Limiter,
}

impl Service {
    pub(crate) fn new(clock: Arc<Clock>, world: World) -> Self {
        Self {
            world,
            auth: Auth::new(),
            quirks: Quirks::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            limiter: Limiter::default(),
            clock,
        }
    }

    /// The registry as that person sees it.
    pub(crate) fn viewer(&self, person: Person) -> Viewer<'_> {
        Viewer { world: &self.world, quirks: &self.quirks, person }
    }

    fn limit(&mut self) -> Option<Reply> {
        let limit = self.quirks.rate_limit?;
        let wait = self.limiter.take(limit, self.clock.now()).err()?;
        let reply = Reply::code(429, 429, &format!("Rate limit exceeded: {limit} per 1 minute"));
        Some(if self.quirks.retry_after { reply.header("retry-after", wait.to_string()) } else { reply })
    }
}

/// The service and the clock that it shares with whoever waits.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    service: Arc<Mutex<Service>>,
    clock: Arc<Clock>,
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Outcome {
    Reply(Reply),
    /// The connection ends in the middle of the body.
    Truncated(Reply),
    /// The connection ends without an answer.
    Cut,
}

impl Shared {
    pub(crate) fn new(service: Service) -> Self {
        Self { clock: service.clock.clone(), service: Arc::new(Mutex::new(service)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Answers a request; `whole` is false if its body was too large to be read to its end.
    pub(crate) async fn answer(&self, method: &hyper::Method, request: &Request, whole: bool) -> Outcome {
        let route = route(method, &request.path);
        let operation = match &route {
            Route::Found(operation, _) => Some(operation.id),
            _ => None,
        };
        let number = self.lock().journal.arrived(Recorded::of(request, operation), request.body_length);
        let outcome = self.outcome(route, request, whole).await;
        if let Outcome::Reply(reply) = &outcome {
            self.lock().journal.answered(number, reply.status);
            tracing::debug!(operation, method = request.method, path = request.path, status = reply.status);
        }
        outcome
    }

    async fn outcome(&self, route: Route, request: &Request, whole: bool) -> Outcome {
        let (operation, part, fault) = {
            let mut service = self.lock();
            if let Some(reply) = service.limit() {
                return Outcome::Reply(reply);
            }
            if !whole {
                return Outcome::Reply(Reply::detail(413, "Request body too large"));
            }
            if service.quirks.firewall && is_suspicious(request) {
                return Outcome::Reply(Reply::firewall());
            }
            match route {
                Route::Found(operation, part) => {
                    let fault = service.faults.strike(operation.id, &ids_in(request.json()));
                    (operation, part, fault)
                }
                other => return Outcome::Reply(no_operation(&other, request, &service.quirks)),
            }
        };
        let effect = fault.as_ref().map(|fault| &fault.effect);
        match effect {
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::Delay(by)) => self.clock.sleep(*by).await,
            Some(Effect::LostBefore) => return Outcome::Cut,
            _ => {}
        }
        let reply = match effect {
            Some(Effect::Answer { status, content_type, body }) => {
                Reply::new(*status, content_type, body.clone())
            }
            _ => self.process(operation, &part, request, effect),
        };
        let reply = match &fault {
            Some(fault) => fault.dress(reply),
            None => reply,
        };
        match effect {
            Some(Effect::LostAfter) => Outcome::Cut,
            Some(Effect::Truncated) => Outcome::Truncated(reply),
            _ => Outcome::Reply(reply),
        }
    }

    fn process(
        &self,
        operation: &Operation,
        part: &str,
        request: &Request,
        effect: Option<&Effect>,
    ) -> Reply {
        let mut service = self.lock();
        let naive = service.quirks.naive_timestamps || effect == Some(&Effect::NaiveTimestamps);
        let mut call = Call { service: &mut service, request, part, effect };
        let mut reply = (operation.handle)(&mut call).unwrap_or_else(|refusal| refusal);
        drop(service);
        if reply.status == 200 && naive {
            rewrite(&mut reply, without_offset);
        }
        if reply.status == 200 && effect == Some(&Effect::WrongIds) {
            rewrite(&mut reply, |value| other_ids(value, &mut Ids::new(3)));
        }
        reply
    }
}

impl Recorded {
    fn of(request: &Request, operation: Option<&'static str>) -> Self {
        Self {
            operation,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.json().cloned(),
            status: None,
        }
    }
}

/// What a path and method get that no operation has.
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

/// The ids in the lists of a body, as the deletes have them.
fn ids_in(body: Option<&Value>) -> Vec<Uuid> {
    let lists = body.and_then(Value::as_object).into_iter().flat_map(|fields| fields.values());
    let items = lists.filter_map(Value::as_array).flatten();
    items.filter_map(|item| item.as_str()?.parse().ok()).collect()
}

/// Whether the web application firewall would stop it.
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

fn rewrite(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        change(&mut value);
        reply.body = value.to_string().into();
    }
}

fn without_offset(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_offset),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // What the image's maker wrote is not the service's to change.
                    _ if name == "extra_attrs" => {}
                    Value::String(text) if name.ends_with("_at") || name.ends_with("_time") => {
                        *text = text.trim_end_matches('Z').to_owned();
                    }
                    other => without_offset(other),
                }
            }
        }
        _ => {}
    }
}

fn other_ids(value: &mut Value, ids: &mut Ids) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| other_ids(item, ids)),
        Value::Object(fields) => {
            if let Some(id) = fields.get_mut("id") {
                *id = ids.uuid().to_string().into();
            }
        }
        Value::String(id) => *id = ids.uuid().to_string(),
        _ => {}
    }
}

/// One request that reached its operation.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'a mut Service,
    pub(crate) request: &'a Request,
    /// What stands for `{}` in the path.
    pub(crate) part: &'a str,
    pub(crate) effect: Option<&'a Effect>,
}

impl Call<'_> {
    /// Whom the token belongs to.
    pub(crate) fn person(&self) -> Result<Person, Reply> {
        let Some(value) = self.request.header("authorization") else {
            return Err(Reply::code(401, 19, "no authorization header, it is required"));
        };
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            None if self.service.quirks.bare_token => value,
            _ => "",
        };
        self.service.auth.person(token, self.service.clock.now()).map_err(|error| match error {
            BadToken::Expired => Reply::code(401, 20, "access_token expired"),
            BadToken::Unknown => Reply::code(401, 21, "invalid access_token"),
        })
    }

    /// The workspace that `x-workspace-id` names.
    pub(crate) fn workspace(&self) -> Result<Workspace, Reply> {
        let at = ["header".into(), "x-workspace-id".into()];
        let header = self.request.header("x-workspace-id");
        let text = header.ok_or_else(|| Problems::one(&at, "missing", "Field required"))?;
        let id = Uuid::parse_str(text).ok();
        id.and_then(|id| self.service.auth.find_workspace(id, self.service.quirks.workspaces))
            .ok_or_else(|| Reply::detail(403, "The key has no access to this workspace"))
    }

    /// Who acts on the registry, once the token, the workspace and the api key are found good.
    pub(crate) fn registry(&self) -> Result<Person, Reply> {
        let person = self.person()?;
        let workspace = self.workspace()?;
        match self.request.header("x-api-key") {
            None => return Err(Reply::code(401, 9, "No x-api-key header provided")),
            Some(key) if key != workspace.api_key.expose() => {
                return Err(Reply::code(401, 10, "Invalid api-key for workspace"));
            }
            Some(_) => {}
        }
        if workspace.id != self.service.auth.workspace.id {
            return Err(Reply::detail(404, "The workspace has no registry"));
        }
        Ok(person)
    }

    /// A 404 for an id.
    pub(crate) fn not_found(&self, noun: &str) -> Reply {
        Reply::not_found(self.service.quirks.html_not_found, &format!("{noun} not found"))
    }

    pub(crate) fn now(&self) -> Duration {
        self.service.clock.now()
    }
}
