use insta::assert_snapshot;
use mlspace_registry_simulator::{Quirk, Simulator};

use crate::support::Mlcr;

async fn of_many(number: usize) -> Simulator {
    let seed = format!("repos={number},images=1,tags=1").parse().unwrap();
    Simulator::builder().seed(seed).start().await.unwrap()
}

#[tokio::test]
async fn every_form_names_the_same_thing() {
    let simulator = Simulator::start().await.unwrap();
    let repository = simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    let images = simulator.images(repository.id);
    let image = images.iter().find(|image| image.tags.iter().any(|tag| tag.name == "latest")).unwrap();
    let latest = image.tags.iter().find(|tag| tag.name == "latest").unwrap();
    let run = |line: String| Mlcr::at(&simulator).run_line(line);
    let id = repository.id.to_string();
    for reference in [&id, &id[..8], "train/resnet", &repository.full_name] {
        let done = run(format!("repo show {reference} --jq .id")).await;
        assert_eq!(done.stdout.trim(), id, "{done}");
    }
    let id = image.id.to_string();
    let digest = &image.digest;
    for reference in [
        id.clone(),
        id[..8].to_owned(),
        "train/resnet:latest".into(),
        format!("train/resnet@{digest}"),
        format!("train/resnet@{}", &digest[..15]),
        format!("train/resnet:any@{digest}"),
        latest.full_name.clone(),
        format!("{}@{digest}", repository.full_name),
    ] {
        let done = run(format!("image show {reference} --jq .id")).await;
        assert_eq!(done.stdout.trim(), id, "{done}");
    }
    let untagged = images.iter().find(|image| image.tags.is_empty()).unwrap().id.to_string();
    let done = run(format!("image show {} --jq .id", &untagged[..8])).await;
    assert_eq!(done.stdout.trim(), untagged, "{done}");
    let id = latest.id.to_string();
    for reference in [&id, &id[..8], "train/resnet:latest", &latest.full_name] {
        let done = run(format!("tag rm {reference} --dry-run --jq '.[].id'")).await;
        assert_eq!(done.stdout.trim(), id, "{done}");
    }
}

#[tokio::test]
async fn finding_something_takes_as_few_requests_as_possible() {
    let simulator = of_many(250).await;
    let id = simulator.repositories()[0].id;
    // The count is read first, and says how much to ask for.
    for (line, lists, gets, counts) in [
        (format!("repo show {id}"), 0, 1, 0),
        ("repo show repository-000000".to_owned(), 1, 0, 1),
        ("repo show repository-000249".to_owned(), 1, 0, 1),
        (format!("repo rm {id} --yes"), 0, 0, 0),
    ] {
        simulator.clear_journal();
        let done = Mlcr::at(&simulator).run(&line).await;
        assert_eq!(done.code, 0, "{done}");
        assert_eq!(simulator.requests("repository_list"), lists, "{line}");
        assert_eq!(simulator.requests("repository_get"), gets, "{line}");
        assert_eq!(simulator.requests("registry_get"), counts, "{line}");
    }
}

#[tokio::test]
async fn verbose_says_what_was_found_and_how_many_requests_it_took() {
    let simulator = Simulator::start().await.unwrap();
    let mut all = String::new();
    for line in [
        "repo show train/resnet -v",
        "repo show f893a2ee -v",
        "image show train/resnet:latest -v",
        "tag ls train/resnet:latest -v --limit 1",
        "image ls notebook -v -o csv",
        "repo show missing -v",
        "registry show -v -o json",
    ] {
        let done = Mlcr::at(&simulator).run(line).await;
        all += &format!("$ mlcr {line}\n{}\n", done.stderr);
    }
    assert_snapshot!("verbose", all);
}

