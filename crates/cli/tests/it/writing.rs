use insta::assert_snapshot;
use mlspace_registry_cli::Terminals;
use mlspace_registry_simulator::{ExistingTag, Fault, Quirk, Simulator};

use crate::fixture::assert_mode;
use crate::support::Mlcr;

/// The requests that changed something, or would have.
fn writes(simulator: &Simulator) -> Vec<String> {
    let sent = simulator.journal().into_iter();
    let sent = sent.filter(|one| one.method != "GET" || one.operation == Some("generate_password"));
    sent.filter_map(|one| one.operation).filter(|id| *id != "service_auth").map(str::to_owned).collect()
}

#[tokio::test]
async fn repositories_and_tags_can_be_changed() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for line in [
        "repo edit scratch --description 'For trying out' --add-label tmp",
        "repo fav scratch",
        "repo unfav scratch",
        "tag add train/resnet:latest v2 --color '#2f81f7'",
        "tag color train/resnet:v2 '#2ea043'",
        "tag color train/resnet:v2 none",
        "--color never tag add train/resnet:latest v3",
    ] {
        all += &format!("{}\n", Mlcr::at(&simulator).run(line).await);
    }
    // Ids of what is new follow from the seed.
    assert_snapshot!(all);
    let scratch = simulator.repositories().into_iter().find(|one| one.name == "scratch").unwrap();
    assert_eq!(scratch.labels.unwrap(), ["tmp"]);
    let resnet = simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    let color = |name: &str| resnet.tags.iter().find(|tag| tag.name == name).unwrap().color.clone();
    assert_eq!((color("v2"), color("v3")), (None, None));
}

#[tokio::test]
async fn a_tag_moves_only_after_it_was_said_and_agreed_to() {
    let mut all = String::new();
    for (line, answer, code, sent) in [
        ("tag add train/resnet:latest v1.0", None, 6, 0),
        ("tag add train/resnet:latest v1.0", Some("n\n"), 6, 0),
        ("tag add train/resnet:latest v1.0", Some("Да\n"), 0, 1),
        ("tag add train/resnet:v1.0 latest --yes -o json", None, 0, 1),
        ("tag add train/resnet:latest v1.0 --dry-run -o json", None, 0, 0),
        // It has the tag already.
        ("tag add train/resnet:latest v1.2 --jq .name", None, 0, 0),
        ("tag add train/resnet:latest v1.2 --color #123456 --dry-run", None, 0, 0),
    ] {
        let simulator = Simulator::start().await.unwrap();
        let mlcr = Mlcr::at(&simulator);
        let mlcr = match answer {
            Some(answer) => mlcr.typing(answer),
            None => mlcr,
        };
        let done = mlcr.run(line).await;
        assert_eq!((done.code, simulator.requests("tag_create")), (code, sent), "{done}");
        all += &format!("{done}\n");
    }
    assert_snapshot!("move", all);
    let simulator = Simulator::start().await.unwrap();
    let done = Mlcr::at(&simulator).run("tag add train/resnet:latest v1.2 --color #123456 -o json").await;
    assert_eq!((done.code, done.json()["color"].as_str()), (0, Some("#123456")), "{done}");
    assert_eq!(writes(&simulator), ["tag_update"]);
}

#[tokio::test]
async fn a_tag_is_looked_for_also_where_the_image_is_named_by_its_id() {
    let simulator = Simulator::start().await.unwrap();
    let resnet = simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    let id = resnet.tags.iter().find(|tag| tag.name == "latest").unwrap().image_id;
    let done = Mlcr::at(&simulator).run(&format!("tag add {id} v1.0")).await;
    assert_eq!((done.code, simulator.requests("tag_create")), (6, 0), "{done}");
    let reads = ["repository_list", "image_get", "repository_get"].map(|id| simulator.requests(id));
    assert_eq!(reads, [0, 1, 1]);
}

