//! Every command of one operation × everything that can go wrong with it.

use mlspace_registry_simulator::{FaultSpec, Simulator};

use crate::support::Mlcr;

const MISSING: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";

/// The operation, the command, whether it writes. `[repo]`, `[plain]`, `[image]` and `[tag]` stand for ids.
const COMMANDS: &[(&str, &str, bool)] = &[
    ("registry_get", "registry show", false),
    ("registry_get", "doctor", false),
    ("repository_list", "repo ls", false),
    ("repository_get", "repo show [repo]", false),
    ("repository_update", "repo edit [repo] --description x", true),
    ("repository_favorite", "repo fav [plain]", true),
    ("repository_favorite", "repo unfav [repo]", true),
    ("repository_delete", "repo rm [repo] --yes", true),
    ("image_list", "image ls [repo]", false),
    ("image_get", "image show [image]", false),
    ("image_delete", "image rm [image] --yes", true),
    ("tag_list", "tag ls [image]", false),
    ("tag_create", "tag add [image] new", true),
    ("tag_update", "tag color [tag] '#fff'", true),
    ("tag_delete", "tag rm [tag] --yes", true),
    ("generate_password", "password rotate --yes", true),
];

async fn run(line: &str, operation: &str, fault: Option<&str>) -> (u8, String, String) {
    let simulator = Simulator::start().await.unwrap();
    let repository = simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    // One that is no favourite.
    let plain = simulator.repositories().into_iter().find(|one| one.name == "notebook").unwrap();
    let tag = &repository.tags[0];
    let ids =
        [("[repo]", repository.id), ("[plain]", plain.id), ("[image]", tag.image_id), ("[tag]", tag.id)];
    let line = ids.iter().fold(line.to_owned(), |line, (name, id)| match fault {
        Some("missing") => line.replace(name, MISSING),
        _ => line.replace(name, &id.to_string()),
    });
    if let Some(fault) = fault.filter(|fault| *fault != "missing") {
        let spec: FaultSpec = format!("{operation}={fault}").parse().unwrap();
        simulator.fail(operation, spec.fault).unwrap();
    }
    let home = tempfile::tempdir().unwrap();
    let mlcr = Mlcr::at(&simulator).of_person(&simulator).variable("HOME", home.path().to_str().unwrap());
    let done = mlcr.run(&format!("{line} -o json")).await;
    let code = if done.code == 0 { String::new() } else { done.error()["code"].as_str().unwrap().to_owned() };
    (done.code, code, format!("{} → {}\n{}", done.line, done.code, done.stderr))
}

#[tokio::test]
async fn every_command_meets_every_failure_with_its_exit_code() {
    for (operation, line, writes) in COMMANDS {
        let deletes = line.contains(" rm ");
        let rotates = *operation == "generate_password";
        let (code, _, done) = run(line, operation, None).await;
        assert_eq!(code, 0, "{done}");

        let about_something = line.contains('[');
        if about_something {
            let (code, word, done) = run(line, operation, Some("missing")).await;
            assert_eq!((code, word.as_str()), (4, "not_found"), "{done}");
        }
        for (fault, code, word) in [
            ("401", 3, "sign_in_refused"),
            ("403", 3, "forbidden"),
            ("404;body=html", 4, "not_found"),
            ("429", 8, "rate_limited"),
            ("firewall", 9, "blocked_by_firewall"),
        ] {
            let (was, said, done) = run(line, operation, Some(fault)).await;
            if deletes && fault.starts_with("404") {
                assert_ne!(was, 0, "{fault}: {done}");
                continue;
            }
            assert_eq!((was, said.as_str()), (code, word), "{fault}: {done}");
            assert!(!done.contains('<'), "{done}");
        }
        let (was, _, done) = run(line, operation, Some("html")).await;
        let expected: &[u8] = if *writes { &[1, 5, 7] } else { &[1] };
        assert!(expected.contains(&was) && !done.contains("<html"), "html: {done}");

        let (was, _, done) = run(line, operation, Some("lost-after;times=1")).await;
        let expected = match (*writes, rotates, *operation) {
            (_, true, _) => 7,
            // Nothing lets a single tag be read, so its colour cannot be confirmed; a repetition can.
            _ => 0,
        };
        assert_eq!(was, expected, "lost-after: {done}");

        let (was, _, done) = run(line, operation, Some("lost-before")).await;
        let expected: &[u8] = if *writes { &[1, 5, 7] } else { &[1] };
        assert!(expected.contains(&was), "lost-before: {done}");
    }
}
