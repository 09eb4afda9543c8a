//! Strangers, the idle and the slow cost little, and keep nobody else from being served.

use std::time::Duration;

use mlspace_registry_simulator::{Quirk, Seed, Simulator};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::{REGISTRY, Wire};

async fn with(quirk: &str) -> Simulator {
    Simulator::builder().seed(Seed::Empty).quirk(quirk.parse().unwrap()).start().await.unwrap()
}

async fn connect(simulator: &Simulator) -> TcpStream {
    TcpStream::connect(simulator.base_url().strip_prefix("http://").unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_kept() {
    let simulator = with("strict=off").await;
    let wire = Wire::new(&simulator).await;
    let delete = |request: reqwest::RequestBuilder| request.json(&json!({ "tag_ids": ["none"] }));
    let path = format!("{REGISTRY}/tags/");
    assert_eq!(wire.send(delete(wire.bare("DELETE", &path))).await.status, 401);
    assert_eq!(wire.send(delete(wire.signed("DELETE", &path))).await.status, 422);
    let bodies: Vec<_> = simulator.journal().into_iter().map(|one| (one.received, one.body)).collect();
    let sent = json!({ "tag_ids": ["none"] });
    assert_eq!(bodies[1..], [(20, None), (20, Some(sent))]);
    let sign_in = bodies[0].1.as_ref().unwrap();
    assert_eq!(sign_in["client_secret"], "[redacted]");
}

#[tokio::test]
async fn connections_that_idle_make_room_for_one_that_wants_something() {
    let simulator = with("max-connections=4").await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&simulator).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        idle.push(stream);
    }
    // Whoever asks is served, though nobody left.
    let wire = Wire::new(&simulator).await;
    wire.get("/registries/current").await.ok();
    let mut rest = Vec::new();
    let _ = idle[0].read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "the one that idled the longest was ended");
}

#[tokio::test]
async fn an_answer_on_its_way_is_not_ended_for_another_connection() {
    let simulator = with("max-connections=2").await;
    simulator
        .fail("service_auth", mlspace_registry_simulator::Fault::delay(Duration::from_secs(1)).times(1))
        .unwrap();
    let slow = Wire::new(&simulator);
    let others = async {
        while simulator.requests("service_auth") == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            let mut stream = connect(&simulator).await;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.unwrap();
        }
        simulator.advance(Duration::from_secs(1));
    };
    let (wire, ()) = tokio::join!(slow, others);
    wire.get("/registries/current").await.ok();
}

#[tokio::test]
async fn a_connection_that_sends_nothing_is_ended() {
    let simulator = with("idle-timeout=1").await;
    let mut streams = Vec::new();
    for sent in [
        "",
        "GET / HTTP/1.1\r\nho",
        "POST /public/v2/service_auth HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let mut stream = connect(&simulator).await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        streams.push((sent, stream));
    }
    for (sent, mut stream) in streams {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{sent:?} was waited for");
    }
    simulator.quirk(Quirk::IdleTimeout(None));
    Wire::new(&simulator).await.get("/registries/current").await.ok();
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let simulator = with("strict=off").await;
    let wire = Wire::new(&simulator).await;
    let long = |length: usize| wire.bare("GET", "/").header("x-long", "x".repeat(length));
    assert_eq!(wire.send(long(100_000)).await.status, 404);
    assert_eq!(wire.send(long(500_000)).await.status, 431);
}

#[tokio::test]
async fn the_limits_of_sizes_are_switches() {
    let simulator = with("max-head=5000").await;
    simulator.quirk("max-body=1000".parse().unwrap());
    simulator.quirk("max-journal=3000".parse().unwrap());
    simulator.quirk("registry-auth=open".parse().unwrap());
    let wire = Wire::new(&simulator).await;
    let long = |length: usize| wire.bare("GET", "/").header("x-long", "x".repeat(length));
    assert_eq!(wire.send(long(3_000)).await.status, 404);
    assert_eq!(wire.send(long(6_000)).await.status, 431);
    let delete = |ids: usize| {
        let ids = vec!["none"; ids];
        wire.signed("DELETE", &format!("{REGISTRY}/tags/")).json(&json!({ "tag_ids": ids }))
    };
    assert_eq!(wire.send(delete(100)).await.status, 422);
    assert_eq!(wire.send(delete(200)).await.status, 413);
    let manifest = |length: usize| {
        let url = format!("http://{}/v2/a/manifests/v1", simulator.registry_address());
        reqwest::Client::new().put(url).body(" ".repeat(length)).send()
    };
    assert_eq!(manifest(900).await.unwrap().status(), 400);
    assert_eq!(manifest(1100).await.unwrap().status(), 413);
    let kept: usize = simulator.journal().iter().flat_map(|one| one.headers.values()).map(String::len).sum();
    assert!(kept < 3000, "{kept}");
    assert!(simulator.journal().len() < 7, "the oldest are gone");
}
