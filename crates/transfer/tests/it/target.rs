//! What is said to be in a target is there, whatever was there before.

use std::path::Path;

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Compression, Digest, Error, Source, Target};
use serde_json::{Value, json};

use crate::fixture::{bytes, client, image, layout, push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

/// A registry with one image of one layer, and that layer's digest.
async fn filled(layer: &[u8]) -> (Registry, Digest) {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[layer.to_vec()]).write(folder.path());
    let registry = Registry::start().await;
    push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    registry.simulator.clear_journal();
    (registry, Digest::of(layer))
}

async fn pull(registry: &Registry, target: Target) -> Result<(), Error> {
    client().0.build().unwrap().pull([registry.name("app:v1")], target).send().await.map(drop)
}

/// Every blob has the digest that is its name, and nothing unfinished is left.
fn check(folder: &Path) {
    for entry in std::fs::read_dir(folder.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(Digest::of(&std::fs::read(&path).unwrap()).hex(), name);
    }
    let left = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".partial")).collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_blob_is_not_believed_by_its_name_and_size() {
    let layer = bytes(1, MIB);
    let (registry, digest) = filled(&layer).await;
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(digest.hex()), vec![0; MIB]).unwrap();
    for fetched in [2, 0] {
        registry.simulator.clear_journal();
        pull(&registry, Target::layout(folder.path())).await.unwrap();
        check(folder.path());
        assert_eq!(registry.count("GET", "/blobs/"), fetched);
    }
}

