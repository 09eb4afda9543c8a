//! No way round the rules: below the seam, and with a transport of one's own.

use std::sync::Arc;

use bytes::Bytes;
use mlspace_registry::api::Error as LowLevel;
use mlspace_registry::{
    ANSWER_CAP, Client, Error, RetryPolicy, Sending, Transport, TransportError, TransportKind, Uuid,
};
use mlspace_registry_simulator::Seed;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::World;

const TOKEN: &str = r#"{"token": {"access_token": "the-token", "expires_in": 3600}}"#;
const SECRETS: [&str; 5] = ["the-key-id", "the-key-secret", "the-token", "the-api-key", "the-workspace"];

/// Answers each request as told, one a connection; tells what was received.
async fn server(
    answer: impl Fn(&str) -> (String, Vec<u8>) + Send + 'static,
) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (received, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let (mut head, mut length) = (String::new(), 0);
            while stream.read_line(&mut head).await.unwrap() > 2 {
                let line = head.lines().next_back().unwrap();
                length = line.strip_prefix("content-length: ").map_or(length, |n| n.parse().unwrap());
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let (answer, content) = answer(&head);
            received.send(head + &String::from_utf8(body).unwrap()).unwrap();
            let head = format!(
                "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                content.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&content).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, receiver)
}

/// Sends by an HTTP client of its own, which follows redirects.
struct Own(reqwest::Client);

impl Transport for Own {
    fn send<'a>(&'a self, _: &'static str, request: http::Request<Bytes>) -> Sending<'a> {
        Box::pin(async move {
            let lost = |error| TransportError::because(TransportKind::Interrupted, error);
            let answer = self.0.execute(request.try_into().map_err(lost)?).await.map_err(lost)?;
            let (parts, body) = http::Response::from(answer).into_parts();
            let body = http_body_util::BodyExt::collect(body).await.map_err(lost)?.to_bytes();
            Ok(http::Response::from_parts(parts, body.into()))
        })
    }
}

/// Leads requests to another host before it sends them.
struct Detour(http::Uri, Arc<dyn Transport>);

impl Transport for Detour {
    fn send<'a>(&'a self, operation: &'static str, mut request: http::Request<Bytes>) -> Sending<'a> {
        for secret in SECRETS.iter().filter(|secret| **secret != "the-workspace") {
            let seen = format!("{:?} {:?}", request.headers(), request.extensions());
            assert!(!seen.contains(secret), "a transport sees {seen}");
        }
        if operation != "service_auth" {
            *request.uri_mut() = self.0.clone();
        }
        self.1.send(operation, request)
    }
}

type Around = Box<dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

fn client(url: &str, transport: Around) -> Client {
    Client::builder()
        .base_url(url)
        .credentials("the-key-id", "the-key-secret")
        .workspace("the-workspace")
        .api_key("the-api-key")
        .user_agent("tidy/1.2")
        .retry(RetryPolicy::none())
        .transport(transport)
        .build()
        .unwrap()
}

#[tokio::test]
async fn no_header_and_no_key_of_ours_reaches_a_second_host() {
    for status in [301, 302, 303, 307, 308] {
        for signs_in in [true, false] {
            let (second, mut caught) = server(|_| ("200 OK".into(), b"{}".to_vec())).await;
            let moved = format!("{status} Moved\r\nlocation: {second}/caught");
            let (first, mut received) = server(move |head| match head.contains("service_auth") && signs_in {
                true => ("200 OK\r\ncontent-type: application/json".into(), TOKEN.into()),
                false => (moved.clone(), Vec::new()),
            })
            .await;
            let other = format!("{second}/detour").parse().unwrap();
            let transports: [Around; 3] = [
                Box::new(|network| network),
                Box::new(|_| Arc::new(Own(reqwest::Client::new()))),
                Box::new(move |network| Arc::new(Detour(other, network))),
            ];
            for transport in transports {
                let client = client(&first, transport);
                client.tags().create(Uuid::nil(), "v1").send().await.unwrap_err();
                client.registry().await.unwrap_err();
            }
            while let Ok(request) = caught.try_recv() {
                assert!(!SECRETS.iter().any(|secret| request.contains(secret)), "{status}: {request}");
            }
            let mut signed = false;
            while let Ok(request) = received.try_recv() {
                assert!(request.contains("user-agent: tidy/1.2 mlspace-registry/"), "{request}");
                signed |= ["x-api-key: the-api-key", "authorization: Bearer the-token"]
                    .iter()
                    .all(|header| request.contains(header));
            }
            assert_eq!(signed, signs_in, "the service's own address is signed for");
        }
    }
}

#[tokio::test]
async fn a_read_only_client_stays_so_below_the_seam() {
    let world = World::with(Seed::Demo, |builder| builder.read_only(true)).await;
    let (api, id) = (world.client.api().await.unwrap(), world.simulator.repositories()[0].id);
    let refused = |error: LowLevel| match error {
        LowLevel::InvalidRequest(why) => assert!(why.contains("read-only"), "{why}"),
        other => panic!("{other:?}"),
    };
    let body = mlspace_registry::api::types::DeleteRepositories::new(vec![id]);
    refused(api.repository_delete(body).send().await.unwrap_err());
    refused(api.generate_password().send().await.unwrap_err());
    let raw = |method: &str, path: &str| {
        let url = format!("{}{path}", world.client.base_url()).parse().unwrap();
        api.send(reqwest::Request::new(method.parse().unwrap(), url))
    };
    let password = "/public/v2/docker_registry/v1/users/generate_password";
    for path in
        [password.to_owned(), format!("{password}/"), password.to_uppercase(), password.replace('_', "%5f")]
    {
        refused(raw("GET", &path).await.unwrap_err());
    }
    refused(raw("POST", "/public/v2/anything").await.unwrap_err());
    raw("GET", "/public/v2/docker_registry/v2/registries/current").await.unwrap();
    api.repository_get(id).send().await.unwrap();
    assert!(world.simulator.contains_repository(id));
    assert_eq!(world.simulator.requests("generate_password"), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_given_up_and_not_repeated() {
    let (url, mut received) = server(|head| match head.contains("service_auth") {
        true => ("200 OK\r\ncontent-type: application/json".into(), TOKEN.into()),
        false => ("200 OK".into(), vec![b' '; ANSWER_CAP + 1]),
    })
    .await;
    let error = client(&url, Box::new(|network| network)).registry().await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(error.to_string().contains("longer than 128 MiB"), "{error}");
    received.close();
    assert_eq!(std::iter::from_fn(|| received.try_recv().ok()).count(), 2);
}