#[tokio::test]
async fn where_the_service_moves_no_tags_it_is_said_what_to_do() {
    let simulator = Simulator::start().await.unwrap();
    simulator.quirk(Quirk::ExistingTag(ExistingTag::Refused));
    let done = Mlcr::at(&simulator).run("tag add train/resnet:latest v1.0 --yes").await;
    assert_eq!(done.code, 1, "{done}");
    assert!(done.stderr.contains("`mlcr tag rm train/resnet:v1.0`"), "{done}");
}

#[tokio::test]
async fn what_is_no_colour_is_refused_before_anything_is_sent() {
    let simulator = Simulator::start().await.unwrap();
    for (line, expected) in [
        ("tag add train/resnet:latest v2 --color never", "before the command"),
        ("tag add train/resnet:latest v2 --color #12", "such as #2f81f7"),
        ("tag add train/resnet:latest v2 --color ''", "such as #2f81f7"),
        ("image push nowhere app:v1 --color always", "before the command"),
        ("image push nowhere app:v1 --color #xyz", "such as #2f81f7"),
        ("tag color train/resnet:latest #12", "such as #2f81f7"),
        ("--color red repo ls", "auto, always, never"),
    ] {
        let done = Mlcr::at(&simulator).run(line).await;
        assert_eq!(done.code, 2, "{done}");
        assert!(done.stderr.contains(expected), "{done}");
    }
    assert!(simulator.journal().is_empty());
    // Before the command it is about the terminal, and both can be said.
    let terminals = Terminals { stdout: true, ..Terminals::default() };
    for (choice, colored) in [("--color never", false), ("", true)] {
        let mlcr = Mlcr { terminals, ..Mlcr::at(&simulator) };
        let done =
            mlcr.run(&format!("{choice} tag add train/resnet:latest v2{colored} --color #2ea043")).await;
        assert_eq!((done.code, done.stdout.contains('\u{1b}')), (0, colored), "{done}");
        assert!(done.stdout.contains("#2ea043"), "{done}");
    }
}

#[tokio::test]
async fn a_dry_run_sends_no_write_and_says_what_it_would_send() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for line in [
        "repo edit scratch --description x --add-label a --remove-label b --dry-run -o json",
        "repo fav scratch --dry-run -o json",
        "tag add train/resnet:latest v2 --color red --dry-run -o json",
        "tag color train/resnet:latest none --dry-run -o json",
        "password rotate --dry-run -o json",
        "tag rm train/resnet:latest --dry-run -o json",
        "image rm train/resnet:latest --dry-run -o json",
        "repo rm train/resnet scratch --dry-run",
    ] {
        let mlcr = Mlcr::at(&simulator).variable("MLSPACE_CLIENT_ID", simulator.service_account().client_id);
        all += &format!("{}\n", mlcr.run(line).await);
    }
    let line = "repo fav scratch -o json";
    all += &Mlcr::at(&simulator).variable("MLSPACE_DRY_RUN", "true").run(line).await.to_string();
    assert_snapshot!(all.replace(&simulator.service_account().client_id, "[key id]"));
    assert_eq!(writes(&simulator), [""; 0]);
}

#[tokio::test]
async fn read_only_refuses_every_write_before_anything_is_sent() {
    let simulator = Simulator::start().await.unwrap();
    for line in [
        "repo edit scratch --description x",
        "repo fav scratch",
        "repo unfav scratch",
        "repo rm scratch --yes",
        "image rm train/resnet:latest --yes",
        "tag rm train/resnet:latest --yes",
        "tag add train/resnet:latest v2",
        "tag color train/resnet:latest none",
        "password rotate --yes",
        "api POST /public/v2/docker_registry/v2/tags/ --yes",
    ] {
        let done =
            Mlcr::at(&simulator).variable("MLSPACE_READONLY", "1").run(&format!("{line} -o json")).await;
        assert_eq!((done.code, done.error()["code"].as_str()), (6, Some("refused")), "{done}");
    }
    assert!(simulator.journal().is_empty());
    // What sends no write is not forbidden.
    let read_only = Mlcr::at(&simulator).variable("MLSPACE_READONLY", "1");
    let done = read_only.run("repo rm scratch --dry-run").await;
    assert_eq!((done.code, simulator.requests("repository_delete")), (0, 0), "{done}");
}

