use std::fs;
use std::path::Path;

use mlspace_registry_simulator::Simulator;

use crate::support::{Done, Mlcr};

/// Writes a file and the folders above it.
fn write(home: &Path, path: &str, text: &str) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn settings_of(simulator: &Simulator, id: &str) -> [String; 3] {
    let key = simulator.service_account();
    [
        simulator.base_url().to_owned(),
        id.replace("[id]", &key.client_id),
        key.client_secret.expose().to_owned(),
    ]
}

fn dotenv(simulator: &Simulator) -> String {
    let [url, id, secret] = settings_of(simulator, "[id]");
    format!("MLSPACE_BASE_URL=\"{url}\"\nMLSPACE_CLIENT_ID={id}\nMLSPACE_CLIENT_SECRET='{secret}'\n")
}

fn ini(simulator: &Simulator, profile: &str) -> (String, String) {
    let [url, id, secret] = settings_of(simulator, "[id]");
    let keys = format!("[{profile}]\nkey_id = {id}\nkey_secret = {}\n", secret.replace('%', "%%"));
    (keys, format!("[{profile}]\nendpoint_url = {url}/public/v2\n"))
}

fn toml(simulator: &Simulator) -> String {
    let [url, id, secret] = settings_of(simulator, "[id]");
    format!("[profiles.default]\nbase_url = '{url}'\nclient_id = '{id}'\nclient_secret = '{secret}'\n")
}

async fn ls(home: &Path, mlcr: Mlcr, flags: &str) -> Done {
    let mlcr = mlcr.variable("HOME", home.to_str().unwrap());
    mlcr.run(&format!("repo ls --jq 'length' {flags}")).await
}

/// Each source has a simulator of its own, told apart by how many repositories it holds.
#[tokio::test]
async fn the_highest_source_that_is_there_wins() {
    let mut simulators = Vec::new();
    for number in 1..=5 {
        let seed = format!("repos={number},images=0,tags=0").parse().unwrap();
        simulators.push(Simulator::builder().seed(seed).start().await.unwrap());
    }
    let [mls, plugin, own, named, environment] = &simulators[..] else { unreachable!() };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let count = |done: Done| done.stdout.trim().parse::<u32>().unwrap_or_else(|_| panic!("{done}"));

    let done = ls(home, Mlcr::bare(), "").await;
    assert_eq!(done.code, 3, "{done}");

    let (keys, config) = ini(mls, "default");
    write(home, ".mls/credentials", &keys);
    write(home, ".mls/config", &config);
    assert_eq!(count(ls(home, Mlcr::bare(), "").await), 1);

    write(home, ".config/mlspace-plugin/.env", &dotenv(plugin));
    assert_eq!(count(ls(home, Mlcr::bare(), "").await), 2);

    write(home, ".config/mlcr/profiles.toml", &toml(own));
    assert_eq!(count(ls(home, Mlcr::bare(), "-q").await), 3);

    write(home, "named.env", &dotenv(named));
    let path = home.join("named.env");
    let with_named = |mlcr: Mlcr| mlcr.variable("MLSPACE_ENV_FILE", path.to_str().unwrap());
    assert_eq!(count(ls(home, with_named(Mlcr::bare()), "").await), 4);

    assert_eq!(count(ls(home, with_named(Mlcr::at(environment)), "").await), 5);
    // A profile that a flag asks for goes before the environment.
    assert_eq!(count(ls(home, Mlcr::at(environment), "--profile default").await), 3);
    let done = ls(home, Mlcr::at(environment), "--profile nonsense").await;
    assert_eq!(done.code, 2, "{done}");
    fs::remove_dir_all(home.join(".config/mlcr")).unwrap();
    let (keys, config) = ini(mls, "work");
    write(home, ".mls/credentials", &keys);
    write(home, ".mls/config", &config);
    assert_eq!(count(ls(home, Mlcr::at(environment), "--profile work").await), 1);
    fs::remove_file(home.join(".config/mlspace-plugin/.env")).unwrap();
    assert_eq!(count(ls(home, Mlcr::bare().variable("MLS_PROFILE_DEFAULT", "work"), "").await), 1);
}

#[tokio::test]
async fn the_pointer_of_the_plug_in_is_followed_and_a_broken_one_is_an_error() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write(home, "elsewhere/keys.env", &dotenv(&simulator));
    let pointer = ".config/mlspace-plugin/credentials-path.json";
    write(home, pointer, &serde_json::json!({ "env_file": home.join("elsewhere/keys.env") }).to_string());
    assert_eq!(ls(home, Mlcr::bare(), "").await.stdout, "5\n");
    write(home, ".config/mlspace-plugin/.env", &dotenv(&simulator));
    for broken in ["{", "{}", r#"{"env_file":"relative"}"#, r#"{"env_file":"/no/such/file"}"#] {
        write(home, pointer, broken);
        let done = ls(home, Mlcr::bare(), "").await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{broken}: {done}");
    }
}

