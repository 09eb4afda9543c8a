use insta::assert_snapshot;
use mlspace_registry::Client;
use mlspace_registry_simulator::{FaultSpec, NewImage, Quirk, Seed, Simulator};

use crate::support::{Closed, Mlcr};

#[tokio::test]
async fn everything_can_be_shown_as_a_table() {
    let simulator = Simulator::start().await.unwrap();
    for (name, line) in [
        ("registry_show", "registry show"),
        ("repo_ls", "repo ls"),
        ("repo_show", "repo show train/resnet"),
        ("image_ls", "image ls train/resnet"),
        ("image_show", "image show train/resnet:latest"),
        ("tag_ls", "tag ls train/resnet:latest"),
    ] {
        assert_snapshot!(name, Mlcr::at(&simulator).run(line).await);
    }
}

#[tokio::test]
async fn json_has_the_fields_of_the_api() {
    let simulator = Simulator::start().await.unwrap();
    let repositories = simulator.repositories();
    let one = repositories.iter().find(|one| one.name == "train/resnet").unwrap();
    let same = |done: crate::support::Done, value: serde_json::Value| {
        assert_eq!((done.code, done.json()), (0, value), "{}", done.line);
    };
    let json = |value| serde_json::to_value(value).unwrap();
    same(Mlcr::at(&simulator).run("registry show -o json").await, json!(simulator.registry()));
    same(Mlcr::at(&simulator).run("repo show train/resnet -o json").await, json(one));
    let images = simulator.images(one.id);
    // Rows of lists say what their repository is called, too: over several ones its id alone would not tell.
    let named = |rows: serde_json::Value, name: &str| {
        let rows = rows.as_array().unwrap().iter().cloned().map(|mut row| {
            row["repository"] = json!(name);
            row
        });
        json!(rows.collect::<Vec<_>>())
    };
    same(
        Mlcr::at(&simulator).run("image ls train/resnet -o json").await,
        named(json!(images), "train/resnet"),
    );
    let image = images.iter().find(|image| image.tags.iter().any(|tag| tag.name == "latest")).unwrap();
    same(Mlcr::at(&simulator).run("image show train/resnet:latest -o json").await, json!(image));
    same(
        Mlcr::at(&simulator).run("tag ls train/resnet:latest -o json").await,
        named(json!(simulator.tags(image.id)), "train/resnet"),
    );
    let listed = Mlcr::at(&simulator).run("repo ls -o json").await.json();
    assert_eq!(listed.as_array().unwrap().len(), repositories.len());
    let lines = Mlcr::at(&simulator).run("repo ls -o ndjson").await.stdout;
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(lines), listed);
}

use serde_json::json;

#[tokio::test]
async fn an_empty_list_is_valid_in_every_form() {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    for (format, expected) in [("json", "[]\n"), ("ndjson", "")] {
        let done = Mlcr::at(&simulator).run(&format!("repo ls -o {format}")).await;
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, expected, ""));
    }
}

#[tokio::test]
async fn a_limited_list_costs_what_it_shows() {
    let simulator =
        Simulator::builder().seed("repos=250,images=0,tags=0".parse().unwrap()).start().await.unwrap();
    let done = Mlcr::at(&simulator).run("repo ls --limit 1 -o ndjson").await;
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{done}");
    assert_eq!((simulator.requests("repository_list"), simulator.requests("registry_get")), (1, 0));
    let page = simulator.journal().into_iter().find(|one| one.operation == Some("repository_list")).unwrap();
    assert!(page.query.contains(&("page_size".into(), "1".into())), "{:?}", page.query);
}

/// Of a list of three pages nothing tells that it is whole; that it is not, the count does.
#[tokio::test]
async fn a_list_that_may_have_changed_is_told_from_one_that_did() {
    let start = || {
        let builder = Simulator::builder().seed("repos=250,images=0,tags=0".parse().unwrap());
        builder.quirk("max-page-size=100".parse::<Quirk>().unwrap()).start()
    };
    let unknown = "whether these are all repositories is not known";
    let simulator = start().await.unwrap();
    let done = Mlcr::at(&simulator).run("repo ls -o ndjson").await;
    assert_eq!((done.code, done.stdout.lines().count(), done.stderr.as_str()), (0, 250, ""), "{done}");
    let verbose = Mlcr::at(&simulator).run("repo ls -o ndjson -v").await;
    assert!(verbose.stderr.contains(unknown), "{verbose}");
    let mut at_a_terminal = Mlcr::at(&simulator);
    at_a_terminal.terminals.stderr = true;
    let done = at_a_terminal.run("repo ls -o ndjson").await;
    assert!(done.stderr.contains("250 repositories · not known whether complete · "), "{done}");

    let simulator = start().await.unwrap();
    let held_back: FaultSpec = "repository_list=delay:1;after=1;times=1".parse().unwrap();
    simulator.fail(&held_back.operation, held_back.fault).unwrap();
    let key = simulator.service_account();
    let colleague =
        Client::builder().base_url(simulator.base_url()).credentials(key.client_id, key.client_secret);
    let colleague = colleague.build().unwrap();
    let deleting = async {
        while simulator.requests("repository_list") < 2 {
            tokio::task::yield_now().await;
        }
        let gone = colleague
            .repositories()
            .delete_many(simulator.repository_ids().into_iter().take(40))
            .send()
            .await;
        assert!(gone.all_gone());
        simulator.advance(std::time::Duration::from_secs(1));
    };
    let (done, ()) = tokio::join!(Mlcr::at(&simulator).run("repo ls -o ndjson"), deleting);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 210), "{done}");
    let warning: serde_json::Value = serde_json::from_str(done.stderr.trim()).unwrap();
    assert_eq!(warning["warning"]["code"], "changed", "{done}");
}

