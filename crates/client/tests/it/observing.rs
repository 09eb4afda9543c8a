//! A program sees its calls in its log.

use std::io;
use std::sync::{Arc, Mutex};

use mlspace_registry::{Client, ManualClock};
use mlspace_registry_simulator::{Fault, Simulator};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn every_attempt_is_logged_and_no_secret_is() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    // For this thread alone, on which all of the client's work happens here. The second subscriber is there
    // because `tracing` asks a single one on whatever thread meets a line first, which may be another test's.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _logging = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
    let simulator = Simulator::start().await.unwrap();
    let key = simulator.service_account();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.client_id, key.client_secret.clone())
        .clock(Arc::new(ManualClock::new()))
        .user_agent("tidy/1.2")
        .build()
        .unwrap();
    simulator.fail("registry_get", Fault::status(503).times(1)).unwrap();
    client.registry().await.unwrap();
    let token = client.sign_in().await.unwrap().token.access_token;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in
        ["operation=\"registry_get\"", "attempt=1", "status=503", "waiting", "attempt=2", "status=200", "ms="]
    {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    for secret in [key.client_secret, simulator.api_key(), token] {
        assert!(!text.contains(secret.expose()), "{text}");
    }
    let own = concat!("tidy/1.2 mlspace-registry/", env!("CARGO_PKG_VERSION"));
    assert!(simulator.journal().iter().all(|request| request.headers["user-agent"] == own));
}