#[tokio::test]
async fn the_encrypted_file_of_mls_is_opened() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    // Closed by openssl; the key in it is not one of the simulator's.
    write(
        home,
        ".mls/credentials.key",
        "U2FsdGVkX1+MajHAQYBY/cDhhj81NIXUlcK1BToQQgoR84IURViVHHwHs+tcvjsk\nFzMJsZTKlRosBvVE7QrHBQ==\n",
    );
    write(home, ".mls/config", &format!("[default]\nendpoint_url = {}\n", simulator.base_url()));
    let done = ls(home, Mlcr::bare().variable("MLS_PASSWORD", "hunter2"), "-o json").await;
    assert_eq!(
        (done.code, done.error()["service"]["operation"].as_str()),
        (3, Some("service_auth")),
        "{done}"
    );
    let done = ls(home, Mlcr::bare().variable("MLS_PASSWORD", "hunter3"), "").await;
    assert!(
        done.code == 2 && done.stderr.contains("MLS_PASSWORD") && !done.stderr.contains("hunter"),
        "{done}"
    );
}

#[tokio::test]
async fn a_key_of_one_workspace_is_never_sent_with_another() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    write(home.path(), ".config/mlspace-plugin/.env", "MLSPACE_API_KEY=of-another-workspace\n");
    // The id is in the environment, a key only in the file: it is asked for instead.
    let mut mlcr = Mlcr::at(&simulator);
    mlcr.variables.remove("MLSPACE_API_KEY");
    assert_eq!(ls(home.path(), mlcr, "").await.stdout, "5\n");
    assert_eq!(simulator.requests("workspace_api_key"), 1);
}

#[tokio::test]
async fn a_workspace_is_chosen_by_its_name_where_the_settings_know_it() {
    let simulator = Simulator::start().await.unwrap();
    let id = simulator.workspace_id();
    let list = format!(
        r#"[{{"id":"{id}","name":"mine","api_key":"{}"}},{{"id":"{}","name":"other"}}]"#,
        simulator.api_key().expose(),
        "ffffffff-ffff-4fff-8fff-ffffffffffff"
    );
    let mlcr = || {
        let mut mlcr = Mlcr::at(&simulator).variable("MLSPACE_WORKSPACES", list.clone());
        mlcr.variables.remove("MLSPACE_WORKSPACE_ID");
        mlcr.variables.remove("MLSPACE_API_KEY");
        mlcr
    };
    let done = mlcr().run("repo ls").await;
    assert!(done.code == 2 && done.stderr.contains("mine, other"), "{done}");
    assert_eq!(mlcr().run("repo ls --workspace mine --jq 'length'").await.stdout, "5\n");
    assert_eq!(mlcr().run(&format!("repo ls --workspace {id} --jq 'length'")).await.stdout, "5\n");
    assert_eq!(simulator.requests("workspace_api_key"), 0);
}

#[tokio::test]
async fn wrong_settings_are_named_and_their_values_not_repeated() {
    let simulator = Simulator::start().await.unwrap();
    for (name, value) in [
        ("MLSPACE_TIMEOUT", "hunter2"),
        ("MLSPACE_READONLY", "hunter2"),
        ("MLSPACE_DRY_RUN", "hunter2"),
        ("MLSPACE_BASE_URL", "http://u:hunter2@example.com"),
        ("MLSPACE_CA_FILE", "/no/such/file"),
        ("MLSPACE_ENV_FILE", "/no/such/file"),
        ("MLSPACE_ENV_FILE", "/"),
    ] {
        let done = Mlcr::at(&simulator).variable(name, value).run("repo ls").await;
        assert!(done.code == 2 && !done.stderr.contains("hunter2"), "{name}: {done}");
    }
    let mut half = Mlcr::at(&simulator);
    half.variables.remove("MLSPACE_CLIENT_SECRET");
    let done = half.run("repo ls").await;
    assert!(done.code == 2 && done.stderr.contains("the environment"), "{done}");
    assert!(simulator.journal().is_empty());
}

#[tokio::test]
async fn a_file_with_keys_of_a_newer_version_is_refused_and_left_as_it_is() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    for text in [toml(&simulator) + "two_factor = true\n", format!("newer = 1\n{}", toml(&simulator))] {
        write(home.path(), ".config/mlcr/profiles.toml", &text);
        for flags in ["", "--profile default"] {
            let done = ls(home.path(), Mlcr::bare(), flags).await;
            assert_eq!(done.code, 2, "{done}");
        }
        let login = Mlcr::bare().variable("HOME", home.path().to_str().unwrap()).run("auth logout").await;
        assert_eq!(login.code, 2, "{login}");
        let kept = fs::read_to_string(home.path().join(".config/mlcr/profiles.toml")).unwrap();
        assert_eq!(kept, text);
    }
}
