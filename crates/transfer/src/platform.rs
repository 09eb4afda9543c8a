//! Platforms: their spellings, and which of them runs what is built for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::shown;
use crate::error::{Error, Result};

/// The kind of machine that an image is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

/// Architectures under all names that are in use: the name, the common one, and the variant that it implies.
const ALIASES: [(&str, &str, Option<&str>); 11] = [
    ("i386", "386", None),
    ("i686", "386", None),
    ("x86", "386", None),
    ("x86_64", "amd64", None),
    ("x86-64", "amd64", None),
    ("aarch64", "arm64", None),
    ("armhf", "arm", Some("v7")),
    ("armv7l", "arm", Some("v7")),
    ("armel", "arm", Some("v6")),
    ("armv6l", "arm", Some("v6")),
    ("powerpc64le", "ppc64le", None),
];

/// Architectures that may be named without an operating system.
const KNOWN: [&str; 9] =
    ["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"];

impl Platform {
    /// This machine's; images are for linux wherever they are pulled.
    pub(crate) fn native() -> Self {
        let architecture = std::env::consts::ARCH.to_owned();
        Self { os: "linux".into(), architecture, variant: None }.normal()
    }

    /// Platforms that name none: the attestations that builders put beside images.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }

    /// The common spelling, so that equal platforms are equal.
    fn normal(&self) -> Self {
        let os = match self.os.to_ascii_lowercase() {
            os if os == "macos" => "darwin".into(),
            os => os,
        };
        let architecture = self.architecture.to_ascii_lowercase();
        let alias = ALIASES.iter().find(|alias| alias.0 == architecture);
        let (architecture, implied) = alias.map_or((&*architecture, None), |alias| (alias.1, alias.2));
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty());
        let variant = variant.map(|variant| match variant.as_bytes()[0] {
            b'0'..=b'9' => format!("v{variant}"),
            _ => variant.to_ascii_lowercase(),
        });
        let variant = match (architecture, variant.as_deref().or(implied)) {
            ("amd64", Some("v1")) | ("arm64", Some("v8")) => None,
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.map(str::to_owned) }
    }

    /// The variants whose programs run on this platform, best first. The order is containerd's.
    fn runs(&self) -> Vec<Option<String>> {
        let own = self.variant.clone();
        let level = own.as_deref().and_then(|own| own.strip_prefix('v')?.parse::<u8>().ok());
        let (plain, below) = match (&*self.architecture, level) {
            ("amd64", Some(level)) => (true, (2..level).rev()),
            ("arm", Some(level)) => (false, (5..level).rev()),
            ("arm64", _) => (true, (0..0).rev()),
            _ => (false, (0..0).rev()),
        };
        let mut runs = vec![own];
        runs.extend(below.map(|level| Some(format!("v{level}"))));
        runs.extend(Some(None).filter(|_| plain && self.variant.is_some()));
        runs
    }

    /// The place of what fits this platform best.
    pub(crate) fn best<'a>(&self, offered: impl IntoIterator<Item = Option<&'a Self>>) -> Option<usize> {
        let own = self.normal();
        let offered: Vec<_> = offered.into_iter().map(|one| one.map(Self::normal)).collect();
        own.runs().into_iter().find_map(|variant| {
            let wanted = Self { variant, ..own.clone() };
            offered.iter().position(|one| one.as_ref() == Some(&wanted))
        })
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// `OS/ARCHITECTURE[/VARIANT]`, or the architecture alone, which is then linux's.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let new = |os: &str, architecture: &str, variant: Option<&str>| {
            let [os, architecture] = [os, architecture].map(str::to_owned);
            Self { os, architecture, variant: variant.map(str::to_owned) }.normal()
        };
        let is_word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        match parts[..] {
            _ if !parts.iter().all(is_word) => {}
            [architecture] => {
                let platform = new("linux", architecture, None);
                if KNOWN.contains(&&*platform.architecture) {
                    return Ok(platform);
                }
            }
            [os, architecture] => return Ok(new(os, architecture, None)),
            [os, architecture, variant] => return Ok(new(os, architecture, Some(variant))),
            _ => {}
        }
        Err(Error::Invalid(format!(
            "`{}` is not a platform, such as linux/amd64 or linux/arm/v7",
            shown(text)
        )))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an index has it: spelled somehow.
    fn spelled(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform { os: parts.next().unwrap(), architecture: parts.next().unwrap(), variant: parts.next() }
    }

    #[test]
    fn the_best_that_runs_is_chosen_and_what_would_not_run_never() {
        for (asked, offered, best) in [
            ("linux/amd64", &["linux/amd64/v3", "linux/amd64"][..], Some(1)),
            ("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], Some(1)),
            ("linux/amd64/v2", &["linux/arm64", "linux/amd64"], Some(1)),
            ("linux/amd64", &["linux/amd64/v2", "linux/386"], None),
            ("linux/arm", &["linux/arm/v5", "linux/arm/v7"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7", "linux/arm/v5"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7"], None),
            ("arm64", &["linux/arm/v7", "linux/arm64/v8"], Some(1)),
            ("linux/arm64/v8", &["linux/arm64"], Some(0)),
            ("linux/arm64/v9", &["linux/arm64", "linux/arm64/v9"], Some(1)),
            ("aarch64", &["linux/arm64"], Some(0)),
            ("x86_64", &["windows/amd64", "linux/x86_64"], Some(1)),
            ("LINUX/AMD64", &["linux/amd64"], Some(0)),
            ("linux/armhf", &["linux/arm/7"], Some(0)),
            ("linux/s390x", &["linux/amd64", "unknown/unknown"], None),
        ] {
            let offered: Vec<_> = offered.iter().map(|text| spelled(text)).collect();
            let found = asked.parse::<Platform>().unwrap().best(offered.iter().map(Some));
            assert_eq!(found, best, "{asked} of {offered:?}");
        }
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/v2/x", "linux/amd 64", "amd65"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