#[tokio::test]
async fn nearest_names_are_near() {
    let simulator = Simulator::start().await.unwrap();
    let images = simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    let digest = simulator.images(images.id)[0].digest.clone();
    let wrong = if digest.ends_with('0') { "1" } else { "0" };
    let wrong = digest[..digest.len() - 1].to_owned() + wrong;
    let near = format!("train/resnet@{}", &digest[..19]);
    for (line, candidates) in [
        ("repo show train/resnt", vec!["train/resnet"]),
        ("repo show resnet-old", vec!["train/resnet"]),
        ("repo show nonsense", vec![]),
        ("image show train/resnet:lates", vec!["train/resnet:latest"]),
        ("image pull train/resnet:lates out.tar", vec!["train/resnet:latest"]),
        (
            "tag rm train/resnet:v1.3 --yes",
            vec!["train/resnet:v1.0", "train/resnet:v1.1", "train/resnet:v1.2"],
        ),
        (&format!("image show train/resnet@{wrong}"), vec![near.as_str()]),
        (&format!("image show train/resnet@sha256:{}", "0123".repeat(16)), vec![]),
    ] {
        let done = Mlcr::at(&simulator).run(&format!("{line} -o json")).await;
        let listed = done.error()["candidates"].clone();
        let listed: Vec<_> =
            listed.as_array().into_iter().flatten().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(listed, candidates, "{done}");
    }
    let done = Mlcr::at(&simulator).run("image show train/resnet:stable").await;
    assert!(done.stderr.contains("mlcr image ls train/resnet"), "{done}");
}

#[tokio::test]
async fn too_little_of_an_id_is_said_to_be_too_little() {
    let simulator = Simulator::start().await.unwrap();
    let id = simulator.repositories()[0].id.to_string();
    let done = Mlcr::at(&simulator).run_line(format!("repo show {} -o json", &id[..3])).await;
    assert_eq!(done.code, 4, "{done}");
    assert!(done.error()["hint"].as_str().unwrap().contains("at least 4 characters"), "{done}");
}

#[tokio::test]
async fn what_fits_several_is_refused_with_the_candidates() {
    let simulator = of_many(600).await;
    let mut ids: Vec<String> = simulator.repositories().iter().map(|one| one.id.to_string()).collect();
    ids.sort();
    let twins = ids.windows(2).find(|pair| pair[0][..4] == pair[1][..4]).unwrap();
    let done = Mlcr::at(&simulator).run(&format!("repo rm {} --yes -o json", &twins[0][..4])).await;
    let error = done.error();
    assert_eq!((done.code, error["code"].as_str()), (4, Some("ambiguous")), "{done}");
    let candidates = error["candidates"].to_string();
    assert!(twins.iter().all(|id| candidates.contains(id)), "{done}");
    assert!(error["message"].as_str().unwrap().contains("is the beginning of 2 ids"), "{done}");
    assert_eq!(simulator.requests("repository_delete"), 0);
}

#[tokio::test]
async fn the_beginning_of_an_id_is_not_trusted_where_the_list_lacks_something() {
    let simulator = of_many(150).await;
    simulator.quirk(Quirk::IgnoresPage(true));
    simulator.quirk("max-page-size=100".parse().unwrap());
    let id = Mlcr::at(&simulator).run("repo ls --limit 1 --jq '.[].id'").await.stdout;
    let done = Mlcr::at(&simulator).run(&format!("repo rm {} --yes", &id[..8])).await;
    assert_eq!((done.code, simulator.requests("repository_delete")), (6, 0), "{done}");
}

#[tokio::test]
async fn no_reference_reaches_another_route() {
    let simulator = Simulator::start().await.unwrap();
    for name in [
        "../v1/users/generate_password",
        "..%2f..%2fv1%2fusers%2fgenerate_password",
        "%2e%2e/x",
        "a?page=2",
        "a#b",
        "a\\..\\b",
        "current/../../../v1/users/generate_password",
        "users/generate_password",
        "registries/current",
    ] {
        for line in
            ["repo show", "repo fav", "image ls", "image show", "tag ls", "image rm --yes", "tag rm --yes"]
        {
            let done = Mlcr::at(&simulator).of_person(&simulator).run(&format!("{line} {name}")).await;
            assert!([2, 4].contains(&done.code), "{done}");
        }
    }
    let asked: std::collections::BTreeSet<_> = simulator.journal().iter().map(|one| one.operation).collect();
    let allowed = [Some("service_auth"), Some("repository_list"), Some("registry_get")];
    assert!(asked.iter().all(|operation| allowed.contains(operation)), "{asked:?}");
}
