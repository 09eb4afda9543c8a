//! Signing in, and staying signed in.

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Credentials, DockerLogins, Error};

use crate::fixture::{bytes, client, image, push, try_push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

async fn bearer() -> Registry {
    Registry::with(&["registry-auth=bearer"]).await
}

/// Which requests came with credentials.
fn signed(registry: &Registry) -> Vec<bool> {
    registry.simulator.journal().iter().map(|request| request.headers.contains_key("authorization")).collect()
}

#[tokio::test]
async fn a_password_is_sent_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::with(&["registry-auth=basic"]).await;
    push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    assert!(!signed(&registry)[0] && signed(&registry).contains(&true));

    let open = Registry::start().await;
    push(&open.signed_in(), &source, &open.name("app:v1")).await;
    assert!(!signed(&open).contains(&true));
}

#[tokio::test]
async fn many_requests_at_once_fetch_one_token() {
    let folder = tempfile::tempdir().unwrap();
    let layers: Vec<_> = (0..20).map(|n| bytes(n, 5000)).collect();
    let source = image(&layers).write(folder.path());
    let registry = bearer().await;
    push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    assert_eq!(registry.count("GET", "/service/token"), 1);
    assert_eq!(registry.count("GET", "scope=repository:app:pull,push"), 1);
}

#[tokio::test]
async fn a_token_outlives_the_push_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    let registry = bearer().await;
    let (client, to) = (registry.signed_in(), registry.name("app:v1"));
    let asked = async {
        while registry.simulator.requests("oci_token") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = push(&client, &source, &to) => panic!("it was to be given up"),
        () = asked => {}
    }
    push(&client, &source, &to).await;
    assert_eq!(registry.simulator.requests("oci_token"), 1);
}

#[tokio::test]
async fn nobody_waits_for_the_next_token_while_the_old_one_lives() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    let registry = Registry::start().await;
    let ask = Fault::status(401).header("www-authenticate", "Bearer realm=\"/service/token\"");
    registry.fault("oci_blob_head", ask.times(1));
    let token = serde_json::json!({ "token": "T", "expires_in": 100 });
    registry.fault("oci_token", Fault::json(200, &token).times(1));
    registry.fault("oci_token", Fault::hang().after(1));
    let (builder, clock) = client();
    let client = builder.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    assert_eq!(registry.simulator.requests("oci_token"), 1);
    clock.advance(std::time::Duration::from_secs(80));
    push(&client, &source, &registry.name("app:v2")).await;
    assert_eq!(registry.simulator.requests("oci_token"), 2);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_told_to_all_who_waited_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100), bytes(2, 100)]).write(folder.path());
    let registry = bearer().await;
    registry.fault("oci_token", Fault::status(503));
    let error = try_push(&registry.signed_in(), &source, &registry.name("app:v1")).await.unwrap_err();
    assert!(matches!(*error, Error::NoToken(_)) && error.status() == Some(503), "{error:?}");
    assert!(!error.is_sign_in() && !error.is_outcome_unknown());
}

#[tokio::test]
async fn credentials_are_looked_for_only_where_a_registry_asks_for_some() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    for (auth, works) in [("open", true), ("basic", true), ("bearer", true), ("bearer", false)] {
        let registry = Registry::with(&[&format!("registry-auth={auth}")]).await;
        let (asked, right) = (Arc::new(AtomicUsize::new(0)), registry.credentials());
        let count = asked.clone();
        let find = move || {
            count.fetch_add(1, Ordering::SeqCst);
            if works { Ok(right.clone()) } else { Err("the safe is locked".to_owned()) }
        };
        let client = client().0.credentials_when_asked(registry.address(), find).build().unwrap();
        let pushed = try_push(&client, &source, &registry.name("app:v1")).await;
        assert_eq!(asked.load(Ordering::SeqCst), usize::from(auth != "open"), "{auth}");
        if !works {
            let error = pushed.unwrap_err();
            assert!(error.is_sign_in() && error.to_string().contains("the safe is locked"), "{error}");
        } else {
            pushed.unwrap();
        }
    }
}

#[tokio::test]
async fn a_token_that_ends_within_a_large_layer_is_renewed_and_the_layer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, 12 * MIB);
    let source = image(std::slice::from_ref(&layer)).write(folder.path());
    let registry = Registry::with(&["registry-auth=bearer", "max-upload-body=1048576"]).await;
    registry.fault("oci_upload_patch", Fault::expire_token().every(4));
    push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    assert!(registry.count("GET", "/service/token") > 2);
    let received = registry.received();
    assert!(received < layer.len() + MIB, "{received}: chunks went twice");
}

#[tokio::test]
async fn a_token_that_ends_before_the_upload_is_closed_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = bearer().await;
    registry.fault("oci_upload_put", Fault::expire_token().times(1));
    push(&registry.signed_in(), &source, &registry.name("app:v1")).await;
    assert_eq!(registry.count("GET", "/service/token"), 2);
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    for auth in ["registry-auth=basic", "registry-auth=bearer"] {
        let registry = Registry::with(&[auth]).await;
        let wrong = mlspace_registry_transfer::Credentials::password("user", "hunter2");
        let wrong = client().0.credentials(registry.address(), wrong).build().unwrap();
        let anonymous = client().0.build().unwrap();
        for (client, hint) in [(wrong, "password is wrong"), (anonymous, "no credentials")] {
            let to = registry.name("app:v1");
            let error = try_push(&client, &source, &to).await.unwrap_err();
            assert!(matches!(*error, Error::SignIn { .. }) && error.is_sign_in(), "{error:?}");
            let text = format!("{error} {error:?}");
            assert!(text.contains(hint) && !text.contains("hunter2"), "{text}");
        }
    }
}

