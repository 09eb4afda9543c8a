//! Images to push, and somebody who may.

use std::path::Path;

use base64::Engine as _;
use mlspace_registry::Secret;
use mlspace_registry_simulator::Simulator;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Done, Mlcr};

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Checks who may read a file. Systems other than Unix say that in other ways, and are not asked.
pub(crate) fn assert_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let found = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{} has mode {found:o}", path.display());
    }
    #[cfg(not(unix))]
    assert!(path.exists() && mode != 0);
}

/// Writes an OCI layout with one image of a layer with this content, and answers the manifest's digest.
pub(crate) fn layout(folder: &Path, content: &[u8]) -> String {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest(bytes);
        std::fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
        (digest, bytes.len())
    };
    // A tar file with one member, so that real tools can unpack it.
    let mut tar = vec![0_u8; 512];
    tar[..5].copy_from_slice(b"hello");
    tar[100..108].copy_from_slice(b"0000644\0");
    let size = format!("{:011o}\0", content.len());
    tar[124..136].copy_from_slice(size.as_bytes());
    tar[136..148].copy_from_slice(b"00000000000\0");
    tar[148..156].fill(b' ');
    tar[156] = b'0';
    tar[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = tar.iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let (layer, layer_size) = put(&tar);
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    });
    let (config, config_size) = put(config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size,
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": layer_size,
        }],
    });
    let (manifest, manifest_size) = put(manifest.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest, "size": manifest_size,
        }],
    });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    manifest
}

/// Somebody whose registry password is stored, with a home of their own.
pub(crate) struct Person {
    pub(crate) home: tempfile::TempDir,
    pub(crate) password: Secret,
}

impl Person {
    pub(crate) async fn new(simulator: &Simulator) -> Self {
        let home = tempfile::tempdir().unwrap();
        let done = Self::at(simulator, home.path()).run("password rotate --yes").await;
        assert_eq!(done.code, 0, "{done}");
        Self { home, password: simulator.registry_password().unwrap() }
    }

    pub(crate) fn at(simulator: &Simulator, home: &Path) -> Mlcr {
        Mlcr::at(simulator).of_person(simulator).variable("HOME", home.to_str().unwrap())
    }

    pub(crate) fn mlcr(&self, simulator: &Simulator) -> Mlcr {
        Self::at(simulator, self.home.path())
    }

    pub(crate) async fn run(&self, simulator: &Simulator, line: &str) -> Done {
        self.mlcr(simulator).run(line).await
    }
}

/// What differs from run to run, by what it stands for.
pub(crate) fn shown(done: &Done, home: &Path) -> String {
    done.to_string().replace(home.to_str().unwrap(), "[home]")
}

pub(crate) fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}
