//! Images that a program puts together, from bytes that it has or gets. They are read as an archive of `docker save`
//! is, only that its files are in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::data::Data;
use super::spool::spool;
use super::tree::Tree;
use super::{Image, Source};
use crate::compression::Compression;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::platform::Platform;

/// The name by which errors call such an image.
const NAME: &str = "the image that is built";

/// An image that is put together; made by [`Image::builder`].
///
/// Layers are tar archives, the lowest first; plain ones are compressed when they are pushed. The same layers and
/// settings give the same digest.
///
/// ```
/// # async fn example() -> mlspace_registry_transfer::Result<()> {
/// use mlspace_registry_transfer::Image;
///
/// let image = Image::builder()
///     .files([("app/greeting.txt", "hello")])?
///     .command(["cat", "/app/greeting.txt"])
///     .label("team", "search")
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an image is there when it is built"]
pub struct ImageBuilder {
    layers: Vec<Layer>,
    platform: Platform,
    command: Vec<String>,
    entrypoint: Vec<String>,
    variables: Vec<String>,
    labels: BTreeMap<String, String>,
    scratch: PathBuf,
}

enum Layer {
    Here(Bytes),
    Coming(Box<dyn Read + Send>),
}

impl Image {
    /// An image to be put together: no layer yet, for linux on this machine's architecture.
    pub fn builder() -> ImageBuilder {
        ImageBuilder {
            layers: Vec::new(),
            platform: Platform::native(),
            command: Vec::new(),
            entrypoint: Vec::new(),
            variables: Vec::new(),
            labels: BTreeMap::new(),
            scratch: std::env::temp_dir(),
        }
    }
}

impl ImageBuilder {
    /// Adds a layer that is in memory: a tar archive, plain or compressed with gzip or zstd.
    pub fn layer(mut self, tar: impl Into<Vec<u8>>) -> Self {
        self.layers.push(Layer::Here(Bytes::from(tar.into())));
        self
    }

    /// Adds a layer from a stream: a tar archive, plain or compressed with gzip or zstd. It is read when the image is
    /// built, and kept plain in a temporary file until the image is dropped.
    pub fn layer_from(mut self, tar: impl Read + Send + 'static) -> Self {
        self.layers.push(Layer::Coming(Box::new(tar)));
        self
    }

    /// Adds a layer of these files, by their paths from the root. They belong to root, can be read by everybody, and
    /// have no time, so that the same files are the same layer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that leads out of the image, or is empty or too long.
    pub fn files<P: AsRef<Path>, B: AsRef<[u8]>>(
        self,
        files: impl IntoIterator<Item = (P, B)>,
    ) -> Result<Self> {
        let mut layer = tar::Builder::new(Vec::new());
        let bad = |path: &Path, error: &io::Error| {
            Error::Invalid(format!("`{}` cannot be a file of an image: {error}", path.display()))
        };
        for (path, bytes) in files {
            let (path, bytes) = (path.as_ref(), bytes.as_ref());
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            layer.append_data(&mut header, path, bytes).map_err(|error| bad(path, &error))?;
        }
        let layer = layer.into_inner().map_err(|error| bad(Path::new(""), &error))?;
        Ok(self.layer(layer))
    }

    /// The platform that the image is for, such as `linux/arm64`; linux on this machine's architecture if not set.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is no platform.
    pub fn platform(mut self, platform: &str) -> Result<Self> {
        self.platform = platform.parse()?;
        Ok(self)
    }

