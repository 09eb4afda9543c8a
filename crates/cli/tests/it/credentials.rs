//! Whose password a push and a pull sign in with.

use mlspace_registry_simulator::Simulator;
use serde_json::json;

use crate::fixture::{Person, base64, layout};
use crate::support::Mlcr;

#[tokio::test]
async fn whoever_cannot_sign_in_is_told_how_and_nothing_is_pushed() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("source");
    layout(&source, b"x");
    let line = format!("image push {} app:v1", source.display());
    // No password, an old one, and one of nobody knows whom.
    let done = Person::at(&simulator, home.path()).run(&line).await;
    assert_eq!(done.code, 3, "{done}");
    assert!(done.stderr.contains("mlcr password rotate") && done.stderr.contains("docker login"), "{done}");
    let person = Person::new(&simulator).await;
    simulator.rotate_registry_password();
    assert_eq!(person.run(&simulator, &line).await.code, 3);
    let mut mlcr = person.mlcr(&simulator);
    mlcr.variables.remove("MLCR_PERSONAL_EMAIL");
    assert_eq!(mlcr.run(&line).await.code, 3);
    assert!(simulator.repositories().iter().all(|one| one.name != "app"));
}

#[tokio::test]
async fn what_docker_login_left_is_used() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("source");
    layout(&source, b"x");
    let auth = base64(&format!("{}:{}", simulator.personal_email(), person.password.expose()));
    let config = json!({ "auths": { simulator.registry_address(): { "auth": auth } } });
    std::fs::write(home.path().join("config.json"), config.to_string()).unwrap();
    let mlcr = Mlcr::at(&simulator).variable("DOCKER_CONFIG", home.path().to_str().unwrap());
    let mlcr = mlcr.variable("HOME", home.path().to_str().unwrap());
    let done = mlcr.run(&format!("image push {} app:v1", source.display())).await;
    assert_eq!(done.code, 0, "{done}");
    // Without any key a full name can still be pulled.
    let name = format!("{}/{}/app:v1", simulator.registry_address(), simulator.registry().id);
    let mlcr = Mlcr::bare().variable("DOCKER_CONFIG", home.path().to_str().unwrap());
    let mlcr = mlcr.variable("HOME", home.path().to_str().unwrap());
    let done = mlcr.run(&format!("image pull {name} {}/target", home.path().display())).await;
    assert_eq!(done.code, 0, "{done}");
}

/// A registry of somebody else must not learn the password.
#[tokio::test]
async fn the_password_goes_to_no_other_registry() {
    let (simulator, other) = (Simulator::start().await.unwrap(), Simulator::start().await.unwrap());
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    let line = format!("image push {} {}/app:v1", source.display(), other.registry_address());
    let done = person.run(&simulator, &line).await;
    assert_eq!(done.code, 3, "{done}");
    assert!(!other.journal().is_empty());
    assert!(other.journal().iter().all(|request| !request.headers.contains_key("authorization")));
}
