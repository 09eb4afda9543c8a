//! Switches: one for each thing that is not known about the service or differs from place to place.

mod management;
mod registry;
mod value;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use management::{
    Colors, Commands, EmptyLists, ExistingTag, ExtraAttrs, NeverPulled, OverMaximum, Stamps, TagNames,
    TaggedImages, TokenType, UnknownParent,
};
pub use registry::{
    Accessories, CutChunk, DeletedImageBlobs, DeletedIndex, IndexChildren, LastTag, Mounts, Pulls,
    RegistryAuth, RegistryPrefix, SparseIndex, UploadLocation,
};
pub use value::Prefix;
use value::Value;

/// Declares the switches once: their names, their values, what they mean, and how to set them.
macro_rules! quirks {
    ($($variant:ident($field:ident: $type:ty = $default:expr), $name:literal, $values:literal, $about:literal;)*) => {
        /// A switch with its value. As text: `NAME=VALUE`, or `NAME` for a switch that is on or off.
        ///
        /// ```
        /// use mlspace_registry_simulator::{Colors, Quirk};
        ///
        /// assert_eq!("colors=hex".parse(), Ok(Quirk::Colors(Colors::Hex)));
        /// assert!("colours=hex".parse::<Quirk>().is_err());
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Quirk {
            $(#[doc = $about] $variant($type),)*
        }

        /// All switches.
        #[derive(Clone, Debug)]
        pub(crate) struct Quirks {
            $(pub(crate) $field: $type,)*
        }

        impl Default for Quirks {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Quirks {
            pub(crate) fn set(&mut self, quirk: Quirk) {
                match quirk {
                    $(Quirk::$variant(value) => self.$field = value,)*
                }
            }
        }

        impl FromStr for Quirk {
            type Err = QuirkError;

            fn from_str(text: &str) -> Result<Self, QuirkError> {
                let (name, value) = text.split_once('=').unwrap_or((text, "on"));
                match name.trim() {
                    $($name => Value::read(value.trim()).map(Self::$variant).ok_or_else(|| QuirkError::Value {
                        name: $name, given: value.to_owned(), values: $values,
                    }),)*
                    _ => Err(QuirkError::Name(name.to_owned())),
                }
            }
        }

        /// Every quirk: its name, its values (the first is the default) and what it does.
        pub const QUIRKS: &[Switch] = &[$(Switch { name: $name, values: $values, about: $about },)*];
    };
}

quirks! {
    MaxIdsPerDelete(max_ids_per_delete: Option<usize> = None), "max-ids-per-delete", "unlimited|NUMBER",
        "How many ids a DELETE may name; more get 422.";
    TaggedImages(tagged_images: TaggedImages = TaggedImages::RemoveTags), "tagged-images", "remove-tags|refused|keep-tags",
        "Deleting an image that has tags: the tags go with it, the image stays and is not in the answer, or the tags stay without it.";
    ExistingTag(existing_tag: ExistingTag = ExistingTag::Moves), "existing-tag", "moves|refused",
        "Creating a tag whose name another image of the repository has: it moves, or 409.";
    UnknownParent(unknown_parent: UnknownParent = UnknownParent::NotFound), "unknown-parent", "not-found|empty",
        "Listing the images or tags of an id that does not exist: 404, or an empty list.";
    DefaultPageSize(default_page_size: Option<usize> = None), "default-page-size", "unlimited|NUMBER",
        "Page size of the repositories when `page_size` is not given.";
    MaxPageSize(max_page_size: Option<usize> = None), "max-page-size", "unlimited|NUMBER",
        "The highest page size of the repositories.";
    PageSizeOverMaximum(page_size_over_maximum: OverMaximum = OverMaximum::Clamped), "page-size-over-maximum", "clamped|refused",
        "A `page_size` over the highest one: taken as the highest, or 422.";
    IgnoresPage(ignores_page: bool = false), "ignores-page", "off|on",
        "Every page of the repositories is the first one.";
    OverlappingPages(overlapping_pages: bool = false), "overlapping-pages", "off|on",
        "Every page of the repositories but the first begins with the last repository of the page before.";
    SplitImages(split_images: bool = true), "split-images", "on|off",
        "`page` and `page_size` split the images of a repository over pages by tag (on), or are ignored there and on tags (off).";
    Colors(colors: Colors = Colors::Any), "colors", "any|hex",
        "Colours of tags: any text, or `#` and 3 or 6 hexadecimal digits, others get 422.";
    TagNames(tag_names: TagNames = TagNames::Docker), "tag-names", "docker|any",
        "Names of tags that are created: as docker allows them, others get 422, or any text.";
    Commands(commands: Commands = Commands::Present), "commands", "present|empty|null|absent",
        "The field `commands`: filled, an empty object, null, or not there.";
    ExtraAttrs(extra_attrs: ExtraAttrs = ExtraAttrs::Present), "extra-attrs", "present|absent-if-empty|absent|null",
        "The field `extra_attrs`: there, left out where it is empty, never there, or null.";
    EmptyLists(empty_lists: EmptyLists = EmptyLists::Written), "empty-lists", "written|null",
        "Lists and maps without contents are written as such, or as null.";
    UnknownFields(unknown_fields: bool = false), "unknown-fields", "off|on",
        "Every object of an answer has fields that the document does not name.";
    TokenType(token_type: TokenType = TokenType::Bearer), "token-type", "bearer|unknown",
        "The `token_type` of an access token: the one that the document names, or one that it does not.";
    WholeFloats(whole_floats: bool = false), "whole-floats", "off|on",
        "Numbers are written as 1002.0.";
    Stamps(stamps: Stamps = Stamps::Plain), "stamps", "plain|long|maximum|zero",
        "Stamps: as they are, with twelve digits of a second, all at the end of the year 9999, or all at Go's zero time.";
    NeverPulled(never_pulled: NeverPulled = NeverPulled::Null), "never-pulled", "null|zero|empty",
        "The `pull_time` of what was never pulled: null, Go's zero time as Harbor sends it, or an empty text.";
    OddRow(odd_row: Option<usize>= None), "odd-row", "off|NUMBER",
        "The row of that number in every list has a text where its `tags`, or a tag's `signed`, should be.";
    NamelessRow(nameless_row: Option<usize> = None), "nameless-row", "off|NUMBER",
        "The row of that number in every list has null for its `name`, or an image's `digest`.";
    Strict(strict: bool = false), "strict", "off|on",
        "What the document does not name is refused: query parameters, fields, bodies, headers at sign-in, bare tokens.";
    NaiveTimestamps(naive_timestamps: bool = false), "naive-timestamps", "off|on",
        "Stamps are written without an offset.";
    BareToken(bare_token: bool = true), "bare-token", "on|off",
        "`Authorization` may carry the token without `Bearer`.";
    ApiKeyRefused(api_key_refused: bool = false), "api-key-refused", "off|on",
        "Reading the workspace's api key gets 400 `{reason, status}`.";
    WorkspaceListRefused(workspace_list_refused: bool = false), "workspace-list-refused", "off|on",
        "Listing the workspaces gets 400 `{reason, status}`.";
    Workspaces(workspaces: u8 = 1), "workspaces", "1|NUMBER",
        "How many workspaces the keys can see, 1 to 255; only the first has a registry.";
    HtmlNotFound(html_not_found: bool = false), "html-not-found", "off|on",
        "A 404 is an HTML page instead of JSON.";
    Firewall(firewall: bool = false), "firewall", "off|on",
        "Shell metacharacters and `../` in a query value or a text of the body get 445 and an HTML page.";
    RateLimit(rate_limit: Option<usize> = None), "rate-limit", "unlimited|NUMBER",
        "Requests in one minute; more get 429. The service names 1000.";
    RetryAfter(retry_after: bool = true), "retry-after", "on|off",
        "A 429 of the rate limit carries `Retry-After`.";
    TokenLifetime(token_lifetime: usize = 3600), "token-lifetime", "3600|SECONDS",
        "How long an access token lives.";
    RegistryHost(registry_host: String = String::new()), "registry-host", "HOST",
        "The host in full names (the address of the image registry by default).";
    RegistryAuth(registry_auth: RegistryAuth = RegistryAuth::Bearer), "registry-auth", "bearer|basic|open",
        "How the image registry asks for a user and a password: with tokens, with each request, or not at all.";
    RegistryTokenLifetime(registry_token_lifetime: usize = 300), "registry-token-lifetime", "300|SECONDS",
        "How long a token of the image registry lives.";
    RegistryPrefix(registry_prefix: RegistryPrefix = RegistryPrefix::Optional), "registry-prefix", "optional|required",
        "A push or pull without the registry's id in front of the repository: taken as that repository, or 404.";
    IndexChildren(index_children: IndexChildren = IndexChildren::Hidden), "index-children", "hidden|listed",
        "The manifests of an index are images in the management API only if they have a tag, or always.";
    DeletedImageBlobs(deleted_image_blobs: DeletedImageBlobs = DeletedImageBlobs::Removed), "deleted-image-blobs", "removed|kept",
        "Deleting an image in the management API removes the blobs that nothing refers to any more, or none.";
    SparseIndex(sparse_index: SparseIndex = SparseIndex::Refused), "sparse-index", "refused|accepted",
        "An index whose manifests are not all there: 404, or taken.";
    UploadLocation(upload_location: UploadLocation = UploadLocation::Absolute), "upload-location", "absolute|relative",
        "The `Location` of the image registry: with the host, or only a path.";
    UploadState(upload_state: bool = false), "upload-state", "off|on",
        "The `Location` of an upload has a query, which changes with each chunk and must be sent back.";
    SinglePost(single_post: bool = true), "single-post", "on|off",
        "A blob can be sent with the POST that begins its upload (on), or the POST only begins it (off).";
    Mounts(mounts: Mounts = Mounts::Anywhere), "mounts", "anywhere|named|never|insufficient-scope",
        "Mounts of blobs that are done: from any repository if none is named, only from one that is named, or none; one from where the token may not pull becomes an upload, or gets 401 (insufficient-scope).";
    MaxUploadBody(max_upload_body: Option<usize> = None), "max-upload-body", "unlimited|NUMBER",
        "How many bytes of a blob one request may carry; more get 413.";
    ChunkMinLength(chunk_min_length: Option<usize> = None), "chunk-min-length", "off|NUMBER",
        "How many bytes a chunk must have unless it is the last (`OCI-Chunk-Min-Length`).";
    CutChunk(cut_chunk: CutChunk = CutChunk::Kept), "cut-chunk", "kept|discarded|upload-forgotten",
        "The bytes of a chunk whose connection was cut count, or are forgotten, or the whole upload is.";
    MaxConnections(max_connections: Option<usize> = Some(250)), "max-connections", "250|NUMBER|unlimited",
        "How many connections each listener holds; for one more the one that was idle the longest ends.";
    IdleTimeout(idle_timeout: Option<usize> = Some(120)), "idle-timeout", "120|SECONDS|off",
        "How long a connection may send nothing, between requests and within one, before it is ended.";
    MaxUploads(max_uploads: Option<usize> = Some(1_000)), "max-uploads", "1000|NUMBER|unlimited",
        "How many uploads may be unfinished; one more, and the one that was left alone the longest is forgotten.";
    MaxHead(max_head: usize = 400 * 1024), "max-head", "409600|NUMBER",
        "How many bytes the head of a request may have; more get 431. It counts for new connections.";
    MaxBody(max_body: usize = 4 * 1024 * 1024), "max-body", "4194304|NUMBER",
        "How many bytes the body of a request may have, or a manifest; more get 413. A blob may have any number.";
    MaxJournal(max_journal: usize = 16 * 1024 * 1024), "max-journal", "16777216|NUMBER",
        "How many bytes of requests the journal keeps; the oldest are dropped, as they are beyond 10000 requests.";
    Catalog(catalog: bool = false), "catalog", "off|on",
        "`/v2/_catalog` lists the repositories (on), for whoever has the scope `registry:catalog:*`, or is not there (off).";
    Accessories(accessories: Accessories = Accessories::Images), "accessories", "images|hidden",
        "A manifest without a tag that has a subject, such as a signature: an image of its own, or as with Harbor none, and gone with its subject.";
    Referrers(referrers: bool = true), "referrers", "on|off",
        "The registry lists what refers to a manifest (on), or has no such address and leaves the list to those who push (off).";
    Pulls(pulls: Pulls = Pulls::Get), "pulls", "get|get-and-head|none",
        "What of a manifest counts as a pull of its image: GET as with Harbor, HEAD as well, or nothing.";
    LastTag(last_tag: LastTag = LastTag::KeepsImage), "last-tag", "keeps-image|removes-image",
        "Deleting the last tag of an image: the image stays as with Harbor, or goes with it.";
    DeletedIndex(deleted_index: DeletedIndex = DeletedIndex::FreesChildren), "deleted-index", "frees-children|removes-children",
        "Deleting an index through the registry: its manifests become images of their own, or go with it as with Harbor.";
    ImmutableTags(immutable_tags: Option<Prefix> = None), "immutable-tags", "off|PREFIX",
        "Tags whose names begin so can be neither deleted nor moved, nor their images deleted: 412, as with Harbor.";
    Patch(patch: bool = true), "patch", "on|off",
        "An upload takes chunks with PATCH (on), or PATCH gets 405 (off).";
    UnknownLength(unknown_length: bool = true), "unknown-length", "on|off",
        "The body of an upload may come without `Content-Length` (on), or then gets 411 (off).";
    BlobRanges(blob_ranges: bool = true), "blob-ranges", "on|off",
        "Blobs are given from where `Range` says (on), or always as a whole (off).";
    BlobRedirects(blob_redirects: bool = false), "blob-redirects", "off|on",
        "The GET of a blob is redirected to a signed address on another port, which takes no `Authorization`.";
}

impl Quirks {
    /// The time for which a connection may send nothing.
    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout.map(|seconds| Duration::from_secs(seconds as u64))
    }
}

/// The help about a quirk or a fault.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// Its name.
    pub name: &'static str,
    /// The values that it takes, alternatives separated by `|`; empty if it takes nothing.
    pub values: &'static str,
    /// Its effect, in one line.
    pub about: &'static str,
}

