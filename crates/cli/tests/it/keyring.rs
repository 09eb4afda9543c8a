//! Secrets in the system's keyring, and in files where there is none.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error, mock};
use mlspace_registry_cli::Keyring;
use mlspace_registry_simulator::Simulator;

use crate::docker::helper;
use crate::fixture::{Person, layout};
use crate::installed::tool;
use crate::support::Mlcr;

/// A keyring that is there and opens to nobody.
struct Locked;

impl CredentialStoreApi for Locked {
    fn vendor(&self) -> String {
        "locked".into()
    }

    fn id(&self) -> String {
        "locked".into()
    }

    fn build(
        &self,
        _: &str,
        _: &str,
        _: Option<&std::collections::HashMap<&str, &str>>,
    ) -> keyring_core::Result<Entry> {
        Err(Error::NoStorageAccess("the keyring is locked".into()))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn opened() -> Keyring {
    Keyring::store(mock::Store::new().unwrap())
}

fn locked() -> Keyring {
    Keyring::store(Arc::new(Locked))
}

fn stranger(simulator: &Simulator, home: &Path, keyring: &Keyring) -> Mlcr {
    let mlcr = Mlcr::bare().variable("HOME", home.to_str().unwrap());
    Mlcr { keyring: keyring.clone(), ..mlcr.variable("MLSPACE_BASE_URL", simulator.base_url()) }
}

fn answers(simulator: &Simulator) -> String {
    let key = simulator.service_account();
    format!("{}\n{}\n", key.client_id, key.client_secret.expose())
}

/// All that the files of a home say.
fn files(home: &Path) -> String {
    let folder = home.join(".config/mlcr");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    ["profiles.toml", "registry-passwords.json", "registry-logins.json"].map(read).concat()
}

#[tokio::test]
async fn where_there_is_a_keyring_no_secret_of_a_login_is_in_a_file() {
    let simulator = Simulator::start().await.unwrap();
    let (home, keyring) = (tempfile::tempdir().unwrap(), opened());
    let run = |line: &'static str| stranger(&simulator, home.path(), &keyring).run(line);
    let login = stranger(&simulator, home.path(), &keyring).piped(&answers(&simulator));
    let done = login.run("auth login").await;
    assert!(done.code == 0 && done.stderr.contains("in the system's keyring"), "{done}");
    let (secret, api_key) = (simulator.service_account().client_secret, simulator.api_key());
    let text = files(home.path());
    assert!(!text.contains(secret.expose()) && !text.contains(api_key.expose()), "{text}");

    simulator.clear_journal();
    assert_eq!(run("repo ls --jq 'length'").await.stdout, "5\n");
    // The api key is in the keyring as well.
    assert_eq!(simulator.requests("workspace_api_key") + simulator.requests("workspace_list"), 0);
    let status = run("auth status").await;
    assert!(status.stdout.contains("profile default of mlcr, with the system's keyring"), "{status}");

    let profile = std::fs::read_to_string(home.path().join(".config/mlcr/profiles.toml")).unwrap();
    assert_eq!(run("auth logout").await.code, 0);
    // Even the file from before the logout does not bring the secret back.
    std::fs::write(home.path().join(".config/mlcr/profiles.toml"), profile).unwrap();
    let done = run("repo ls -o json").await;
    assert_eq!((done.code, done.error()["code"].as_str()), (3, Some("no_credentials")), "{done}");
}

#[tokio::test]
async fn a_keyring_that_does_not_open_leaves_the_secrets_in_a_file_and_says_so() {
    let simulator = Simulator::start().await.unwrap();
    for keyring in [locked(), Keyring::none()] {
        let home = tempfile::tempdir().unwrap();
        let login = stranger(&simulator, home.path(), &keyring).piped(&answers(&simulator));
        let done = login.run("auth login").await;
        assert!(done.code == 0 && done.stderr.contains("which only you can read"), "{done}");
        assert!(files(home.path()).contains(simulator.service_account().client_secret.expose()));
        assert_eq!(
            stranger(&simulator, home.path(), &keyring).run("repo ls --jq 'length'").await.stdout,
            "5\n"
        );
    }
}

#[tokio::test]
async fn a_locked_keyring_is_named_with_what_to_do_and_disturbs_nobody_who_does_not_need_it() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let login = stranger(&simulator, home.path(), &opened()).piped(&answers(&simulator));
    assert_eq!(login.run("auth login").await.code, 0);
    let done = stranger(&simulator, home.path(), &locked()).run("repo ls").await;
    assert_eq!(done.code, 3, "{done}");
    assert!(done.stderr.contains("the keyring is locked") && done.stderr.contains("auth login"), "{done}");
    let by_variables = Mlcr { keyring: locked(), ..Mlcr::at(&simulator) };
    let done = by_variables.variable("HOME", home.path().to_str().unwrap()).run("repo ls").await;
    assert_eq!(done.code, 0, "{done}");
}

#[tokio::test]
async fn another_key_in_a_profile_leaves_nothing_of_the_one_before() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let store = mock::Store::new().unwrap();
    let keyring = Keyring::store(store.clone());
    let person = simulator.personal();
    for answers in [answers(&simulator), format!("{}\n{}\n", person.client_id, person.client_secret.expose())]
    {
        let login = stranger(&simulator, home.path(), &keyring).piped(&answers);
        assert_eq!(login.run("auth login").await.code, 0);
    }
    let kept = |id: &str| store.build("mlcr", &format!("profile default, key {id}"), None).unwrap();
    assert!(matches!(kept(&simulator.service_account().client_id).get_secret(), Err(Error::NoEntry)));
    assert!(kept(&person.client_id).get_secret().is_ok());
}

