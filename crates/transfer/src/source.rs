//! Images on this machine: OCI layouts, in a folder or a tar file, and archives of `docker save`.

mod archive;
pub(crate) mod data;
mod docker;
mod layout;
mod tree;

use std::path::Path;
use std::sync::Arc;

use crate::compression::Compression;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, Manifest};

use data::Data;
use tree::Tree;

/// A folder or file with images.
///
/// ```no_run
/// # async fn example() -> mlspace_registry_transfer::Result<()> {
/// use mlspace_registry_transfer::Source;
///
/// let source = Source::open("image.tar").await?;
/// for image in source.images() {
///     println!("{:?}", image.names());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    images: Vec<Image>,
}

/// One image of a [`Source`]. Cheap to clone; nothing of it is read before it is pushed.
#[derive(Clone, Debug)]
pub struct Image {
    tree: Arc<Tree>,
    entry: ImageEntry,
    names: Vec<String>,
}

#[derive(Clone, Debug)]
enum ImageEntry {
    Layout(Descriptor),
    Docker(docker::Saved),
}

/// The content of an image that goes to a registry.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) blobs: Vec<Blob>,
    pub(crate) manifests: Manifests,
}

#[derive(Debug)]
pub(crate) enum Manifests {
    /// Manifests as they are, children first, the image's own last.
    Ready(Vec<Manifest>),
    /// A manifest is to be written when the layers' digests are known. The places are those in `blobs`.
    Docker { config: usize, layers: Vec<usize> },
}

/// Content that belongs into a registry.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    /// Its digest; of a layer to be compressed, the digest of the plain layer.
    pub(crate) digest: Digest,
    pub(crate) data: Data,
    /// True for a plain layer, which may be compressed on the way.
    pub(crate) is_plain_layer: bool,
    /// The media type, where a manifest is yet to be written.
    pub(crate) compression: Option<Compression>,
}

impl Source {
    /// Opens an OCI layout, in a folder or an uncompressed tar file, or an archive made by `docker save`.
    /// Reads the table of contents and nothing else.
    ///
    /// An archive that is both, as docker 25 and later write them, counts as an OCI layout, unless its
    /// layers are not compressed.
    ///
    /// # Errors
    /// [`Error::Source`] if it is none of these, or an archive that is damaged or hostile;
    /// [`Error::Io`] if it cannot be read.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        tokio::task::spawn_blocking(move || Self::open_blocking(&path))
            .await
            .map_err(|error| Error::task(&error))?
    }

    fn open_blocking(path: &Path) -> Result<Self> {
        let tree = Arc::new(Tree::open(path)?);
        let is_layout = tree.find("oci-layout")?.is_some() && tree.find("index.json")?.is_some();
        let is_docker = tree.is_archive() && tree.find("manifest.json")?.is_some();
        let images = match (is_layout, is_docker) {
            (true, true) if layout::is_plain(&tree)? => docker::images(&tree)?,
            (true, _) => layout::images(&tree)?,
            (false, true) => docker::images(&tree)?,
            (false, false) => {
                return Err(Error::source(
                    path,
                    "it is neither an OCI layout (no `oci-layout` and `index.json`) nor an archive of \
                     `docker save` (no `manifest.json`)",
                ));
            }
        };
        Ok(Self { images })
    }

    /// The images, in the order in which they are stored.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The image with this name or tag, or the only image if `name` is `None`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that there are, if there is no such image or more than one.
    pub fn image(&self, name: Option<&str>) -> Result<&Image> {
        let fits = |image: &&Image| {
            name.is_none_or(|name| {
                image
                    .names
                    .iter()
                    .any(|own| own == name || own.rsplit_once(':').is_some_and(|(_, tag)| tag == name))
            })
        };
        let mut found = self.images.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(image), None) => Ok(image),
            (first, _) => {
                let names: Vec<_> =
                    self.images.iter().flat_map(|image| &image.names).map(String::as_str).collect();
                let problem = if first.is_some() { "more than one image fits" } else { "no image fits" };
                Err(Error::Invalid(format!("{problem}; there are: {}", names.join(", "))))
            }
        }
    }
}

impl Image {
    /// The names that the image has in its source: a tag or full names, or none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The digest of the manifest; `None` for an image of a docker archive, whose manifest is written
    /// when it is pushed.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.entry {
            ImageEntry::Layout(named) => Some(&named.digest),
            ImageEntry::Docker(_) => None,
        }
    }

    /// Reads the manifests. Blocks.
    pub(crate) fn load(&self) -> Result<Loaded> {
        match &self.entry {
            ImageEntry::Layout(named) => layout::load(&self.tree, named),
            ImageEntry::Docker(saved) => docker::load(&self.tree, saved),
        }
    }
}