/// The reason for which a text is not a quirk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuirkError {
    /// There is no quirk of that name.
    Name(String),
    /// The quirk does not take that value.
    Value {
        /// The quirk.
        name: &'static str,
        /// The value that was given.
        given: String,
        /// The values that it takes.
        values: &'static str,
    },
}

impl fmt::Display for QuirkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                let names: Vec<_> = QUIRKS.iter().map(|quirk| quirk.name).collect();
                write!(f, "there is no quirk `{name}`; there are: {}", names.join(", "))
            }
            Self::Value { name, given, values } => {
                write!(f, "the quirk `{name}` does not take `{given}`; it takes {values}")
            }
        }
    }
}

impl std::error::Error for QuirkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_takes_each_value_that_its_help_names() {
        for quirk in QUIRKS {
            for value in quirk.values.split('|') {
                let value = match value {
                    "NUMBER" | "SECONDS" => "7",
                    "PREFIX" => "v",
                    "HOST" => "127.0.0.1:5000",
                    word => word,
                };
                let text = format!("{}={value}", quirk.name);
                assert!(text.parse::<Quirk>().is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_quirk_is_told_what_there_is() {
        let error = "colours=any".parse::<Quirk>().unwrap_err().to_string();
        assert!(QUIRKS.iter().all(|quirk| error.contains(quirk.name)), "{error}");
        let error = "colors=red".parse::<Quirk>().unwrap_err().to_string();
        assert_eq!(error, "the quirk `colors` does not take `red`; it takes any|hex");
        for text in
            ["max-page-size=0", "max-page-size=-1", "workspaces=x", "registry-host=", "registry-host=a/b", ""]
        {
            assert!(text.parse::<Quirk>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_value_in_the_help_is_the_default() {
        let defaults = Quirks::default();
        for quirk in QUIRKS {
            let first = quirk.values.split('|').next().unwrap();
            // That one is the registry's own address.
            if first == "HOST" {
                continue;
            }
            let mut set = defaults.clone();
            set.set(format!("{}={first}", quirk.name).parse().unwrap());
            assert_eq!(format!("{set:?}"), format!("{defaults:?}"), "{}", quirk.name);
        }
    }
}
