//! Real clients. Where one is missing, its test says so and is skipped; with `CI=true` that is a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use mlspace_registry_simulator::{Seed, Simulator};
use serde_json::{Value, json};

use super::client::{CONFIG, LAYER, MANIFEST, descriptor, sha256};

/// Whether the tool runs here.
fn there_is(tool: &str) -> bool {
    let runs =
        std::process::Command::new(tool).arg("--version").output().is_ok_and(|out| out.status.success());
    assert!(runs || std::env::var("CI").as_deref() != Ok("true"), "{tool} is missing");
    if !runs {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    runs
}

/// A simulator, a folder, and a file with the credentials for it.
struct Setting {
    simulator: Simulator,
    folder: tempfile::TempDir,
}

impl Setting {
    async fn new(auth: &str) -> Self {
        let quirk = format!("registry-auth={auth}").parse().unwrap();
        let simulator = Simulator::builder().seed(Seed::Empty).quirk(quirk).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let password = simulator.rotate_registry_password();
        let pair = format!("{}:{}", simulator.personal_email(), password.expose());
        let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let file = json!({ "auths": { simulator.registry_address(): { "auth": auth } } });
        std::fs::write(folder.path().join("auth.json"), file.to_string()).unwrap();
        Self { simulator, folder }
    }

    async fn try_run(&self, tool: &str, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(tool);
        command.args(arguments).env("REGISTRY_AUTH_FILE", self.path("auth.json")).kill_on_drop(true);
        command.output().await.unwrap()
    }

    async fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let output = self.try_run(tool, arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn image(&self, name: &str) -> String {
        format!("docker://{}/{}/{name}", self.simulator.registry_address(), self.simulator.registry().id)
    }
}

/// A tar archive with one file of that many bytes.
fn layer(name: &str, length: usize) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    let mut put = |at: usize, text: String| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name.to_owned());
    put(
        100,
        "0000644\0".to_owned() + "0000000\0" + "0000000\0" + &format!("{length:011o}\0") + "00000000000\0",
    );
    put(148, " ".repeat(8));
    put(156, "0".to_owned());
    put(257, "ustar\x0000".to_owned());
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let contents = (0..length).map(|at| (at * 7 % 251) as u8);
    header.extend(contents);
    header.resize(header.len().next_multiple_of(512) + 1024, 0);
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes an OCI layout with one image and returns the digest of its manifest.
fn write_layout(folder: &Path) -> String {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let write = |bytes: &[u8]| std::fs::write(blobs.join(&sha256(bytes)["sha256:".len()..]), bytes).unwrap();
    let plain = [layer("one", 5_000_000), layer("two", 100)];
    // A layer that is not compressed would be compressed on the way, and change the digest.
    let layers = plain.each_ref().map(|layer| gzip(layer));
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": { "Cmd": ["/one"] },
        "rootfs": { "type": "layers", "diff_ids": plain.iter().map(|layer| sha256(layer)).collect::<Vec<_>>() },
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config.to_string().as_bytes()),
        "layers": layers.iter().map(|layer| descriptor(LAYER, layer)).collect::<Vec<_>>(),
    });
    layers.iter().for_each(|layer| write(layer));
    write(config.to_string().as_bytes());
    write(manifest.to_string().as_bytes());
    let mut entry = descriptor(MANIFEST, manifest.to_string().as_bytes());
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
    std::fs::write(
        folder.join("index.json"),
        json!({ "schemaVersion": 2, "manifests": [entry] }).to_string(),
    )
    .unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    sha256(manifest.to_string().as_bytes())
}

#[tokio::test]
async fn skopeo_pushes_a_layout_and_pulls_it_back() {
    if !there_is("skopeo") {
        return;
    }
    for auth in ["bearer", "basic"] {
        let setting = Setting::new(auth).await;
        let digest = write_layout(&setting.path("layout"));
        let (source, back) = (setting.path("layout"), setting.path("back"));
        let source = format!("oci:{}:v1", source.display());
        let image = setting.image("team/app:v1");
        setting.run("skopeo", &["copy", "--dest-tls-verify=false", &source, &image]).await;
        let shown = &setting.simulator.repositories()[0];
        let shown = &setting.simulator.images(shown.id)[0];
        assert_eq!((shown.digest.as_str(), shown.tags[0].name.as_str()), (digest.as_str(), "v1"));
        assert_eq!(shown.extra_attrs["config"]["Cmd"], json!(["/one"]));
        assert!(shown.size > 1_000 && shown.pull_time.is_none());
        let raw = setting.run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]).await;
        assert_eq!(sha256(raw.as_bytes()), digest);
        let target = format!("oci:{}:v1", back.display());
        setting.run("skopeo", &["copy", "--src-tls-verify=false", &image, &target]).await;
        let index: Value = serde_json::from_slice(&std::fs::read(back.join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"][0]["digest"], digest);
        let repository = setting.simulator.repositories()[0].id;
        assert!(setting.simulator.images(repository)[0].pull_time.is_some());

        setting.simulator.rotate_registry_password();
        let refused = setting.try_run("skopeo", &["inspect", "--tls-verify=false", &image]).await;
        assert!(!refused.status.success(), "the old password is dead");
    }
}

