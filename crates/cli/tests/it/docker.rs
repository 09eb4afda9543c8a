//! `mlcr docker`, docker's protocol for credential helpers, and real tools that use it.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use mlspace_registry_simulator::Simulator;
use serde_json::json;

use crate::fixture::{Person, assert_mode, base64, digest, layout, shown};
use crate::installed::{optional, tool};
use crate::support::Mlcr;

/// What docker writes, with things in it that are none of ours.
const CONFIG: &str = r#"{
	"zeta": 1.50,
	"auths": {
		"other.example": {
			"auth": "c2VjcmV0"
		}
	},
	"credsStore": "desktop",
	"credHelpers": {
		"gcr.io": "gcloud"
	},
	"alpha": "é\u00e9"
}
"#;

pub(crate) fn helper(simulator: &Simulator, home: &Path, input: &str) -> Mlcr {
    let mlcr = Person::at(simulator, home).piped(input);
    Mlcr { program: "docker-credential-mlcr", ..mlcr }
}

#[tokio::test]
async fn docker_login_adds_one_entry_and_logout_takes_it_away() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let config = home.join(".docker/config.json");
    std::fs::create_dir(home.join(".docker")).unwrap();
    std::fs::write(&config, CONFIG).unwrap();
    let done = person.run(&simulator, "docker login").await;
    assert_snapshot!("login", shown(&done, home));
    let host = simulator.registry_address();
    let added = format!("\"gcr.io\": \"gcloud\",\n\t\t\"{host}\": \"mlcr\"\n");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), CONFIG.replace("\"gcr.io\": \"gcloud\"\n", &added));
    assert_mode(&config, 0o600);
    let link = home.join(".local/bin/docker-credential-mlcr");
    assert_eq!(std::fs::read_link(&link).unwrap(), std::env::current_exe().unwrap());
    let schema = Mlcr::bare().run("schema docker").await.json();
    let again = person.run(&simulator, "docker login -o json").await;
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&again.json()), "{again}");

    let done = person.run(&simulator, "docker logout").await;
    assert_snapshot!("logout", shown(&done, home));
    assert_eq!(std::fs::read_to_string(&config).unwrap(), CONFIG);
    assert!(std::fs::symlink_metadata(&link).is_err());
    // A link that was there before is not this account's to remove.
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &link).unwrap();
    assert_eq!(person.run(&simulator, "docker login").await.code, 0);
    assert_eq!(person.run(&simulator, "docker logout").await.code, 0);
    assert!(std::fs::symlink_metadata(&link).is_ok());
    assert_eq!(person.run(&simulator, "docker logout").await.code, 4);
    // The password is still there.
    let done = person.run(&simulator, "docker secret s --show").await;
    assert_eq!(done.code, 0, "{done}");
}

#[tokio::test]
async fn without_a_configuration_one_is_made_and_ends_empty() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let config = person.home.path().join("docker/config.json");
    let folder = config.parent().unwrap().to_str().unwrap().to_owned();
    let run = |line: &'static str| person.mlcr(&simulator).variable("DOCKER_CONFIG", &folder).run(line);
    let done = run("docker login --dry-run -o json").await;
    assert_eq!((done.code, config.exists()), (0, false), "{done}");
    assert_eq!(run("docker login").await.code, 0);
    let text = std::fs::read_to_string(&config).unwrap();
    let host = simulator.registry_address();
    assert_eq!(text, format!("{{\n\t\"credHelpers\": {{\n\t\t\"{host}\": \"mlcr\"\n\t}}\n}}\n"));
    assert_eq!(run("docker logout").await.code, 0);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "{}\n");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_left_alone() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let config = person.home.path().join(".docker/config.json");
    std::fs::create_dir(config.parent().unwrap()).unwrap();
    for text in ["{\"auths\": {\"h\": {\"auth\": \"c2VjcmV0\"}},}", "[]", "{\"credHelpers\": 1}"] {
        std::fs::write(&config, text).unwrap();
        let done = person.run(&simulator, "docker login").await;
        assert_eq!((done.code, std::fs::read_to_string(&config).unwrap().as_str()), (2, text), "{done}");
        assert!(!done.stderr.contains("c2VjcmV0"), "{done}");
    }
}

