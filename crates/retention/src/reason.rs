//! Why something stays: a closed set of words.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why an image or a tag stays.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All that there are.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it is written in plans.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// Its repository has a label that protects.
    Label = "label",
    /// Its repository is a favourite of whoever signed in.
    Favorite = "favorite",
    /// The name of its repository is protected.
    Repository = "repository",
    /// Its digest is protected.
    Digest = "digest",
    /// It is in use, by its digest or by a tag of it.
    InUse = "in_use",
    /// It is the newest tagged image of its repository.
    Newest = "newest",
    /// It is a part of an index.
    Child = "child",
    /// It is attached to an image, as signatures are.
    Referrer = "referrer",
    /// A tag's name is protected.
    Tag = "tag",
    /// A tag's colour is protected.
    Color = "color",
    /// A tag is signed.
    Signed = "signed",
    /// It was pushed or tagged lately.
    KeepWithin = "keep_within",
    /// It is one of the newest.
    KeepLast = "keep_last",
    /// It is the newest of its day.
    KeepDaily = "keep_daily",
    /// It is the newest of its week.
    KeepWeekly = "keep_weekly",
    /// It is the newest of its month.
    KeepMonthly = "keep_monthly",
    /// It is the newest of its year.
    KeepYearly = "keep_yearly",
    /// It was pulled lately.
    KeepPulledWithin = "keep_pulled_within",
    /// No rule covers it, or not all of its tags.
    NotCovered = "not_covered",
    /// When it was pushed is not known, or cannot be true.
    AgeUnknown = "age_unknown",
    /// Whether it is a part of an index is not known.
    IndexChildrenUnknown = "index_children_unknown",
    /// Another tag of it stays.
    OtherTagStays = "other_tag_stays",
    /// Nothing in its repository is judged.
    LeftOut = "left_out",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Several of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reasons(u32);

impl Reasons {
    pub(crate) fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u32;
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0 |= more.0;
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, reason: Reason) -> bool {
        self.0 & 1 << reason as u32 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(move |reason| self.has(*reason))
    }
}
