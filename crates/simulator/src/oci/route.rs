//! From a method and a path to an endpoint. Every part of a path is parsed and checked here, and nowhere is a part
//! of it used as a path of a file.

use hyper::header::ALLOW;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;
use uuid::Uuid;

use crate::names::{is_repository_name, is_tag_name};
use crate::oci::error::Refusal;
use crate::state::digest::Digest;
use crate::state::manifest::Reference;

/// The path of the token endpoint.
pub(crate) const TOKEN: &str = "/service/token";

/// The beginning of the addresses to which blobs are redirected.
pub(crate) const STORAGE: &str = "/storage/";

/// The thing that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Ping,
    Token,
    Blob(Digest),
    /// A blob at the address where the registry redirects to.
    Stored(Digest),
    Uploads,
    Upload(Uuid),
    Manifest(Reference),
    Tags,
    Catalog,
    Referrers(Digest),
}

/// A request that the registry has something for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: &'static str,
    /// The repository as it was named, or an empty text.
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
}

/// The operations of an endpoint by method.
fn operations(endpoint: &Endpoint) -> &'static [(Method, &'static str)] {
    match endpoint {
        Endpoint::Ping => &[(Method::GET, "oci_ping"), (Method::HEAD, "oci_ping")],
        Endpoint::Token => &[(Method::GET, "oci_token"), (Method::POST, "oci_token")],
        Endpoint::Blob(_) => &[
            (Method::GET, "oci_blob_get"),
            (Method::HEAD, "oci_blob_head"),
            (Method::DELETE, "oci_blob_delete"),
        ],
        Endpoint::Stored(_) => &[(Method::GET, "oci_storage_get"), (Method::HEAD, "oci_storage_get")],
        Endpoint::Uploads => &[(Method::POST, "oci_upload_start")],
        Endpoint::Upload(_) => &[
            (Method::GET, "oci_upload_status"),
            (Method::HEAD, "oci_upload_status"),
            (Method::PATCH, "oci_upload_patch"),
            (Method::PUT, "oci_upload_put"),
            (Method::DELETE, "oci_upload_cancel"),
        ],
        Endpoint::Manifest(_) => &[
            (Method::GET, "oci_manifest_get"),
            (Method::HEAD, "oci_manifest_head"),
            (Method::PUT, "oci_manifest_put"),
            (Method::DELETE, "oci_manifest_delete"),
        ],
        Endpoint::Catalog => &[(Method::GET, "oci_catalog")],
        Endpoint::Tags => &[(Method::GET, "oci_tag_list")],
        Endpoint::Referrers(_) => &[(Method::GET, "oci_referrer_list")],
    }
}

/// Reads a path as it was sent.
pub(crate) fn route(method: &Method, path: &str) -> Result<Route, Refusal> {
    let (name, endpoint) = parse(method, path)?;
    let operations = operations(&endpoint);
    match operations.iter().find(|(known, _)| known == method) {
        Some((_, operation)) => Ok(Route { operation, name, endpoint }),
        None => {
            let allowed: Vec<_> = operations.iter().map(|(method, _)| method.as_str()).collect();
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Err(Refusal::new(status, "UNSUPPORTED", format!("{method} is not supported here"))
                .header(ALLOW, allowed.join(", ")))
        }
    }
}

fn parse(method: &Method, path: &str) -> Result<(String, Endpoint), Refusal> {
    match path {
        "/v2" | "/v2/" => return Ok((String::new(), Endpoint::Ping)),
        TOKEN => return Ok((String::new(), Endpoint::Token)),
        "/v2/_catalog" => return Ok((String::new(), Endpoint::Catalog)),
        _ => {}
    }
    let (is_stored, path) = match path.strip_prefix(STORAGE) {
        Some(path) => (true, path),
        None => (false, path.strip_prefix("/v2/").ok_or_else(Refusal::nothing_here)?),
    };
    // What is encoded stays inside its part: `%2F` does not become a separator, and no part may contain one.
    let parts: Vec<_> = path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy()).collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let (name, endpoint): (&[&str], _) = match parts.as_slice() {
        [name @ .., text] if is_stored => (name, digest(text).map(Endpoint::Stored)),
        [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
            (name, Ok(Endpoint::Uploads))
        }
        [name @ .., "blobs", "uploads", id] => (name, upload(id).map(Endpoint::Upload)),
        [name @ .., "blobs", text] => (name, digest(text).map(Endpoint::Blob)),
        [name @ .., "manifests", text] => (name, reference(method, text).map(Endpoint::Manifest)),
        [name @ .., "tags", "list"] => (name, Ok(Endpoint::Tags)),
        [name @ .., "referrers", text] => (name, digest(text).map(Endpoint::Referrers)),
        _ => return Err(Refusal::nothing_here()),
    };
    let name = name.join("/");
    if !is_repository_name(&name) {
        let message = "not the name of a repository: at most 255 characters, parts of a-z and 0-9 that `.`, `_`, \
                       `__` or `-` may join";
        return Err(Refusal::bad("NAME_INVALID", message).detail(json!({ "name": name })));
    }
    Ok((name, endpoint?))
}

