//! Values of switches, read from text.

/// A value that a switch can have, read from text.
pub(crate) trait Value: Sized {
    fn read(text: &str) -> Option<Self>;
}

impl Value for bool {
    fn read(text: &str) -> Option<Self> {
        match text {
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => None,
        }
    }
}

/// Zero is no sensible number for any of the switches.
impl Value for usize {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (1..=1_000_000_000).contains(number))
    }
}

impl Value for u8 {
    fn read(text: &str) -> Option<Self> {
        usize::read(text)?.try_into().ok()
    }
}

impl Value for Option<usize> {
    fn read(text: &str) -> Option<Self> {
        if matches!(text, "unlimited" | "off") { Some(None) } else { usize::read(text).map(Some) }
    }
}

/// The beginning of the names of some tags.
///
/// ```
/// let quirk: mlspace_registry_simulator::Quirk = "immutable-tags=release-".parse()?;
/// # Ok::<(), mlspace_registry_simulator::QuirkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(pub String);

impl Value for Option<Prefix> {
    fn read(text: &str) -> Option<Self> {
        match text {
            "off" => Some(None),
            _ => crate::names::is_tag_name(text).then(|| Some(Prefix(text.to_owned()))),
        }
    }
}

impl Value for String {
    fn read(text: &str) -> Option<Self> {
        let host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        (!text.is_empty() && text.chars().all(host)).then(|| text.to_owned())
    }
}

/// Declares a choice: its words and its variants.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name { $($(#[$about])* $variant,)* }

        impl Value for $name {
            fn read(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use choice;