#[tokio::test]
async fn a_write_that_cannot_be_confirmed_is_unknown_and_not_failed() {
    let simulator = Simulator::start().await.unwrap();
    simulator.fail("repository_update", Fault::labels_do_not_stick()).unwrap();
    let done = Mlcr::at(&simulator).run("repo edit scratch --add-label x -o json").await;
    assert_eq!((done.code, done.error()["code"].as_str()), (7, Some("outcome_unknown")), "{done}");
}

#[tokio::test]
async fn the_password_is_rotated_once_stored_and_shown_only_on_request() {
    let simulator = Simulator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry-passwords.json");
    let person = || {
        Mlcr::at(&simulator)
            .of_person(&simulator)
            .variable("MLCR_CONFIG_DIR", folder.path().to_str().unwrap())
    };
    let done = person().run("password rotate --yes -o json").await;
    let password = simulator.registry_password().unwrap();
    assert_eq!((done.code, simulator.requests("generate_password")), (0, 1), "{done}");
    assert!(!done.to_string().contains(password.expose()));
    assert!(std::fs::read_to_string(&file).unwrap().contains(password.expose()));
    assert_mode(&file, 0o600);
    let done = person().run("password rotate --yes --show -o json").await;
    assert_eq!(done.json()["password"], simulator.registry_password().unwrap().expose());
}

#[tokio::test]
async fn rotating_asks_for_the_name_of_the_workspace() {
    let simulator = Simulator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let person = || {
        Mlcr::at(&simulator)
            .of_person(&simulator)
            .variable("MLCR_CONFIG_DIR", folder.path().to_str().unwrap())
    };
    let done = person().run("password rotate").await;
    assert_eq!(done.code, 6, "{done}");
    let done = person().typing("yes\n").run("password rotate").await;
    assert_eq!(done.code, 6, "{done}");
    assert_eq!(simulator.requests("generate_password"), 0);
    let question = done.stderr.lines().find(|line| line.starts_with("Type the name")).unwrap();
    let name = question.split(", ").nth(1).unwrap();
    let done = person().typing(&format!("{name}\n")).run("password rotate").await;
    assert_eq!((done.code, simulator.requests("generate_password")), (0, 1), "{done}");
}

#[tokio::test]
async fn rotating_fails_before_it_begins_or_tells_what_to_do() {
    let simulator = Simulator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at =
        |path: &std::path::Path| Mlcr::at(&simulator).variable("MLCR_CONFIG_DIR", path.to_str().unwrap());
    // A service account has no password.
    let done = at(folder.path()).run("password rotate --yes").await;
    assert_eq!(done.code, 3, "{done}");
    assert!(done.stderr.contains("a person's key"), "{done}");
    // The answer is lost: it is not sent again, and the outcome is unknown.
    simulator.clear_journal();
    simulator.fail("generate_password", Fault::lost_after()).unwrap();
    let done = at(folder.path()).of_person(&simulator).run("password rotate --yes -o json").await;
    assert_eq!((done.code, simulator.requests("generate_password")), (7, 1), "{done}");
    simulator.clear_faults();
    // Where nothing can be stored, nothing is replaced.
    simulator.clear_journal();
    std::fs::remove_file(folder.path().join("registry-passwords.json")).unwrap();
    std::fs::create_dir(folder.path().join("registry-passwords.json")).unwrap();
    let done = at(folder.path()).of_person(&simulator).run("password rotate --yes").await;
    assert_eq!((done.code, simulator.requests("generate_password")), (1, 0), "{done}");
}
