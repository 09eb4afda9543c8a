//! The manifests of an image: fetched, checked, and one platform chosen where only one is wanted.

use std::collections::HashSet;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::manifest::{
    Content, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, MANIFEST_CAP, MANIFESTS_BYTES_CAP, MANIFESTS_CAP,
    Manifest, OCI_INDEX, OCI_MANIFEST,
};
use crate::reference::Reference;
use crate::registry::answer::{failure, read_capped};
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
        let registry = self.registry(reference.registry())?;
        fetch_manifest(&registry, reference, reference.target(), reference.digest()).await
    }
}

/// The manifests of one image.
pub(crate) async fn resolve(client: &Client, reference: &Reference, platform: Option<&str>) -> Result<Root> {
    let registry = client.registry(reference.registry())?;
    let mut root = fetch_manifest(&registry, reference, reference.target(), reference.digest()).await?;
    if let Some(platform) = platform
        && let Content::Index { manifests } = &root.content
    {
        let child = choose(manifests, platform)
            .map_err(|problem| Error::Invalid(format!("{reference}: {problem}")))?;
        root = fetch_manifest(&registry, reference, child.digest.as_str(), Some(&child.digest)).await?;
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
    let response = registry.download(&Scope::pull(repository), &request).await?;
    if !response.status().is_success() {
        return Err(failure(&registry.patience, what, response).await);
    }
    let headers = response.headers().clone();
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    let stated = stated_digest(&response, expected);
    let bytes = read_capped(&registry.patience, what.clone(), response, MANIFEST_CAP as usize).await?;
    let mut manifest =
        Manifest::parse(bytes.into(), media_type).map_err(|detail| Error::protocol(&what, detail))?;
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
fn stated_digest(response: &reqwest::Response, expected: Option<&Digest>) -> Option<Digest> {
    match expected {
        Some(_) => None,
        None => response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok(),
    }
}

fn choose<'a>(manifests: &'a [Descriptor], platform: &str) -> Result<&'a Descriptor, String> {
    let own = |descriptor: &Descriptor| descriptor.platform.as_ref().map(ToString::to_string);
    let fits = |descriptor: &&Descriptor| {
        own(descriptor).is_some_and(|own| {
            own == platform || own.strip_prefix(platform).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    manifests.iter().find(fits).ok_or_else(|| {
        let there: Vec<_> = manifests.iter().filter_map(own).collect();
        format!("there is no platform {platform}; there are: {}", there.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Platform;

    #[test]
    fn a_platform_is_chosen_by_its_whole_name_or_without_the_variant() {
        let named = |platform: Option<&str>| {
            let mut parts = platform.unwrap_or_default().split('/').map(str::to_owned);
            let platform = platform.is_some().then(|| Platform {
                os: parts.next().unwrap(),
                architecture: parts.next().unwrap(),
                variant: parts.next(),
            });
            Descriptor { platform, ..Descriptor::new(OCI_MANIFEST, Digest::of(b""), 1) }
        };
        let all = [
            named(None),
            named(Some("linux/arm/v7")),
            named(Some("linux/arm64")),
            named(Some("linux/amd64")),
        ];
        assert_eq!(choose(&all, "linux/amd64").unwrap(), &all[3]);
        assert_eq!(choose(&all, "linux/arm").unwrap(), &all[1]);
        assert_eq!(choose(&all, "linux/arm/v7").unwrap(), &all[1]);
        let error = choose(&all, "linux/s390x").unwrap_err();
        assert_eq!(
            error,
            "there is no platform linux/s390x; there are: linux/arm/v7, linux/arm64, linux/amd64"
        );
    }
}
