//! Who is let in.

use std::time::Duration;

use mlspace_registry_simulator::{Quirk, Seed, Simulator};

use super::client::{Answer, Client, MANIFEST};

async fn start(quirk: &str) -> (Simulator, Client) {
    let quirk: Quirk = quirk.parse().unwrap();
    let simulator = Simulator::builder().seed(Seed::Empty).quirk(quirk).start().await.unwrap();
    let client = Client::new(&simulator);
    (simulator, client)
}

/// Asks for a token as docker does.
async fn token(client: &Client, simulator: &Simulator, password: &str, query: &str) -> Answer {
    let path = format!("/service/token?{query}");
    client.send(client.request("GET", &path).basic_auth(simulator.personal_email(), Some(password))).await
}

async fn good_token(client: &Client, simulator: &Simulator, scope: &str) -> String {
    let password = simulator.registry_password().unwrap();
    let answer = token(client, simulator, password.expose(), &format!("scope={scope}")).await.is(200);
    assert_eq!(answer.json()["expires_in"], 300);
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn with_token(client: &Client, token: &str, method: &str, path: &str) -> Answer {
    client.send(client.request(method, path).bearer_auth(token)).await
}

#[tokio::test]
async fn everybody_else_is_told_where_to_get_a_token() {
    let (simulator, client) = start("registry-auth=bearer").await;
    let host = simulator.registry_address();
    let challenge = format!("Bearer realm=\"http://{host}/service/token\",service=\"{host}\"");
    let ping = client.call("GET", "/v2/").await;
    ping.refused(401, "UNAUTHORIZED");
    assert_eq!(ping.header("www-authenticate"), challenge);
    assert_eq!(ping.header("docker-distribution-api-version"), "registry/2.0");
    for (method, path, actions) in [
        ("GET", "/v2/a/b/tags/list", "pull"),
        ("POST", "/v2/a/b/blobs/uploads/", "pull,push"),
        ("PUT", "/v2/a/b/manifests/v1", "pull,push"),
        ("DELETE", "/v2/a/b/manifests/v1", "delete"),
    ] {
        let answer = client.call(method, path).await.is(401);
        let expected = format!("{challenge},scope=\"repository:a/b:{actions}\"");
        assert_eq!(answer.header("www-authenticate"), expected);
    }
}

#[tokio::test]
async fn a_token_is_good_for_what_it_was_asked_for() {
    let (simulator, client) = start("registry-auth=bearer").await;
    simulator.rotate_registry_password();
    let any = good_token(&client, &simulator, "").await;
    with_token(&client, &any, "GET", "/v2/").await.is(200);
    let refused = with_token(&client, &any, "GET", "/v2/a/tags/list").await.is(401);
    assert!(refused.header("www-authenticate").ends_with("error=\"insufficient_scope\""), "{refused:?}");

    let push = good_token(&client, &simulator, "repository:a:pull,push").await;
    with_token(&client, &push, "POST", "/v2/a/blobs/uploads/").await.is(202);
    with_token(&client, &push, "GET", "/v2/a/tags/list").await.is(404);
    with_token(&client, &push, "POST", "/v2/b/blobs/uploads/").await.is(401);
    with_token(&client, &push, "DELETE", "/v2/a/manifests/v1").await.is(401);
    // The registry's id in front names the same repository.
    let id = simulator.registry().id;
    with_token(&client, &push, "POST", &format!("/v2/{id}/a/blobs/uploads/")).await.is(202);
    let all = good_token(&client, &simulator, "repository:a:*&scope=repository:b:pull").await;
    with_token(&client, &all, "DELETE", "/v2/a/manifests/v1").await.is(404);
    with_token(&client, &all, "GET", "/v2/b/tags/list").await.is(404);
}

#[tokio::test]
async fn a_mount_needs_the_right_to_pull_from_where_the_blob_is() {
    let (simulator, client) = start("registry-auth=bearer").await;
    simulator.rotate_registry_password();
    let both = good_token(&client, &simulator, "repository:a:pull,push&scope=repository:b:pull,push").await;
    let digest = super::client::sha256(b"x");
    let post = client.request("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"));
    client.send(post.bearer_auth(&both).body("x")).await.is(201);
    let mount = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
    let only_b = good_token(&client, &simulator, "repository:b:pull,push").await;
    with_token(&client, &only_b, "POST", &mount).await.is(202);
    with_token(&client, &both, "POST", &mount).await.is(201);
}

