//! The manifests of an image: fetched, checked, and one platform chosen where only one is wanted.

use std::collections::HashSet;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::manifest::{
    CONFIG_CAP, Content, DEPTH_CAP, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, MANIFEST_CAP,
    MANIFESTS_BYTES_CAP, MANIFESTS_CAP, Manifest, OCI_INDEX, OCI_MANIFEST, choose, is_image_config,
};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request};
use crate::target::Root;

impl Client {
    /// Reads one manifest or index, and checks it against the digest that is asked for or that the registry
    /// states. Cost: one request, and those of signing in.
    ///
    /// Registries may count this as a pull.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the registry has no such manifest; [`Error::Protocol`] if what it has is
    /// neither the manifest of an image nor an index.
    pub async fn manifest(&self, reference: &Reference) -> Result<Manifest> {
        let registry = self.registry(reference.registry()).await?;
        fetch_manifest(&registry, reference, reference.target(), reference.digest()).await
    }
}

/// A platform that is wanted.
pub(crate) struct Wish {
    pub(crate) platform: Platform,
    /// A single image must be for that platform.
    pub(crate) is_strict: bool,
}

/// The manifests of one image.
pub(crate) async fn resolve(client: &Client, reference: &Reference, wish: Option<&Wish>) -> Result<Root> {
    let registry = client.registry(reference.registry()).await?;
    let mut root = fetch_manifest(&registry, reference, reference.target(), reference.digest()).await?;
    if let Some(wish) = wish {
        let is_named;
        (root, is_named) = descend(&registry, reference, root, &wish.platform).await?;
        if let Content::Image { config, .. } = &root.content
            && wish.is_strict
            && !is_named
            && let Some(own) = platform(&registry, reference, config).await?
            && wish.platform.best([Some(&own)]).is_none()
        {
            return Err(Error::Invalid(format!(
                "{reference}: the image is for {own}, not for {}; allow any platform to pull it all the same",
                wish.platform
            )));
        }
    }
    let (mut found, mut seen) = (Vec::new(), HashSet::from([root.digest.clone()]));
    let mut open = vec![root];
    // Parents are found first, and the image's own must end up last.
    while let Some(manifest) = open.pop() {
        if let Content::Index { manifests } = &manifest.content {
            for child in manifests {
                if !seen.insert(child.digest.clone()) {
                    continue;
                }
                let held: usize = open.iter().chain(&found).map(|manifest| manifest.bytes.len()).sum();
                if seen.len() > MANIFESTS_CAP || held > MANIFESTS_BYTES_CAP {
                    return Err(Error::protocol(
                        format!("get the manifests of {reference}"),
                        "they are too many or too long",
                    ));
                }
                let digest = &child.digest;
                open.push(fetch_manifest(&registry, reference, digest.as_str(), Some(digest)).await?);
            }
        }
        found.push(manifest);
    }
    found.reverse();
    Ok(Root { reference: reference.clone(), manifests: found })
}

/// The image of an index that runs best on a platform, and whether the index says that it is for one.
pub(crate) async fn descend(
    registry: &Registry,
    reference: &Reference,
    mut root: Manifest,
    platform: &Platform,
) -> Result<(Manifest, bool)> {
    // An index may lead to a further one, and need not name platforms.
    let mut is_named = false;
    for _ in 0..DEPTH_CAP {
        let Content::Index { manifests } = &root.content else { break };
        let child = choose(manifests, platform)
            .map_err(|problem| Error::Invalid(format!("{reference}: {problem}")))?;
        is_named = child.platform.is_some();
        let digest = child.digest.clone();
        root = fetch_manifest(registry, reference, digest.as_str(), Some(&digest)).await?;
    }
    Ok((root, is_named))
}

async fn fetch_manifest(
    registry: &Registry,
    reference: &Reference,
    target: &str,
    expected: Option<&Digest>,
) -> Result<Manifest> {
    let repository = reference.repository();
    let what = format!("get the manifest {target} of {}/{repository}", registry.name);
    let url = registry.url(&format!("{repository}/manifests/{target}"));
    let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ");
    let request = Request::new(what.clone(), Method::GET, url).header(ACCEPT, &accept);
    let answer = registry.fetch(&Scope::pull(repository), &request, MANIFEST_CAP as usize).await?;
    let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    let stated = stated_digest(&answer.headers, expected);
    let mut manifest =
        Manifest::parse(answer.body.into(), media_type).map_err(|detail| Error::protocol(&what, detail))?;
    if let Some(expected) = expected.or(stated.as_ref()) {
        let mut hasher = Hasher::of(expected);
        hasher.update(&manifest.bytes);
        let found = hasher.finish();
        if found != *expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(Error::Digest { what, expected, found });
        }
        manifest.digest = found;
    }
    Ok(manifest)
}

/// The digest that the registry states itself, where none was asked for.
fn stated_digest(headers: &HeaderMap, expected: Option<&Digest>) -> Option<Digest> {
    match expected {
        Some(_) => None,
        None => headers.get("docker-content-digest")?.to_str().ok()?.parse().ok(),
    }
}

/// The platform that an image is for, by its configuration; artifacts name none.
async fn platform(
    registry: &Registry,
    reference: &Reference,
    config: &Descriptor,
) -> Result<Option<Platform>> {
    if !is_image_config(&config.media_type) {
        return Ok(None);
    }
    let repository = reference.repository();
    let what = format!("get the configuration of {reference}");
    let url = registry.url(&format!("{repository}/blobs/{}", config.digest));
    let request = Request::new(what, Method::GET, url);
    let answer = registry.fetch(&Scope::pull(repository), &request, CONFIG_CAP as usize).await?;
    // What is no configuration is none for another platform either.
    Ok(serde_json::from_slice(&answer.body).ok())
}
