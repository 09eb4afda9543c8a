//! Images on this machine: OCI layouts, in a folder or a tar file, and archives of `docker save`.

mod archive;
pub(crate) mod built;
mod choose;
pub(crate) mod data;
mod docker;
mod layout;
mod spool;
mod tree;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compression::Compression;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, Manifest};
use crate::platform::Platform;
use crate::push::supply::Origin;

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

/// One image of a [`Source`], or one that a program put together with [`Image::builder`]. Cheap to clone; nothing of the
/// first is read before it is pushed.
#[derive(Clone, Debug)]
pub struct Image {
    tree: Arc<Tree>,
    entry: ImageEntry,
    names: Vec<String>,
    platform: Option<Platform>,
    absent: Vec<String>,
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
    pub(crate) origin: Origin,
    /// True for a plain layer, which may be compressed on the way.
    pub(crate) is_plain_layer: bool,
    /// The media type, where a manifest is yet to be written.
    pub(crate) compression: Option<Compression>,
}

impl Source {
    /// Opens an OCI layout, in a folder or a tar file, or an archive made by `docker save`. Reads the table of
    /// contents and the indexes. A pipe, and an archive that is compressed as a whole (gzip, zstd), is copied to
    /// a temporary file first, which goes with the last of its images.
    ///
    /// An archive that is both, as docker 25 and later write them, counts as an OCI layout, unless that side is
    /// broken, or was made up by docker around layers that are not compressed.
    ///
    /// # Errors
    /// [`Error::Source`] if it is none of these, or an archive that is damaged or hostile;
    /// [`Error::Io`] if it cannot be read.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, std::env::temp_dir()).await
    }

    /// As [`Source::open`], with temporary files in this folder.
    pub async fn open_with(path: impl AsRef<Path>, scratch: impl Into<PathBuf>) -> Result<Self> {
        let (path, scratch) = (path.as_ref().to_owned(), scratch.into());
        Self::blocking(move || Self::of(Tree::open(&path, &scratch)?)).await
    }

    /// As [`Source::open`], from what a program writes, such as `docker save`. It is copied to a temporary file
    /// in this folder first.
    pub async fn read(reader: impl Read + Send + 'static, scratch: impl Into<PathBuf>) -> Result<Self> {
        let scratch = scratch.into();
        Self::blocking(move || Self::of(Tree::receive(reader, &scratch)?)).await
    }

    async fn blocking(work: impl FnOnce() -> Result<Self> + Send + 'static) -> Result<Self> {
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::task(&error))?
    }

    fn of(tree: Tree) -> Result<Self> {
        let tree = Arc::new(tree);
        let is_layout = tree.find("oci-layout")?.is_some() && tree.find("index.json")?.is_some();
        let is_docker = tree.is_archive() && tree.find("manifest.json")?.is_some();
        let images = match (is_layout, is_docker) {
            (true, true) => better(layout::images(&tree), docker::images(&tree), &tree)?,
            (true, false) => layout::images(&tree)?,
            (false, true) => docker::images(&tree)?,
            (false, false) => {
                return Err(tree.wrong(
                    "it is neither an OCI layout (no `oci-layout` and `index.json`) nor an archive of \
                     `docker save` (no `manifest.json`)",
                ));
            }
        };
        if images.is_empty() {
            return Err(tree.wrong("there is no image in it"));
        }
        Ok(Self { images })
    }

    /// The images, in the order in which they are stored.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The image that is meant: by its name or the end of it, its tag, the digest of its manifest or its id (or
    /// the first seven digits or more), its platform, or its place from 1. The only image if `name` is `None`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the images that there are, if there is no such image or more than one.
    pub fn image(&self, name: Option<&str>) -> Result<&Image> {
        choose::image(&self.images, name)
    }
}

/// The side of an archive that says more of what it holds: both describe the same images.
fn better(layout: Result<Vec<Image>>, docker: Result<Vec<Image>>, tree: &Arc<Tree>) -> Result<Vec<Image>> {
    let sound = |images: &[Image]| images.iter().try_for_each(|image| image.load().map(drop));
    let problem = match layout {
        Ok(layout) => match (sound(&layout), &docker) {
            // Docker makes a manifest up for layers that it keeps uncompressed; no registry knows it.
            (Ok(()), Ok(docker))
                if docker::is_made_by_docker(tree, docker)? && layout::is_plain(&layout)? =>
            {
                return Ok(docker.clone());
            }
            (Ok(()), _) => return Ok(layout),
            (Err(problem), _) => problem,
        },
        Err(problem) => problem,
    };
    docker.and_then(|docker| sound(&docker).map(|()| docker)).map_err(|_| problem)
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

    /// What the index that the image comes from names besides it and is not in the source, by platforms: docker
    /// saves such of an image of which it has pulled one platform. The index itself is not pushed then.
    pub fn absent(&self) -> &[String] {
        &self.absent
    }

    /// The image for one platform: the one of an index that runs best there, or this one if it runs there.
    /// Reads the manifests.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is none for that platform.
    pub async fn for_platform(&self, platform: &str) -> Result<Self> {
        let (image, platform) = (self.clone(), platform.parse::<Platform>()?);
        let choose = move || match &image.entry {
            ImageEntry::Layout(named) => layout::for_platform(&image, named, &platform),
            ImageEntry::Docker(saved) => docker::for_platform(&image, saved, &platform),
        };
        tokio::task::spawn_blocking(choose).await.map_err(|error| Error::task(&error))?
    }

    /// Docker's name for the image, the digest of its configuration, where the archive names it.
    fn id(&self) -> Option<Digest> {
        match &self.entry {
            ImageEntry::Layout(_) => None,
            ImageEntry::Docker(saved) => saved.id(),
        }
    }

    /// Refuses an image that is for another platform.
    fn fitting(&self, own: Option<Platform>, asked: &Platform) -> Result<Self> {
        match own.filter(|own| asked.best([Some(own)]).is_none()) {
            Some(own) => Err(Error::Invalid(format!("the image is for {own}, not for {asked}"))),
            None => Ok(self.clone()),
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