/// What comes of a push with a password where the first answer is this challenge.
async fn challenged(registry: &Registry, challenge: String) -> Result<(), std::sync::Arc<Error>> {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    registry.fault("oci_blob_head", Fault::status(401).header("www-authenticate", challenge).times(1));
    let client = client().0.concurrency(1).credentials(registry.address(), registry.credentials());
    try_push(&client.build().unwrap(), &source, &registry.name("app:v1")).await.map(|_| ())
}

#[tokio::test]
async fn a_password_does_not_go_to_a_token_endpoint_without_tls_elsewhere() {
    for realm in [
        "http://token.example/",
        "ftp://127.0.0.1/",
        "http://user:x@127.0.0.1/",
        "nonsense",
        "//token.example/",
    ] {
        let registry = Registry::start().await;
        let error = challenged(&registry, format!("Bearer realm=\"{realm}\"")).await.unwrap_err();
        assert!(matches!(*error, Error::TokenEndpoint { .. }) && error.is_sign_in(), "{realm}: {error:?}");
        assert!(!signed(&registry).contains(&true));
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_only_a_path_is_on_the_registry_itself() {
    let registry = bearer().await;
    challenged(&registry, "Bearer realm=\"/service/token\"".to_owned()).await.unwrap();
    assert_eq!(registry.tags(), ["v1"]);
}

#[tokio::test]
async fn a_token_endpoint_is_followed_within_its_host_and_no_further() {
    let registry = bearer().await;
    registry.fault(
        "oci_token",
        Fault::status(307).header("location", "/service/token?scope=repository:app:pull,push").times(1),
    );
    challenged(&registry, "Bearer realm=\"/service/token\"".to_owned()).await.unwrap();

    let other = Registry::start().await;
    let registry = bearer().await;
    let place = format!("http://{}/service/token", other.address());
    registry.fault("oci_token", Fault::status(307).header("location", place));
    let error = challenged(&registry, "Bearer realm=\"/service/token\"".to_owned()).await.unwrap_err();
    assert!(error.to_string().contains("another host"), "{error}");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_token_is_taken_from_whichever_field_has_it_and_however_long_it_is_said_to_live() {
    for answer in [
        serde_json::json!({ "token": "", "access_token": "T" }),
        serde_json::json!({ "token": "T", "access_token": "" }),
        serde_json::json!({ "token": null, "access_token": "T", "expires_in": i64::MAX }),
        serde_json::json!({ "token": "T", "expires_in": u64::MAX }),
        serde_json::json!({ "token": "T", "expires_in": "3600" }),
        serde_json::json!({ "token": "T", "expires_in": -1.5 }),
    ] {
        let registry = Registry::start().await;
        registry.fault("oci_token", Fault::json(200, &answer));
        challenged(&registry, "Bearer realm=\"/service/token\"".to_owned()).await.unwrap();
        let journal = registry.simulator.journal();
        let last = journal.last().unwrap().headers.get("authorization");
        assert!(last.is_some(), "{answer}");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_hide_none_that_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100), bytes(2, 100)]).write(folder.path());
    let old = || Credentials::password("user", "hunter2");
    for auth in ["registry-auth=basic", "registry-auth=bearer"] {
        let registry = Registry::with(&[auth]).await;
        // Given one after the other, and given before what docker has.
        let given = client().0.credentials(registry.address(), old());
        let given = given.credentials(registry.address(), registry.credentials());
        push(&given.build().unwrap(), &source, &registry.name("app:v1")).await;

        let password = registry.simulator.rotate_registry_password();
        let (user, password) = (registry.simulator.personal_email(), password.expose());
        let entry = serde_json::json!({ "username": user, "password": password });
        let broken = "{\"auths\": [";
        let logins = DockerLogins::new()
            .json(broken)
            .json(serde_json::json!({ "auths": { registry.address(): entry } }).to_string());
        let client = client().0.credentials(registry.address(), old()).docker_logins(logins);
        push(&client.build().unwrap(), &source, &registry.name("app:v2")).await;
    }
}

#[tokio::test]
async fn what_is_open_to_everyone_needs_no_right_password() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    let registry = Registry::with(&["registry-auth=open"]).await;
    let broken = DockerLogins::new().json("{");
    let client = client().0.docker_logins(broken).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
}

#[tokio::test]
async fn what_is_wrong_with_docker_s_configuration_is_told_where_nothing_else_helps() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 100)]).write(folder.path());
    let registry = bearer().await;
    let logins = DockerLogins::new()
        .json("{")
        .json(serde_json::json!({ "credsStore": "there-is-no-such-helper" }).to_string())
        .json(serde_json::json!({ "credsStore": "../there" }).to_string());
    let client = client().0.docker_logins(logins).build().unwrap();
    let error = try_push(&client, &source, &registry.name("app:v1")).await.unwrap_err();
    let text = error.to_string();
    assert!(error.is_sign_in() && text.contains("there are no credentials for it"), "{text}");
    for problem in
        ["line 1, column 1", "`docker-credential-there-is-no-such-helper` cannot be run", "no program's name"]
    {
        assert!(text.contains(problem), "{text}");
    }
}