#[tokio::test]
async fn docker_login_needs_to_know_who_it_is_and_never_rotates() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut nobody = Person::at(&simulator, home.path());
    nobody.variables.remove("MLCR_PERSONAL_EMAIL");
    let done = nobody.run("docker login").await;
    assert_eq!((done.code, home.path().join(".docker").exists()), (2, false), "{done}");
    let done = Person::at(&simulator, home.path()).run("docker login --user me@example.org").await;
    assert!(done.code == 0 && done.stderr.contains("mlcr password rotate"), "{done}");
    let get = helper(&simulator, home.path(), simulator.registry_address()).run("get").await;
    assert!(get.code == 1 && get.stdout.contains("mlcr password rotate"), "{get}");
    let done = Person::at(&simulator, home.path()).run("docker secret s --show").await;
    assert_eq!(done.code, 3, "{done}");
    assert_eq!(simulator.requests("generate_password"), 0);
    // Asked for its name, somebody at a terminal can answer.
    let home = tempfile::tempdir().unwrap();
    let mut typing = Person::at(&simulator, home.path()).typing("typed@example.org\n");
    typing.variables.remove("MLCR_PERSONAL_EMAIL");
    let done = typing.run("docker login -o json").await;
    assert_eq!((done.code, done.json()["user"].as_str()), (0, Some("typed@example.org")), "{done}");
}

#[tokio::test]
async fn an_unknown_registry_is_no_failure_to_docker() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let host = simulator.registry_address();
    let unknown = helper(&simulator, home, host).run("get").await;
    // Docker knows this text, and goes on without a password.
    assert_eq!(unknown.stdout, "credentials not found in native keychain\n");
    assert_eq!(unknown.code, 1);
}

#[tokio::test]
async fn what_the_helper_stores_it_gives_back_until_it_is_erased() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let host = simulator.registry_address();
    let run = |action: &'static str, input: String| {
        let mlcr = helper(&simulator, home, &input);
        async move { mlcr.run(action).await }
    };
    assert_eq!(person.run(&simulator, "docker login").await.code, 0);
    for server in [host.to_owned(), format!("https://{host}"), format!("https://{host}/v2/\n")] {
        let done = run("get", server.clone()).await;
        let expected = json!({
            "ServerURL": server.trim(),
            "Username": simulator.personal_email(),
            "Secret": person.password.expose(),
        });
        assert_eq!((done.code, done.json()), (0, expected), "{done}");
    }
    // A rotation reaches docker at once.
    assert_eq!(person.run(&simulator, "password rotate --yes").await.code, 0);
    let password = simulator.registry_password().unwrap();
    assert_eq!(run("get", host.to_owned()).await.json()["Secret"], password.expose());
    // Another registry, by `docker login`.
    let given = json!({ "ServerURL": "r.example:5000", "Username": "me", "Secret": "s" });
    let done = run("store", given.to_string()).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done}");
    assert_eq!(run("get", "r.example:5000".into()).await.json(), given);
    let listed = json!({ host: simulator.personal_email(), "r.example:5000": "me" });
    assert_eq!(run("list", String::new()).await.json(), listed);
    for file in ["registry-logins.json", "registry-passwords.json"] {
        assert_mode(&home.join(".config/mlcr").join(file), 0o600);
    }
    assert_eq!(run("erase", "r.example:5000".into()).await.code, 0);
    assert!(run("get", "r.example:5000".into()).await.stdout.contains("not found"));
    assert_eq!(run("erase", host.to_owned()).await.code, 0);
    assert!(run("get", host.to_owned()).await.stdout.contains("mlcr password rotate"));
    for (action, input) in [("", ""), ("help", ""), ("store", "{"), ("store", "{\"Secret\":\"hunter2\"}")] {
        let done = run(action, input.to_owned()).await;
        assert!(done.code == 1 && !done.to_string().contains("hunter2"), "{done}");
    }
}

