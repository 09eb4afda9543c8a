use insta::assert_snapshot;
use mlspace_registry_cli::Terminals;
use mlspace_registry_simulator::{Seed, Simulator};

use crate::support::Mlcr;

#[tokio::test]
async fn yaml_and_csv_say_the_same_as_json() {
    let simulator = Simulator::start().await.unwrap();
    for line in ["repo ls", "repo show train/resnet", "image ls train/resnet", "tag ls train/resnet:latest"] {
        let json = Mlcr::at(&simulator).run(&format!("{line} -o json")).await.json();
        let yaml = Mlcr::at(&simulator).run(&format!("{line} -o yaml")).await;
        let parsed: serde_json::Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
        assert_eq!(parsed, json, "{line}");
    }
    assert_snapshot!("csv", Mlcr::at(&simulator).run("tag ls train/resnet:latest -o csv").await);
    assert_snapshot!("yaml", Mlcr::at(&simulator).run("registry show -o yaml").await);
    let empty = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    assert_eq!(Mlcr::at(&empty).run("repo ls -o yaml").await.stdout, "[]\n");
    assert_eq!(Mlcr::at(&empty).run("repo ls -o csv").await.stdout.lines().count(), 1);
}

#[tokio::test]
async fn jq_works_on_whole_lists_and_on_lines() {
    let simulator = Simulator::start().await.unwrap();
    let run = |line: &'static str| Mlcr::at(&simulator).run(line);
    assert_eq!(run("repo ls --jq 'length'").await.stdout, "5\n");
    assert_eq!(run("repo ls -o ndjson --jq '.name'").await.stdout.lines().count(), 5);
    assert_eq!(run("repo show scratch --jq '.images_count'").await.stdout, "0\n");
    for line in ["repo ls --jq '.['", "repo ls -o yaml --jq '.'", "repo ls -o csv --jq '.'"] {
        let done = run(line).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done}");
    }
    simulator.clear_journal();
    assert_eq!(run("repo ls --jq 'nonsense'").await.code, 2);
    assert!(simulator.journal().is_empty());
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_limited() {
    let simulator = Simulator::start().await.unwrap();
    let names = |line: &'static str| {
        let mlcr = Mlcr::at(&simulator);
        async move {
            let done = mlcr.run(line).await;
            assert_eq!(done.code, 0, "{done}");
            done.stdout.trim().replace('\n', " ")
        }
    };
    for (line, expected) in [
        ("repo ls --filter 'train/*' --jq '.[].name'", "train/resnet"),
        ("repo ls -f label=prod --sort name --jq '.[].name'", "serve/triton train/resnet"),
        ("repo ls -f favorite --jq '.[].name'", "train/resnet"),
        ("repo ls --sort -images --limit 1 --jq '.[].name'", "train/resnet"),
        ("repo ls -f older=60d --jq '.[].name'", "tools/data-loader"),
        ("repo ls -f newer=1h --jq '.[].name'", "scratch"),
        ("repo ls --limit 0 --jq 'length'", "0"),
        ("image ls train/resnet -f larger=1GiB --jq 'length'", "3"),
        ("image ls train/resnet -f never-pulled --jq 'length'", "1"),
        ("image ls train/resnet -f 'v1.*' --sort -pushed --limit 1 --jq '.[0].tags[0].name'", "v1.2"),
    ] {
        assert_eq!(names(line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn what_a_list_cannot_be_filtered_or_sorted_by_is_refused_before_anything_is_sent() {
    let simulator = Simulator::start().await.unwrap();
    for (line, expected) in [
        ("repo ls --sort size", "name, images, tags, created or updated"),
        ("repo ls -f larger=1", "label=LABEL"),
        ("repo ls -f never-pulled", "favorite"),
        ("repo ls -f ''", "name=PATTERN"),
        ("repo ls --columns size", "this table has name, images"),
        ("image ls train/resnet -f lager=1", "did you mean larger?"),
        ("tag ls notebook:latest -f label=x", "never-pulled"),
        ("tag ls notebook:latest -f larger=1", "older=TIME"),
    ] {
        let done = Mlcr::at(&simulator).run(line).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done}");
        assert!(done.stderr.contains(expected), "{done}");
    }
    assert!(simulator.journal().is_empty());
}

#[tokio::test]
async fn colours_are_for_terminals_unless_chosen() {
    let simulator = Simulator::start().await.unwrap();
    let colored =
        |mlcr: Mlcr, line: &'static str| async move { mlcr.run(line).await.stdout.contains('\u{1b}') };
    let terminal =
        || Mlcr { terminals: Terminals { stdout: true, ..Terminals::default() }, ..Mlcr::at(&simulator) };
    assert!(!colored(Mlcr::at(&simulator), "repo ls").await);
    assert!(colored(Mlcr::at(&simulator), "repo ls --color always").await);
    assert!(colored(terminal(), "repo ls").await);
    assert!(!colored(terminal(), "repo ls --color never").await);
    assert!(!colored(terminal().variable("NO_COLOR", "1"), "repo ls").await);
    assert!(!colored(terminal().variable("TERM", "dumb"), "repo ls").await);
    assert!(!colored(terminal(), "repo ls -o json").await);
}

#[tokio::test]
async fn errors_have_the_colours_of_the_parser_on_a_terminal_alone() {
    for (line, colored) in [("auth switch nobody --color always", true), ("auth switch nobody", false)] {
        let done = Mlcr::bare().run(line).await;
        assert_eq!(
            done.stderr.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "),
            colored,
            "{:?}",
            done.stderr
        );
    }
}
