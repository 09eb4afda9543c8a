//! Looks at what a registry has, without getting it.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LINK};
use serde::Deserialize;
use url::Url;

use crate::client::Client;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, MANIFEST_CAP, OCI_INDEX, OCI_MANIFEST};
use crate::reference::Reference;
use crate::registry::answer::{exchange, failure};
use crate::registry::auth::Scope;
use crate::registry::http::{Request, same_origin};
use crate::registry::referrers::{lists_referrers, referrers};
use crate::retry::Patience;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Pages of a list that are read; a repository of a million tags has no more.
pub(crate) const PAGES_CAP: usize = 1000;

/// The headers of a manifest; each is there only if the registry sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestHead {
    /// The media type, which tells an index from an image.
    pub media_type: Option<String>,
    /// The digest.
    pub digest: Option<Digest>,
    /// The length in bytes.
    pub size: Option<u64>,
}

impl Client {
    /// Reads the headers of a manifest or index. Cost: one request, and those of signing in.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the registry has no such manifest.
    pub async fn head(&self, reference: &Reference) -> Result<ManifestHead> {
        let registry = self.registry(reference.registry()).await?;
        let (repository, target) = (reference.repository(), reference.target());
        let what = format!("look for the manifest {target} of {}/{repository}", registry.name);
        let url = registry.url(&format!("{repository}/manifests/{target}"));
        let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ");
        let request = Request::new(what.clone(), Method::HEAD, url).header(ACCEPT, &accept);
        let response = registry.send(&Scope::pull(repository), &request).await?;
        if !response.status().is_success() {
            return Err(failure(&registry.patience, what, response).await);
        }
        let headers = response.headers();
        Ok(ManifestHead {
            media_type: text(headers, CONTENT_TYPE),
            digest: text(headers, CONTENT_DIGEST).and_then(|digest| digest.parse().ok()),
            size: text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        })
    }

    /// Reads the names of all tags of a repository, that of a reference. Cost: one request for each thousand, and those
    /// of signing in.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the registry has no such repository; [`Error::Protocol`] if there is no end to them.
    pub async fn tags(&self, repository: &Reference) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let registry = self.registry(repository.registry()).await?;
        let name = repository.repository();
        let what = format!("list the tags of {}/{name}", registry.name);
        let wrong = |detail: &str| Error::protocol(&what, detail);
        let mut url = registry.url(&format!("{name}/tags/list"));
        url.set_query(Some("n=1000"));
        let mut tags = Vec::new();
        for _ in 0..PAGES_CAP {
            let request = Request::new(&what, Method::GET, url.clone());
            let answer = registry.fetch(&Scope::pull(name), &request, MANIFEST_CAP as usize).await?;
            let page: Page =
                serde_json::from_slice(&answer.body).map_err(|_| wrong("it is not the JSON of a list"))?;
            let page = page.tags.unwrap_or_default();
            let next = next_page(&answer.headers, &url).filter(|next| same_origin(next, &registry.base));
            let is_last = page.is_empty();
            tags.extend(page);
            match next {
                Some(next) if !is_last => url = next,
                _ => return Ok(tags),
            }
        }
        Err(wrong("there is no end to it"))
    }

    /// Makes sure that a host is a registry: that it answers as one, or asks for a sign-in, which it does not get.
    /// Cost: one request, and a connection more for a host on this machine, to see whether it speaks TLS.
    ///
    /// # Errors
    /// [`Error::Registry`] with the status of another answer; [`Error::Transport`] if there is none.
    pub async fn check_registry(&self, registry: &str) -> Result<()> {
        let registry = self.registry(registry).await?;
        let what = || format!("ask {} whether it is a registry", registry.name);
        let ask = || async {
            let sending = exchange(&registry.patience, registry.http.get(registry.url("")));
            let sent = tokio::time::timeout(registry.patience.idle, sending).await;
            let answer = sent.map_err(|_| Patience::stalled(what()))?;
            let answer = answer.map_err(|error| Error::transport(what(), error))?;
            match answer.status().as_u16() {
                200 | 401 => Ok(()),
                _ => Err(failure(&registry.patience, what(), answer).await),
            }
        };
        registry.patience.repeat(ask).await
    }

    /// Digests of the manifests that refer to one: signatures and the like. In a registry that does not list them the
    /// list under the referrers tag is read. Cost: one request or two, and those of signing in.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the reference has no digest; [`Error::Protocol`] if there is no end to them.
    pub async fn referrers(&self, reference: &Reference) -> Result<Vec<Digest>> {
        let Some(digest) = reference.digest() else {
            return Err(Error::Invalid(format!("{reference} has no digest")));
        };
        let registry = self.registry(reference.registry()).await?;
        referrers(&registry, reference.repository(), digest).await
    }

    /// True if the registry has the API that lists what refers to a manifest: signatures and the like. Cost: one
    /// request, and those of signing in.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the reference has no digest.
    pub async fn lists_referrers(&self, reference: &Reference) -> Result<bool> {
        let Some(digest) = reference.digest() else {
            return Err(Error::Invalid(format!("{reference} has no digest")));
        };
        let registry = self.registry(reference.registry()).await?;
        lists_referrers(&registry, reference.repository(), digest).await
    }
}

/// Where a list goes on.
pub(crate) fn next_page(headers: &HeaderMap, page: &Url) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|links| links.split(',')).find_map(|link| {
        let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let rest = rest.replace(['"', ' '], "").to_ascii_lowercase();
        rest.split(';').any(|part| part == "rel=next").then(|| page.join(address).ok())?
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_owned())
}
