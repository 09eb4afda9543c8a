//! Debian's `docker-registry` as the server and `skopeo` as the other client. Where one of them is not
//! installed these tests say so and do nothing; with `CI=true` that is a failure.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mlspace_registry_transfer::{Digest, Reference, Target};

use crate::fixture::{bytes, client, docker_archive, image, plain_layer, push};

const MIB: usize = 1024 * 1024;

/// A registry process, which ends with the test.
struct DockerRegistry {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl DockerRegistry {
    fn name(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.address).parse().unwrap()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_there(tool: &str) -> bool {
    let found =
        Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "`{tool}` is not installed");
        eprintln!("skipped: `{tool}` is not installed");
    }
    found
}

/// Starts the registry on a port of its choice, which it writes in its log.
fn start() -> Option<DockerRegistry> {
    if !is_there("docker-registry") || !is_there("skopeo") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("config.yml");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
        folder.path().join("storage").display()
    );
    std::fs::write(&configuration, text).unwrap();
    let mut process = Command::new("docker-registry")
        .arg("serve")
        .arg(&configuration)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let address = log
        .find_map(|line| line.unwrap().split_once("listening on ").map(|(_, rest)| rest.to_owned()))
        .expect("the registry did not start");
    let address = address.trim_end_matches(|c: char| !c.is_ascii_digit()).to_owned();
    let address =
        address.split(|c: char| c != ':' && c != '.' && !c.is_ascii_digit()).next().unwrap().to_owned();
    // Its log must be read, or it stops.
    std::thread::spawn(move || log.for_each(drop));
    Some(DockerRegistry { process, address, folder })
}

fn skopeo(arguments: &[&str]) {
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--all"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What skopeo wrote in its plainest form: `manifest.json` and the blobs, named by their digests.
fn read(folder: &Path) -> Digest {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.len() == 64 {
            assert_eq!(Digest::of(&std::fs::read(&path).unwrap()).hex(), name);
        }
    }
    Digest::of(&std::fs::read(folder.join("manifest.json")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_to_docker_registry_comes_back_through_skopeo_with_the_same_digests() {
    let Some(registry) = start() else { return };
    let client = client().0.build().unwrap();
    let folder = registry.folder.path();
    let layers = [bytes(1, 5 * MIB), bytes(2, 1000)];
    let plain = [plain_layer(3, 3 * MIB), plain_layer(4, 500)];
    let sources = [
        ("folder", image(&layers).write(&folder.join("in"))),
        ("tar", image(&layers).tar(&folder.join("in.tar"))),
        ("docker", docker_archive(&folder.join("docker.tar"), &plain)),
    ];
    for (name, source) in sources {
        let to = registry.name(&format!("{name}:v1"));
        let digest = push(&client, &source, &to).await;
        let back = folder.join(format!("back-{name}"));
        skopeo(&[&format!("docker://{to}"), &format!("dir:{}", back.display())]);
        assert_eq!(read(&back), digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_skopeo_pushed_is_copied_between_registries_and_within_one_and_skopeo_finds_it_the_same() {
    let (Some(from), Some(to)) = (start(), start()) else { return };
    let client = client().0.build().unwrap();
    let folder = from.folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let source = image(&[bytes(1, 5 * MIB), bytes(2, 1000)]).write(&folder.join("in"));
    skopeo(&[&format!("oci:{}:v1", source.display()), &format!("docker://{}", from.name("app:v1"))]);
    skopeo(&[&format!("docker://{}", from.name("app:v1")), &format!("dir:{}", path("theirs"))]);
    let theirs = read(Path::new(&path("theirs")));
    let targets = [from.name("other:v2"), to.name("app:v1"), to.name("team/app:v1")];
    let items = targets.clone().map(|target| (from.name("app:v1"), target));
    for copied in client.copy(items).send().await.unwrap().images {
        assert_eq!(copied.result.unwrap(), theirs);
    }
    for (n, target) in targets.iter().enumerate() {
        let back = path(&format!("back-{n}"));
        skopeo(&[&format!("docker://{target}"), &format!("dir:{back}")]);
        assert_eq!(read(Path::new(&back)), theirs);
    }
}

/// The configuration's digest, which is what docker calls the image's id.
fn image_id(folder: &Path) -> serde_json::Value {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["config"]["digest"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_skopeo_pushed_is_pulled_with_the_same_digests_and_read_again_by_skopeo() {
    let Some(registry) = start() else { return };
    let client = client().0.build().unwrap();
    let folder = registry.folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let layers = [plain_layer(1, 3 * MIB), plain_layer(2, 1000)];
    let docker = docker_archive(&folder.join("docker.tar"), &layers);
    let oci = image(&[bytes(1, 3 * MIB)]).write(&folder.join("oci"));
    let sources = [
        ("docker", format!("docker-archive:{}", docker.display())),
        ("oci", format!("oci:{}:v1", oci.display())),
    ];
    for (name, source) in sources {
        let to = registry.name(&format!("{name}:v1"));
        skopeo(&[&source, &format!("docker://{to}")]);
        skopeo(&[&format!("docker://{to}"), &format!("dir:{}", path("theirs"))]);
        let theirs = read(Path::new(&path("theirs")));
        let targets = [
            (format!("oci:{}:v1", path("layout")), Target::layout(path("layout"))),
            (format!("oci-archive:{}:v1", path("layout.tar")), Target::layout_archive(path("layout.tar"))),
            (
                format!("docker-archive:{}", path("docker-again.tar")),
                Target::docker_archive(path("docker-again.tar")),
            ),
        ];
        for (written, target) in targets {
            let report = client.pull([to.clone()], target).send().await.unwrap();
            assert_eq!(report.images[0].digest, theirs);
            // skopeo finds no manifest of docker's form in a layout.
            if written.starts_with("docker") == (name == "docker") {
                skopeo(&[&written, &format!("dir:{}", path("again"))]);
                assert_eq!(
                    image_id(Path::new(&path("again"))),
                    image_id(Path::new(&path("theirs"))),
                    "{written}"
                );
            }
        }
        std::fs::remove_dir_all(path("layout")).unwrap();
    }
}
