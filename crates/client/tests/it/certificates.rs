//! HTTPS with a certificate that only the caller trusts.

use std::sync::Arc;

use mlspace_registry::{Client, ClientBuilder, Error, RetryPolicy, TransportKind};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 61\r\nconnection: close\r\n\r\n\
    {\"token\": {\"access_token\": \"t\", \"expires_in\": 3600}}          ";

/// Answers one connection with a token. Gives its address and its certificate.
async fn server() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not trust us ends the handshake.
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(ANSWER.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, cert.pem())
}

fn builder(url: String) -> ClientBuilder {
    Client::builder().credentials("id", "secret").base_url(url).retry(RetryPolicy::none())
}

#[tokio::test]
async fn an_extra_certificate_is_trusted() {
    let (url, certificate) = server().await;
    builder(url).extra_certificates(certificate).build().unwrap().sign_in().await.unwrap();
}

#[tokio::test]
async fn an_unknown_certificate_is_not_and_nothing_is_sent() {
    let (url, _) = server().await;
    let error = builder(url).build().unwrap().sign_in().await.unwrap_err();
    assert!(matches!(error, Error::Transport { kind: TransportKind::Connect, .. }), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    for text in ["", "not PEM", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"] {
        let error = builder("https://localhost:9".into()).extra_certificates(text).build().unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{text:?}: {error:?}");
    }
}