    /// The program that is run and its arguments, which whoever runs the image can replace.
    pub fn command<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// The program that is run with the command as its arguments.
    pub fn entrypoint<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push(format!("{name}={value}"));
        self
    }

    /// Sets a label of the image itself, which has nothing to do with the labels of its repository.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The folder for temporary files; the system's if not set.
    pub fn scratch(mut self, folder: impl Into<PathBuf>) -> Self {
        self.scratch = folder.into();
        self
    }

    /// The image. Every layer is read once, to see that it is a tar archive and to hash it; nothing is sent.
    ///
    /// # Errors
    /// [`Error::Source`] for a layer that is none or is damaged; [`Error::Io`] if a stream or the temporary file fails.
    pub async fn build(self) -> Result<Image> {
        let build = move || self.build_now();
        tokio::task::spawn_blocking(build).await.map_err(|error| Error::task(&error))?
    }

    fn build_now(self) -> Result<Image> {
        let (mut files, mut copies) = (HashMap::new(), Vec::new());
        let (mut names, mut plain) = (Vec::new(), Vec::new());
        for (at, layer) in self.layers.into_iter().enumerate() {
            let name = format!("layer-{at}");
            let data = match layer {
                Layer::Here(bytes) => Data::Bytes(bytes),
                Layer::Coming(reader) => {
                    let copy = spool(reader, Path::new(&name), &self.scratch)?;
                    let path: Arc<Path> = Arc::from(&*copy);
                    let failed = |error| Error::io(&*path, "read it", error);
                    let len = path.metadata().map_err(failed)?.len();
                    copies.push(copy);
                    Data::File { path, offset: 0, len }
                }
            };
            plain.push(plain_digest(&name, &data)?);
            files.insert(name.clone(), data);
            names.push(name);
        }
        let mut config = Map::new();
        for (field, value) in [
            ("Entrypoint", json!(self.entrypoint)),
            ("Cmd", json!(self.command)),
            ("Env", json!(self.variables)),
            ("Labels", json!(self.labels)),
        ] {
            if !matches!(&value, Value::Array(list) if list.is_empty())
                && !matches!(&value, Value::Object(map) if map.is_empty())
            {
                config.insert(field.to_owned(), value);
            }
        }
        let mut whole = json!(self.platform);
        whole["config"] = config.into();
        let plain: Vec<_> = plain.iter().map(Digest::as_str).collect();
        whole["rootfs"] = json!({ "type": "layers", "diff_ids": plain });
        let config = whole.to_string();
        let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
        let manifest = json!([{ "Config": config_name, "RepoTags": null, "Layers": names }]).to_string();
        for (name, text) in [(config_name, config), ("manifest.json".to_owned(), manifest)] {
            files.insert(name, Data::Bytes(text.into()));
        }
        let source = Source::of(Tree::memory(NAME, files, copies))?;
        source.image(None).cloned()
    }
}

/// The digest of a layer as it is without compression. Refuses what is no tar archive.
fn plain_digest(name: &str, data: &Data) -> Result<Digest> {
    let wrong = |problem: &dyn fmt::Display| Error::source(NAME, format!("`{name}` {problem}"));
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Other
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput => wrong(&format_args!("is no tar archive, or a damaged one: {error}")),
        _ => data.failed(error),
    };
    let mut first = Vec::with_capacity(8);
    data.open(0)?.take(8).read_to_end(&mut first).map_err(failed)?;
    if let Some(how) = Compression::unread(&first) {
        return Err(wrong(&format_args!("is compressed with {how}, which is not read here")));
    }
    let reader = io::BufReader::new(data.open(0)?);
    let plain: Box<dyn Read> = match Compression::of(&first) {
        Some(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        Some(Compression::Zstd) => Box::new(zstd::Decoder::with_buffer(reader).map_err(failed)?),
        _ => Box::new(reader),
    };
    let mut hashed = Hashed { reader: plain, hasher: Hasher::sha256() };
    let mut archive = tar::Archive::new(&mut hashed);
    for entry in archive.entries().map_err(failed)? {
        entry.map_err(failed)?;
    }
    io::copy(&mut hashed, &mut io::sink()).map_err(failed)?;
    Ok(hashed.hasher.finish())
}

/// Hashes what is read.
struct Hashed<R> {
    reader: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(piece)?;
        self.hasher.update(&piece[..n]);
        Ok(n)
    }
}

impl fmt::Debug for ImageBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageBuilder").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}
