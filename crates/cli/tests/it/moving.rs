//! Pushing and pulling images, with the simulator as the registry.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use mlspace_registry_cli::Interrupt;
use mlspace_registry_simulator::{Fault, Seed, Simulator};
use serde_json::json;

use crate::fixture::{Person, digest, layout, shown};
use crate::support::Mlcr;

#[tokio::test]
async fn what_is_pushed_is_in_the_management_api_and_comes_back_byte_for_byte() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    let manifest = layout(&source, b"the content of a layer");
    let push = format!("image push {} team/app:v1 team/app:latest --color '#2ea043'", source.display());
    let done = person.run(&simulator, &push).await;
    assert_snapshot!("push", shown(&done, person.home.path()));
    let done = person.run(&simulator, &format!("{push} -o json")).await;
    let report = done.json();
    assert_eq!((done.code, report["bytes_sent"].as_u64()), (0, Some(0)), "{done}");
    assert!(report["bytes_existing"].as_u64().unwrap() > 0, "{done}");
    let image = person.run(&simulator, "image show team/app:latest -o json").await.json();
    for (number, tag) in ["v1", "latest"].iter().enumerate() {
        let one = &report["images"][number];
        assert_eq!((&one["id"], &one["digest"]), (&image["id"], &image["digest"]), "{done}");
        assert!(one["reference"].as_str().unwrap().ends_with(&format!("/team/app:{tag}")), "{done}");
        assert_eq!(one["color"], "#2ea043");
    }
    assert_eq!(image["digest"], manifest);
    assert!(image["tags"].as_array().unwrap().iter().all(|tag| tag["color"] == "#2ea043"));
    assert!(!done.to_string().contains(person.password.expose()));

    let id = image["id"].as_str().unwrap();
    let full = report["images"][0]["reference"].as_str().unwrap().to_owned();
    for (number, reference) in ["team/app:v1", id, &id[..8], &full].into_iter().enumerate() {
        let target = person.home.path().join(format!("target-{number}"));
        let line = format!("image pull {reference} {} -o json", target.display());
        let done = person.run(&simulator, &line).await;
        assert_eq!((done.code, done.json()["digest"].as_str()), (0, Some(manifest.as_str())), "{done}");
        for entry in std::fs::read_dir(source.join("blobs/sha256")).unwrap() {
            let path = entry.unwrap().path();
            let pulled = target.join("blobs/sha256").join(path.file_name().unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(pulled).unwrap(), "{reference}");
        }
    }
    // An archive can be pushed in turn, and stays the same image.
    let archive = person.home.path().join("app.tar");
    let done = person.run(&simulator, &format!("image pull team/app:v1 {}", archive.display())).await;
    assert_snapshot!("pull", shown(&done, person.home.path()));
    let line = format!("image pull team/app:v1 {} --form oci-archive --yes", archive.display());
    assert_eq!(person.run(&simulator, &line).await.code, 0);
    let done = person.run(&simulator, &format!("image push {} again:v1 -o json", archive.display())).await;
    assert_eq!(
        (done.code, done.json()["images"][0]["digest"].as_str()),
        (0, Some(manifest.as_str())),
        "{done}"
    );
    let target = person.home.path().join("target");
    let pull = person.run(&simulator, &format!("image pull again:v1 {} -o json", target.display())).await;
    for (name, done) in [("push", done), ("pull", pull)] {
        let schema = Mlcr::bare().run(&format!("schema {name}")).await.json();
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&done.json()), "{done}");
    }
}

#[tokio::test]
async fn an_archive_of_docker_save_is_pushed_and_the_second_push_sends_nothing() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let archive = person.home.path().join("saved.tar");
    let layer = vec![7_u8; 300_000];
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["app:1"], "Layers": ["a/layer.tar"] }]);
    let mut tar = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    for (name, content) in [
        ("config.json", config.to_string().into_bytes()),
        ("a/layer.tar", layer),
        ("manifest.json", manifest.to_string().into_bytes()),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().flush().unwrap();
    for compression in ["gzip", "zstd", "none"] {
        let line = format!(
            "image push {} app-{compression}:1 --compression {compression} -o json",
            archive.display()
        );
        let first = person.run(&simulator, &line).await;
        assert_eq!(first.code, 0, "{first}");
        let second = person.run(&simulator, &line).await;
        assert_eq!(second.json()["bytes_sent"], 0, "{second}");
        assert_eq!(first.json()["images"], second.json()["images"], "{second}");
    }
}