#[tokio::test]
async fn what_a_killed_pull_left_is_resumed_if_it_is_right_and_gone_in_any_case() {
    let layer = bytes(1, 4 * MIB);
    let other = Digest::of(b"of another image").hex().to_owned();
    for (left, fetched) in [
        (layer[..3 * MIB].to_vec(), MIB),
        (vec![7; 3 * MIB], MIB + 4 * MIB),
        (layer.clone(), 0),
        (vec![7; 4 * MIB], 4 * MIB),
        (vec![7; 5 * MIB], 4 * MIB),
    ] {
        let (registry, digest) = filled(&layer).await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(format!(".partial-{}", digest.hex())), &left).unwrap();
        std::fs::write(blobs.join(format!(".partial-{other}")), "left").unwrap();
        std::fs::write(folder.path().join(".partial-abc123"), "left").unwrap();
        let seen = std::sync::Arc::new(std::sync::Mutex::new(0));
        let sum = seen.clone();
        let (builder, _) = client();
        let client = builder.observer(std::sync::Arc::new(move |event| {
            if let mlspace_registry_transfer::Event::Finished { blob: 0, bytes, .. } = event {
                *sum.lock().unwrap() += bytes;
            }
        }));
        let to = Target::layout(folder.path());
        client.build().unwrap().pull([registry.name("app:v1")], to).send().await.unwrap();
        check(folder.path());
        assert_eq!(*seen.lock().unwrap(), fetched as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pulls_into_one_layout_at_once_all_succeed_and_lose_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let (source, into) = (folder.path().join("in"), folder.path().join("out"));
    let mut layout = layout();
    let shared = bytes(1, MIB);
    for n in 0..12 {
        let manifest = layout.manifest(&[shared.clone(), bytes(10 + n, 3000)]);
        layout.name(manifest, &format!("v{n}"));
    }
    let source = Source::open(layout.write(&source)).await.unwrap();
    let registry = Registry::start().await;
    let items = source.images().iter().enumerate();
    let items = items.map(|(n, image)| (image.clone(), registry.name(&format!("app:v{n}"))));
    assert!(client().0.build().unwrap().push(items).send().await.unwrap().is_complete());
    for round in 0..3 {
        let pulls = (0..12).map(|n| {
            let (client, name) = (client().0.build().unwrap(), registry.name(&format!("app:v{n}")));
            tokio::spawn(client.pull([name], Target::layout(&into)).send())
        });
        for pull in futures_util::future::join_all(pulls).await {
            pull.unwrap().unwrap();
        }
        assert_eq!(Source::open(&into).await.unwrap().images().len(), 12, "round {round}");
        check(&into);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pulls_of_one_client_into_one_layout_fetch_a_blob_once() {
    let (registry, _) = filled(&bytes(1, MIB)).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client().0.concurrency(2).build().unwrap();
    // Under another name it is the same folder.
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let pulls = (0..8).map(|n| {
        let into = folder.path().join(if n % 2 == 0 { "out" } else { "./out/../out" });
        tokio::spawn(client.pull([registry.name("app:v1")], Target::layout(into)).send())
    });
    for pull in futures_util::future::join_all(pulls).await {
        pull.unwrap().unwrap();
    }
    assert_eq!(registry.count("GET", "/blobs/"), 2);
    check(&folder.path().join("out"));
}

#[tokio::test]
async fn what_file_systems_put_into_folders_by_themselves_is_no_obstacle() {
    let (registry, _) = filled(&bytes(1, 100)).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    std::fs::write(folder.path().join(".DS_Store"), "").unwrap();
    pull(&registry, Target::layout(folder.path())).await.unwrap();
    // In a layout, nothing is an obstacle.
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    pull(&registry, Target::layout(folder.path())).await.unwrap();
    check(folder.path());
}

#[tokio::test]
async fn a_layout_whose_small_files_a_power_cut_has_emptied_is_mended_or_refused_before_anything_is_fetched()
{
    let (registry, _) = filled(&bytes(1, 100)).await;
    let folder = tempfile::tempdir().unwrap();
    pull(&registry, Target::layout(folder.path())).await.unwrap();
    std::fs::write(folder.path().join("oci-layout"), "").unwrap();
    pull(&registry, Target::layout(folder.path())).await.unwrap();
    assert_eq!(Source::open(folder.path()).await.unwrap().images().len(), 1);

    std::fs::write(folder.path().join("index.json"), "").unwrap();
    registry.simulator.clear_journal();
    let error = pull(&registry, Target::layout(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("index.json"), "{error}");
    assert_eq!(registry.count("GET", "/blobs/"), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn an_archive_is_written_through_links_and_pipes_and_replaces_neither() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    let (registry, _) = filled(&bytes(1, MIB)).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, link, pipe) =
        (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
    std::fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    assert!(Target::docker_archive(&link).check().unwrap());
    pull(&registry, Target::docker_archive(&link)).await.unwrap();
    assert!(link.is_symlink());
    assert_eq!(Source::open(&file).await.unwrap().images().len(), 1);

    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (from, reading) = (pipe.clone(), folder.path().join("read"));
    let into = reading.clone();
    let reader = std::thread::spawn(move || std::fs::write(into, std::fs::read(from).unwrap()).unwrap());
    assert!(!Target::docker_archive(&pipe).check().unwrap());
    pull(&registry, Target::docker_archive(&pipe)).await.unwrap();
    reader.join().unwrap();
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(Source::open(&reading).await.unwrap().images().len(), 1);

    let nowhere = folder.path().join("nowhere");
    symlink(folder.path().join("missing"), &nowhere).unwrap();
    let error = pull(&registry, Target::docker_archive(&nowhere)).await.unwrap_err();
    assert!(matches!(error, Error::Source { .. }) && nowhere.is_symlink(), "{error}");
}

#[tokio::test]
async fn what_a_killed_pull_left_beside_an_archive_goes_and_other_files_stay() {
    let (registry, _) = filled(&bytes(1, 1000)).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(folder.path().join(name), "left").unwrap();
    write(".partial-a.tar-x1y2z3");
    write(".partial-b.tar-x1y2z3");
    pull(&registry, Target::docker_archive(folder.path().join("a.tar"))).await.unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".partial-b.tar-x1y2z3", "a.tar"]);
}

#[tokio::test]
async fn a_compressed_archive_is_one_and_holds_the_same() {
    let (registry, _) = filled(&bytes(1, MIB)).await;
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("a.tar");
    pull(&registry, Target::docker_archive(&plain)).await.unwrap();
    for how in [Compression::Gzip, Compression::Zstd] {
        let path = folder.path().join("a.tar.x");
        pull(&registry, Target::docker_archive(&path).compressed(how)).await.unwrap();
        let packed = std::fs::read(&path).unwrap();
        let mut unpacked = Vec::new();
        match how {
            Compression::Gzip => {
                std::io::copy(&mut flate2::read::MultiGzDecoder::new(&packed[..]), &mut unpacked).map(drop)
            }
            _ => zstd::stream::copy_decode(&packed[..], &mut unpacked),
        }
        .unwrap();
        assert!(unpacked == std::fs::read(&plain).unwrap(), "{how:?}");
    }
}

/// An image with a layer that is kept elsewhere, too.
fn with_urls(folder: &Path, layer: &[u8], is_there: bool) -> std::path::PathBuf {
    let mut layout = layout();
    let described = layout.manifest(&[layer.to_vec()]);
    let name = |digest: &str| format!("blobs/sha256/{}", &digest[7..]);
    let manifest = layout.files.remove(&name(described["digest"].as_str().unwrap())).unwrap();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"][0]["urls"] = json!(["https://example.invalid/layer"]);
    let bytes = manifest.to_string().into_bytes();
    let entry = json!({"mediaType": manifest["mediaType"], "digest": layout.blob(&bytes).as_str(), "size": bytes.len()});
    if !is_there {
        layout.files.remove(&name(Digest::of(layer).as_str()));
    }
    layout.name(entry, "v1");
    layout.write(folder)
}

#[tokio::test]
async fn a_layer_that_is_kept_elsewhere_comes_from_the_registry_if_it_is_there_and_is_told_of_if_not() {
    let layer = bytes(1, 1000);
    for is_there in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::start().await;
        let client = client().0.build().unwrap();
        let source = with_urls(&folder.path().join("in"), &layer, is_there);
        push(&client, &source, &registry.name("app:v1")).await;
        let into = folder.path().join("out");
        let report = client.pull([registry.name("app:v1")], Target::layout(&into)).send().await.unwrap();
        let foreign = if is_there { vec![] } else { vec![Digest::of(&layer)] };
        assert_eq!(report.images[0].foreign, foreign);
        assert_eq!(into.join("blobs/sha256").join(Digest::of(&layer).hex()).exists(), is_there);
        // What `docker load` could not load is not written.
        let archive = folder.path().join("out.tar");
        let result = pull(&registry, Target::docker_archive(&archive)).await;
        assert_eq!((result.is_ok(), archive.exists()), (is_there, is_there));
        pull(&registry, Target::layout_archive(&archive)).await.unwrap();
    }
}

#[tokio::test]
async fn an_artifact_becomes_no_archive_that_nothing_can_load() {
    let mut layout = layout();
    let empty = layout.blob(b"{}");
    let weights = layout.blob(b"weights");
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "application/vnd.model",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty.as_str(), "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": weights.as_str(), "size": 7}]});
    let bytes = manifest.to_string().into_bytes();
    let entry = json!({"mediaType": manifest["mediaType"], "digest": layout.blob(&bytes).as_str(), "size": bytes.len()});
    layout.name(entry, "v1");
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let source = layout.write(&folder.path().join("in"));
    push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    let error = pull(&registry, Target::docker_archive(folder.path().join("x.tar"))).await.unwrap_err();
    assert!(error.to_string().contains("OCI archive"), "{error}");
    pull(&registry, Target::layout_archive(folder.path().join("x.tar"))).await.unwrap();
}

#[tokio::test]
async fn a_single_image_for_another_platform_is_refused_unless_any_will_do() {
    let (registry, _) = filled(&bytes(1, 100)).await;
    let folder = tempfile::tempdir().unwrap();
    let client = client().0.build().unwrap();
    let pull = || client.pull([registry.name("app:v1")], Target::layout(folder.path().join("out")));
    let error = pull().platform("arm64").send().await.unwrap_err();
    assert!(error.to_string().contains("linux/amd64, not for linux/arm64"), "{error}");
    pull().platform("linux/x86_64").send().await.unwrap();
    pull().platform("arm64").any_platform().send().await.unwrap();
    assert!(matches!(pull().platform("amd65").send().await.unwrap_err(), Error::Invalid(_)));
}

#[tokio::test]
async fn a_pull_that_fails_leaves_the_folder_usable() {
    let (registry, _) = filled(&bytes(1, MIB)).await;
    let folder = tempfile::tempdir().unwrap();
    registry.fault("oci_blob_get", Fault::status(503));
    pull(&registry, Target::layout(folder.path())).await.unwrap_err();
    registry.simulator.clear_faults();
    pull(&registry, Target::layout(folder.path())).await.unwrap();
    check(folder.path());
}
