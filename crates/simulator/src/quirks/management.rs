//! The choices that the management API's switches leave.

use super::value::{Value, choice};

choice! {
    /// The effect of deleting an image to which tags point.
    TaggedImages {
        /// The tags go with the image.
        RemoveTags = "remove-tags",
        /// The image stays, and its id is not in the answer.
        Refused = "refused",
        /// The image goes and the tags stay.
        KeepTags = "keep-tags",
    }
}
choice! {
    /// The effect of creating a tag when another image of the repository has the name.
    ExistingTag {
        /// The tag moves, as it does when docker pushes it.
        Moves = "moves",
        /// 409.
        Refused = "refused",
    }
}
choice! {
    /// The answer to listing the images or tags of an unknown id.
    UnknownParent {
        /// 404.
        NotFound = "not-found",
        /// An empty list.
        Empty = "empty",
    }
}
choice! {
    /// The fate of a `page_size` over the highest one.
    OverMaximum {
        /// It is taken as the highest.
        Clamped = "clamped",
        /// 422.
        Refused = "refused",
    }
}
choice! {
    /// Which colours of tags are accepted.
    Colors {
        /// Any text.
        Any = "any",
        /// `#` and 3 or 6 hexadecimal digits.
        Hex = "hex",
    }
}
choice! {
    /// Which names of tags are accepted.
    TagNames {
        /// 1 to 128 of `A-Z a-z 0-9 _ . -`, not beginning with `.` or `-`.
        Docker = "docker",
        /// Any text.
        Any = "any",
    }
}
choice! {
    /// The form of the field `commands`.
    Commands {
        /// Docker command lines.
        Present = "present",
        /// An empty object.
        Empty = "empty",
        /// Null.
        Null = "null",
        /// The field is not there.
        Absent = "absent",
    }
}
choice! {
    /// The form of the field `extra_attrs`.
    ExtraAttrs {
        /// It is there.
        Present = "present",
        /// It is left out where it is empty.
        AbsentIfEmpty = "absent-if-empty",
        /// It is not there.
        Absent = "absent",
        /// Null.
        Null = "null",
    }
}
choice! {
    /// The form of lists and maps without contents.
    EmptyLists {
        /// `[]` and `{}`.
        Written = "written",
        /// Null.
        Null = "null",
    }
}
choice! {
    /// The `token_type` of an access token.
    TokenType {
        /// `Bearer`.
        Bearer = "bearer",
        /// A word that the document does not name.
        Unknown = "unknown",
    }
}
choice! {
    /// The form of stamps.
    Stamps {
        /// With an offset, in whole seconds.
        Plain = "plain",
        /// With twelve digits of a second.
        Long = "long",
        /// All are `9999-12-31T23:59:59.999999`, the last moment that Python can write.
        Maximum = "maximum",
        /// All are `0001-01-01T00:00:00Z`, which Go writes for a time that is not known.
        Zero = "zero",
    }
}
choice! {
    /// The `pull_time` of what was never pulled.
    NeverPulled {
        /// Null.
        Null = "null",
        /// `0001-01-01T00:00:00Z`.
        Zero = "zero",
        /// An empty text.
        Empty = "empty",
    }
}
