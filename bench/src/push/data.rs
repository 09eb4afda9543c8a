//! The images that are moved.

use std::fs;
use std::path::{Path, PathBuf};

use mlspace_registry_transfer::Digest;
use serde_json::json;

/// Always the same bytes for the same seed; they do not compress, as compressed layers do not.
fn dense(seed: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

pub(crate) fn write_layout(folder: &Path, images: &[(String, Vec<(u64, u64)>)]) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.as_str(), "size": bytes.len()})
    };
    let layer =
        |&(seed, size): &(u64, u64)| blob("application/vnd.oci.image.layer.v1.tar+gzip", &dense(seed, size));
    let entry = |(name, layers): &(String, Vec<(u64, u64)>)| {
        let config = json!({"architecture": "amd64", "os": "linux", "author": name, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let layers: Vec<_> = layers.iter().map(layer).collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        let mut entry = blob(media_type, manifest.to_string().as_bytes());
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        entry
    };
    let entries: Vec<_> = images.iter().map(entry).collect();
    fs::write(folder.join("index.json"), json!({"schemaVersion": 2, "manifests": entries}).to_string())
        .unwrap();
}

/// Layers of the files that this machine has below `/usr`, as images have them.
pub(crate) fn write_docker_archive(path: &Path, layers: u64, size: u64) {
    let mut files = Vec::new();
    collect(Path::new("/usr"), &mut files, layers * size);
    let mut files = files.into_iter().cycle();
    let folder = path.with_extension("layers");
    fs::create_dir(&folder).unwrap();
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for n in 0..layers {
        let plain = folder.join("layer.tar");
        let mut layer = tar::Builder::new(fs::File::create(&plain).unwrap());
        let mut written = 0;
        while written < size {
            let file = files.next().expect("there is nothing below /usr");
            written += fs::metadata(&file).unwrap().len();
            layer.append_path_with_name(&file, format!("{n}{}", file.display())).unwrap();
        }
        layer.into_inner().unwrap();
        let digest = Digest::of(&fs::read(&plain).unwrap());
        names.push(format!("{}/layer.tar", digest.hex()));
        archive.append_path_with_name(&plain, names.last().unwrap()).unwrap();
        ids.push(digest.to_string());
    }
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
    let manifest = json!([{"Config": "config.json", "RepoTags": ["docker:v1"], "Layers": names}]);
    for (name, value) in [("config.json", config), ("manifest.json", manifest)] {
        let bytes = value.to_string();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// Regular files until there is enough of them.
fn collect(folder: &Path, files: &mut Vec<PathBuf>, enough: u64) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut sum = 0;
    for path in entries {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if sum >= enough {
            break;
        }
        if metadata.is_dir() {
            sum += collect(&path, files, enough - sum);
        } else if metadata.is_file() && fs::File::open(&path).is_ok() {
            sum += metadata.len();
            files.push(path);
        }
    }
    sum
}
