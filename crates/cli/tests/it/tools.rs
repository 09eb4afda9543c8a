use mlspace_registry_simulator::{Fault, Simulator};

use crate::installed::tool;
use crate::support::Mlcr;

const V2: &str = "/public/v2/docker_registry/v2";

#[tokio::test]
async fn api_sends_any_request_signed_in() {
    let simulator = Simulator::start().await.unwrap();
    let run = |line: String| Mlcr::at(&simulator).run_line(line);
    let done = run(format!("api GET {V2}/registries/current")).await;
    assert_eq!((done.code, done.json()["repositories_count"].as_u64()), (0, Some(5)), "{done}");
    assert_eq!(run(format!("api get {V2}/repositories/ --jq 'length'")).await.stdout, "5\n");
    let id = simulator.repositories()[0].id;
    let write = format!(r#"api POST {V2}/repositories/{id}/fav --data '{{"favorite":true}}'"#);
    assert_eq!(run(write.clone()).await.code, 6);
    assert_eq!(run(write.clone() + " --dry-run").await.code, 0);
    assert_eq!(simulator.requests("repository_favorite"), 0);
    let done = run(write + " --yes").await;
    assert_eq!((done.code, done.json()["favorite"].as_bool()), (0, Some(true)), "{done}");
    // A GET that writes is a write.
    let done = run("api GET /public/v2/docker_registry/v1/users/generate_password".to_owned()).await;
    assert_eq!((done.code, simulator.requests("generate_password")), (6, 0), "{done}");
    let done = run(format!("api GET {V2}/repositories/ffffffff-ffff-4fff-8fff-ffffffffffff")).await;
    assert_eq!(done.code, 4, "{done}");
    assert_eq!(run("api GET /public/v2/../v2/x".to_owned()).await.code, 2);
    assert_eq!(run(format!("api PUT {V2}/x --data nonsense")).await.code, 2);
    simulator.fail("registry_get", Fault::firewall()).unwrap();
    assert_eq!(run(format!("api GET {V2}/registries/current")).await.code, 9);
}

#[tokio::test]
async fn completions_know_the_names_and_ask_the_service_once_a_minute() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        Mlcr::at(&simulator).variable("HOME", home.path().to_str().unwrap()).run_line(line.to_owned())
    };
    assert_eq!(run("__complete repo t").await.stdout, "train/resnet\ntools/data-loader\n");
    assert_eq!(run("__complete image train/resnet:v1.").await.stdout.lines().count(), 3);
    assert_eq!(run("__complete tag note").await.stdout.lines().count(), 3);
    assert_eq!(simulator.requests("repository_list"), 1);
}

#[tokio::test]
async fn completions_and_manual_pages_are_made_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = Mlcr::bare().run(&format!("completions {shell}")).await;
        assert!(done.code == 0 && done.stdout.contains("dry-run"), "{shell}");
        assert!(shell == "elvish" || done.stdout.contains("mlcr __complete"), "{shell}");
        // In PowerShell the second completer of a command would replace the first.
        let registered = done.stdout.matches("Register-ArgumentCompleter").count();
        assert!(registered == usize::from(shell == "powershell"), "{shell}: {registered}");
    }
    let folder = tempfile::tempdir().unwrap();
    let done = Mlcr::bare().run(&format!("man {}", folder.path().display())).await;
    assert_eq!(done.code, 0, "{done}");
    let pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    for page in ["mlcr.1", "mlcr-repo-ls.1", "mlcr-image-rm.1", "mlcr-password-rotate.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} of {pages:?}");
    }
    assert!(pages.iter().all(|page| !page.to_string_lossy().contains("complete.1")));
}

#[tokio::test]
async fn the_bash_completion_is_valid_bash() {
    let text = Mlcr::bare().run("completions bash").await.stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mlcr.bash");
    std::fs::write(&file, text).unwrap();
    let Some(mut bash) = tool("bash") else { return };
    let checked = bash.arg("-n").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
