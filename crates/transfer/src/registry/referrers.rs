//! The list of what refers to a manifest: where a registry keeps none, those who push do, under a tag.

use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::look::{PAGES_CAP, next_page};
use crate::manifest::{ImageIndex, MANIFEST_CAP, Manifest, OCI_INDEX};
use crate::registry::answer::failure;
use crate::registry::auth::Scope;
use crate::registry::http::{Registry, Request, same_origin};
use crate::registry::repository::Repository;

/// How often the list is written before it is left to the others who write it.
const GOES: u32 = 8;

/// A manifest that refers to another: a signature, a bill of materials.
pub(crate) struct Referrer {
    pub(crate) subject: Digest,
    /// Its entry in the list.
    entry: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referring {
    subject: Option<Named>,
    artifact_type: Option<String>,
    config: Option<Named>,
    annotations: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    media_type: Option<String>,
    digest: String,
}

impl Referrer {
    /// `None` for a manifest that stands for itself.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        let referring: Referring = serde_json::from_slice(&manifest.bytes).ok()?;
        let subject = referring.subject?.digest.parse().ok()?;
        let (media_type, digest) = (&manifest.media_type, manifest.digest.as_str());
        let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": manifest.bytes.len() });
        let own = referring.artifact_type.filter(|own| !own.is_empty());
        if let Some(artifact_type) = own.or(referring.config.and_then(|config| config.media_type)) {
            entry["artifactType"] = artifact_type.into();
        }
        if let Some(annotations) = referring.annotations {
            entry["annotations"] = annotations.into();
        }
        Some(Self { subject, entry })
    }

    fn tag(&self) -> String {
        tag_of(&self.subject)
    }
}

/// The list as it is in the registry, and the version of it that this is.
struct Listed {
    index: Value,
    etag: Option<String>,
    is_new: bool,
}

impl Repository<'_> {
    /// Adds a manifest to the list. Others may do the same at the same time: the list is written only if it is
    /// still the one that was read, as far as the registry heeds that, and read again a little later, when those
    /// who read it along with us have written theirs.
    pub(crate) async fn refer(&self, referrer: &Referrer) -> Result<()> {
        let (tag, patience) = (referrer.tag(), &self.registry.patience);
        for go in 1..=GOES {
            {
                let _turn = self.registry.referrers.lock().await;
                let mut listed = self.listed(&tag).await?;
                let Some(manifests) = listed.index["manifests"].as_array_mut() else {
                    return Err(Error::protocol(self.keep(&tag), "the tag is of something else than a list"));
                };
                if manifests.iter().any(|entry| entry["digest"] == referrer.entry["digest"]) {
                    return Ok(());
                }
                manifests.push(referrer.entry.clone());
                self.write(&tag, &listed).await?;
            }
            patience.clock.sleep(patience.policy.base + patience.policy.backoff(go)).await;
        }
        Err(Error::protocol(self.keep(&tag), "others overwrite the list all the time; push it once more"))
    }

    fn keep(&self, tag: &str) -> String {
        self.what("keep the list of referrers", tag)
    }

    async fn listed(&self, tag: &str) -> Result<Listed> {
        let request =
            Request::new(self.keep(tag), Method::GET, self.manifest_url(tag)).header(ACCEPT, OCI_INDEX);
        let answer = match self.registry.fetch(&self.scope(), &request, MANIFEST_CAP as usize).await {
            Ok(answer) => answer,
            Err(error) if error.is_not_found() => {
                let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
                return Ok(Listed { index, etag: None, is_new: true });
            }
            Err(error) => return Err(error),
        };
        // A weak one tells nobody that the bytes are the same.
        let etag = answer.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let etag = etag.filter(|etag| !etag.starts_with("W/"));
        let index = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(Listed { index, etag, is_new: false })
    }

    async fn write(&self, tag: &str, listed: &Listed) -> Result<()> {
        let mut request = Request::new(self.keep(tag), Method::PUT, self.manifest_url(tag))
            .header(CONTENT_TYPE, OCI_INDEX)
            .body(listed.index.to_string().into());
        if listed.is_new {
            request = request.header(IF_NONE_MATCH, "*");
        } else if let Some(etag) = &listed.etag {
            request = request.header(IF_MATCH, etag);
        }
        let response = self.registry.send(&self.scope(), &request).await?;
        match response.status() {
            // Somebody else was first; the list is read again.
            StatusCode::PRECONDITION_FAILED => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(self.fail(request.what, response).await),
        }
    }
}