#[tokio::test]
async fn a_list_that_is_not_complete_is_said_to_be_so() {
    let simulator =
        Simulator::builder().seed("repos=150,images=0,tags=0".parse().unwrap()).start().await.unwrap();
    simulator.quirk(Quirk::IgnoresPage(true));
    simulator.quirk("max-page-size=100".parse().unwrap());
    let done = Mlcr::at(&simulator).run("repo ls").await;
    assert_eq!(done.code, 0);
    assert_snapshot!(done.stderr, @"warning: the list of repositories is not complete: the service counts 50 more");
    let done = Mlcr::at(&simulator).run("repo ls -o json").await;
    assert_eq!(done.json().as_array().unwrap().len(), 100);
    assert_snapshot!(done.stderr, @r#"{"warning":{"code":"incomplete","message":"the list of repositories is not complete: the service counts 50 more","missing":50}}"#);
}

#[tokio::test]
async fn a_list_that_fails_before_its_first_row_prints_nothing() {
    for fault in ["500", "firewall", "403"] {
        for format in ["table", "csv", "json", "ndjson", "yaml", "json --jq length"] {
            let simulator = Simulator::start().await.unwrap();
            let spec: FaultSpec = format!("image_list={fault}").parse().unwrap();
            simulator.fail("image_list", spec.fault).unwrap();
            let done = Mlcr::at(&simulator).run(&format!("image ls train/resnet -o {format}")).await;
            assert!(done.code != 0 && done.stdout.is_empty(), "{done}");
        }
    }
}

#[tokio::test]
async fn a_list_that_fails_later_keeps_its_rows_and_is_said_to_be_cut() {
    for (format, rows) in [("table", 101), ("csv", 101), ("ndjson", 100), ("yaml", 0), ("json", 0)] {
        let seed = "repos=150,images=0,tags=0".parse().unwrap();
        let simulator = Simulator::builder().seed(seed).start().await.unwrap();
        simulator.quirk("max-page-size=100".parse().unwrap());
        let spec: FaultSpec = "repository_list=403;after=1".parse().unwrap();
        simulator.fail("repository_list", spec.fault).unwrap();
        let done = Mlcr::at(&simulator).run(&format!("repo ls -o {format}")).await;
        assert_eq!(done.code, 3, "{done}");
        assert!(done.stderr.contains("the list of repositories is cut after 100: "), "{done}");
        match format {
            "json" => assert_eq!(done.json().as_array().unwrap().len(), 100),
            "yaml" => {
                let value: serde_json::Value = serde_saphyr::from_str(&done.stdout).unwrap();
                assert_eq!(value.as_array().unwrap().len(), 100);
            }
            _ => assert_eq!(done.stdout.lines().count(), rows, "{format}"),
        }
        // A program that wants the whole list is not run on a part of it.
        let done = Mlcr::at(&simulator).run("repo ls --jq length").await;
        assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{done}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let simulator = Simulator::start().await.unwrap();
    for line in
        ["repo ls", "repo ls -o json", "repo ls -o ndjson", "registry show", "demo", "schema tags", "--help"]
    {
        let done = Mlcr::at(&simulator).run_to(line, Closed).await;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}");
    }
}

#[tokio::test]
async fn hostile_names_are_shown_escaped() {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    simulator.push_image(NewImage::new("a\u{1b}[2J\u{9b}31m\u{202e}b", ["v1"]));
    for line in ["repo ls", "repo ls -o json", "repo ls -o ndjson", "repo show zzzz", "repo show a"] {
        let done = Mlcr::at(&simulator).run(line).await;
        let raw = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
        assert!(!done.stdout.contains(raw) && !done.stderr.contains(raw), "{done:?}");
    }
}

#[tokio::test]
async fn every_schema_is_published_and_describes_what_is_printed() {
    let simulator = Simulator::start().await.unwrap();
    let names = Mlcr::bare().run("schema").await.stdout;
    assert_snapshot!("schemas", names);
    for name in names.lines().filter_map(|line| line.split_whitespace().next()) {
        let done = Mlcr::bare().run(&format!("schema {name}")).await;
        assert_snapshot!(format!("schema_{name}"), done.stdout);
    }
    for (name, line) in [
        ("registry", "registry show"),
        ("repositories", "repo ls"),
        ("repository", "repo show train/resnet"),
        ("images", "image ls train/resnet"),
        ("image", "image show train/resnet:latest"),
        ("tags", "tag ls train/resnet:latest"),
        ("demo", "demo"),
    ] {
        let schema = Mlcr::bare().run(&format!("schema {name}")).await.json();
        let printed = Mlcr::at(&simulator).run(&format!("{line} -o json")).await.json();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let problems: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{line}: {problems:?}");
    }
}
