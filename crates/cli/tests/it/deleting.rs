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
async fn where_nobody_can_answer_it_shows_what_would_go_and_refuses_and_names_the_flag() {
    let simulator = Simulator::start().await.unwrap();
    let missing = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    let mut all = String::new();
    for line in ["repo rm notebook", &format!("image rm train/resnet:latest {missing}"), "repo rm scratch -q"]
    {
        let done = Mlcr::at(&simulator).run(line).await;
        assert_eq!(done.code, 6, "{done}");
        all += &format!("{done}\n");
    }
    assert_snapshot!("refused", all);
    for operation in ["repository_delete", "image_delete"] {
        assert_eq!(simulator.requests(operation), 0);
    }
}

#[tokio::test]
async fn what_is_named_by_a_tag_does_not_lose_its_other_tags_silently() {
    let mut all = String::new();
    for line in [
        "image rm train/resnet:latest --yes",
        "image rm train/resnet:latest --yes -o json",
        "image rm train/resnet:latest --dry-run",
        "image rm train/resnet:latest train/resnet:v1.2 train/resnet:v1.0 --yes",
        "image rm train/resnet:latest --yes --quiet -o csv",
        "repo rm train/resnet --yes",
        "tag rm train/resnet:latest --yes",
    ] {
        let simulator = Simulator::start().await.unwrap();
        let done = Mlcr::at(&simulator).run(line).await;
        all += &format!("{done}\n");
        let quiet = line.contains("--quiet");
        assert_eq!(done.stderr.is_empty(), quiet, "{done}");
        assert_eq!(simulator.requests("image_get") == 0, quiet || !line.contains("image"), "{line}");
    }
    assert_snapshot!("with_yes", all);
}

/// One reference a line to each image of all repositories.
fn image_references(simulator: &Simulator, by_id: bool) -> String {
    let mut lines = String::new();
    for repository in simulator.repositories() {
        for image in simulator.images(repository.id) {
            lines += &match by_id {
                true => format!("{}\n", image.id),
                false => format!("{}:{}\n", repository.name, image.tags[0].name),
            };
        }
    }
    lines
}

#[tokio::test]
async fn hundreds_of_references_cost_lists_and_not_a_request_each() {
    for (by_id, end) in [(false, "--dry-run"), (false, "--yes"), (true, "--dry-run"), (true, "")] {
        let simulator = seeded("repos=3,images=100,tags=1").await;
        let input = image_references(&simulator, by_id);
        simulator.clear_journal();
        let done = Mlcr::at(&simulator).piped(&input).run(&format!("image rm - {end}")).await;
        assert_eq!(done.code, if end.is_empty() { 6 } else { 0 }, "{}", done.stderr);
        let reads: usize = ["repository_list", "registry_get", "repository_get", "image_get", "image_list"]
            .iter()
            .map(|operation| simulator.requests(operation))
            .sum();
        // Two images singly, then two requests for the list, for each of three repositories.
        assert!(reads <= 3 * 4 + 2, "{reads} {end}");
    }
    for by_id in [true, false] {
        let simulator = seeded("repos=250,images=2,tags=1").await;
        let all = simulator.repositories().into_iter();
        let input: Vec<_> = all.map(|one| if by_id { one.id.to_string() } else { one.name }).collect();
        let done = Mlcr::at(&simulator).piped(&input.join("\n")).run("repo rm - --dry-run -o ndjson").await;
        assert_eq!((done.code, done.stdout.lines().count()), (0, 250), "{}", done.stderr);
        assert!(done.stderr.contains("at least "), "{}", done.stderr);
        // Fifty are sized by their images, and each of these lists comes with its count.
        let reads = simulator.requests("repository_list") + simulator.requests("repository_get");
        assert!(reads <= 3 + 1 + 50 && simulator.requests("image_list") == 50, "{reads}");
    }
}

#[tokio::test]
async fn ids_are_reported_with_what_is_known_of_them_without_a_request() {
    let simulator = Simulator::start().await.unwrap();
    let all = simulator.repositories();
    let find = |name: &str| all.iter().find(|one| one.name == name).unwrap();
    let (resnet, notebook) = (find("train/resnet"), find("notebook"));
    let tag = resnet.tags.iter().find(|tag| tag.name == "v1.0").unwrap();
    for (line, name, tags) in [
        (format!("repo rm {} scratch --yes", notebook.id), "notebook", notebook.tags.len()),
        (format!("image rm {} notebook:latest --yes", tag.image_id), "train/resnet:v1.0", 1),
        (format!("tag rm {} notebook:latest --yes", tag.id), "train/resnet:v1.0", 1),
    ] {
        let simulator = Simulator::start().await.unwrap();
        let done = Mlcr::at(&simulator).run(&format!("{line} -o json")).await;
        let item = done.json()["items"][0].clone();
        assert_eq!(item["name"], name, "{done}");
        assert_eq!(item["tags"].as_array().unwrap().len(), tags, "{done}");
        assert_eq!(simulator.requests("repository_list"), 1, "{done}");
        assert!(simulator.requests("image_get") <= 1 && simulator.requests("repository_get") == 0, "{done}");
    }
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
    // A pipe in which nothing came is a day on which there was nothing to do.
    let done = Mlcr::at(&simulator).piped("").run("repo rm - --yes -o json").await;
    assert_eq!((done.code, done.json()["deleted"].as_u64()), (0, Some(0)), "{done}");
    assert!(done.stderr.contains("nothing was deleted"), "{done}");
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
    let done = Mlcr::at(&simulator).typing("y\n").run(&format!("image rm {missing}")).await;
    assert_eq!((done.code, simulator.requests("image_delete")), (4, 0), "{done}");
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

#[tokio::test]
async fn many_ids_that_are_gone_cost_the_lists_and_not_a_request_each() {
    let seed = "repos=20,images=5,tags=1".parse().unwrap();
    let simulator = Simulator::builder().seed(seed).start().await.unwrap();
    let repositories = simulator.repositories();
    let images = repositories.iter().flat_map(|one| simulator.images(one.id)).map(|image| image.id);
    let ids = images.map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(Mlcr::at(&simulator).run(&format!("image rm {ids} --yes")).await.code, 0);
    for options in ["--yes", "--dry-run"] {
        simulator.clear_journal();
        let done = Mlcr::at(&simulator).run(&format!("image rm {ids} {options}")).await;
        assert_eq!(done.code, 4, "{done}");
        let requests = |operation| simulator.requests(operation);
        assert_eq!((requests("registry_get"), requests("repository_list")), (1, 1), "{options}");
        assert_eq!((requests("image_list"), requests("image_get")), (20, 0), "{options}");
        assert_eq!(requests("repository_get"), 0, "{options}");
    }
    // One that is there is found among them.
    let there = simulator.push_image(mlspace_registry_simulator::NewImage::new("one", ["v1"]));
    let done = Mlcr::at(&simulator).run(&format!("image rm {ids} {there} --dry-run --jq length")).await;
    assert_eq!((done.code, done.stdout.trim()), (0, "101"), "{done}");
    assert!(done.stderr.contains("1 image with 1 tag"), "{done}");
}
