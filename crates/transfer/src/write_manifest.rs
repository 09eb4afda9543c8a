//! The manifest of an image that comes without one.

use std::str::FromStr;

use oci_spec::image::{Descriptor, Digest as OciDigest, ImageManifest, ImageManifestBuilder, MediaType};

use crate::error::{Error, Result};
use crate::manifest::{DOCKER_MANIFEST, Manifest, OCI_MANIFEST};
use crate::pack::{Compression, Packed};

/// Layers that are all gzip are written in docker's form, as `docker push` does: every registry takes it.
/// Docker's form knows no other compression, so all else is written in OCI's.
pub(crate) fn write(config: &Packed, layers: &[(Compression, &Packed)]) -> Result<Manifest> {
    let is_docker = layers.iter().all(|(how, _)| *how == Compression::Gzip);
    let config_type = match is_docker {
        true => MediaType::Other("application/vnd.docker.container.image.v1+json".into()),
        false => MediaType::ImageConfig,
    };
    let layer_type = |how: Compression| match how {
        Compression::Gzip if is_docker => {
            MediaType::Other("application/vnd.docker.image.rootfs.diff.tar.gzip".into())
        }
        Compression::Gzip => MediaType::ImageLayerGzip,
        Compression::Zstd => MediaType::ImageLayerZstd,
        Compression::None => MediaType::ImageLayer,
    };
    let layers: Result<Vec<_>> =
        layers.iter().map(|(how, packed)| descriptor(layer_type(*how), packed)).collect();
    let media_type = if is_docker { DOCKER_MANIFEST } else { OCI_MANIFEST };
    let impossible = |error: String| Error::Invalid(format!("the manifest cannot be written: {error}"));
    let manifest: ImageManifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::from(media_type))
        .config(descriptor(config_type, config)?)
        .layers(layers?)
        .build()
        .map_err(|error| impossible(error.to_string()))?;
    let bytes = serde_json::to_vec(&manifest).map_err(|error| impossible(error.to_string()))?;
    Manifest::parse(bytes.into(), Some(media_type)).map_err(impossible)
}

fn descriptor(media_type: MediaType, packed: &Packed) -> Result<Descriptor> {
    let digest =
        OciDigest::from_str(packed.digest.as_str()).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(Descriptor::new(media_type, packed.size, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn gzip_makes_dockers_manifest_and_all_else_ocis() {
        let packed = |text: &str| Packed { digest: Digest::of(text.as_bytes()), size: text.len() as u64 };
        let (config, layer) = (packed("config"), packed("layer"));
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
}
