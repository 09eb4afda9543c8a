//! Processes that change the same files at the same time, and those that are told to end.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mlspace_registry_simulator::Simulator;
use serde_json::Value;

use crate::fixture::Person;
use crate::support::{Mlcr, unhindered};

/// How many at once: enough that each of them meets another.
const MANY: usize = 12;

/// The program itself, under a name, with the settings of somebody whose home this is.
fn start(simulator: &Simulator, home: &Path, program: &str, words: &[String], input: &str) -> Child {
    let link = home.join(program);
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mlcr"), &link).unwrap();
    }
    let Mlcr { variables, .. } = Person::at(simulator, home);
    let mut command = Command::new(link);
    command.args(words).env_clear().envs(variables).env("MLCR_KEYRING", "off");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child
}

async fn all_end_well(children: Vec<Child>) {
    for child in children {
        let done = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_that_docker_stores_is_lost_to_another_one() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let children = (0..MANY).map(|number| {
        let input = format!(r#"{{"ServerURL":"r{number}.example","Username":"me","Secret":"s{number}"}}"#);
        start(&simulator, home.path(), "docker-credential-mlcr", &["store".into()], &input)
    });
    all_end_well(children.collect()).await;
    let folder = home.path().join(".config/mlcr");
    let (logins, passwords) =
        (json(&folder.join("registry-logins.json")), json(&folder.join("registry-passwords.json")));
    for number in 0..MANY {
        let host = format!("r{number}.example");
        assert_eq!(logins["by_host"][&host]["user"], "me", "{logins}");
        assert_eq!(passwords[&host]["me"], format!("s{number}"), "{passwords}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_is_lost_to_another_one() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let words =
        |number: usize| ["docker", "login", "--registry", &format!("r{number}.example")].map(str::to_owned);
    let children = (0..MANY).map(|number| start(&simulator, home, "mlcr", &words(number), ""));
    all_end_well(children.collect()).await;
    let config = json(&home.join(".docker/config.json"));
    let logins = json(&home.join(".config/mlcr/registry-logins.json"));
    for number in 0..MANY {
        let host = format!("r{number}.example");
        assert_eq!(config["credHelpers"][&host], "mlcr", "{config}");
        assert!(logins["by_host"][&host].is_object(), "{logins}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_rotations_the_valid_password_is_the_one_that_is_stored() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    for _ in 0..3 {
        let words = ["password", "rotate", "--yes"].map(str::to_owned);
        let children = (0..4).map(|_| start(&simulator, home, "mlcr", &words, ""));
        all_end_well(children.collect()).await;
        let stored = std::fs::read_to_string(home.join(".config/mlcr/registry-passwords.json")).unwrap();
        assert!(stored.contains(simulator.registry_password().unwrap().expose()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_profile_is_lost_to_another_one() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let key = simulator.service_account();
    let answers = format!("{}\n{}\n", key.client_id, key.client_secret.expose());
    let words = |number: usize| ["auth", "login", "--profile", &format!("p{number}")].map(str::to_owned);
    let children = (0..MANY).map(|number| start(&simulator, home.path(), "mlcr", &words(number), &answers));
    all_end_well(children.collect()).await;
    let text = std::fs::read_to_string(home.path().join(".config/mlcr/profiles.toml")).unwrap();
    for number in 0..MANY {
        assert!(text.contains(&format!("[profiles.p{number}]\n")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signal_to_end_ends_with_the_report_of_what_was_done() {
    for (signal, ignored) in [("INT", ""), ("TERM", ""), ("HUP", ""), ("HUP", "trap '' HUP; ")] {
        let simulator = Simulator::start().await.unwrap();
        // Its time stands still until it is told otherwise.
        let slow = Duration::from_secs(1);
        simulator.fail("image_delete", mlspace_registry_simulator::Fault::delay(slow)).unwrap();
        let image = simulator.repositories()[0].recent_image.clone().unwrap().id;
        let Mlcr { variables, .. } = Mlcr::at(&simulator);
        let mut shell = unhindered("sh");
        let program = env!("CARGO_BIN_EXE_mlcr");
        // As under nohup, whoever ignored a hangup before the program began is not ended by one.
        let line = format!("{ignored}exec {program} image rm {image} --yes -o json");
        shell.arg("-c").arg(line).env_clear().envs(variables);
        let child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while simulator.requests("image_delete") == 0 {
            tokio::task::yield_now().await;
        }
        let asked = Command::new("/bin/sh").arg("-c").arg(format!("kill -{signal} {}", child.id())).status();
        assert!(asked.unwrap().success());
        if !ignored.is_empty() {
            simulator.advance(slow);
        }
        let done = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if ignored.is_empty() {
            assert_eq!(done.status.code(), Some(130), "{signal}: {said}");
            let report: Value = serde_json::from_slice(&done.stdout).unwrap();
            assert_eq!(report["items"][0]["outcome"], "unknown", "{signal}: {report}");
            assert!(said.contains("0 of 1 image deleted, 1 unknown"), "{signal}: {said}");
        } else {
            assert_eq!(done.status.code(), Some(0), "{said}");
        }
    }
}