/// True if the registry has the API that lists what refers to a manifest.
pub(crate) async fn lists_referrers(registry: &Registry, repository: &str, digest: &Digest) -> Result<bool> {
    let what = format!("list what refers to {digest} in {}/{repository}", registry.name);
    let url = registry.url(&format!("{repository}/referrers/{digest}"));
    let request = Request::new(what.clone(), Method::GET, url).header(ACCEPT, OCI_INDEX);
    let response = registry.send(&Scope::pull(repository), &request).await?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match response.status().as_u16() {
        200 => {
            Ok(media_type
                .is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == OCI_INDEX))
        }
        // A registry without it knows no such address.
        400 | 404 | 405 | 501 => Ok(false),
        _ => Err(failure(&registry.patience, what, response).await),
    }
}

/// What refers to a manifest: as the registry lists it, or else as the list under the tag has it.
pub(crate) async fn referrers(
    registry: &Registry,
    repository: &str,
    subject: &Digest,
) -> Result<Vec<Digest>> {
    let what = format!("list what refers to {subject} in {}/{repository}", registry.name);
    let tag = registry.url(&format!("{repository}/manifests/{}", tag_of(subject)));
    let mut url = registry.url(&format!("{repository}/referrers/{subject}"));
    let mut found = Vec::new();
    for _ in 0..PAGES_CAP {
        let request = Request::new(&what, Method::GET, url.clone()).header(ACCEPT, OCI_INDEX);
        let answer = registry.fetch(&Scope::pull(repository), &request, MANIFEST_CAP as usize).await;
        let answer = match answer {
            Ok(answer) => answer,
            // A registry without the API knows no such address, and one without the tag has no list.
            Err(error) if url == tag && error.is_not_found() => return Ok(found),
            Err(error) if url != tag && matches!(error.status(), Some(400 | 404 | 405 | 501)) => {
                url = tag.clone();
                continue;
            }
            Err(error) => return Err(error),
        };
        let list: ImageIndex = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::protocol(&what, "it is not the JSON of a list"))?;
        let is_last = list.manifests.is_empty() || url == tag;
        found.extend(list.manifests.into_iter().map(|entry| entry.digest));
        match next_page(&answer.headers, &url).filter(|next| same_origin(next, &registry.base)) {
            Some(next) if !is_last => url = next,
            _ => return Ok(found),
        }
    }
    Err(Error::protocol(what, "there is no end to it"))
}

/// The tag of the list. Names of tags are shorter than some digests.
fn tag_of(subject: &Digest) -> String {
    let (algorithm, hex) = subject.as_str().split_once(':').unwrap_or_default();
    format!("{algorithm:.32}-{hex:.64}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_what_refers_to_whom() {
        let config = json!({ "mediaType": "a/config", "digest": Digest::of(b"c").as_str(), "size": 1 });
        let of = |more: Value| {
            let mut manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
            manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let manifest = Manifest::parse(manifest.to_string().into(), None).unwrap();
            Referrer::of(&manifest).map(|referrer| (referrer.tag(), referrer.entry))
        };
        assert_eq!(of(json!({})), None);
        let subject =
            json!({ "mediaType": "x/y", "digest": format!("sha512:{}", "a".repeat(128)), "size": 1 });
        let (tag, entry) = of(json!({ "subject": subject, "annotations": { "k": "v" } })).unwrap();
        assert_eq!(tag, format!("sha512-{}", "a".repeat(64)));
        assert_eq!(
            (&entry["artifactType"], &entry["annotations"]),
            (&json!("a/config"), &json!({ "k": "v" }))
        );
        let (_, entry) = of(json!({ "subject": subject, "artifactType": "a/signature" })).unwrap();
        assert_eq!((&entry["artifactType"], entry.get("annotations")), (&json!("a/signature"), None));
    }
}
