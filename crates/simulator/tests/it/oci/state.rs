//! Where the files are, and that nothing else can be reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlspace_registry_simulator::{Seed, Simulator, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Client, bytes, sha256};

/// All files below a folder with their contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

async fn start(folder: &Path) -> Result<Simulator, StartError> {
    let open = "registry-auth=open".parse().unwrap();
    Simulator::builder().seed(Seed::Empty).quirk(open).state_dir(folder).start().await
}

#[tokio::test]
async fn blobs_stay_in_the_folder_and_nothing_unfinished_does() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = start(folder.path()).await.unwrap();
    let client = Client::new(&simulator);
    let blob = bytes(1, 1000);
    let digest = client.push_blob("a", &blob).await;
    let location = client.start("a").await;
    client.with_body("PATCH", &location, &bytes(2, 1000)).await.is(202);
    assert!(matches!(start(folder.path()).await, Err(StartError::State { .. })), "one simulator at a time");
    simulator.stop().await;
    let mut left = files(folder.path());
    left.remove(&folder.path().join("lock"));
    assert!(left.remove(&folder.path().join("state.json")).is_some());
    let hex = digest.strip_prefix("sha256:").unwrap();
    assert_eq!(left, BTreeMap::from([(folder.path().join("blobs/sha256").join(hex), blob.clone())]));

    // A later run has it.
    let simulator = start(folder.path()).await.unwrap();
    let client = Client::new(&simulator);
    assert_eq!(client.call("GET", &format!("/v2/a/blobs/{digest}")).await.is(200).body, blob);
}

#[tokio::test]
async fn the_last_delete_of_a_blob_frees_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = start(folder.path()).await.unwrap();
    let client = Client::new(&simulator);
    let digest = client.push_blob("a", b"some").await;
    client.push_blob("b", b"some").await;
    let blobs = || files(&folder.path().join("blobs")).len();
    client.call("DELETE", &format!("/v2/a/blobs/{digest}")).await.is(202);
    assert_eq!(blobs(), 1);
    client.call("DELETE", &format!("/v2/b/blobs/{digest}")).await.is(202);
    assert_eq!(blobs(), 0);
}

/// Sends a request as it is written here; clients would tidy up the path.
async fn raw(simulator: &Simulator, method: &str, path: &str, body: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(simulator.registry_address()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn nothing_outside_the_folder_can_be_written_or_read() {
    let around = tempfile::tempdir().unwrap();
    let secret = around.path().join("secret");
    std::fs::write(&secret, "do not read").unwrap();
    let folder = around.path().join("state");
    let simulator = start(&folder).await.unwrap();
    let before = files(around.path());
    let climb =
        ["..", "..%2F..", "%2e%2e", "%2E%2E%2F%2E%2E", "..%5C..", ".", "", "%00", "a%00b", "%2F", "%2Fetc"];
    let secret = secret.to_str().unwrap();
    let encoded = secret.replace('/', "%2F");
    let digest = sha256(b"x");
    for step in climb.iter().copied().chain([secret, encoded.as_str()]) {
        for (method, path) in [
            ("GET", format!("/v2/{step}/blobs/{digest}")),
            ("GET", format!("/v2/a/{step}/b/blobs/{digest}")),
            ("GET", format!("/v2/a/blobs/{step}")),
            ("GET", format!("/v2/a/blobs/sha256:{step}")),
            ("GET", format!("/v2/a/manifests/{step}")),
            ("PUT", format!("/v2/{step}/manifests/v1")),
            ("PUT", format!("/v2/a/manifests/{step}")),
            ("DELETE", format!("/v2/a/blobs/{step}")),
            ("POST", format!("/v2/{step}/blobs/uploads/?digest={digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?digest={step}")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={step}&from=a")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={digest}&from={step}")),
            ("PATCH", format!("/v2/a/blobs/uploads/{step}x")),
            ("PUT", format!("/v2/a/blobs/uploads/{step}x?digest={digest}")),
            ("GET", format!("/v2/a/referrers/{step}")),
            ("GET", format!("/v2/{step}/tags/list")),
        ] {
            let answer = raw(&simulator, method, &path, "x").await;
            let status: u16 = answer[9..12].parse().unwrap();
            // An empty `from` is none, an empty digest in POST begins no upload, other paths are no endpoints.
            let harmless = path.ends_with("from=") && status == 202;
            assert!((400..500).contains(&status) || harmless, "{method} {path}: {answer}");
            assert!(!answer.contains("do not read"), "{method} {path}: {answer}");
        }
    }
    // The only uploads are those of the harmless mounts.
    let changed: Vec<_> =
        files(around.path()).into_iter().filter(|one| before.get(&one.0) != Some(&one.1)).collect();
    let inside = |path: &Path| {
        path.strip_prefix(&folder).is_ok_and(|path| path.to_str().unwrap().starts_with("uploads-"))
    };
    assert!(changed.iter().all(|(path, bytes)| inside(path) && bytes.is_empty()), "{changed:?}");
    assert_eq!(
        before.len() - files(around.path()).keys().filter(|path| before.contains_key(*path)).count(),
        0
    );
}
