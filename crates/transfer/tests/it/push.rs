//! Pushing OCI layouts.

use mlspace_registry_simulator::Fault;
use mlspace_registry_transfer::{Digest, Error, Source};

use crate::fixture::{bytes, client, image, layout, push, try_push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_layout_arrives_byte_for_byte_and_a_second_push_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let layers = [bytes(1, 3 * MIB), bytes(2, 100), bytes(3, 0), bytes(4, 1)];
    let to = registry.name("team/app:v1");
    for (n, source) in
        [image(&layers).write(&folder.path().join("a")), image(&layers).tar(&folder.path().join("b"))]
            .iter()
            .enumerate()
    {
        let digest = push(&client, source, &to).await;
        if n == 1 {
            assert_eq!(registry.count("POST", ""), 0, "the second push began an upload");
        }
        let manifest = registry.get("team/app/manifests/v1").await.unwrap();
        assert!(manifest.ends_with(b" \n"), "the manifest was written anew");
        assert_eq!(Digest::of(&manifest), digest);
        for layer in &layers {
            assert!(registry.blob("team/app", &Digest::of(layer)).await.unwrap() == *layer);
        }
        registry.simulator.clear_journal();
    }
}

#[tokio::test]
async fn a_small_blob_takes_one_request_where_the_registry_can_and_is_tried_once_where_not() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 1000), bytes(2, 2000), bytes(3, 3000)]).write(folder.path());
    for (single_post, posts, puts) in [(true, 4, 1), (false, 4, 5)] {
        let quirk = if single_post { "single-post=on" } else { "single-post=off" };
        let registry = Registry::with(&[quirk]).await;
        let client = client().0.concurrency(1).build().unwrap();
        push(&client, &source, &registry.name("app:v1")).await;
        assert_eq!((registry.count("POST", ""), registry.count("PUT", "")), (posts, puts));
        assert_eq!(registry.count("POST", "digest="), if single_post { 4 } else { 1 });
    }
}

#[tokio::test]
async fn a_cut_connection_continues_at_the_registrys_offset() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, 8 * MIB);
    let source = image(std::slice::from_ref(&layer)).write(folder.path());
    let registry = Registry::start().await;
    registry.fault("oci_upload_put", Fault::cut_after(5 * MIB as u64).times(1));
    let (builder, clock) = client();
    push(&builder.build().unwrap(), &source, &registry.name("app:v1")).await;
    let received = registry.received();
    assert!(received < layer.len() + MIB / 2, "{received} bytes for a layer of {}", layer.len());
    assert_eq!(registry.count("PATCH", ""), 1);
    assert_eq!(clock.sleeps().len(), 1);
}

#[tokio::test]
async fn an_upload_that_the_registry_has_forgotten_is_begun_anew_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (large, small) = (bytes(1, 8 * MIB), bytes(2, MIB));
    let source = image(&[large.clone(), small.clone()]).write(folder.path());
    let registry = Registry::with(&["cut-chunk=upload-forgotten"]).await;
    registry.fault("oci_upload_put", Fault::cut_after(5 * MIB as u64).times(1));
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    let received = registry.received();
    assert!(received > large.len() + 3 * MIB && received < 2 * large.len() + small.len(), "{received}");
}

#[tokio::test]
async fn a_body_that_is_too_large_goes_out_in_chunks_and_the_size_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 5 * MIB), bytes(2, 5 * MIB)]).write(folder.path());
    let registry = Registry::with(&["max-upload-body=2097152"]).await;
    let client = client().0.concurrency(1).build().unwrap();
    push(&client, &source, &registry.name("app:v1")).await;
    // 1.25 MiB at a time, found by halving: 5, 2.5, 1.25.
    assert_eq!(registry.count("PATCH", ""), 8 + 1);
}

#[tokio::test]
async fn a_registry_without_chunks_gets_a_cut_blob_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 4 * MIB)]).write(folder.path());
    let registry = Registry::with(&["patch=off"]).await;
    registry.fault("oci_upload_put", Fault::cut_after(2 * MIB as u64).times(1));
    push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    assert_eq!(registry.tags(), ["v1"]);
}

#[tokio::test]
async fn a_registry_with_neither_large_bodies_nor_chunks_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 4 * MIB)]).write(folder.path());
    let registry = Registry::with(&["patch=off", "max-upload-body=1048576"]).await;
    let error = try_push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    let error = error.unwrap_err();
    assert!(matches!(error.status(), Some(405 | 413)), "{error}");
    assert_eq!(registry.tags(), [""; 0]);
}

#[tokio::test]
async fn a_blob_is_mounted_where_that_is_possible_and_sent_where_not() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    for no_mount in [false, true] {
        let registry = Registry::with(&[if no_mount { "mounts=never" } else { "mounts=named" }]).await;
        let client = client().0.build().unwrap();
        push(&client, &source, &registry.name("old:v1")).await;
        registry.simulator.clear_journal();
        let image = Source::open(&source).await.unwrap().images()[0].clone();
        let to = registry.name("new:v1");
        let report = client.push([(image, to)]).mount_from(["old".to_owned()]).send().await.unwrap();
        assert!(report.is_complete());
        assert_eq!(registry.count("POST", "mount="), 2);
        assert_eq!(registry.count("PUT", "/blobs/"), if no_mount { 2 } else { 0 });
        // The upload that came instead of the mount is used.
        assert_eq!(registry.count("POST", ""), 2);
    }
}

