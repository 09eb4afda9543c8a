use insta::assert_snapshot;
use mlspace_registry_cli::Interrupt;
use mlspace_registry_simulator::{Fault, Simulator};

use crate::support::{Closed, Mlcr};

#[tokio::test]
async fn failures_are_lines_for_people_or_json_for_programs() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for line in [
        "repo show train/resnt",
        "repo show train/resnt -o json",
        "repo show train/resnet:v1",
        "image show train/resnet:v9",
        "image show train/resnet",
        "image show ffffffff-ffff-4fff-8fff-ffffffffffff",
        "repo show a?b",
        "repo show a?b -o json",
        "repo",
        "repo -o json",
        "nonsense",
        "schema nonsense",
        "sim --quirk colours=any",
        "sim --registry-listen nowhere",
        "sim --listen 192.0.2.1:1",
        "repo ls --timeout never",
    ] {
        all += &format!("{}\n", Mlcr::at(&simulator).run(line).await);
    }
    all += &format!("{}\n", Mlcr::bare().run("repo ls").await);
    all += &format!("{}\n", Mlcr::bare().run("repo ls -o json").await);
    assert_snapshot!(all);
}

#[tokio::test]
async fn each_kind_of_failure_has_its_exit_code() {
    for (fault, code, word) in [
        ("404", 4, "not_found"),
        ("401", 3, "sign_in_refused"),
        ("403", 3, "forbidden"),
        ("429;retry-after=1", 8, "rate_limited"),
        ("firewall", 9, "blocked_by_firewall"),
        ("html", 1, "unexpected_answer"),
        ("lost-after", 1, "not_reached"),
        ("500", 1, "failed"),
    ] {
        for (operation, line) in [
            ("registry_get", "registry show"),
            ("repository_list", "repo ls"),
            ("repository_list", "repo show train/resnet"),
            ("image_list", "image ls train/resnet"),
            ("image_get", "image show train/resnet:latest"),
            ("tag_list", "tag ls train/resnet:latest"),
        ] {
            let simulator = Simulator::start().await.unwrap();
            simulator
                .fail(
                    operation,
                    format!("{operation}={fault}")
                        .parse::<mlspace_registry_simulator::FaultSpec>()
                        .unwrap()
                        .fault,
                )
                .unwrap();
            let done = Mlcr::at(&simulator).run(&format!("{line} -o json")).await;
            assert_eq!((done.code, done.error()["code"].as_str()), (code, Some(word)), "{fault}: {done}");
            assert_eq!(done.error()["exit_code"], code);
            assert_eq!(done.stdout, "", "{fault}: {done}");
            assert!(!done.stderr.contains('<'), "{done}");
        }
    }
}

#[tokio::test]
async fn what_a_command_came_to_goes_before_a_reader_that_has_gone() {
    let simulator = Simulator::start().await.unwrap();
    let fault: mlspace_registry_simulator::FaultSpec = "image_delete=partial-delete".parse().unwrap();
    simulator.fail("image_delete", fault.fault).unwrap();
    for (line, code, said) in [
        (
            "image rm train/resnet:v1.0 train/resnet:v1.1 notebook:latest --yes -o json",
            5,
            "2 of 3 images deleted",
        ),
        ("api GET /public/v2/docker_registry/v2/images/ffffffff-ffff-4fff-8fff-ffffffffffff", 4, "404"),
        ("auth status --profile none", 2, "there is no profile none"),
    ] {
        let done = Mlcr::at(&simulator).run_to(line, Closed).await;
        assert!(done.code == code && done.stderr.contains(said), "{done}");
    }
    let done = Mlcr::bare().run_to("auth status", Closed).await;
    assert!(done.code == 3 && done.stderr.contains("no credentials"), "{done}");
}

#[tokio::test]
async fn no_output_holds_a_secret() {
    let simulator = Simulator::start().await.unwrap();
    let key = simulator.service_account();
    let api_key = simulator.api_key();
    for line in ["repo ls -v", "registry show -v -o json", "demo -v", "repo show x -v"] {
        let done = Mlcr::at(&simulator).run(line).await;
        let text = done.to_string();
        for secret in [key.client_secret.expose(), api_key.expose()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn an_interrupt_ends_any_command() {
    let simulator = Simulator::start().await.unwrap();
    for (operation, line) in
        [("repository_list", "repo ls -o json"), ("registry_get", "registry show -o json")]
    {
        simulator.fail(operation, Fault::hang()).unwrap();
        let (stop, interrupt) = Interrupt::new();
        let mlcr = Mlcr { interrupt, ..Mlcr::at(&simulator) };
        let user = async {
            while simulator.requests(operation) == 0 {
                tokio::task::yield_now().await;
            }
            stop.send_replace(true);
        };
        let (done, ()) = tokio::join!(mlcr.run(line), user);
        assert_eq!((done.code, done.error()["code"].as_str()), (130, Some("interrupted")), "{done}");
    }
}
