//! Names of images in registries.

use std::fmt;
use std::str::FromStr;

use mlspace_registry_net::check_tag_name;

use crate::digest::{Digest, shown};
use crate::error::{Error, Result};

/// Where an image is: `host[:port]/repository[:tag][@digest]`. The host is required: no registry is
/// assumed.
///
/// ```
/// use mlspace_registry_transfer::Reference;
///
/// let reference: Reference = "cr.ai.cloud.ru/my-registry/team/app:v1".parse()?;
/// assert_eq!(reference.registry(), "cr.ai.cloud.ru");
/// assert_eq!(reference.repository(), "my-registry/team/app");
/// assert_eq!(reference.tag(), Some("v1"));
/// assert!("app:v1".parse::<Reference>().is_err());
/// # Ok::<(), mlspace_registry_transfer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host, with the port if there is one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one is given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same image under another tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        check_tag(tag)?;
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The manifest of that digest in the same repository.
    pub(crate) fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The name to ask for the manifest by: the digest if given, else the tag, else `latest`.
    pub(crate) fn target(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Invalid(format!("`{}` is not an image name: {why}", shown(text)));
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (registry, rest) =
            rest.split_once('/').ok_or_else(|| wrong("expected host/repository[:tag][@digest]"))?;
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if !is_registry(registry) {
            return Err(wrong("it must begin with the registry's host, such as `cr.ai.cloud.ru`"));
        }
        if !is_repository(repository) {
            return Err(wrong(
                "a repository has parts of a-z, 0-9 and single separators `.` `_` `__` `-`, divided by `/`",
            ));
        }
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn check_tag(tag: &str) -> Result<()> {
    check_tag_name(tag).map_err(|error| Error::Invalid(error.to_string()))
}

/// A host name, an IPv4 address, or an IPv6 address in brackets, with or without a port. A name without
/// a dot needs a port, or to be `localhost`: otherwise `team/app` would mean the host `team`.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').unwrap_or("")) })
            }
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port_is_good = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if text.starts_with('[') {
        return port_is_good;
    }
    let label = |label: &str| {
        let bytes = label.as_bytes();
        !label.is_empty()
            && label.len() <= 63
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    };
    port_is_good
        && host.len() <= 253
        && host.split('.').all(label)
        && (host.contains('.') || port.is_some() || host == "localhost")
}

/// Parts of lower-case letters and digits with single separators, as the distribution specification has
/// them; 255 characters at most.
pub(crate) fn is_repository(text: &str) -> bool {
    fn part(part: &str) -> bool {
        let bytes = part.as_bytes();
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let edges = bytes.first().is_some_and(|b| word(*b)) && bytes.last().is_some_and(|b| word(*b));
        let separators = part.split(|c: char| c.is_ascii() && word(c as u8)).filter(|s| !s.is_empty());
        edges && separators.into_iter().all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
    }
    text.len() <= 255 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn whole_names_are_taken_apart_and_written_the_same() {
        for text in [
            "cr.ai.cloud.ru/0b3c/app".to_owned(),
            "cr.ai.cloud.ru/0b3c/app:v1.0_x-Y".to_owned(),
            "localhost:5000/a".to_owned(),
            "localhost/a/b/c/d:1".to_owned(),
            "127.0.0.1:5000/a__b.c-d---e/f_g:latest".to_owned(),
            "[::1]:5000/a:1".to_owned(),
            format!("cr.ai.cloud.ru/app@{DIGEST}"),
            format!("cr.ai.cloud.ru:443/app:v1@{DIGEST}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_manifest_is_asked_for_by_digest_then_tag_then_latest() {
        let target = |text: &str| text.parse::<Reference>().unwrap().target().to_owned();
        assert_eq!(target("h.io/a"), "latest");
        assert_eq!(target("h.io/a:b"), "b");
        assert_eq!(target(&format!("h.io/a:b@{DIGEST}")), DIGEST);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "app",
            "app:v1",
            "team/app",
            "h.io/",
            "h.io//a",
            "h.io/a/",
            "/a",
            "h.io/A",
            "h.io/a:",
            "h.io/a:.x",
            "h.io/a:-x",
            "h.io/a:x y",
            "h.io/a:x:y",
            "h.io/a..b",
            "h.io/a___b",
            "h.io/../a",
            "h.io/a/../b",
            "h.io/..",
            "h.io/-a",
            "h.io/a-",
            "h.io/a%2Fb",
            "h.io/a\0",
            "h.io/a?b",
            "h.io/a#b",
            "h.io/é",
            "http://h.io/a",
            "user@h.io/a",
            "user:pass@h.io/a",
            "h.io:/a",
            "h.io:0/a",
            "h.io:99999/a",
            "h.io:+80/a",
            "-h.io/a",
            "h..io/a",
            "[::1/a",
            "[::1]5000/a",
            "[::1]:/a",
            "[zz]/a",
            "h.io/a@",
            "h.io/a@sha256:00",
            " h.io/a",
            "h.io/a:v1 ",
            "h_x.io/a",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
        let long = format!("h.io/{}", "a".repeat(256));
        assert!(long.parse::<Reference>().is_err());
        assert!(format!("h.io/a:{}", "a".repeat(129)).parse::<Reference>().is_err());
        assert!(format!("h.io/a@{DIGEST}@{DIGEST}").parse::<Reference>().is_err());
    }
}
