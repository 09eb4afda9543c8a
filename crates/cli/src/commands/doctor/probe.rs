//! A look at the answers themselves, beside what the client makes of them.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use mlspace_registry_transfer::RetryPolicy;

use crate::context::Context;
use crate::failure::causes;
use crate::watch::{Exchange, Watcher};

/// How long the registry may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at what comes back.
#[derive(Default)]
pub(super) struct Probe(Mutex<Learned>);

#[derive(Default)]
struct Learned {
    service_time: Option<i64>,
    blocked: Option<&'static str>,
}

impl Probe {
    /// The time that the service says it is, in seconds since 1970.
    pub(super) fn service_time(&self) -> Option<i64> {
        self.seen(|seen| seen.service_time)
    }

    /// The operation that the firewall blocked, if it did.
    pub(super) fn blocked(&self) -> Option<&'static str> {
        self.seen(|seen| seen.blocked)
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Learned) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl Watcher for Probe {
    fn answered(&self, exchange: &Exchange<'_>) {
        let Some(answer) = exchange.answer else { return };
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let date = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        self.seen(|seen| {
            seen.service_time = date.map(|date| date.as_secs().cast_signed()).or(seen.service_time);
            if answer.status().as_u16() == 445 {
                seen.blocked = Some(exchange.operation);
            }
        });
    }
}

/// Asks a host whether it is a registry, in the way that a push reaches it.
pub(super) async fn registry_answers(host: &str, context: &Context<'_>) -> Result<(), String> {
    let settings = context.transfer_settings().map_err(|failure| failure.message)?;
    let patience = context.global.timeout.unwrap_or(PATIENCE);
    let client = settings.idle(patience).retry(RetryPolicy::none()).build();
    let answer = client.map_err(|error| causes(&error))?.check_registry(host).await;
    answer.map_err(|error| match error.status() {
        Some(status) => format!("answers {status}, as no registry does"),
        None => causes(&error),
    })
}
