//! The choices that the image registry's switches leave.

use super::value::{Value, choice};

choice! {
    /// The way in which the registry asks for a user and a password.
    RegistryAuth {
        /// With a token that its token endpoint gives.
        Bearer = "bearer",
        /// With each request.
        Basic = "basic",
        /// Not at all.
        Open = "open",
    }
}
choice! {
    /// Which names of repositories the registry takes.
    RegistryPrefix {
        /// With the registry's id in front or without.
        Optional = "optional",
        /// Only with the registry's id in front.
        Required = "required",
    }
}
choice! {
    /// The manifests of an index that are images of their own in the management API.
    IndexChildren {
        /// Only those with a tag.
        Hidden = "hidden",
        /// All of them.
        Listed = "listed",
    }
}
choice! {
    /// The fate of an image's blobs when the management API deletes it.
    DeletedImageBlobs {
        /// Those that nothing else in the repository refers to go.
        Removed = "removed",
        /// They stay.
        Kept = "kept",
    }
}
choice! {
    /// The answer to an index whose manifests are not all there.
    SparseIndex {
        /// 404 and MANIFEST_BLOB_UNKNOWN.
        Refused = "refused",
        /// 201.
        Accepted = "accepted",
    }
}
choice! {
    /// The form of the `Location` of an upload.
    UploadLocation {
        /// With the host.
        Absolute = "absolute",
        /// Only the path.
        Relative = "relative",
    }
}
choice! {
    /// Which mounts of blobs are done; the others begin an upload.
    Mounts {
        /// From the repository that is named, or from any if none is.
        Anywhere = "anywhere",
        /// Only from a repository that is named.
        Named = "named",
        /// None.
        Never = "never",
        /// As anywhere, and one from a repository that the token may not pull is refused with 401.
        InsufficientScope = "insufficient-scope",
    }
}
choice! {
    /// The fate of the bytes of a chunk whose connection was cut.
    CutChunk {
        /// They count.
        Kept = "kept",
        /// They are forgotten.
        Discarded = "discarded",
        /// The upload is forgotten with all that came before.
        UploadForgotten = "upload-forgotten",
    }
}
choice! {
    /// The place of what is attached to an image, such as a signature.
    Accessories {
        /// They are images of their own.
        Images = "images",
        /// They are no images, and go with their subject.
        Hidden = "hidden",
    }
}
choice! {
    /// Which requests for a manifest are pulls of its image.
    Pulls {
        /// GET.
        Get = "get",
        /// GET and HEAD.
        GetAndHead = "get-and-head",
        /// None.
        None = "none",
    }
}
choice! {
    /// The fate of an image whose last tag is deleted.
    LastTag {
        /// It stays without a tag.
        KeepsImage = "keeps-image",
        /// It goes too.
        RemovesImage = "removes-image",
    }
}
choice! {
    /// The fate of an index's manifests when the registry deletes it.
    DeletedIndex {
        /// They become images.
        FreesChildren = "frees-children",
        /// Those that nothing else refers to go with it.
        RemovesChildren = "removes-children",
    }
}