#[tokio::test]
async fn a_pull_secret_is_printed_only_on_request() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let done = person.run(&simulator, "docker secret registry").await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done}");
    let done = person.run(&simulator, "docker secret registry --namespace ml --show -o json").await;
    let secret = done.json();
    assert_eq!((done.code, secret["type"].as_str()), (0, Some("kubernetes.io/dockerconfigjson")), "{done}");
    assert_eq!(secret["metadata"], json!({ "name": "registry", "namespace": "ml" }));
    let (user, password) = (simulator.personal_email(), person.password.expose());
    let auth = base64(&format!("{user}:{password}"));
    let login = json!({ "username": user, "password": password, "auth": auth });
    let config = json!({ "auths": { simulator.registry_address(): login } });
    assert_eq!(secret["data"][".dockerconfigjson"], base64(&config.to_string()));
    let file = person.home.path().join("secret.yaml");
    let done = person.run(&simulator, &format!("docker secret registry --to {}", file.display())).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done}");
    assert_mode(&file, 0o600);
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert!(yaml.contains("kind: Secret") && yaml.contains(".dockerconfigjson"), "{yaml}");
}

/// A tool of that name with the home of somebody whose image is pushed, and whom `mlcr docker login` made known.
async fn signed_in(name: &str, simulator: &Simulator, person: &Person) -> Option<(Command, String, String)> {
    let mut tool = tool(name)?;
    let home = person.home.path();
    let manifest = layout(&home.join("source"), b"for a real tool");
    let line = format!("image push {} real/tool:v1 -o json", home.join("source").display());
    let done = person.run(simulator, &line).await;
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(person.run(simulator, "docker login").await.code, 0);
    // The test's own binary is linked; the real one takes its place.
    let link = home.join(".local/bin/docker-credential-mlcr");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mlcr"), &link).unwrap();
    let path = std::env::var("PATH").unwrap();
    tool.env("HOME", home)
        .env("PATH", format!("{}:{path}", link.parent().unwrap().display()))
        .env("MLCR_KEYRING", "off");
    for variable in
        ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "MLCR_CONFIG_DIR"]
    {
        tool.env_remove(variable);
    }
    Some((tool, done.json()["images"][0]["reference"].as_str().unwrap().to_owned(), manifest))
}

async fn output(mut tool: Command) -> String {
    let done = tokio::task::spawn_blocking(move || tool.output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test]
async fn skopeo_pulls_what_was_pushed_with_the_helper_that_docker_login_installed() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let Some((mut skopeo, name, manifest)) = signed_in("skopeo", &simulator, &person).await else { return };
    let pulled = person.home.path().join("pulled");
    skopeo
        .args(["copy", "--src-tls-verify=false", "--insecure-policy", &format!("docker://{name}")])
        .arg(format!("dir:{}", pulled.display()));
    output(skopeo).await;
    assert_eq!(digest(&std::fs::read(pulled.join("manifest.json")).unwrap()), manifest);
}

#[tokio::test]
async fn podman_pulls_what_was_pushed_with_the_helper_that_docker_login_installed() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let Some((mut podman, name, _)) = signed_in("podman", &simulator, &person).await else { return };
    let folder = |name: &str| person.home.path().join(name).display().to_string();
    podman.args(["--root", &folder("root"), "--runroot", &folder("run"), "--storage-driver", "vfs"]);
    podman.args(["--cgroup-manager", "cgroupfs", "pull", "-q", "--tls-verify=false", &name]);
    // What it prints is the image's id, the digest of its configuration.
    assert_eq!(output(podman).await.trim().len(), 64);
}

#[tokio::test]
async fn docker_itself_gives_the_helper_what_it_signed_in_with() {
    // Its command line signs in without an engine; where there is none of either, nothing is to be shown.
    if optional("docker").is_none() {
        return;
    }
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let Some((mut docker, _, _)) = signed_in("docker", &simulator, &person).await else { return };
    let host = simulator.registry_address().to_owned();
    assert_eq!(helper(&simulator, person.home.path(), &host).run("erase").await.code, 0);
    assert_eq!(helper(&simulator, person.home.path(), &host).run("get").await.code, 1);
    let password = person.home.path().join("password");
    std::fs::write(&password, person.password.expose()).unwrap();
    docker.args(["login", "-u", simulator.personal_email(), "--password-stdin", &host]);
    docker.env("DOCKER_HOST", "tcp://127.0.0.1:1").stdin(std::fs::File::open(&password).unwrap());
    output(docker).await;
    let kept = helper(&simulator, person.home.path(), &host).run("get").await;
    assert_eq!(kept.json()["Secret"], person.password.expose());
}
