//! Digests, and the hashing that makes them.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

use crate::error::{Error, Result};

/// The digest of some content: `sha256:` with 64, or `sha512:` with 128 lower-case hexadecimal digits.
/// Nothing else can be made into one, so that a digest is safe within a path or an address.
///
/// ```
/// use mlspace_registry_transfer::Digest;
///
/// let digest: Digest = format!("sha256:{}", "0a".repeat(32)).parse()?;
/// assert_eq!(digest.hex().len(), 64);
/// assert!("sha256:../../etc/passwd".parse::<Digest>().is_err());
/// # Ok::<(), mlspace_registry_transfer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// The digest of some bytes, sha256.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::sha256();
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        &self.0[..6]
    }

    /// The part after the colon.
    pub fn hex(&self) -> &str {
        &self.0[7..]
    }

    /// The whole, as it is written in manifests.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a layout keeps the content, relative to its folder.
    pub(crate) fn path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm(), self.hex())
    }

    /// Enough of the digest for a person to recognise it.
    pub(crate) fn short(&self) -> &str {
        &self.0[..7 + 12]
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let length = match text.split_once(':') {
            Some(("sha256", _)) => 64,
            Some(("sha512", _)) => 128,
            _ => return Err(Error::Invalid(format!("not a sha256 or sha512 digest: {}", shown(text)))),
        };
        let hex = &text[7..];
        if hex.len() != length || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::Invalid(format!(
                "a digest needs {length} lower-case hexadecimal digits: {}",
                shown(text)
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Digests within JSON. `Digest` itself promises nothing about serde.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Digest;

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(digest.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Foreign text within a message: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    const CAP: usize = 200;
    let mut shown: String =
        text.chars().take(CAP).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(CAP).is_some() {
        shown.push('…');
    }
    shown
}

/// Hashes content with the algorithm of the digest that is expected.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    pub(crate) fn sha256() -> Self {
        Self::Sha256(sha2::Sha256::new())
    }

    pub(crate) fn of(digest: &Digest) -> Self {
        match digest.algorithm() {
            "sha512" => Self::Sha512(sha2::Sha512::new()),
            _ => Self::sha256(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        fn hex(algorithm: &str, bytes: &[u8]) -> Digest {
            use fmt::Write as _;
            let mut text = String::with_capacity(8 + 2 * bytes.len());
            text.push_str(algorithm);
            for byte in bytes {
                // Writing to a string does not fail.
                let _ = write!(text, "{byte:02x}");
            }
            Digest(text)
        }
        match self {
            Self::Sha256(hasher) => hex("sha256:", &hasher.finalize()),
            Self::Sha512(hasher) => hex("sha512:", &hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lower_case_digests_are_digests() {
        let good = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().path(), format!("blobs/sha256/{}", "0f".repeat(32)));
        format!("sha512:{}", "0f".repeat(64)).parse::<Digest>().unwrap();
        for bad in [
            String::new(),
            "sha256".into(),
            "sha256:".into(),
            good.to_uppercase(),
            good.replace("0f", "0F"),
            format!("sha256:{}", "0f".repeat(31)),
            format!("sha512:{}", "0f".repeat(32)),
            format!("sha1:{}", "0f".repeat(20)),
            format!("sha256:{}/..", &good[7..68]),
            format!("{good} "),
            format!("sha256:{}é", &good[7..69]),
            "é:sha256".into(),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hashing_gives_the_known_digests() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        let wanted: Digest = format!("sha512:{}", "00".repeat(64)).parse().unwrap();
        let mut hasher = Hasher::of(&wanted);
        hasher.update(b"abc");
        assert!(hasher.finish().as_str().starts_with("sha512:ddaf35a193617aba"));
    }

    #[test]
    fn foreign_text_is_shown_short_and_clean() {
        assert_eq!(shown("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), 201);
    }
}
