use mlspace_registry_cli::Interrupt;

use crate::fixture::assert_mode;
use crate::support::{Caught, Mlcr};

#[tokio::test]
async fn the_simulator_prints_one_ready_line_serves_and_ends_when_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.env");
    let (stop, interrupt) = Interrupt::new();
    let stdout = Caught::default();
    let mlcr = Mlcr { interrupt, stdout: stdout.clone(), ..Mlcr::bare() };
    let line = format!("sim --seed repos=3,images=1,tags=1 --env-file {}", file.display());
    let user = async {
        while !stdout.text().ends_with('\n') {
            tokio::task::yield_now().await;
        }
        let ready: serde_json::Value = serde_json::from_str(&stdout.text()).unwrap();
        assert_eq!(ready["event"], "ready");
        assert_mode(&file, 0o600);
        let settings = std::fs::read_to_string(&file).unwrap();
        let registry = ready["registry"].as_str().unwrap();
        assert!(settings.contains(&format!("MLCR_REGISTRY={registry}\n")));
        let answer = reqwest::get(format!("http://{registry}/v2/")).await.unwrap();
        assert_eq!(answer.status(), 401);
        let mut client = Mlcr::bare();
        for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
            client = client.variable(name, value);
        }
        for key in ["base_url", "registry", "workspace_id", "api_key", "client_id", "client_secret"] {
            assert!(settings.contains(ready[key].as_str().unwrap()), "{key}");
        }
        let done = client.run("repo ls -o json").await;
        assert_eq!(done.json().as_array().unwrap().len(), 3, "{done}");
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(mlcr.run(&line), user);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{done}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made_for_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a");
    let done = Mlcr::bare().run(&format!("sim --env-file {}/b/c.env", missing.display())).await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done}");
    assert!(done.stderr.contains("there is no folder"), "{done}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn the_help_lists_every_quirk_fault_and_operation() {
    let help = Mlcr::bare().run("sim --help").await.stdout;
    let quirks = mlspace_registry_simulator::QUIRKS.iter().map(|quirk| quirk.name);
    let faults = mlspace_registry_simulator::FAULTS.iter().map(|fault| fault.name);
    let operations = mlspace_registry_simulator::OPERATION_IDS.iter();
    let operations = operations.chain(mlspace_registry_simulator::OCI_OPERATION_IDS).copied();
    for name in quirks.chain(faults).chain(operations) {
        assert!(help.contains(name), "{name}");
    }
}
