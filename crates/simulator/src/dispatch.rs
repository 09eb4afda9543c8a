//! What happens to a request between its arrival and its answer, in this order: journal, rate limit, firewall,
//! faults that strike before, the operation itself, faults that strike after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use serde_json::Value;
use uuid::Uuid;

use crate::armed::Faults;
use crate::auth::Auth;
use crate::body::Body;
use crate::call::Call;
use crate::clock::Clock;
use crate::distort::{other_ids, rewrite, without_offset};
use crate::faults::{Effect, Fault};
use crate::ids::Ids;
use crate::journal::{Journal, Recorded};
use crate::limiter::Limiter;
use crate::oci::Tokens;
use crate::oci::content::Content;
use crate::operations::{Operation, Route, route};
use crate::quirks::Quirks;
use crate::reply::Reply;
use crate::request::Request;
use crate::response::{Cut, JSON, Response, truncate};
use crate::state::{Person, World};
use crate::views::Viewer;

/// The longest body that is read. A delete of 100,000 ids fits.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// Everything that a running simulator holds.
pub(crate) struct Service {
    pub(crate) clock: Arc<Clock>,
    pub(crate) world: World,
    pub(crate) content: Content,
    pub(crate) tokens: Tokens,
    pub(crate) auth: Auth,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    limiter: Limiter,
}

impl Service {
    pub(crate) fn new(clock: Arc<Clock>, world: World, content: Content) -> Self {
        Self {
            world,
            content,
            tokens: Tokens::default(),
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

    /// Notes a request, and says what is to be done: an answer at once, or an operation. All under one lock, so
    /// that whoever sees the request in the journal knows that its fault is chosen and its delay begun.
    fn admit(
        &mut self,
        method: &hyper::Method,
        request: &Request,
        whole: bool,
    ) -> (usize, Result<Admitted, Reply>) {
        let route = route(method, &request.path);
        let id = match &route {
            Route::Found(operation, _) => Some(operation.id),
            _ => None,
        };
        let number = self.journal.arrived(Recorded::of(request, id), request.body_length);
        (number, self.check(route, request, whole))
    }

    fn check(&mut self, route: Route, request: &Request, whole: bool) -> Result<Admitted, Reply> {
        if let Some(refused) = self.limit() {
            return Err(refused);
        }
        if !whole {
            return Err(Reply::detail(413, "Request body too large"));
        }
        if self.quirks.firewall && is_suspicious(request) {
            return Err(Reply::firewall());
        }
        let Route::Found(operation, part) = route else {
            return Err(no_operation(&route, request, &self.quirks));
        };
        let fault = self.faults.strike(operation.id, || ids_in(request.json()));
        Ok(Admitted { operation, part, fault, since: self.clock.now() })
    }

    fn limit(&mut self) -> Option<Reply> {
        let limit = self.quirks.rate_limit?;
        let wait = self.limiter.take(limit, self.clock.now()).err()?;
        let reply = Reply::code(429, 429, &format!("Rate limit exceeded: {limit} per 1 minute"));
        Some(if self.quirks.retry_after { reply.header("retry-after", wait.to_string()) } else { reply })
    }
}

/// A request that goes to its operation, or to the fault that strikes it.
struct Admitted {
    operation: &'static Operation,
    part: String,
    fault: Option<Fault>,
    since: Duration,
}

/// The service and the clock that it shares with whoever waits.
#[derive(Clone)]
pub(crate) struct Shared {
    service: Arc<Mutex<Service>>,
    clock: Arc<Clock>,
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

    /// Answers a request to the management API.
    pub(crate) async fn respond(self, request: hyper::Request<Incoming>) -> Result<Response, Cut> {
        let (parts, body) = request.into_parts();
        let body = Body::new(body).whole(LONGEST_BODY).await?;
        let whole = body.is_some();
        let request = Request::new(&parts, &body.unwrap_or_default());
        let (number, admitted) = self.lock().admit(&parts.method, &request, whole);
        let response = match admitted {
            Ok(admitted) => self.run(admitted, &request).await?,
            Err(reply) => reply.into_response(),
        };
        let status = response.status().as_u16();
        self.lock().journal.answered(number, status);
        tracing::debug!(method = request.method, path = request.path, status);
        Ok(response)
    }

    async fn run(&self, admitted: Admitted, request: &Request) -> Result<Response, Cut> {
        let Admitted { operation, part, fault, since } = admitted;
        let effect = fault.as_ref().map(|fault| &fault.effect);
        match effect {
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::Delay(by)) => self.clock.sleep_until(since.saturating_add(*by)).await,
            Some(Effect::LostBefore) => return Err(Cut),
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
            Some(Effect::LostAfter) => Err(Cut),
            Some(Effect::Truncated) => Ok(truncate(reply.into_response(), None)),
            _ => Ok(reply.into_response()),
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
            received: request.body_length as u64,
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
