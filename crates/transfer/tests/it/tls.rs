//! Registries behind TLS, with certificates of their own.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlspace_registry_transfer::{CertificateProblem, ClientBuilder, Error, Reference, Target, TransportKind};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::fixture::{bytes, client, image, push, try_push};
use crate::registry::Registry;

/// What ends TLS before a registry.
struct Front {
    /// `localhost:PORT`.
    address: String,
    certificate: String,
    connections: Arc<AtomicUsize>,
}

async fn front(registry: &Registry, change: impl FnOnce(&mut CertificateParams)) -> Front {
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut parameters);
    let signing_key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let (connections, behind) = (Arc::new(AtomicUsize::new(0)), registry.address().to_owned());
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    Front { address, certificate: certificate.pem(), connections }
}

impl Front {
    fn name(&self) -> Reference {
        format!("{}/app:v1", self.address).parse().unwrap()
    }

    /// Pushes, pulls, and compares.
    async fn carries(&self, builder: ClientBuilder) {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = image(&[bytes(1, 100_000)]).write(source.path());
        let client = builder.build().unwrap();
        let digest = push(&client, &source, &self.name()).await;
        let pulled = client.pull([self.name()], Target::layout(target.path())).send().await.unwrap();
        assert_eq!(pulled.images[0].digest, digest);
    }

    /// Why its certificate is not taken.
    async fn refusal(&self, builder: ClientBuilder) -> String {
        let source = tempfile::tempdir().unwrap();
        let source = image(&[bytes(1, 100)]).write(source.path());
        let error = try_push(&builder.build().unwrap(), &source, &self.name()).await.unwrap_err();
        assert!(matches!(*error, Error::Transport { kind: TransportKind::Certificate, .. }), "{error:?}");
        error.source().unwrap().to_string()
    }
}

#[tokio::test]
async fn a_registry_with_tls_on_this_machine_is_reached() {
    let registry = Registry::with(&["upload-location=relative"]).await;
    let front = front(&registry, |_| {}).await;
    front.carries(client().0.certificates(front.certificate.clone())).await;
}

#[tokio::test]
async fn what_docker_keeps_for_a_registry_is_trusted_there_and_nowhere_else() {
    let registry = Registry::with(&["upload-location=relative"]).await;
    let (front, other) = (front(&registry, |_| {}).await, front(&registry, |_| {}).await);
    let folder = tempfile::tempdir().unwrap();
    let trusting =
        || client().0.certificate_folder(folder.path().join("none")).certificate_folder(folder.path());
    std::fs::create_dir(folder.path().join(&front.address)).unwrap();
    std::fs::write(folder.path().join(&front.address).join("ca.crt"), &front.certificate).unwrap();
    std::fs::write(folder.path().join(&front.address).join("client.key"), "not read").unwrap();
    front.carries(trusting()).await;
    std::fs::create_dir(folder.path().join(&other.address)).unwrap();
    std::fs::write(folder.path().join(&other.address).join("ca.crt"), &front.certificate).unwrap();
    assert!(other.refusal(trusting()).await.contains("nobody who is trusted"));
    std::fs::write(folder.path().join(&front.address).join("ca.crt"), "nonsense").unwrap();
    let source = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(source.path());
    let error = try_push(&trusting().build().unwrap(), &source, &front.name()).await.unwrap_err();
    assert!(matches!(*error, Error::Invalid(_)), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_taken_is_told_by_what_is_wrong_and_never_tried_again() {
    let registry = Registry::start().await;
    let trusted = |front: &Front| client().0.certificates(front.certificate.clone());
    let unknown = front(&registry, |_| {}).await;
    assert!(unknown.refusal(client().0).await.contains("nobody who is trusted"));
    let late = front(&registry, |parameters| parameters.not_after = date_time_ymd(2001, 1, 1)).await;
    assert!(late.refusal(trusted(&late)).await.contains("not valid at this time"));
    let other = front(&registry, |parameters| {
        parameters.subject_alt_names =
            CertificateParams::new(["elsewhere.example".to_owned()]).unwrap().subject_alt_names;
    });
    let other = other.await;
    assert!(other.refusal(trusted(&other)).await.contains("another name"));
    for front in [unknown, late, other] {
        // One connection to see that it is TLS, and one for each of the two blobs.
        assert!(front.connections.load(Ordering::SeqCst) <= 3);
    }
    assert!(registry.requests().is_empty(), "nothing goes without TLS after that");
}

#[tokio::test]
async fn a_host_is_told_to_be_a_registry_or_none_with_tls_and_without() {
    let registry = Registry::with(&["registry-auth=bearer"]).await;
    let front = front(&registry, |_| {}).await;
    let client = client().0.certificates(front.certificate.clone()).build().unwrap();
    client.check_registry(registry.address()).await.unwrap();
    client.check_registry(&front.address).await.unwrap();
    assert_eq!(registry.count("GET", "/service/token"), 0);
    let service = registry.simulator.base_url().replace("http://", "");
    assert_eq!(client.check_registry(&service).await.unwrap_err().status(), Some(404));
    let stranger = crate::fixture::client().0.build().unwrap();
    let error = stranger.check_registry(&front.address).await.unwrap_err();
    assert!(matches!(error.certificate(), Some(CertificateProblem::Issuer(_))), "{error:?}");
    assert!(client.check_registry("127.0.0.1:1").await.unwrap_err().is_transport());
}

#[tokio::test]
async fn a_registry_that_is_named_for_it_is_spoken_to_in_plain_http_unasked() {
    let (registry, folder) = (Registry::start().await, tempfile::tempdir().unwrap());
    let source = image(&[bytes(1, 100)]).write(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // One that ends what is no HTTP without a word is not known to be without TLS.
    let behind = registry.address().to_owned();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let behind = behind.clone();
            tokio::spawn(async move {
                let mut first = [0];
                stream.peek(&mut first).await.unwrap();
                if first[0].is_ascii_uppercase() {
                    let mut behind = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                }
            });
        }
    });
    let to: Reference = format!("{address}/app:v1").parse().unwrap();
    let error = try_push(&client().0.build().unwrap(), &source, &to).await.unwrap_err();
    assert!(error.is_transport(), "{error:?}");
    assert!(registry.requests().is_empty());
    push(&client().0.plain_http(&address).build().unwrap(), &source, &to).await;
}
