use insta::assert_snapshot;
use mlspace_registry_simulator::{Fault, Quirk, Simulator};

use crate::fixture::assert_mode;
use crate::support::Mlcr;

/// Without settings, but for where the service and the home are.
fn stranger(simulator: &Simulator, home: &tempfile::TempDir) -> Mlcr {
    Mlcr::bare()
        .variable("HOME", home.path().to_str().unwrap())
        .variable("MLSPACE_BASE_URL", simulator.base_url())
}

fn key(simulator: &Simulator) -> String {
    let key = simulator.service_account();
    format!("{}\n{}\n", key.client_id, key.client_secret.expose())
}

#[tokio::test]
async fn whoever_logs_in_once_needs_no_settings_any_more() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let done = stranger(&simulator, &home).piped(&key(&simulator)).run("auth login").await;
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done}");
    let secret = simulator.service_account().client_secret;
    assert!(!done.stderr.contains(secret.expose()));
    let file = home.path().join(".config/mlcr/profiles.toml");
    assert_mode(&file, 0o600);
    assert_mode(file.parent().unwrap(), 0o700);
    let mut mlcr = stranger(&simulator, &home);
    mlcr.variables.remove("MLSPACE_BASE_URL");
    simulator.clear_journal();
    assert_eq!(mlcr.run("repo ls --jq 'length'").await.stdout, "5\n");
    // The api key is kept as well.
    assert_eq!(simulator.requests("workspace_api_key") + simulator.requests("workspace_list"), 0);

    let done = stranger(&simulator, &home).run("auth status").await;
    let shown = done.to_string().replace(simulator.base_url(), "[url]");
    let shown = shown.replace(home.path().to_str().unwrap(), "[home]");
    assert!(!shown.contains(secret.expose()) && !shown.contains(simulator.api_key().expose()));
    let shown = shown.replace(&simulator.service_account().client_id, "[key id]");
    assert_snapshot!(shown);

    assert_eq!(stranger(&simulator, &home).run("auth logout").await.code, 0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(secret.expose()));
    assert_eq!(stranger(&simulator, &home).run("auth logout").await.code, 4);
    assert_eq!(stranger(&simulator, &home).run("auth status").await.code, 3);
}

#[tokio::test]
async fn a_secret_typed_at_a_terminal_is_read_unseen() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let id = simulator.service_account().client_id;
    let done = stranger(&simulator, &home).typing(&format!("{id}\n")).run("auth login -o json").await;
    // The support answers something else than the secret, which is refused.
    assert_eq!((done.code, done.error()["code"].as_str()), (3, Some("sign_in_refused")), "{done}");
    assert!(!home.path().join(".config").exists());
}

#[tokio::test]
async fn with_several_workspaces_the_person_chooses() {
    let simulator = Simulator::start().await.unwrap();
    simulator.quirk(Quirk::Workspaces(3));
    let home = tempfile::tempdir().unwrap();
    let login =
        |answer: &str| stranger(&simulator, &home).piped(&(key(&simulator) + answer)).run("auth login");
    let done = login("7\n").await;
    assert_eq!(done.code, 2, "{done}");
    let done = login("1\n").await;
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(stranger(&simulator, &home).run("repo ls --jq 'length'").await.stdout, "5\n");
    let line = format!("auth login --workspace {}", simulator.workspace_id());
    assert_eq!(stranger(&simulator, &home).piped(&key(&simulator)).run(&line).await.code, 0);
}

#[tokio::test]
async fn a_role_that_may_not_list_or_read_the_key_can_type_them() {
    let simulator = Simulator::start().await.unwrap();
    simulator.quirk(Quirk::WorkspaceListRefused(true));
    simulator.quirk(Quirk::ApiKeyRefused(true));
    let home = tempfile::tempdir().unwrap();
    let answers =
        format!("{}{}\n{}\n", key(&simulator), simulator.workspace_id(), simulator.api_key().expose());
    let done = stranger(&simulator, &home).piped(&answers).run("auth login").await;
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(stranger(&simulator, &home).run("repo ls --jq 'length'").await.stdout, "5\n");
}

