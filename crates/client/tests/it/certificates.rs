//! HTTPS with a certificate that only the caller trusts.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlspace_registry::{Client, ClientBuilder, Error, ManualClock, Sent, TransportKind};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 61\r\nconnection: close\r\n\r\n\
    {\"token\": {\"access_token\": \"t\", \"expires_in\": 3600}}          ";

/// Which certificate a server shows: for `localhost`, good today, signed by itself, but for what is said.
#[derive(Default)]
struct Shown {
    is_authority: bool,
    other_name: bool,
    expired: bool,
    /// Whom it asks for a certificate that this authority signed.
    asks_for: Option<CertificateDer<'static>>,
}

/// Answers connections with a token. Gives its address, its certificate, and how many came.
async fn server(shown: Shown) -> (String, String, Arc<AtomicUsize>) {
    let name = if shown.other_name { "elsewhere.example" } else { "localhost" };
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    if shown.is_authority {
        // As docker's documentation makes one: `openssl req -x509` sets the mark of an authority.
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    if shown.expired {
        parameters.not_after = date_time_ymd(2001, 1, 1);
    }
    let signing_key = KeyPair::generate().unwrap();
    let cert = parameters.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder();
    let config = match shown.asks_for {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority).unwrap();
            config.with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build().unwrap())
        }
    };
    let config = config.with_single_cert(vec![cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            // A client that does not trust us ends the handshake.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(ANSWER.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (url, cert.pem(), came)
}

fn builder(url: String) -> ClientBuilder {
    Client::builder().credentials("id", "secret").base_url(url).clock(Arc::new(ManualClock::new()))
}

/// Why the certificate was not taken.
fn problem(error: &Error) -> String {
    assert!(matches!(error, Error::Transport { kind: TransportKind::Certificate, .. }), "{error:?}");
    assert_eq!(error.was_sent(), Sent::No);
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn an_extra_certificate_is_trusted() {
    let (url, certificate, _) = server(Shown::default()).await;
    builder(url).certificates(certificate).build().unwrap().sign_in().await.unwrap();
}

#[tokio::test]
async fn an_authority_that_is_its_own_server_is_trusted_by_the_same_bytes_alone() {
    let authority = || Shown { is_authority: true, ..Shown::default() };
    let (url, certificate, _) = server(authority()).await;
    builder(url.clone()).certificates(certificate).build().unwrap().sign_in().await.unwrap();
    let (_, another, _) = server(authority()).await;
    let error = builder(url).certificates(another).build().unwrap().sign_in().await.unwrap_err();
    assert!(problem(&error).contains("nobody who is trusted"), "{error:?}");
}

#[tokio::test]
async fn name_and_time_are_checked_whoever_is_trusted() {
    for is_authority in [false, true] {
        for (shown, said) in [
            (Shown { is_authority, other_name: true, ..Shown::default() }, "another name"),
            (Shown { is_authority, expired: true, ..Shown::default() }, "not valid at this time"),
        ] {
            let (url, certificate, _) = server(shown).await;
            let client = builder(url).certificates(certificate).build().unwrap();
            let problem = problem(&client.sign_in().await.unwrap_err());
            assert!(problem.contains(said), "{is_authority}: {problem}");
        }
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_not_taken_and_not_tried_again() {
    for is_authority in [false, true] {
        let (url, _, came) = server(Shown { is_authority, ..Shown::default() }).await;
        let problem = problem(&builder(url).build().unwrap().sign_in().await.unwrap_err());
        assert!(problem.contains("nobody who is trusted"), "{problem}");
        assert_eq!(came.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_ones_own() {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let asks_for = Some(authority.self_signed(&authority_key).unwrap().der().clone());
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["a client".to_owned()]).unwrap();
    let own = own.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let identity = own.pem() + &key.serialize_pem();
    let (url, certificate, _) = server(Shown { asks_for, ..Shown::default() }).await;
    let client = || builder(url.clone()).certificates(certificate.clone());
    client().build().unwrap().sign_in().await.unwrap_err();
    client().identity(identity).build().unwrap().sign_in().await.unwrap();
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    for text in ["", "not PEM", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"] {
        let error = builder("https://localhost:9".into()).certificates(text).build().unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{text:?}: {error:?}");
    }
}