fn upload(id: &str) -> Result<Uuid, Refusal> {
    // Only the form in which ids are given out.
    let uuid = Uuid::try_parse(id).ok().filter(|uuid| uuid.to_string() == id);
    uuid.ok_or_else(|| Refusal::bad("BLOB_UPLOAD_INVALID", "not the id of an upload"))
}

pub(crate) fn digest(text: &str) -> Result<Digest, Refusal> {
    Digest::parse(text).ok_or_else(|| Refusal::no_digest(text))
}

fn reference(method: &Method, text: &str) -> Result<Reference, Refusal> {
    if text.contains(':') {
        return digest(text).map(Reference::Digest);
    }
    // What has the letters of a tag, and is none, nothing can be pushed as: it is not there. Whatever could mean
    // something in a path is refused.
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let harmless = text.chars().all(letters) && text.contains(|c: char| c.is_ascii_alphanumeric());
    match tag(text) {
        Err(_) if method != Method::PUT && harmless => Err(Refusal::manifest_unknown()),
        tag => tag.map(Reference::Tag),
    }
}

pub(crate) fn tag(text: &str) -> Result<String, Refusal> {
    if is_tag_name(text) {
        return Ok(text.to_owned());
    }
    let message = "not a tag: 1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -";
    Err(Refusal::bad("MANIFEST_INVALID", message).detail(json!({ "tag": text })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::OCI_OPERATION_IDS;

    #[test]
    fn names_of_any_depth_and_endpoints_in_names_are_told_apart() {
        let hex = "a".repeat(64);
        for (path, name) in [
            ("/v2/a/tags/list".to_owned(), "a"),
            (format!("/v2/a/b-c/d__e/f.g/blobs/sha256:{hex}"), "a/b-c/d__e/f.g"),
            ("/v2/x/blobs/uploads/manifests/v1".to_owned(), "x/blobs/uploads"),
            ("/v2/tags/list/tags/list".to_owned(), "tags/list"),
            ("/v2/a/blobs/uploads/".to_owned(), "a"),
            (format!("/v2/a/referrers/sha256%3A{hex}"), "a"),
        ] {
            assert_eq!(parse(&Method::GET, &path).unwrap().0, name, "{path}");
        }
    }

    #[test]
    fn what_could_leave_the_folder_is_refused() {
        for path in [
            "/v2/../../etc/manifests/v1",
            "/v2/..%2F..%2Fetc/manifests/v1",
            "/v2/%2e%2e/a/manifests/v1",
            "/v2/a/./b/manifests/v1",
            "/v2/a//b/manifests/v1",
            "/v2//etc/passwd/manifests/v1",
            "/v2/manifests/v1",
            "/v2/a%00b/manifests/v1",
            "/v2/A/manifests/v1",
            "/v2/a%FFb/tags/list",
            "/v2/a-/tags/list",
            "/v2/a___b/tags/list",
            "/v2/a..b/tags/list",
            "/v2/a/manifests/..%2F..%2Fv1",
            "/v2/a/manifests/.hidden",
            "/v2/a/manifests/v%001",
            "/v2/a/manifests/sha256:..%2F..%2Fx",
            "/v2/a/blobs/sha256:abc",
            "/v2/a/blobs/..%2F..%2Fetc%2Fpasswd",
            "/v2/a/blobs/uploads/..%2F..%2Fx",
            "/v2/a/blobs/uploads/{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
            "/v2/a/referrers/x",
            "/storage/a/..%2F..%2Fetc%2Fpasswd",
            "/storage/..%2Fa/sha256:abc",
        ] {
            let refused = parse(&Method::PUT, path).expect_err(path);
            assert!(format!("{refused:?}").contains("status: 400"), "{path}: {refused:?}");
        }
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        assert!(parse(&Method::GET, &long).is_err());
    }

    #[test]
    fn every_operation_has_an_id_of_its_own() {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let endpoints = [
            Endpoint::Ping,
            Endpoint::Token,
            Endpoint::Blob(digest.clone()),
            Endpoint::Stored(digest.clone()),
            Endpoint::Uploads,
            Endpoint::Upload(Uuid::nil()),
            Endpoint::Manifest(Reference::Digest(digest.clone())),
            Endpoint::Tags,
            Endpoint::Catalog,
            Endpoint::Referrers(digest),
        ];
        let mut ids: Vec<_> = endpoints.iter().flat_map(operations).map(|(_, id)| *id).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        let mut known = OCI_OPERATION_IDS.to_vec();
        known.sort_unstable();
        assert_eq!(ids, known);
    }
}