#[tokio::test]
async fn a_rotated_password_goes_to_the_keyring_and_from_there_to_docker() {
    let simulator = Simulator::start().await.unwrap();
    let (home, keyring) = (tempfile::tempdir().unwrap(), opened());
    let person = |keyring: &Keyring| Mlcr { keyring: keyring.clone(), ..Person::at(&simulator, home.path()) };
    let docker = |keyring: &Keyring| Mlcr {
        keyring: keyring.clone(),
        ..helper(&simulator, home.path(), simulator.registry_address())
    };
    let done = person(&keyring).run("password rotate --yes -o json").await;
    assert_eq!(done.json()["stored_in"], "the system's keyring", "{done}");
    let password = simulator.registry_password().unwrap();
    assert_eq!(person(&keyring).run("docker login").await.code, 0);
    assert!(!files(home.path()).contains(password.expose()));
    assert_eq!(docker(&keyring).run("get").await.json()["Secret"], password.expose());

    // A new password would stop the old one everywhere, so it is not what to do about a locked keyring.
    let done = docker(&locked()).run("get").await;
    assert!(done.stdout.contains("the keyring is locked") && !done.stdout.contains("rotate"), "{done}");

    assert_eq!(docker(&keyring).run("erase").await.code, 0);
    assert_eq!(docker(&keyring).run("get").await.code, 1);
}

#[tokio::test]
async fn a_password_that_cannot_be_read_stops_no_push_that_needs_none() {
    for (auth, code) in [("open", 0), ("bearer", 3)] {
        let simulator = Simulator::builder().quirk(format!("registry-auth={auth}").parse().unwrap());
        let simulator = simulator.start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let person = |keyring: Keyring| Mlcr { keyring, ..Person::at(&simulator, home.path()) };
        assert_eq!(person(opened()).run("password rotate --yes").await.code, 0);
        layout(&home.path().join("source"), b"x");
        let line = format!("image push {} app:v1", home.path().join("source").display());
        let done = person(locked()).run(&line).await;
        assert_eq!((done.code, done.stderr.contains("the keyring is locked")), (code, code != 0), "{done}");
        let passwords = home.path().join(".config/mlcr/registry-passwords.json");
        std::fs::write(passwords, "no JSON").unwrap();
        let done = person(opened()).run(&line).await;
        assert_eq!((done.code, done.stderr.contains("not a file of passwords")), (code, code != 0), "{done}");
    }
}

#[tokio::test]
async fn a_password_that_the_keyring_does_not_take_is_kept_in_the_file() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let person = Mlcr { keyring: locked(), ..Person::at(&simulator, home.path()) };
    let done = person.run("password rotate --yes -o json").await;
    assert_eq!(done.code, 0, "{done}");
    let place = home.path().join(".config/mlcr/registry-passwords.json");
    assert_eq!(done.json()["stored_in"].as_str(), place.to_str(), "{done}");
    assert!(files(home.path()).contains(simulator.registry_password().unwrap().expose()));
}

/// The program itself with a keyring as desktops have it, on a bus of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_secret_service_of_a_desktop_keeps_what_a_login_and_a_rotation_give_it() {
    if tool("dbus-run-session").is_none() || tool("gnome-keyring-daemon").is_none() {
        return;
    }
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let person = simulator.personal();
    std::fs::write(
        home.path().join("key"),
        format!("{}\n{}\n", person.client_id, person.client_secret.expose()),
    )
    .unwrap();
    let script = r#"set -e
        echo of-the-keyring | gnome-keyring-daemon --unlock --components=secrets >/dev/null
        # Until it has its name on the bus, the first who asks has a second one started, which fights over the file.
        owner="org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
        until dbus-send --session --print-reply --dest=$owner | grep -q true; do sleep 0.05; done
        mlcr auth login <"$HOME/key"
        mlcr repo ls --jq length
        mlcr password rotate --yes
        mlcr docker login --user me@example.org --registry "$REGISTRY" -q
        echo "$REGISTRY" | docker-credential-mlcr get
        echo "$REGISTRY" | docker-credential-mlcr erase
        mlcr auth logout"#;
    let programs = home.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for name in ["mlcr", "docker-credential-mlcr"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mlcr"), programs.join(name)).unwrap();
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut session = Command::new("dbus-run-session");
    session.args(["--", "sh", "-c", script]).env_clear().envs([
        ("HOME", home.path().to_str().unwrap()),
        ("PATH", &path),
        ("REGISTRY", simulator.registry_address()),
        ("MLSPACE_BASE_URL", simulator.base_url()),
    ]);
    let done = tokio::task::spawn_blocking(move || session.stdin(Stdio::null()).output()).await.unwrap();
    let done = done.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{stdout}{stderr}");
    assert!(stderr.contains("its secrets are in the system's keyring"), "{stderr}");
    assert!(stderr.contains("the new password is stored in the system's keyring"), "{stderr}");
    assert!(stdout.contains("5\n"), "{stdout}");
    let password = simulator.registry_password().unwrap();
    assert!(stdout.contains(password.expose()), "the helper gave something else");
    let text = files(home.path());
    assert!(!text.contains(password.expose()) && !text.contains(person.client_secret.expose()), "{text}");
}
