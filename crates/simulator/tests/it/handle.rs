//! What the handle gives to tests and to programs that run the simulator for others.

use std::error::Error;

use crate::wire::Wire;
use mlspace_registry_simulator::{Seed, Simulator, StartError};
use serde_json::{Value, json};

#[tokio::test]
async fn the_journal_keeps_everything_but_the_secrets() {
    let simulator = Simulator::start().await.unwrap();
    let wire = Wire::with_key(&simulator, simulator.personal()).await;
    let password = "/public/v2/docker_registry/v1/users/generate_password";
    wire.send(wire.signed("GET", password)).await.ok();
    wire.get("/repositories/?page=2&page_size=1").await.ok();
    wire.write("POST", "/tags/", json!({ "name": "n" })).await;
    wire.send(wire.bare("GET", "/nowhere")).await;

    let journal = simulator.journal();
    let operations: Vec<_> = journal.iter().map(|one| (one.operation, one.status)).collect();
    assert_eq!(
        operations,
        [
            (Some("service_auth"), Some(200)),
            (Some("generate_password"), Some(200)),
            (Some("repository_list"), Some(200)),
            (Some("tag_create"), Some(422)),
            (None, Some(404)),
        ]
    );
    let sign_in = journal[0].body.as_ref().unwrap();
    assert_eq!(sign_in["client_secret"], "[redacted]");
    assert_eq!(sign_in["client_id"], simulator.personal().client_id);
    let list = &journal[2];
    assert_eq!(
        (list.method.as_str(), list.path.as_str()),
        ("GET", "/public/v2/docker_registry/v2/repositories/")
    );
    assert_eq!(list.query, [("page".to_owned(), "2".to_owned()), ("page_size".to_owned(), "1".to_owned())]);
    assert_eq!(list.headers["authorization"], "[redacted]");
    assert_eq!(list.headers["x-api-key"], "[redacted]");
    assert_eq!(list.headers["x-workspace-id"], simulator.workspace_id().to_string());

    let everything = format!("{journal:?} {simulator:?}");
    let secrets = [
        simulator.personal().client_secret,
        simulator.service_account().client_secret,
        simulator.api_key(),
        simulator.registry_password().unwrap(),
    ];
    for secret in secrets.iter().map(|secret| secret.expose()).chain([wire.token()]) {
        assert!(!everything.contains(secret));
    }
    assert_eq!((simulator.requests("tag_create"), simulator.requests("tag_list")), (1, 0));
    simulator.clear_journal();
    assert!(simulator.journal().is_empty() && simulator.requests("tag_create") == 0);
}

#[tokio::test]
async fn ready_tells_all_that_another_program_needs() {
    let simulator = Simulator::start().await.unwrap();
    let line = simulator.ready().to_json();
    assert!(!line.contains('\n'));
    let ready: Value = serde_json::from_str(&line).unwrap();
    let (service, person) = (simulator.service_account(), simulator.personal());
    assert_eq!(
        ready,
        json!({
            "event": "ready",
            "base_url": simulator.base_url(),
            "registry": simulator.registry_address(),
            "workspace_id": simulator.workspace_id(),
            "api_key": simulator.api_key(),
            "client_id": service.client_id,
            "client_secret": service.client_secret,
            "personal": { "client_id": person.client_id, "client_secret": person.client_secret, "email": simulator.personal_email() },
        })
    );
    let env = simulator.ready().to_env();
    for (name, value) in [
        ("MLSPACE_BASE_URL", simulator.base_url()),
        ("MLSPACE_CLIENT_ID", &service.client_id),
        ("MLSPACE_CLIENT_SECRET", service.client_secret.expose()),
        ("MLSPACE_WORKSPACE_ID", &simulator.workspace_id().to_string()),
        ("MLSPACE_API_KEY", simulator.api_key().expose()),
        ("MLCR_REGISTRY", simulator.registry_address()),
        ("MLCR_PERSONAL_CLIENT_ID", &person.client_id),
        ("MLCR_PERSONAL_CLIENT_SECRET", person.client_secret.expose()),
        ("MLCR_PERSONAL_EMAIL", simulator.personal_email()),
    ] {
        assert!(env.lines().any(|line| line == format!("{name}={value}")), "{name}");
    }
    assert!(!format!("{:?}", simulator.ready()).contains(service.client_secret.expose()));
}

#[tokio::test]
async fn a_simulator_that_is_dropped_frees_its_address() {
    let simulator = Simulator::start().await.unwrap();
    let address = simulator.base_url().strip_prefix("http://").unwrap().parse().unwrap();
    let taken = Simulator::builder().listen(address).start().await.unwrap_err();
    assert!(matches!(taken, StartError::Listen { .. }) && taken.source().is_some());
    assert_eq!(taken.to_string(), format!("cannot listen on {address}"));
    simulator.stop().await;
    Simulator::builder().listen(address).start().await.unwrap();
}

#[tokio::test]
async fn dropping_ends_kept_alive_connections() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let simulator = Simulator::start().await.unwrap();
    let address = simulator.base_url().strip_prefix("http://").unwrap().to_owned();
    let mut idle = tokio::net::TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 404");
    drop(simulator);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(br#"{"detail":"Not Found"}"#));
}

#[tokio::test]
async fn a_seed_that_cannot_be_read_is_named() {
    let seed: Seed = "/no/such/seed.json".parse().unwrap();
    let error = Simulator::builder().seed(seed).start().await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read the seed file /no/such/seed.json");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed.json");
    std::fs::write(&path, r#"{"repositories":[{"name":"from/file","images":[{"tags":["v1"]}]}]}"#).unwrap();
    let seed = path.to_str().unwrap().parse().unwrap();
    let simulator = Simulator::builder().seed(seed).start().await.unwrap();
    assert_eq!(simulator.repositories()[0].name, "from/file");
}

#[tokio::test]
async fn a_running_clock_is_the_machines() {
    let simulator = Simulator::builder().running_clock().start().await.unwrap();
    let machine = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(simulator.now().unix_seconds().abs_diff(machine.cast_signed()) < 60);
    let still = Simulator::start().await.unwrap();
    assert_eq!(still.now().to_string(), "2026-11-01T12:00:00Z");
}
