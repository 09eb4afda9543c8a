//! Lists over many repositories.

use insta::assert_snapshot;
use mlspace_registry_simulator::{FaultSpec, NewImage, Seed, Simulator};

use crate::support::Mlcr;

async fn team() -> Simulator {
    Simulator::builder().seed("team".parse().unwrap()).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_images_of_500_repositories_cost_one_request_each_and_three() {
    let simulator = team().await;
    let done = Mlcr::at(&simulator).run("image ls --all -o ndjson").await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert_eq!(done.stdout.lines().count(), 20_000);
    let count = |operation| simulator.requests(operation);
    assert_eq!((count("service_auth"), count("registry_get"), count("repository_list")), (1, 1, 1));
    assert_eq!((count("image_list"), simulator.journal().len()), (500, 503));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_all_repositories_cost_no_request_but_the_list_of_repositories() {
    let simulator = team().await;
    let done = Mlcr::at(&simulator).run("tag ls --all --filter name=v1,v2 --columns repository,name").await;
    assert_eq!(done.code, 0, "{done}");
    assert!(done.stdout.lines().count() > 100);
    assert!(done.stdout.lines().skip(1).all(|line| line.ends_with("\tv1") || line.ends_with("\tv2")));
    assert_eq!(simulator.journal().len(), 3);
}

#[tokio::test]
async fn patterns_names_and_exceptions_choose_repositories() {
    let simulator = Simulator::start().await.unwrap();
    let chosen = async |line: &str| {
        let line = format!("image ls {line} --columns repository --no-headers");
        let done = Mlcr::at(&simulator).run(&line).await;
        let mut names: Vec<_> = done.stdout.lines().map(str::to_owned).collect();
        names.dedup();
        (done.code, names.join(" "))
    };
    let own = |code: u8, names: &str| (code, names.to_owned());
    assert_eq!(chosen("'train/*'").await, own(0, "train/resnet"));
    assert_eq!(chosen("'*'").await, own(0, "notebook"));
    assert_eq!(chosen("'**' '!serve/*'").await, own(0, "train/resnet notebook tools/data-loader"));
    assert_eq!(chosen("notebook train/resnet").await, own(0, "notebook train/resnet"));
    assert_eq!(chosen("notebook 'note*'").await, own(0, "notebook"));
    assert_eq!(chosen("--all --filter tag=prod,latest --limit 2").await, own(0, "train/resnet notebook"));
    assert_eq!(chosen("'nothing/*'").await, own(4, ""));
    assert_eq!(chosen("'!serve/*'").await, own(2, ""));
    assert_eq!(chosen("'a b*'").await, own(2, ""));
    assert_eq!(chosen("").await, own(2, ""));
    assert_eq!(chosen("notebook --all").await, own(2, ""));
}

#[tokio::test]
async fn who_has_a_digest_or_a_tag_is_found_and_nobody_is_exit_4() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for line in [
        "image find sha256:777e06a4",
        "image find 777e06a4c89b",
        "image find 'v1.*' --columns repository,tags",
        "image find stable-and-new",
        "image find sha256:0000",
    ] {
        simulator.clear_journal();
        let done = Mlcr::at(&simulator).run(line).await;
        all.push_str(&format!("{done}{} lists of images\n\n", simulator.requests("image_list")));
    }
    assert_snapshot!(all);
}

#[tokio::test]
async fn tables_fit_their_terminal_and_say_what_they_show() {
    let simulator = Simulator::start().await.unwrap();
    let long = NewImage::new(
        "research/".to_owned() + &"deep/".repeat(12) + "end",
        ["release-2026-10-19-nightly-build", "latest"],
    );
    simulator.push_image(long);
    for width in [60, 80, 140] {
        let mut all = String::new();
        for line in [
            "repo ls",
            "repo ls --wide",
            "image ls train/resnet",
            "image ls --all --sort=-size,pushed --limit 3",
            "image ls --all --filter untagged --time ago",
            "tag ls '*/*' --filter '!older=20d'",
            "image ls scratch",
        ] {
            let done = Mlcr::at(&simulator).on_terminal(width).run(&format!("{line} --color never")).await;
            let wide = done.stdout.lines().filter(|line| line.chars().count() > width).count();
            assert!(wide == 0 || line.contains("--wide"), "{width}: {done}");
            all.push_str(&format!("{done}\n"));
        }
        assert_snapshot!(format!("tables_at_{width}"), all);
    }
}

#[tokio::test]
async fn a_table_for_programs_has_whole_values() {
    let simulator = Simulator::start().await.unwrap();
    let done = Mlcr::at(&simulator).run("image ls train/resnet").await;
    assert_snapshot!(done);
    let aligned = Mlcr::at(&simulator).run("image ls train/resnet -o table --time utc").await;
    assert_snapshot!("a_table_that_was_asked_for", aligned);
}

#[tokio::test]
async fn times_are_those_of_the_time_zone() {
    let simulator = Simulator::start().await.unwrap();
    let at = async |zone: &str| {
        let line = "tag ls notebook --limit 1 -o table --columns pushed --no-headers";
        Mlcr::at(&simulator).variable("TZ", zone).run(line).await.stdout
    };
    let (utc, moscow) = (at("UTC").await, at("MSK-3").await);
    assert_ne!(utc, moscow);
    assert_eq!(at("Nowhere/Nothing").await, utc);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_costs_the_others_nothing() {
    let simulator = Simulator::start().await.unwrap();
    let spec: FaultSpec = "image_list=403;times=1".parse().unwrap();
    simulator.fail("image_list", spec.fault).unwrap();
    let done = Mlcr::at(&simulator).run("image ls --all --columns repository --no-headers").await;
    assert_eq!(done.code, 5, "{done}");
    assert!(done.stderr.contains("warning: the images of "), "{done}");
    assert!(done.stdout.lines().count() > 3, "{done}");
}

#[tokio::test]
async fn an_empty_registry_says_what_to_do() {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let done = Mlcr::at(&simulator).on_terminal(80).run("repo ls").await;
    assert_snapshot!(done);
    let done = Mlcr::at(&simulator).run("image ls --all").await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done}");
}
