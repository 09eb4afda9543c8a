//! Sources that are damaged or mean harm.

use mlspace_registry_transfer::Error;

use crate::fixture::{bytes, client, docker_archive, image, plain_layer, tar, try_push};
use crate::registry::Registry;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn damaged_and_hostile_layouts_are_refused_before_anything_is_sent() {
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let to = registry.name("app:v1");
    let layer = bytes(1, 1000);
    let name = |bytes: &[u8]| format!("blobs/sha256/{}", mlspace_registry_transfer::Digest::of(bytes).hex());
    let with = |change: &dyn Fn(&std::path::Path)| {
        let folder = tempfile::tempdir().unwrap();
        image(std::slice::from_ref(&layer)).write(folder.path());
        change(folder.path());
        folder
    };
    let cases = [
        ("missing", with(&|path| std::fs::remove_file(path.join(name(&layer))).unwrap())),
        ("short", with(&|path| std::fs::write(path.join(name(&layer)), &layer[..999]).unwrap())),
        ("long index", with(&|path| std::fs::write(path.join("index.json"), vec![b' '; 100 * MIB]).unwrap())),
        ("no json", with(&|path| std::fs::write(path.join("index.json"), "{").unwrap())),
        ("no layout", with(&|path| std::fs::remove_file(path.join("oci-layout")).unwrap())),
        #[cfg(unix)]
        (
            "link",
            with(&|path| {
                let blob = path.join(name(&layer));
                std::fs::remove_file(&blob).unwrap();
                std::os::unix::fs::symlink("/etc/hostname", blob).unwrap();
            }),
        ),
    ];
    for (what, folder) in &cases {
        let error = try_push(&client, folder.path(), &to).await.expect_err(what);
        assert!(matches!(*error, Error::Source { .. }), "{what}: {error:?}");
    }
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn damaged_and_hostile_docker_archives_are_refused_before_anything_is_sent() {
    let registry = Registry::start().await;
    let client = client().0.build().unwrap();
    let to = registry.name("app:v1");
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(docker_archive(&folder.path().join("good"), &[plain_layer(1, MIB)])).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let with = |name: &str, manifest: &str| {
        let files = [("manifest.json", manifest), ("config.json", "{}"), ("layer.tar", "x")];
        tar(&folder.path().join(name), files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())))
    };
    let outside = r#"[{"Config":"../../etc/passwd","RepoTags":null,"Layers":[]}]"#;
    let absolute = r#"[{"Config":"config.json","RepoTags":null,"Layers":["/etc/passwd"]}]"#;
    let unlike = r#"[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]"#;
    let cases = [
        ("cut off", write("cut", &good[..good.len() / 2])),
        ("compressed", write("gzip", &[&[0x1f, 0x8b, 8, 0][..], &[0; 1000]].concat())),
        ("empty", write("empty", b"")),
        ("text", write("text", &[b'x'; 5000])),
        ("leads out", with("outside", outside)),
        ("absolute", with("absolute", absolute)),
        ("other layers than the configuration", with("unlike", unlike)),
        ("long manifest", with("long", &" ".repeat(100 * MIB))),
        ("deep manifest", with("deep", &"[".repeat(MIB))),
    ];
    for (what, path) in &cases {
        let error = try_push(&client, path, &to).await.expect_err(what);
        assert!(matches!(*error, Error::Source { .. }), "{what}: {error:?}");
    }
    assert!(registry.requests().is_empty());
}