#[tokio::test]
async fn a_mount_is_done_with_the_token_that_its_challenge_asks_for() {
    let (simulator, client) = start("registry-auth=bearer").await;
    simulator.rotate_registry_password();
    let to_a = good_token(&client, &simulator, "repository:a:pull,push").await;
    let digest = super::client::sha256(b"x");
    let post = client.request("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"));
    client.send(post.bearer_auth(&to_a).body("x")).await.is(201);

    let mount = |from: &str| format!("/v2/b/blobs/uploads/?mount={digest}&from={from}");
    let challenge = async |path: &str| {
        let refused = client.call("POST", path).await.is(401);
        let (_, scope) = refused.header("www-authenticate").split_once(",scope=\"").unwrap();
        scope.trim_end_matches('"').to_owned()
    };
    let scope = challenge(&mount("a")).await;
    assert_eq!(scope, "repository:b:pull,push repository:a:pull");
    let token = good_token(&client, &simulator, &scope.replace(' ', "+")).await;
    with_token(&client, &token, "POST", &mount("a")).await.is(201);

    // What is no name does not get into the header.
    for from in ["", "%22,error=%22x", "A"] {
        assert_eq!(challenge(&mount(from)).await, "repository:b:pull,push");
    }
}

#[tokio::test]
async fn a_mount_from_anywhere_is_one_from_where_the_token_may_pull() {
    let (simulator, client) = start("registry-auth=bearer").await;
    simulator.rotate_registry_password();
    let pushes = good_token(&client, &simulator, "repository:priv/x:pull,push").await;
    let digest = super::client::sha256(b"private");
    let push = format!("/v2/priv/x/blobs/uploads/?digest={digest}");
    let push = client.request("POST", &push).bearer_auth(&pushes).body("private");
    client.send(push).await.is(201);
    let mount = format!("/v2/pub/y/blobs/uploads/?mount={digest}");
    let public = good_token(&client, &simulator, "repository:pub/y:pull,push").await;
    with_token(&client, &public, "POST", &mount).await.is(202);
    let both = "repository:pub/y:pull,push+repository:priv/x:pull";
    let both = good_token(&client, &simulator, both).await;
    with_token(&client, &both, "POST", &mount).await.is(201);
}

#[tokio::test]
async fn a_mount_without_the_right_may_be_refused_as_distribution_does() {
    let (simulator, client) = start("mounts=insufficient-scope").await;
    simulator.rotate_registry_password();
    let mount = "/v2/b/blobs/uploads/?from=a&mount=".to_owned() + &super::client::sha256(b"x");
    let own = good_token(&client, &simulator, "repository:b:pull,push").await;
    let refused = with_token(&client, &own, "POST", &mount).await.is(401);
    let challenge = refused.header("www-authenticate");
    assert!(
        challenge
            .ends_with("scope=\"repository:b:pull,push repository:a:pull\",error=\"insufficient_scope\"")
    );
    let both = good_token(&client, &simulator, "repository:b:pull,push+repository:a:pull").await;
    with_token(&client, &both, "POST", &mount).await.is(202);
}

