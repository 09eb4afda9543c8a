//! `/v2/NAME/manifests/REFERENCE`

use bytes::BytesMut;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use hyper::{Method, StatusCode};

use super::blobs::DIGEST;
use super::error::{Failure, Refusal};
use super::route;
use super::{Answer, Registry, RegistryRequest};
use crate::body::Body;
use crate::quirks::Pulls;
use crate::response::{append, response};
use crate::service::Push;
use crate::state::digest::{Algorithm, Digest};
use crate::state::manifest::{Manifest, Reference};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

impl Registry {
    /// GET and HEAD.
    pub(super) fn get_manifest(&self, request: &RegistryRequest, reference: &Reference) -> Answer {
        let mut service = self.shared.lock();
        let digest = service.resolve(&request.repository, reference).ok_or_else(Refusal::manifest_unknown)?;
        let stored =
            service.content.manifest(&request.repository, &digest).ok_or_else(Refusal::manifest_unknown)?;
        let headers = [
            (CONTENT_TYPE, stored.manifest.media_type.clone()),
            (CONTENT_LENGTH, stored.length.to_string()),
            (DIGEST, digest.to_string()),
        ];
        let is_head = request.parts.method == Method::HEAD;
        let bytes = match is_head {
            true => Vec::new(),
            false => service.content.store.read_manifest(&request.repository, &digest)?,
        };
        let is_pull = match service.quirks.pulls {
            Pulls::Get => !is_head,
            Pulls::GetAndHead => true,
            Pulls::None => false,
        };
        if is_pull {
            service.pulled(&request.repository, &digest, reference);
        }
        Ok(response(StatusCode::OK, headers, bytes))
    }

    /// PUT. Further tags may be in the query.
    pub(super) async fn put_manifest(
        &self,
        request: &RegistryRequest,
        reference: &Reference,
        body: &mut Body,
    ) -> Answer {
        let most = self.shared.lock().quirks.max_body;
        let mut bytes = BytesMut::new();
        while let Some(data) = body.data().await? {
            if request.cut_after.is_some_and(|most| (bytes.len() + data.len()) as u64 >= most) {
                return Err(Failure::Cut);
            }
            if bytes.len() + data.len() > most {
                return Err(Refusal::too_large("MANIFEST_INVALID", most as u64).into());
            }
            bytes.extend_from_slice(&data);
        }
        let bytes = bytes.freeze();
        let mut tags = Vec::new();
        for (_, tag) in request.query.iter().filter(|(key, _)| key == "tag") {
            tags.push(route::tag(tag)?);
        }
        let digest = match reference {
            Reference::Tag(tag) => {
                tags.insert(0, tag.clone());
                Digest::of(Algorithm::Sha256, &bytes)
            }
            Reference::Digest(digest) => {
                if Digest::of(digest.algorithm(), &bytes) != *digest {
                    return Err(Refusal::bad("DIGEST_INVALID", "what was sent has another digest").into());
                }
                digest.clone()
            }
        };
        let manifest = Manifest::parse(&bytes, request.header(CONTENT_TYPE));
        let manifest = manifest.map_err(|why| Refusal::no_manifest(&why))?;
        let mut subject = manifest.subject.as_ref().map(ToString::to_string);
        // One header for each tag: clients do not take a list apart.
        let answered: Vec<_> = tags.iter().map(|tag| (TAG, tag.clone())).collect();
        {
            let mut service = self.shared.lock();
            subject = subject.filter(|_| service.quirks.referrers);
            let config = service.config_of(&request.repository, &manifest);
            let repository = &request.repository;
            let push = Push { repository, digest: &digest, bytes, manifest, config, tags };
            service.push_manifest(push)?;
        }
        let location = self.location(request, &format!("/v2/{}/manifests/{digest}", request.name));
        let headers = [(LOCATION, location), (DIGEST, digest.to_string())];
        let mut response = response(StatusCode::CREATED, headers, "");
        append(&mut response, subject.map(|subject| (SUBJECT, subject)));
        append(&mut response, answered);
        Ok(response)
    }

    /// DELETE: a tag alone, or a manifest with its tags.
    pub(super) fn delete_manifest(&self, request: &RegistryRequest, reference: &Reference) -> Answer {
        let mut service = self.shared.lock();
        if service.deletes_immutable(&request.repository, reference) {
            return Err(Refusal::immutable().into());
        }
        let deleted = match reference {
            Reference::Tag(tag) => service.untag(&request.repository, tag),
            Reference::Digest(digest) => service.delete_manifest(&request.repository, digest),
        };
        if !deleted {
            return Err(Refusal::manifest_unknown().into());
        }
        Ok(response::<String>(StatusCode::ACCEPTED, [], ""))
    }
}
