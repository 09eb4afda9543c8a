//! Settings that combine, and clients that share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mlspace_registry::{Client, Error, FetchingToken, RetryPolicy, Secret, Token, TokenSource, Verify};
use mlspace_registry_simulator::{Fault, Seed};

use crate::{World, builder};

#[tokio::test]
async fn clients_of_other_settings_share_the_token_and_the_rate() {
    let world = World::with(Seed::Demo, |builder| builder.rate_limit(3.try_into().ok())).await;
    let impatient = world.client.with(|calls| calls.deadline(Duration::from_secs(5)));
    impatient.registry().await.unwrap();
    world.client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("service_auth"), 1);
    // The sign-in and two calls were all for this minute.
    let error = impatient.registry().await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    world.client.registry().await.unwrap();
}

#[tokio::test]
async fn settings_for_calls_are_those_of_the_calls() {
    let world = World::new(Seed::Demo).await;
    world.fail("registry_get", Fault::status(503));
    let error = world.client.with(|calls| calls.retry(RetryPolicy::none())).registry().await.unwrap_err();
    assert!(matches!(error, Error::Api(_)), "{error:?}");
    assert_eq!(world.simulator.requests("registry_get"), 1);
    let waits = Arc::new(AtomicUsize::new(0));
    let seen = waits.clone();
    let told = world.client.with(|calls| {
        calls.retry(RetryPolicy::default().attempts(3).base(Duration::from_secs(1))).on_wait(move |wait| {
            assert!(wait.duration <= Duration::from_secs(2));
            seen.fetch_add(1, Ordering::SeqCst);
        })
    });
    told.registry().await.unwrap_err();
    assert_eq!(waits.load(Ordering::SeqCst), 2);
    world.simulator.clear_journal();
    let id = world.simulator.repository_ids()[0];
    let sure = world.client.with(|calls| calls.verify(Verify::Always));
    sure.repositories().set_favorite(id, true).await.unwrap();
    assert_eq!(world.simulator.requests("repository_get"), 1);
}

struct Broker {
    simulator: String,
    key: (String, Secret),
    asked: Arc<AtomicUsize>,
}

impl TokenSource for Broker {
    fn token(&self) -> FetchingToken<'_> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let (id, secret) = self.key.clone();
            let client = Client::builder().base_url(&self.simulator).credentials(id, secret).build()?;
            let token = client.sign_in().await?.token;
            Ok(Token::new(token.access_token).lives(Duration::from_secs(600)))
        })
    }
}

#[tokio::test]
async fn tokens_come_from_a_source_once_for_all_and_anew_when_refused() {
    let world = World::new(Seed::Demo).await;
    let key = world.simulator.service_account();
    let asked = Arc::new(AtomicUsize::new(0));
    let broker = Broker {
        simulator: world.simulator.base_url().into(),
        key: (key.client_id, key.client_secret),
        asked: asked.clone(),
    };
    let client = builder(&world.simulator).token_source(broker).build().unwrap();
    futures_util::future::join_all((0..10).map(|_| client.registry())).await.into_iter().for_each(|one| {
        one.unwrap();
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    world.simulator.expire_tokens();
    client.registry().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(matches!(client.sign_in().await, Err(Error::Invalid(_))));
}

struct Broken;

impl TokenSource for Broken {
    fn token(&self) -> FetchingToken<'_> {
        Box::pin(async { Err("the sidecar is gone".into()) })
    }
}

#[tokio::test]
async fn a_source_that_fails_is_a_sign_in_that_failed() {
    let world = World::new(Seed::Demo).await;
    let client = builder(&world.simulator).token_source(Broken).build().unwrap();
    let error = client.registry().await.unwrap_err();
    assert!(error.is_sign_in());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "no token came: the sidecar is gone");
    let fixed = builder(&world.simulator).token_source(Token::new("stale")).build().unwrap();
    assert!(fixed.registry().await.unwrap_err().is_unauthenticated());
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let client = Client::builder().credentials("id", "secret").build().unwrap();
    let error = futures_util::FutureExt::now_or_never(client.registry()).unwrap().unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}

#[tokio::test]
async fn a_proxy_is_used_where_it_is_said_and_refused_where_it_is_none() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut head = vec![0; 512];
        let length = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap()
    });
    let client = || Client::builder().credentials("id", "secret").base_url("http://localhost:1");
    client().proxy(url).build().unwrap().registry().await.unwrap_err();
    assert!(asked.await.unwrap().starts_with("POST http://localhost:1/public/v2/service_auth "));
    let error = client().proxy("http://user:hunter2@").build().unwrap_err().to_string();
    assert!(error.contains("proxy") && !error.contains("hunter2"), "{error}");
    let error = client().identity("no pem").build().unwrap_err().to_string();
    assert!(error.contains("client certificate"), "{error}");
}