#[tokio::test]
async fn an_empty_registry_tells_its_address_too() {
    for host in [true, false] {
        let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
        let person = Person::new(&simulator).await;
        let source = person.home.path().join("source");
        layout(&source, b"x");
        let mut mlcr = person.mlcr(&simulator);
        if !host {
            mlcr.variables.remove("MLCR_REGISTRY");
        }
        let done = mlcr.run(&format!("image push {} app -o json", source.display())).await;
        let name = format!("{}/{}/app:latest", simulator.registry_address(), simulator.registry().id);
        assert_eq!(
            (done.code, done.json()["images"][0]["reference"].as_str()),
            (0, Some(name.as_str())),
            "{done}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_and_a_read_only_push_send_nothing_to_the_registry() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    let manifest = layout(&source, b"x");
    let line = format!("image push {} app:v1 -o json", source.display());
    simulator.clear_journal();
    let done = person.run(&simulator, &format!("{line} --dry-run")).await;
    assert_eq!((done.code, done.json()["body"]["digest"].as_str()), (0, Some(manifest.as_str())), "{done}");
    let done = person.mlcr(&simulator).variable("MLSPACE_READONLY", "1").run(&line).await;
    assert_eq!((done.code, done.error()["code"].as_str()), (6, Some("refused")), "{done}");
    let target = person.home.path().join("target");
    let done = person
        .run(&simulator, &format!("image pull train/resnet:latest {} --dry-run", target.display()))
        .await;
    assert_eq!(done.code, 0, "{done}");
    assert!(!target.exists());
    assert!(simulator.journal().iter().all(|request| !request.path.starts_with("/v2/")));
}

#[tokio::test]
async fn what_goes_wrong_has_its_exit_code() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    let (source, home) = (source.display().to_string(), person.home.path().display().to_string());
    for (line, code) in [
        (format!("image push {home}/nothing app:v1"), 1),
        (format!("image push {home} app:v1"), 1),
        (format!("image push {source} App:v1"), 2),
        (format!("image push {source} app:-v1"), 2),
        (format!("image push {source} ../app:v1"), 2),
        (format!("image push {source} 3fa85f64-5717-4562-b3fc-2c963f66afa6"), 2),
        (format!("image push {source} app:v1 --image other"), 2),
        (format!("image pull missing:v1 {home}/target"), 4),
        (format!("image pull {}/missing:v1 {home}/target", simulator.registry_address()), 4),
    ] {
        let done = person.run(&simulator, &format!("{line} -o json")).await;
        assert_eq!(done.code, code, "{done}");
        assert_eq!(done.error()["exit_code"], code, "{done}");
    }
    simulator.fail("oci_manifest_put", Fault::status(403)).unwrap();
    let done = person.run(&simulator, &format!("image push {source} app:v1")).await;
    assert_eq!(done.code, 3, "{done}");
    simulator.clear_faults();
    // Pushed, and the colour is not there.
    simulator.fail("tag_update", Fault::status(403)).unwrap();
    let done = person.run(&simulator, &format!("image push {source} app:v1 --color red -o json")).await;
    assert_eq!((done.code, done.json()["images"][0]["id"].is_string()), (5, true), "{done}");
    simulator.clear_faults();
    simulator.fail("image_list", Fault::status(500)).unwrap();
    let done = person.run(&simulator, &format!("image push {source} app:v2")).await;
    assert_eq!(done.code, 5, "{done}");
}

#[tokio::test]
async fn a_push_says_which_tag_it_moves() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let (one, other) = (person.home.path().join("one"), person.home.path().join("other"));
    layout(&one, b"one");
    layout(&other, b"other");
    let push = |source: &Path| format!("image push {} app:v1 -o json", source.display());
    for (source, moves) in [(&one, false), (&one, false), (&other, true)] {
        let done = person.run(&simulator, &push(source)).await;
        assert_eq!((done.code, done.stderr.contains("tag_moves")), (0, moves), "{done}");
    }
    let done = person.run(&simulator, &format!("{} --dry-run", push(&one))).await;
    assert!(done.stderr.contains("tag_moves"), "{done}");
}

#[tokio::test]
async fn one_name_that_cannot_be_pushed_does_not_keep_the_others() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    simulator.fail("oci_manifest_put", Fault::status(400).times(1)).unwrap();
    let done =
        person.run(&simulator, &format!("image push {} one:v1 two:v1 -o json", source.display())).await;
    let pushed =
        done.json()["images"].as_array().unwrap().iter().filter(|one| one["digest"].is_string()).count();
    assert_eq!((done.code, pushed), (5, 1), "{done}");
}

