//! `/v2/NAME/referrers/DIGEST`

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName};
use serde_json::json;

use super::error::Refusal;
use super::{Answer, Registry, RegistryRequest, route};
use crate::response::{append, response};
use crate::state::digest::Digest;
use crate::state::manifest::{OCI_INDEX, Referrer, annotations};

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Registry {
    /// An index of the manifests that have that subject; an empty one if there are none.
    pub(super) fn list_referrers(&self, request: &RegistryRequest, subject: &Digest) -> Answer {
        let service = self.shared.lock();
        if !service.quirks.referrers {
            return Err(Refusal::nothing_here().into());
        }
        let wanted = request.query("artifactType").filter(|wanted| !wanted.is_empty());
        let found = service.content.manifests(&request.repository);
        let found = found.filter(|(_, stored)| stored.manifest.subject.as_ref() == Some(subject));
        let found = found.map(|(digest, stored)| Referrer {
            media_type: &stored.manifest.media_type,
            digest: digest.to_string(),
            size: stored.length,
            artifact_type: stored.manifest.artifact_type.as_deref(),
            annotations: BTreeMap::new(),
        });
        let found = found.filter(|referrer| wanted.is_none() || referrer.artifact_type == wanted);
        let mut manifests: Vec<_> = found.collect();
        for referrer in &mut manifests {
            let digest = route::digest(&referrer.digest)?;
            referrer.annotations =
                annotations(&service.content.store.read_manifest(&request.repository, &digest)?);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }).to_string();
        let mut response = response(StatusCode::OK, [(CONTENT_TYPE, OCI_INDEX)], index);
        append(&mut response, wanted.map(|_| (FILTERS, "artifactType")));
        Ok(response)
    }
}
