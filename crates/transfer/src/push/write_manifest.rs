//! The manifest of an image that comes without one.

use crate::compression::Compression;
use crate::compression::compress::Compressed;
use crate::error::{Error, Result};
use crate::manifest::{
    DOCKER_CONFIG, DOCKER_MANIFEST, Descriptor, ImageManifest, Manifest, OCI_CONFIG, OCI_MANIFEST,
};

/// Layers that are all gzip are written in docker's form, as `docker push` does: every registry takes it.
/// Docker's form knows no other compression, so all else is written in OCI's.
pub(crate) fn write(config: &Compressed, layers: &[(Compression, &Compressed)]) -> Result<Manifest> {
    let is_docker = layers.iter().all(|(how, _)| *how == Compression::Gzip);
    let config_type = match is_docker {
        true => DOCKER_CONFIG,
        false => OCI_CONFIG,
    };
    let layer_type = |how: Compression| match how {
        Compression::Gzip if is_docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        Compression::None => "application/vnd.oci.image.layer.v1.tar",
    };
    let describe = |media_type: &str, compressed: &Compressed| {
        Descriptor::new(media_type, compressed.digest.clone(), compressed.size)
    };
    let media_type = if is_docker { DOCKER_MANIFEST } else { OCI_MANIFEST };
    let manifest = ImageManifest {
        schema_version: 2,
        media_type: Some(media_type.into()),
        config: describe(config_type, config),
        layers: layers.iter().map(|(how, compressed)| describe(layer_type(*how), compressed)).collect(),
    };
    let impossible = |error: String| Error::Internal(format!("the manifest cannot be written: {error}"));
    let bytes = serde_json::to_vec(&manifest).map_err(|error| impossible(error.to_string()))?;
    Manifest::parse(bytes.into(), Some(media_type)).map_err(impossible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn gzip_makes_dockers_manifest_and_all_else_ocis() {
        let compressed =
            |text: &str| Compressed { digest: Digest::of(text.as_bytes()), size: text.len() as u64 };
        let (config, layer) = (compressed("config"), compressed("layer"));
        let types = |how| {
            let manifest = write(&config, &[(Compression::Gzip, &layer), (how, &layer)]).unwrap();
            let blobs = manifest.blobs().map(|blob| blob.media_type.clone());
            (manifest.media_type.clone(), blobs.collect::<Vec<_>>().join(" "))
        };
        let (media_type, blobs) = types(Compression::Gzip);
        assert_eq!(media_type, DOCKER_MANIFEST);
        assert_eq!(
            blobs,
            "application/vnd.docker.image.rootfs.diff.tar.gzip \
             application/vnd.docker.image.rootfs.diff.tar.gzip application/vnd.docker.container.image.v1+json"
        );
        for how in [Compression::Zstd, Compression::None] {
            let (media_type, blobs) = types(how);
            assert_eq!(media_type, OCI_MANIFEST);
            assert!(!blobs.contains("docker"), "{blobs}");
        }
    }
    #[test]
    fn the_bytes_stay_as_they_are_so_that_a_second_push_has_the_same_digest() {
        let compressed = |byte: u8| Compressed { digest: Digest::of(&[byte]), size: byte.into() };
        let (config, layers) = (compressed(1), [compressed(2), compressed(3)]);
        let written = |how| write(&config, &[(Compression::Gzip, &layers[0]), (how, &layers[1])]).unwrap();
        assert_eq!(
            written(Compression::Gzip).bytes,
            concat!(
                r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","#,
                r#""config":{"mediaType":"application/vnd.docker.container.image.v1+json","#,
                r#""digest":"sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a","size":1},"#,
                r#""layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","#,
                r#""digest":"sha256:dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986","size":2},"#,
                r#"{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","#,
                r#""digest":"sha256:084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5","size":3}]}"#,
            )
        );
        for (how, digest) in [
            (Compression::Gzip, "sha256:1a81f9b74d27a3c8d9d4591d019f8e027062c85c999a93611caa3c334372838d"),
            (Compression::Zstd, "sha256:0b4049295f470a3a5169577784b951fefa6d7453490cf12a2ea4a33adf4a7143"),
            (Compression::None, "sha256:bd76a78bd25ecd8f57ded490203d6ba337b19e9ca964b6180bec703e9dcd20bc"),
        ] {
            assert_eq!(written(how).digest.as_str(), digest, "{how:?}");
        }
    }
}