#[tokio::test]
async fn skopeo_pushes_a_docker_archive_mounts_and_deletes() {
    if !there_is("skopeo") {
        return;
    }
    let setting = Setting::new("bearer").await;
    write_layout(&setting.path("layout"));
    let (layout, archive) = (setting.path("layout"), setting.path("archive.tar"));
    let layout = format!("oci:{}:v1", layout.display());
    let archive = format!("docker-archive:{}", archive.display());
    setting.run("skopeo", &["copy", &layout, &format!("{archive}:team/app:v1")]).await;
    let image = setting.image("team/archive:v1");
    setting.run("skopeo", &["copy", "--dest-tls-verify=false", &archive, &image]).await;
    let repository = setting.simulator.repositories()[0].id;
    let pushed = setting.simulator.images(repository)[0].clone();
    let raw = setting.run("skopeo", &["inspect", "--raw", "--tls-verify=false", &image]).await;
    assert_eq!(sha256(raw.as_bytes()), pushed.digest);
    let listed =
        setting.run("skopeo", &["list-tags", "--tls-verify=false", &setting.image("team/archive")]).await;
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap()["Tags"], json!(["v1"]));

    // A copy within the registry mounts the layers; only the configuration is sent.
    setting.simulator.clear_journal();
    let copy = setting.image("team/copy:v1");
    let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    setting.run("skopeo", &["copy", tls[0], tls[1], &image, &copy]).await;
    assert_eq!(setting.simulator.requests("oci_upload_patch"), 1);
    let is_mount = |query: &[(String, String)]| query.iter().any(|(name, _)| name == "mount");
    let mounts = setting.simulator.journal();
    let mounts = mounts.iter().filter(|one| is_mount(&one.query) && one.status == Some(201));
    assert_eq!(mounts.count(), 2);
    assert_eq!(setting.simulator.repositories().len(), 2);
    let copied = setting.simulator.repositories()[1].id;
    assert_eq!(setting.simulator.images(copied)[0].digest, pushed.digest);

    setting.run("skopeo", &["delete", "--tls-verify=false", &copy]).await;
    assert!(setting.simulator.images(copied).is_empty());
}

#[tokio::test]
async fn podman_logs_in_pushes_and_pulls() {
    if !there_is("podman") {
        return;
    }
    let setting = Setting::new("bearer").await;
    std::fs::write(setting.path("layer.tar"), layer("one", 5_000_000)).unwrap();
    let folder = |name: &str| setting.path(name).display().to_string();
    let (root, run) = (folder("root"), folder("run"));
    let podman = async |arguments: &[&str]| {
        let own =
            ["--root", &root, "--runroot", &run, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"];
        setting.run("podman", &[&own, arguments].concat()).await
    };
    std::fs::remove_file(setting.path("auth.json")).unwrap();
    let (email, password) =
        (setting.simulator.personal_email(), setting.simulator.registry_password().unwrap());
    let address = setting.simulator.registry_address();
    podman(&["login", "--tls-verify=false", "-u", email, "-p", password.expose(), address]).await;
    let id = podman(&["import", "-q", "--change", r#"CMD ["/one"]"#, &folder("layer.tar")]).await;
    let image = format!("{address}/{}/team/app:v1", setting.simulator.registry().id);
    podman(&["push", "--tls-verify=false", id.trim(), &image]).await;
    let repository = setting.simulator.repositories()[0].clone();
    assert_eq!(repository.name, "team/app");
    let pushed = setting.simulator.images(repository.id)[0].clone();
    assert_eq!(pushed.extra_attrs["config"]["Cmd"], json!(["/one"]));
    podman(&["rmi", "-a", "-f"]).await;
    let pulled = podman(&["pull", "-q", "--tls-verify=false", &image]).await;
    assert!(id.contains(pulled.trim()), "{pulled} is not {id}");
    assert!(setting.simulator.images(repository.id)[0].pull_time.is_some());
}
