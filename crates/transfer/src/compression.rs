//! The ways in which layers and archives are compressed.

pub(crate) mod compress;

/// The compression of plain layers of docker archives on their way to a registry. Layers that are
/// compressed already, and all of OCI layouts, go out as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Read by every registry and every container runtime.
    #[default]
    Gzip,
    /// Smaller and faster; runtimes since about 2020 read it.
    Zstd,
    /// Not at all.
    None,
}

impl Compression {
    /// Recognises compressed content by its first bytes; `None` also for what is not known here.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Names a compression that is known here and not read, by the first bytes of the content.
    pub(crate) fn unread(first: &[u8]) -> Option<&'static str> {
        match first {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
            [b'P', b'K', 3, 4, ..] => Some("zip"),
            _ => None,
        }
    }
}