#[tokio::test]
async fn the_doctor_finds_nothing_where_all_is_well() {
    let simulator = Simulator::start().await.unwrap();
    // The registry host of the names is this machine, so that no test asks the network.
    simulator.quirk(Quirk::RegistryHost(simulator.base_url().replace("http://", "")));
    let home = tempfile::tempdir().unwrap();
    let mlcr = Mlcr::at(&simulator).variable("HOME", home.path().to_str().unwrap());
    let done = mlcr.run("doctor").await;
    let shown = done.to_string().replace(&simulator.base_url().replace("http://", ""), "[host]");
    // The real date of the answers differs from the simulator's.
    let shown: Vec<_> = shown.lines().filter(|line| !line.starts_with("clock")).collect();
    assert_snapshot!(shown.join("\n"));
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_and_exits_by_it() {
    for (operation, fault, check, code) in [
        ("service_auth", Fault::status(401), "key", 3),
        ("service_auth", Fault::lost_before(), "connection", 1),
        ("registry_get", Fault::status(403), "role", 3),
        ("registry_get", Fault::status(401), "api key", 3),
        ("repository_list", Fault::firewall(), "firewall", 9),
    ] {
        let simulator = Simulator::start().await.unwrap();
        simulator.quirk(Quirk::RegistryHost(simulator.base_url().replace("http://", "")));
        simulator.fail(operation, fault).unwrap();
        let done = Mlcr::at(&simulator).run("doctor -o json").await;
        let checks = done.json();
        let failed = checks.as_array().unwrap().iter().find(|one| one["state"] == "failed").unwrap();
        assert_eq!((done.code, failed["check"].as_str()), (code, Some(check)), "{done}");
    }
    let done = Mlcr::bare().variable("HOME", "/nonexistent").run("doctor -o json").await;
    assert_eq!(done.code, 3, "{done}");
    let done = Mlcr::bare().variable("MLSPACE_TIMEOUT", "x").run("doctor -o json").await;
    assert_eq!(done.code, 2, "{done}");
}

#[tokio::test]
async fn profiles_are_listed_and_the_one_that_is_used_is_changed_without_a_request() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let none = stranger(&simulator, &home).run("auth list").await;
    assert!(none.code == 0 && none.stderr.contains("mlcr auth login"), "{none}");
    for profile in ["work", "home"] {
        let login = stranger(&simulator, &home).piped(&key(&simulator));
        let done = login.run(&format!("auth login --profile {profile}")).await;
        assert!(done.code == 0 && done.stderr.contains("signed in to workspace "), "{done}");
    }
    // A comment of the owner stays.
    let file = home.path().join(".config/mlcr/profiles.toml");
    let text = format!("# mine\n{}", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    simulator.clear_journal();
    let used = "[.[] | select(.used) | .profile]";
    for name in ["home", "work"] {
        let done = stranger(&simulator, &home).run(&format!("auth switch {name}")).await;
        assert_eq!(done.code, 0, "{done}");
        let done = stranger(&simulator, &home).run_line(format!("auth list --jq '{used}'")).await;
        assert_eq!(done.json(), serde_json::json!([name]), "{done}");
    }
    let overruled =
        stranger(&simulator, &home).variable("MLCR_PROFILE", "home").run("auth switch work").await;
    assert!(overruled.stderr.contains("MLCR_PROFILE names home"), "{overruled}");
    let missing = stranger(&simulator, &home).run("auth switch play -o json").await;
    assert_eq!((missing.code, &missing.error()["candidates"]), (4, &serde_json::json!(["home", "work"])));
    assert!(std::fs::read_to_string(&file).unwrap().contains("# mine\n"));
    assert!(simulator.journal().is_empty());
}