#[tokio::test]
async fn tokens_end_by_time_by_call_and_with_their_password() {
    let (simulator, client) = start("registry-auth=bearer").await;
    simulator.rotate_registry_password();
    let path = "/v2/a/tags/list";
    let get = async |token: &str| with_token(&client, token, "GET", path).await.status;

    let first = good_token(&client, &simulator, "repository:a:pull").await;
    assert_eq!(get(&first).await, 404);
    simulator.advance(Duration::from_secs(301));
    let ended = with_token(&client, &first, "GET", path).await.is(401);
    assert!(ended.header("www-authenticate").ends_with("error=\"invalid_token\""), "{ended:?}");

    let second = good_token(&client, &simulator, "repository:a:pull").await;
    simulator.expire_registry_tokens();
    assert_eq!(get(&second).await, 401);

    let third = good_token(&client, &simulator, "repository:a:pull").await;
    let old = simulator.registry_password().unwrap();
    simulator.rotate_registry_password();
    assert_eq!(get(&third).await, 401);
    token(&client, &simulator, old.expose(), "").await.refused(401, "UNAUTHORIZED");
    good_token(&client, &simulator, "repository:a:pull").await;

    simulator.quirk("registry-token-lifetime=7".parse().unwrap());
    let password = simulator.registry_password().unwrap();
    let answer = token(&client, &simulator, password.expose(), "").await.is(200);
    assert_eq!(answer.json()["expires_in"], 7);
}

#[tokio::test]
async fn nobody_signs_in_before_the_first_password_or_with_another_name() {
    let (simulator, client) = start("registry-auth=bearer").await;
    token(&client, &simulator, "", "").await.is(401);
    token(&client, &simulator, "password", "").await.is(401);
    let password = simulator.rotate_registry_password();
    let other =
        client.request("GET", "/service/token").basic_auth("somebody@example.com", Some(password.expose()));
    client.send(other).await.is(401);
    client.call("GET", "/service/token").await.is(401);
    for header in ["Basic", "Basic !", "Basic YQ==", "Bearer x"] {
        client.send(client.request("GET", "/service/token").header("authorization", header)).await.is(401);
    }
}

#[tokio::test]
async fn a_token_can_be_asked_for_with_a_form() {
    let (simulator, client) = start("registry-auth=bearer").await;
    let password = simulator.rotate_registry_password();
    let form = |grant: &str| {
        let (email, password) = (simulator.personal_email(), password.expose());
        let scope = "repository:a:pull";
        format!("grant_type={grant}&username={email}&password={password}&service=x&scope={scope}")
    };
    let post = client.request("POST", "/service/token").body(form("password"));
    let token = client.send(post).await.is(200).json()["access_token"].as_str().unwrap().to_owned();
    with_token(&client, &token, "GET", "/v2/a/tags/list").await.is(404);
    client.send(client.request("POST", "/service/token").body(form("refresh_token"))).await.is(400);
}

#[tokio::test]
async fn basic_asks_for_the_password_each_time() {
    let (simulator, client) = start("registry-auth=basic").await;
    let challenged = client.call("GET", "/v2/").await.is(401);
    assert_eq!(
        challenged.header("www-authenticate"),
        format!("Basic realm=\"{}\"", simulator.registry_address())
    );
    let password = simulator.rotate_registry_password();
    let put = || client.request("PUT", "/v2/a/manifests/v1").header("content-type", MANIFEST).body("{}");
    let email = simulator.personal_email();
    client.send(put().basic_auth(email, Some(password.expose()))).await.refused(400, "MANIFEST_INVALID");
    simulator.rotate_registry_password();
    client.send(put().basic_auth(email, Some(password.expose()))).await.is(401);
}

#[tokio::test]
async fn the_password_is_the_one_that_the_management_api_gives() {
    let (simulator, client) = start("registry-auth=basic").await;
    let wire = crate::wire::Wire::with_key(&simulator, simulator.personal()).await;
    let path = "/public/v2/docker_registry/v1/users/generate_password";
    let answer = wire.send(wire.signed("GET", path)).await.ok();
    let ping =
        client.request("GET", "/v2/").basic_auth(simulator.personal_email(), answer["password"].as_str());
    client.send(ping).await.is(200);
    let journal = format!("{:?}", simulator.journal());
    assert!(!journal.contains(answer["password"].as_str().unwrap()), "the journal has no secrets");
}
