//! Signing in, and staying signed in.

use axum::http::Method;
use mlspace_registry_transfer::Error;

use crate::fake::{Quirks, Registry};
use crate::fixture::{bytes, client, image, push, reference, signed_in, try_push};

const MIB: usize = 1024 * 1024;

fn bearer(token_uses: Option<u32>) -> Quirks {
    Quirks { auth: Some("Bearer"), token_uses, ..Quirks::default() }
}

#[tokio::test]
async fn a_password_is_sent_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start(Quirks { auth: Some("Basic"), ..Quirks::default() }).await;
    push(&signed_in(registry.address), &source, &reference(registry.address, "app:v1")).await;
    assert_eq!(registry.store().authorizations[0], None);

    let open = Registry::start(Quirks::default()).await;
    push(&signed_in(open.address), &source, &reference(open.address, "app:v1")).await;
    assert!(open.store().authorizations.iter().all(Option::is_none));
}

#[tokio::test]
async fn many_requests_at_once_fetch_one_token() {
    let folder = tempfile::tempdir().unwrap();
    let layers: Vec<_> = (0..20).map(|n| bytes(n, 5000)).collect();
    let source = image(&layers).write(folder.path());
    let registry = Registry::start(bearer(None)).await;
    push(&signed_in(registry.address), &source, &reference(registry.address, "app:v1")).await;
    assert_eq!(registry.count("GET", "/token"), 1);
    assert_eq!(registry.count("GET", "scope=repository%3Aapp%3Apull%2Cpush"), 1);
}

#[tokio::test]
async fn a_token_that_ends_within_a_large_layer_is_renewed_and_the_layer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, 12 * MIB);
    let source = image(std::slice::from_ref(&layer)).write(folder.path());
    // Two blobs share each token, and to take one up again costs three requests.
    let quirks = Quirks { body_cap: Some(MIB), ..bearer(Some(8)) };
    let registry = Registry::start(quirks).await;
    push(&signed_in(registry.address), &source, &reference(registry.address, "app:v1")).await;
    assert!(registry.count("GET", "/token") > 2);
    let received = registry.store().received;
    assert!(received < layer.len() + MIB, "{received}: chunks went twice");
}

#[tokio::test]
async fn a_token_that_ends_before_the_upload_is_closed_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start(bearer(None)).await;
    let challenge = format!("Bearer realm=\"http://{}/token\"", registry.address);
    registry.fault_with(Method::PUT, "/blobs/", 401, vec![("www-authenticate", challenge)], String::new());
    push(&signed_in(registry.address), &source, &reference(registry.address, "app:v1")).await;
    assert_eq!(registry.count("GET", "/token"), 2);
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    for auth in ["Basic", "Bearer"] {
        let registry = Registry::start(Quirks { auth: Some(auth), ..Quirks::default() }).await;
        let wrong = mlspace_registry_transfer::Credentials::password("user", "hunter2".to_owned());
        let wrong = client().0.credentials(registry.address.to_string(), wrong).build().unwrap();
        let anonymous = client().0.build().unwrap();
        for (client, hint) in [(wrong, "password is wrong"), (anonymous, "no credentials")] {
            let to = reference(registry.address, "app:v1");
            let error = try_push(&client, &source, &to).await.unwrap_err();
            assert!(matches!(*error, Error::SignIn { .. }) && error.is_sign_in(), "{error:?}");
            let text = format!("{error} {error:?}");
            assert!(text.contains(hint) && !text.contains("hunter2"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_password_does_not_go_to_a_token_endpoint_without_tls_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    for realm in ["http://token.example/", "ftp://127.0.0.1/", "http://user:x@127.0.0.1/", "nonsense"] {
        let registry = Registry::start(Quirks::default()).await;
        let challenge = format!("Bearer realm=\"{realm}\"");
        registry.fault_with(Method::HEAD, "", 401, vec![("www-authenticate", challenge)], String::new());
        let client = client().0.concurrency(1);
        let credentials = mlspace_registry_transfer::Credentials::password("user", "password".to_owned());
        let client = client.credentials(registry.address.to_string(), credentials).build().unwrap();
        let error = try_push(&client, &source, &reference(registry.address, "app:v1")).await.unwrap_err();
        assert!(matches!(*error, Error::SignIn { .. }), "{realm}: {error:?}");
        assert!(registry.store().authorizations.iter().all(Option::is_none));
    }
}
