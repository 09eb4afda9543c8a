//! Digests that plain layers have when they are compressed: remembered, so that a second push need not read
//! them.

use std::io::Write;
use std::path::PathBuf;

use crate::compression::Compression;
use crate::compression::compress::Compressed;
use crate::digest::Digest;

/// A folder with one small file per layer. Damaged or unreadable entries count as missing, and an entry
/// that cannot be written is left out: the cache only saves work.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Where large temporary files go.
    pub(crate) fn scratch(&self) -> PathBuf {
        match &self.folder {
            Some(folder) if std::fs::create_dir_all(folder).is_ok() => folder.clone(),
            _ => std::env::temp_dir(),
        }
    }

    fn path(&self, plain: &Digest, how: Compression) -> Option<PathBuf> {
        let extension = match how {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::None => return None,
        };
        let folder = self.folder.as_ref()?.join("layers").join(plain.algorithm());
        Some(folder.join(format!("{}.{extension}", plain.hex())))
    }

    pub(crate) fn get(&self, plain: &Digest, how: Compression) -> Option<Compressed> {
        let text = std::fs::read_to_string(self.path(plain, how)?).ok()?;
        let (digest, size) = text.trim_end().split_once(' ')?;
        Some(Compressed { digest: digest.parse().ok()?, size: size.parse().ok()? })
    }

    pub(crate) fn put(&self, plain: &Digest, how: Compression, compressed: &Compressed) {
        let Some(path) = self.path(plain, how) else { return };
        let Some(folder) = path.parent() else { return };
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|mut file| writeln!(file, "{} {}", compressed.digest, compressed.size).map(|()| file))
            .and_then(|file| file.persist(&path).map_err(|error| error.error));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "the layer cache cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_got_and_damage_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path().join("new")));
        let plain = Digest::of(b"plain");
        let compressed = Compressed { digest: Digest::of(b"compressed"), size: 7 };
        assert_eq!(cache.get(&plain, Compression::Gzip), None);
        cache.put(&plain, Compression::Gzip, &compressed);
        assert_eq!(cache.get(&plain, Compression::Gzip), Some(compressed.clone()));
        assert_eq!(cache.get(&plain, Compression::Zstd), None);
        std::fs::write(cache.path(&plain, Compression::Gzip).unwrap(), "sha256:zz 7").unwrap();
        assert_eq!(cache.get(&plain, Compression::Gzip), None);
        Cache::new(None).put(&plain, Compression::Gzip, &compressed);
        assert_eq!(Cache::new(None).get(&plain, Compression::Gzip), None);
    }
}