#[tokio::test]
async fn a_refused_push_prints_no_table_and_a_partial_one_says_which_name_failed() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    let line = format!("image push {} one:v1 two:v1", source.display());
    simulator.fail("oci_manifest_put", Fault::status(400)).unwrap();
    let done = person.run(&simulator, &line).await;
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done}");
    assert!(done.stderr.starts_with("error: none of 2 names is known to be pushed: "), "{done}");
    simulator.clear_faults();
    simulator.fail("oci_manifest_put", Fault::status(400).times(1)).unwrap();
    let done = person.run(&simulator, &line).await;
    assert_eq!(done.code, 5, "{done}");
    assert_eq!(done.stdout.matches("not pushed").count(), 1, "{done}");
    assert_eq!(done.stdout.matches("Error ").count(), 1, "{done}");
}

#[tokio::test]
async fn a_pull_spoils_nothing_that_is_there() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let home = person.home.path();
    let source = home.join("source");
    layout(&source, b"x");
    assert_eq!(person.run(&simulator, &format!("image push {} app:v1", source.display())).await.code, 0);
    let (file, other) = (home.join("file.tar"), home.join("other"));
    std::fs::write(&file, "mine").unwrap();
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("notes.txt"), "mine").unwrap();
    let (file_name, other_name) = (file.display().to_string(), other.display().to_string());
    simulator.clear_journal();
    for line in [
        format!("image pull app:v1 {file_name}"),
        format!("image pull app:v1 {other_name}"),
        format!("image pull app:v1 {other_name} --yes"),
        format!("image pull app:v1 {other_name} --form docker-archive --yes"),
        format!("image pull app:v1 {file_name} --form oci --yes"),
    ] {
        let done = person.run(&simulator, &line).await;
        assert_eq!((done.code, done.stdout.as_str()), (6, ""), "{done}");
    }
    let done = person.mlcr(&simulator).typing("n\n").run(&format!("image pull app:v1 {file_name}")).await;
    assert_eq!(done.code, 6, "{done}");
    assert!(simulator.journal().is_empty());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1);
    let done = person.run(&simulator, &format!("image pull app:v1 {file_name} --dry-run")).await;
    assert!(done.code == 0 && done.stderr.contains("would be replaced"), "{done}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let done = person.mlcr(&simulator).typing("y\n").run(&format!("image pull app:v1 {file_name}")).await;
    assert_eq!(done.code, 0, "{done}");
    let done = person.run(&simulator, &format!("image pull app:v1 {file_name} --yes")).await;
    assert_eq!(done.code, 0, "{done}");
    // A layout is added to, and an empty folder becomes one.
    let empty = home.join("empty");
    std::fs::create_dir(&empty).unwrap();
    for target in [&source, &empty, &empty] {
        let done = person.run(&simulator, &format!("image pull app:v1 {}", target.display())).await;
        assert_eq!(done.code, 0, "{done}");
    }
}

#[tokio::test]
async fn an_image_goes_to_stdout_and_what_is_told_of_it_to_stderr() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    let digest = layout(&source, b"x");
    assert_eq!(person.run(&simulator, &format!("image push {} app:v1", source.display())).await.code, 0);
    let done = person.run(&simulator, "image pull app:v1 - -o json").await;
    assert!(done.code == 0 && done.stderr.contains(&digest), "{done}");
    let archive = person.home.path().join("piped.tar");
    std::fs::write(&archive, &done.stdout).unwrap();
    let push = format!("image push {} again:v1 -o json", archive.display());
    assert_eq!(person.run(&simulator, &push).await.json()["images"][0]["digest"], *digest);

    // The other way, too, and under the names that the images have.
    let piped = person.mlcr(&simulator).piped(&done.stdout).run("image push - piped:v1 -o json").await;
    assert_eq!(piped.json()["images"][0]["digest"], *digest, "{piped}");
    let push = format!("image push {} team --all-images --mount-from app -o json", archive.display());
    let all = person.run(&simulator, &push).await;
    assert!(all.json()["images"][0]["reference"].as_str().unwrap().ends_with("/team/app:v1"), "{all}");
    assert!(all.json()["bytes_mounted"].as_u64() > Some(0) && all.json()["bytes_sent"] == 0, "{all}");
    let both = format!("image push {} one two --all-images", archive.display());
    assert_eq!(person.run(&simulator, &both).await.code, 2);

    simulator.clear_journal();
    for (line, code) in [("image pull app:v1 - --form oci", 2), ("image pull app:v1 x.tar --any-platform", 2)]
    {
        assert_eq!(person.run(&simulator, line).await.code, code, "{line}");
    }
    let mut mlcr = person.mlcr(&simulator);
    mlcr.terminals.stdout = true;
    assert_eq!(mlcr.run("image pull app:v1 -").await.code, 6);
    assert!(simulator.journal().is_empty());
}

