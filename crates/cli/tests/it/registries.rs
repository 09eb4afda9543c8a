//! Registries as people reach them: with certificates of their own, past proxies, by names for which plain http is
//! allowed, and with programs that know the password.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use mlspace_registry_simulator::{Quirk, Seed, Simulator};
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fixture::{Person, layout};
use crate::support::{Mlcr, unhindered};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

async fn open_registry() -> Simulator {
    let quirks = ["registry-auth=open", "upload-location=relative"];
    let builder = quirks
        .iter()
        .fold(Simulator::builder().seed(Seed::Empty), |builder, quirk| builder.quirk(quirk.parse().unwrap()));
    builder.start().await.unwrap()
}

/// The program itself, without any settings but a home.
fn program(home: &Path, words: &str) -> Command {
    let mut command = unhindered(env!("CARGO_BIN_EXE_mlcr"));
    command.args(words.split(' ')).env_clear().env("HOME", home).env("MLCR_KEYRING", "off");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What ends TLS before a registry: its `localhost:PORT`, and its certificate.
async fn front(registry: &Simulator) -> (String, String) {
    let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let signing_key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let behind = registry.registry_address().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (address, certificate.pem())
}

#[tokio::test]
async fn a_certificate_that_is_not_taken_comes_with_what_to_do_and_no_advice_to_try_again() {
    let registry = open_registry().await;
    let (address, certificate) = front(&registry).await;
    let home = tempfile::tempdir().unwrap();
    layout(&home.path().join("source"), b"x");
    let push = format!("image push {} {address}/app:v1", home.path().join("source").display());
    let stranger = || Mlcr::bare().variable("HOME", home.path().to_str().unwrap());
    let done = stranger().run(&push).await;
    assert_eq!(done.code, 1, "{done}");
    for word in ["nobody who is trusted", "certs.d/HOST/ca.crt", "MLSPACE_CA_FILE"] {
        assert!(done.stderr.contains(word), "{done}");
    }
    assert!(!done.stderr.contains("again"), "{done}");
    let file = home.path().join("ca.pem");
    std::fs::write(&file, &certificate).unwrap();
    let done = stranger().variable("MLSPACE_CA_FILE", file.to_str().unwrap()).run(&push).await;
    assert_eq!(done.code, 0, "{done}");
    let folder = home.path().join(".config/containers/certs.d").join(&address);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ca.crt"), &certificate).unwrap();
    assert_eq!(stranger().run(&push).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_reaches_a_registry_of_this_machine_as_a_push_does() {
    let service = Simulator::start().await.unwrap();
    let (address, certificate) = front(&service).await;
    service.quirk(Quirk::RegistryHost(address.clone()));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("ca.pem");
    std::fs::write(&file, &certificate).unwrap();
    for (is_trusted, state) in [(true, "ok"), (false, "warning")] {
        let mut doctor = program(home.path(), "doctor -o json");
        doctor.envs(Mlcr::at(&service).variables).env("HTTPS_PROXY", NOWHERE).env("HTTP_PROXY", NOWHERE);
        if is_trusted {
            doctor.env("MLSPACE_CA_FILE", &file);
        }
        let done = output(doctor).await;
        let checks: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        let find = |name: &str| checks.as_array().unwrap().iter().find(|one| one["check"] == name).unwrap();
        assert_eq!(find("registry host")["state"], state, "{checks}");
        assert_eq!(find("proxy")["message"], "not used for this machine", "{checks}");
        let message = find("registry host")["message"].as_str().unwrap();
        assert_eq!(message.contains("certificate"), !is_trusted, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_goes_to_a_named_host_only_where_it_is_allowed() {
    let registry = open_registry().await;
    let home = tempfile::tempdir().unwrap();
    layout(&home.path().join("source"), b"x");
    let push = format!("image push {} registry.example/app:v1", home.path().join("source").display());
    // The simulator takes the place of a proxy, which leads to whatever name.
    let proxy = format!("http://{}", registry.registry_address());
    let mut allowed = program(home.path(), &format!("{push} --plain-http registry.example"));
    allowed.env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", NOWHERE);
    let done = output(allowed).await;
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(registry.repositories()[0].name, "app");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let mut forbidden = program(home.path(), &push);
    forbidden.env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy);
    let child = forbidden.spawn().unwrap();
    let first = move || {
        let mut line = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
        line
    };
    let line = tokio::task::spawn_blocking(first).await.unwrap();
    end(child);
    assert_eq!(line, "CONNECT registry.example:443 HTTP/1.1\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_of_this_machine_is_never_reached_through_a_proxy() {
    let registry = open_registry().await;
    let home = tempfile::tempdir().unwrap();
    layout(&home.path().join("source"), b"x");
    let source = home.path().join("source").display().to_string();
    for extra in ["", " --plain-http"] {
        let host = registry.registry_address();
        let extra = if extra.is_empty() { String::new() } else { format!("{extra} {host}") };
        let mut push = program(home.path(), &format!("image push {source} {host}/app:v1{extra}"));
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            push.env(name, NOWHERE);
        }
        let done = output(push).await;
        assert!(done.status.success(), "{}", said(&done));
    }
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A home where docker's configuration names a credential helper that writes down its environment and never answers,
/// nor does the program that it has started.
fn home_with_a_helper_that_hangs() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    layout(&home.path().join("source"), b"x");
    let (folder, script) = (home.path().join("bin"), home.path().join("bin/docker-credential-hangs"));
    std::fs::create_dir_all(home.path().join(".docker")).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(home.path().join(".docker/config.json"), r#"{"credsStore": "hangs"}"#).unwrap();
    // Whoever lives holds the pipe.
    let lines = "#!/bin/sh\nexec 3>\"$HOME/alive\"\nenv >\"$HOME/part\"\nmv \"$HOME/part\" \"$HOME/seen\"\n\
                 sleep 60 &\nwait\n";
    std::fs::write(&script, lines).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Command::new("mkfifo").arg(home.path().join("alive")).status().unwrap().success());
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_helper_that_hangs_ends_with_all_that_it_started_and_sees_no_secret() {
    for is_interrupted in [true, false] {
        let simulator = Simulator::start().await.unwrap();
        let home = home_with_a_helper_that_hangs();
        let (gone, is_gone) = channel();
        let pipe = home.path().join("alive");
        std::thread::spawn(move || gone.send(std::fs::read(pipe).is_ok()));
        let (source, host) = (home.path().join("source"), simulator.registry_address());
        let deadline = if is_interrupted { "60s" } else { "1s" };
        let words = format!("image push {} {host}/app:v1 --deadline {deadline}", source.display());
        let mut push = program(home.path(), &words);
        push.env("PATH", format!("{}:{}", home.path().join("bin").display(), std::env::var("PATH").unwrap()));
        if is_interrupted {
            push.envs(Person::at(&simulator, home.path()).variables).env("MLS_PASSWORD", "of mls");
        }
        let child = push.spawn().unwrap();
        let seen = home.path().join("seen");
        while !seen.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if is_interrupted {
            let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(asked.unwrap().success());
        }
        let done = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        assert_eq!(done.status.code(), Some(if is_interrupted { 130 } else { 8 }), "{}", said(&done));
        assert_eq!(is_gone.recv_timeout(Duration::from_secs(20)), Ok(true), "something lives on");
        let seen = std::fs::read_to_string(seen).unwrap();
        for secret in
            ["MLSPACE_CLIENT_SECRET", "MLSPACE_API_KEY", "MLCR_PERSONAL_CLIENT_SECRET", "MLS_PASSWORD"]
        {
            assert!(!seen.contains(&format!("{secret}=")), "{secret}");
        }
        let key = simulator.personal();
        assert!(seen.contains("HOME=") && !seen.contains(key.client_secret.expose()));
    }
}