#[tokio::test]
async fn images_that_share_blobs_send_them_once_and_mount_them_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = layout();
    let shared = bytes(1, MIB);
    for n in 0..3 {
        let manifest = layout.manifest(&[shared.clone(), bytes(10 + n, 5000)]);
        layout.name(manifest, &format!("v{n}"));
    }
    let source = Source::open(layout.write(folder.path())).await.unwrap();
    let registry = Registry::start().await;
    let items = source
        .images()
        .iter()
        .enumerate()
        .map(|(n, image)| (image.clone(), registry.name(&format!("app{}:v{n}", n % 2))));
    let report = client().0.build().unwrap().push(items).send().await.unwrap();
    assert!(report.is_complete());
    let received = registry.received();
    assert!(received < MIB + 64 * 1024, "{received}");
    assert_eq!(registry.tags(), ["v0", "v1", "v2"]);
}

#[tokio::test]
async fn an_index_is_put_after_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = layout();
    let children = [layout.manifest(&[bytes(1, 100)]), layout.manifest(&[bytes(2, 100)])];
    let inner = layout.index(&children[..1]);
    let index = layout.index(&[children[1].clone(), inner]);
    layout.name(index.clone(), "v1");
    let registry = Registry::start().await;
    let to = registry.name("app:v1");
    // The registry refuses an index whose children it does not have.
    let digest = push(&client().0.build().unwrap(), &layout.write(folder.path()), &to).await;
    assert_eq!(digest.as_str(), index["digest"]);
    assert_eq!(registry.count("PUT", "/manifests/"), 4);
}

#[tokio::test]
async fn passing_failures_are_waited_out_and_a_retry_after_is_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    registry.fault("oci_blob_head", Fault::status(429).retry_after("7").times(1));
    registry.fault("oci_upload_start", Fault::status(503).times(1));
    registry.fault("oci_upload_put", Fault::status(500).times(1));
    registry.fault("oci_manifest_put", Fault::status(502).times(1));
    let (builder, clock) = client();
    push(&builder.concurrency(1).build().unwrap(), &source, &registry.name("app:v1")).await;
    let sleeps = clock.sleeps();
    assert_eq!(sleeps.len(), 4);
    assert!(sleeps[0].as_secs() == 7, "{sleeps:?}");
}

#[tokio::test]
async fn a_failure_that_stays_is_given_up_and_leaves_no_tag() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    registry.fault("oci_upload_put", Fault::status(503));
    let error = try_push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    let error = error.unwrap_err();
    assert!(matches!(*error, Error::Exhausted { attempts: 5, .. }), "{error:?}");
    assert_eq!(registry.tags(), [""; 0]);
}

#[tokio::test]
async fn a_manifest_whose_answers_got_lost_is_settled_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let lose = |operation: &str| registry.fault(operation, Fault::status(504).times(5));
    let to = registry.name("app:v1");

    lose("oci_manifest_put");
    let error = try_push(&client, &source, &to).await.unwrap_err();
    assert!(!error.is_outcome_unknown() && error.status() == Some(504), "{error:?}");

    lose("oci_manifest_put");
    lose("oci_manifest_get");
    let error = try_push(&client, &source, &to).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");

    let digest = push(&client, &source, &to).await;
    lose("oci_manifest_put");
    assert_eq!(push(&client, &source, &to).await, digest);
    // Another image under that name is another one.
    let other = image(&[bytes(2, 2 * MIB)]).write(&folder.path().join("other"));
    lose("oci_manifest_put");
    assert_eq!(try_push(&client, &other, &to).await.unwrap_err().status(), Some(504));
}

#[tokio::test]
async fn a_page_that_is_no_registrys_is_not_taken_for_a_yes() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let to = registry.name("app:v1");
    let page = || registry.fault("oci_manifest_put", Fault::html().times(1));
    page();
    let error = try_push(&client, &source, &to).await.unwrap_err();
    assert!(matches!(*error, Error::Protocol { .. }), "{error:?}");
    push(&client, &source, &to).await;
    // A registry that says 200 where it did put the manifest is believed after a look.
    page();
    push(&client, &source, &to).await;
}