#[tokio::test]
async fn a_compressed_archive_is_a_file_and_no_folder_of_that_name() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    assert_eq!(person.run(&simulator, &format!("image push {} app:v1", source.display())).await.code, 0);
    for (name, magic) in [
        ("x.tar.gz", &[0x1f, 0x8b][..]),
        ("x.TGZ", &[0x1f, 0x8b]),
        ("x.tar.zst", &[0x28, 0xb5, 0x2f, 0xfd]),
        ("x.TAR", b"oci-layout"),
    ] {
        let path = person.home.path().join(name);
        let done = person.run(&simulator, &format!("image pull app:v1 {}", path.display())).await;
        assert_eq!(done.code, 0, "{done}");
        assert!(std::fs::read(&path).unwrap().starts_with(magic), "{name}");
    }
}

/// A pipe whose reader is asleep, until nobody holds the other end.
struct Full(std::sync::mpsc::Receiver<()>, Arc<AtomicBool>);

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        self.1.store(true, Ordering::SeqCst);
        let _ = self.0.recv();
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_pull_to_stdout_that_nobody_reads_ends_with_the_first_interrupt() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    assert_eq!(person.run(&simulator, &format!("image push {} app:v1", source.display())).await.code, 0);
    let (stop, interrupt) = Interrupt::new();
    let mlcr = Mlcr { interrupt, ..person.mlcr(&simulator) };
    let (reader, is_full) = (std::sync::mpsc::channel(), Arc::new(AtomicBool::new(false)));
    let stdout = Full(reader.1, is_full.clone());
    let user = async {
        while !is_full.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(mlcr.run_to("image pull app:v1 -", stdout), user);
    assert_eq!(done.code, 130, "{done}");
    drop(reader.0);
}

#[tokio::test]
async fn an_interrupt_leaves_no_tag_and_exits_130() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"x");
    simulator.fail("oci_upload_start", Fault::hang()).unwrap();
    let (stop, interrupt) = Interrupt::new();
    let mlcr = Mlcr { interrupt, ..person.mlcr(&simulator) };
    let line = format!("image push {} app:v1", source.display());
    let user = async {
        while simulator.requests("oci_upload_start") == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(mlcr.run(&line), user);
    assert_eq!(done.code, 130, "{done}");
    assert!(simulator.repositories().iter().all(|one| one.name != "app"));
    assert_eq!(simulator.requests("oci_manifest_put"), 0);
}

#[tokio::test]
async fn each_request_to_the_registry_is_told_in_a_line_to_whoever_asks_twice() {
    let simulator = Simulator::start().await.unwrap();
    let person = Person::new(&simulator).await;
    let source = person.home.path().join("source");
    layout(&source, b"the content of a layer");
    let lines = |told: &str, place: &str| -> Vec<String> {
        let host = simulator.registry_address();
        let all = told.lines().filter(|line| line.contains(&format!(" {host}{place}")));
        all.map(str::to_owned).collect()
    };
    let push = format!("image push {} team/app:v1", source.display());
    let done = person.run(&simulator, &format!("{push} -vv")).await;
    assert_eq!(done.code, 0, "{done}");
    let asked = simulator.journal().into_iter().filter(|one| one.path.starts_with("/v2/")).count();
    assert_eq!(lines(&done.stderr, "/v2/").len(), asked, "{done}");
    let put = lines(&done.stderr, "/v2/").into_iter().find(|line| line.starts_with("PUT ")).unwrap();
    let words: Vec<_> = put.split(' ').collect();
    assert!(words[1].ends_with("/team/app/manifests/v1") && words[2] == "201", "{put}");
    assert!(words[3].parse::<u32>().is_ok() && words[4..] == ["ms"], "{put}");
    // The one that gives tokens is asked as well; its query, which may hold secrets, is not told.
    let tokens = lines(&done.stderr, "/service/token");
    assert!(!tokens.is_empty() && tokens.iter().all(|line| !line.contains('?')), "{done}");
    for secret in [person.password.expose(), "Bearer"] {
        assert!(!done.stderr.contains(secret), "{done}");
    }
    let pull = format!("image pull team/app:v1 {}", person.home.path().join("target").display());
    let done = person.run(&simulator, &format!("{pull} -vv")).await;
    assert!(lines(&done.stderr, "/v2/").iter().any(|line| line.contains("/blobs/")), "{done}");
    let done = person.run(&simulator, &format!("{push} -v")).await;
    assert_eq!(lines(&done.stderr, "/").len(), 0, "{done}");
}
