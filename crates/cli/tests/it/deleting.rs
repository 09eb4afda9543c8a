use insta::assert_snapshot;
use mlspace_registry_cli::Interrupt;
use mlspace_registry_simulator::{Fault, FaultSpec, Simulator};

use crate::support::Mlcr;

async fn seeded(seed: &str) -> Simulator {
    Simulator::builder().seed(seed.parse().unwrap()).start().await.unwrap()
}

fn ids(simulator: &Simulator) -> Vec<String> {
    simulator.repositories().into_iter().map(|one| one.id.to_string()).collect()
}

#[tokio::test]
async fn it_shows_what_will_go_asks_once_and_accounts_for_every_id() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for (line, answer) in [
        ("image rm train/resnet:v1.0 train/resnet:latest", "n\n"),
        ("image rm train/resnet:v1.0 train/resnet:latest", "y\n"),
        ("tag rm serve/triton:latest", "yes\n"),
        ("repo rm train/resnet scratch", "y\n"),
        ("repo rm notebook", ""),
    ] {
        all += &format!("{}\n", Mlcr::at(&simulator).typing(answer).run(line).await);
    }
    assert_snapshot!(all);
    let left: Vec<_> = simulator.repositories().into_iter().map(|one| one.name).collect();
    assert!(!left.contains(&"scratch".to_owned()) && left.contains(&"notebook".to_owned()));
}

#[tokio::test]
async fn where_nobody_can_answer_it_refuses_and_names_the_flag() {
    let simulator = Simulator::start().await.unwrap();
    let done = Mlcr::at(&simulator).run("repo rm scratch").await;
    assert_eq!(done.code, 6);
    assert!(done.stderr.contains("--yes"), "{done}");
    assert_eq!(simulator.journal().len(), 0);
}

#[tokio::test]
async fn many_ids_come_through_stdin_in_few_requests() {
    let simulator = seeded("repos=250,images=0,tags=0").await;
    let listed = Mlcr::at(&simulator).run("repo ls --jq '.[].id'").await.stdout;
    assert_eq!(listed.lines().count(), 250);
    simulator.clear_journal();
    let input = format!("# all of them\n\n{listed}");
    let done = Mlcr::at(&simulator).piped(&input).run("repo rm - --yes -o json").await;
    assert_eq!((done.code, done.json()["deleted"].as_u64()), (0, Some(250)), "{}", done.stderr);
    assert!(ids(&simulator).is_empty());
    assert_eq!(simulator.requests("repository_delete"), 3);
    assert_eq!(simulator.requests("repository_list") + simulator.requests("repository_get"), 0);
    let done = Mlcr::at(&simulator).piped("a?b\n").run("repo rm - --yes").await;
    assert_eq!(done.code, 2, "{done}");
    let done = Mlcr::at(&simulator).piped("").run("repo rm - --yes").await;
    assert_eq!(done.code, 2, "{done}");
}

#[tokio::test]
async fn partial_unknown_and_refused_deletes_have_their_exit_codes() {
    for (fault, code, outcomes) in [
        ("partial-delete;times=100", 5, "deleted kept"),
        ("500", 1, "rejected"),
        ("401", 3, "rejected"),
        ("403", 3, "rejected"),
        ("429", 8, "not_attempted"),
        ("firewall", 9, "rejected"),
        ("lost-after", 0, "deleted"),
        ("html", 1, "kept"),
    ] {
        let simulator = seeded("repos=2,images=0,tags=0").await;
        let spec: FaultSpec = format!("repository_delete={fault}").parse().unwrap();
        simulator.fail("repository_delete", spec.fault).unwrap();
        let input = ids(&simulator).join("\n");
        let done = Mlcr::at(&simulator).piped(&input).run("repo rm - --yes -o json").await;
        let report = done.json();
        let mut seen: Vec<_> = report["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["outcome"].as_str().unwrap())
            .collect();
        seen.dedup();
        assert_eq!(seen.join(" "), outcomes, "{fault}: {}", done.stderr);
        assert_eq!(done.code, code, "{fault}: {done}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_after_a_lost_answer_is_unknown() {
    let simulator = seeded("repos=2,images=0,tags=0").await;
    simulator.fail("repository_delete", Fault::lost_after()).unwrap();
    simulator.fail("repository_get", Fault::status(503)).unwrap();
    let input = ids(&simulator).join("\n");
    let done = Mlcr::at(&simulator).piped(&input).run("repo rm - --yes -o json").await;
    assert_eq!(done.code, 7, "{done}");
    assert_eq!(done.json()["items"][0]["outcome"], "unknown");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_no_failure_beside_what_is() {
    let simulator = Simulator::start().await.unwrap();
    let missing = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    let done = Mlcr::at(&simulator).run(&format!("repo rm {missing} --yes -o json")).await;
    assert_eq!((done.code, done.json()["not_found"].as_u64()), (4, Some(1)), "{done}");
    let done = Mlcr::at(&simulator).run(&format!("repo rm {missing} scratch --yes -o json")).await;
    assert_eq!((done.code, done.json()["deleted"].as_u64()), (0, Some(1)), "{done}");
    let done = Mlcr::at(&simulator).run("repo rm no-such-name notebook --yes -o json").await;
    assert_eq!((done.code, done.stdout.as_str()), (4, ""), "{done}");
    assert!(simulator.repositories().iter().any(|one| one.name == "notebook"));
}

#[tokio::test]
async fn an_interrupt_stops_sending_and_reports_what_is_known() {
    let simulator = seeded("repos=3,images=0,tags=0").await;
    simulator.fail("repository_delete", Fault::hang()).unwrap();
    let (stop, interrupt) = Interrupt::new();
    let input = ids(&simulator).join("\n");
    let mlcr = Mlcr { interrupt, ..Mlcr::at(&simulator).piped(&input) };
    let user = async {
        while simulator.requests("repository_delete") == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(mlcr.run("repo rm - --yes -o json"), user);
    assert_eq!(done.code, 130, "{done}");
    assert_eq!(done.json()["items"][2]["outcome"], "unknown", "{done}");
}
