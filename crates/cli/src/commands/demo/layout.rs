//! A small image, written as an OCI layout.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The text of the image's only file.
const CONTENT: &[u8] = b"Pushed by mlcr demo.\n";

/// Writes an image of one layer into an empty folder, and answers the digest of its manifest.
pub(super) fn write(folder: &Path) -> io::Result<String> {
    let blobs = folder.join("blobs").join("sha256");
    std::fs::create_dir_all(&blobs)?;
    let put = |bytes: &[u8], media_type: &str| -> io::Result<Value> {
        let hex = Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a text does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        std::fs::write(blobs.join(&hex), bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() }))
    };
    let layer = put(&layer()?, "application/vnd.oci.image.layer.v1.tar")?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Labels": { "made-by": "mlcr demo" } },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json")?;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
    let manifest = put(manifest.to_string().as_bytes(), media_type)?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(folder.join("index.json"), index.to_string())?;
    std::fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    Ok(digest)
}

fn layer() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(CONTENT.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "hello.txt", CONTENT)?;
    tar.into_inner()
}

/// Compares two layouts: true if they have the same blobs, byte for byte.
pub(super) fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut here, mut there) = (blobs(one)?, blobs(other)?);
    here.sort();
    there.sort();
    Ok(here == there)
}

fn blobs(folder: &Path) -> io::Result<Vec<(std::ffi::OsString, Vec<u8>)>> {
    let entries = std::fs::read_dir(folder.join("blobs").join("sha256"))?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), std::fs::read(entry.path())?))
        })
        .collect()
}