#[tokio::test]
async fn one_bad_image_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = layout();
    let (good, bad) = (layout.manifest(&[bytes(1, 100)]), layout.manifest(&[bytes(2, 200)]));
    layout.name(good, "good");
    layout.name(bad, "bad");
    let path = layout.write(folder.path());
    let damaged = Digest::of(&bytes(2, 200));
    std::fs::write(path.join("blobs/sha256").join(damaged.hex()), bytes(3, 200)).unwrap();
    let registry = Registry::start().await;
    let source = Source::open(path).await.unwrap();
    for verify in [false, true] {
        let items = ["good", "bad"]
            .map(|name| (source.image(Some(name)).unwrap().clone(), registry.name(&format!("app:{name}"))));
        let report = client().0.build().unwrap().push(items).verify(verify).send().await.unwrap();
        assert!(report.images[0].result.is_ok());
        let error = report.images[1].result.as_ref().unwrap_err();
        // Without `verify` it is the registry that notices.
        match verify {
            true => assert!(matches!(**error, Error::Digest { .. }), "{error}"),
            false => assert_eq!(error.registry().unwrap().code.as_deref(), Some("DIGEST_INVALID")),
        }
        assert_eq!(registry.tags(), ["good"]);
    }
}

#[tokio::test]
async fn a_registry_that_takes_chunks_and_gets_no_further_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 4 * MIB)]).write(folder.path());
    let registry = Registry::with(&["max-upload-body=2097152"]).await;
    let stuck = Fault::status(202).header("location", "/v2/app/blobs/uploads/x").header("range", "0-0");
    registry.fault("oci_upload_patch", stuck);
    let error = try_push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    assert!(matches!(*error.unwrap_err(), Error::Protocol { .. }));
    assert_eq!(registry.tags(), [""; 0]);
}

#[tokio::test]
async fn a_registry_that_stored_something_else_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    let wrong = Digest::of(b"something else").to_string();
    registry.fault("oci_upload_put", Fault::status(201).header("docker-content-digest", wrong).times(1));
    let error = try_push(&client().0.build().unwrap(), &source, &registry.name("app:v1")).await;
    assert!(matches!(*error.unwrap_err(), Error::Digest { .. }));
    assert_eq!(registry.tags(), [""; 0]);
}

#[tokio::test]
async fn a_push_that_is_dropped_leaves_no_tag() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, 8 * MIB), bytes(2, 100)]).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let image = Source::open(&source).await.unwrap().images()[0].clone();
    let mut push = Box::pin(client.push([(image, registry.name("app:v1"))]).send());
    // Until the first bytes have come.
    loop {
        tokio::select! {
            _ = &mut push => panic!("it was not to end"),
            () = tokio::task::yield_now() => {}
        }
        if registry.count("PUT", "/blobs/") > 0 {
            break;
        }
    }
    drop(push);
    assert_eq!(registry.count("PUT", "/manifests/"), 0);
    assert_eq!(registry.tags(), [""; 0]);
}

#[tokio::test]
async fn calls_at_once_of_one_client_send_a_blob_once() {
    let folder = tempfile::tempdir().unwrap();
    let layer = bytes(1, 4 * MIB);
    let layout = image(std::slice::from_ref(&layer)).write(&folder.path().join("layout"));
    let archive = crate::fixture::docker_archive(
        &folder.path().join("a.tar"),
        &[crate::fixture::plain_layer(1, 4 * MIB)],
    );
    for source in [layout, archive] {
        let registry = Registry::start().await;
        let client = client().0.build().unwrap();
        let pushes = (0..8).map(|n| {
            let (client, source) = (client.clone(), source.clone());
            let to = registry.name(&format!("app{}:v{n}", n % 2));
            async move { push(&client, &source, &to).await }
        });
        futures_util::future::join_all(pushes).await;
        assert_eq!(registry.tags().len(), 8);
        let received = registry.received();
        assert!(received < 4 * MIB + MIB / 2, "{received}");
        // The other repository takes it over.
        assert_eq!(registry.count("POST", "mount="), 2);
    }
}

#[tokio::test]
async fn calls_at_once_of_one_client_share_its_concurrency() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    registry.fault("oci_blob_head", Fault::hang());
    let client = client().0.concurrency(3).build().unwrap();
    let pushes = (0..4).map(|n| {
        let source = image(&[bytes(n, 100), bytes(10 + n, 200)]).write(&folder.path().join(n.to_string()));
        let (client, to) = (client.clone(), registry.name(&format!("app:v{n}")));
        async move { push(&client, &source, &to).await }
    });
    let looked = async {
        while registry.simulator.requests("oci_blob_head") < 3 {
            tokio::task::yield_now().await;
        }
        // Long enough for a fourth to come, if it could.
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = futures_util::future::join_all(pushes) => panic!("they were not to end"),
        () = looked => {}
    }
    assert_eq!(registry.simulator.requests("oci_blob_head"), 3);
}

#[tokio::test]
async fn a_blob_that_any_repository_of_the_call_has_is_taken_over_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let source = image(&[bytes(1, MIB)]).write(folder.path());
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    push(&client, &source, &registry.name("last:v1")).await;
    registry.simulator.clear_journal();
    let image = Source::open(&source).await.unwrap().images()[0].clone();
    let items = ["first:v1", "last:v1"].map(|to| (image.clone(), registry.name(to)));
    assert!(client.push(items).send().await.unwrap().is_complete());
    assert_eq!((registry.count("POST", "mount="), registry.count("PUT", "/blobs/")), (2, 0));
    assert_eq!(registry.count("HEAD", "/blobs/"), 4);
}
