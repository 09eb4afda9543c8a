//! The kinds of things that are deleted.

use mlspace_registry_api::types;
use uuid::Uuid;

use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::operation::{IMAGE_DELETE, REPOSITORY_DELETE, Repeat, TAG_DELETE};

/// A kind of thing that can be deleted by the list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Noun {
    Repositories,
    Images,
    Tags,
}

impl Noun {
    /// Sends one chunk; answers with what the service says it deleted.
    ///
    /// The loop below may not repeat it when the answer is lost: the second answer would leave out what
    /// the first request deleted. Reading settles that.
    pub(crate) async fn delete(self, client: &Client, ids: Vec<Uuid>) -> Result<Vec<Uuid>> {
        let once =
            |operation, field| Call { repeat: Repeat::IfUnsent, ..Call::new(operation).fields(&[field]) };
        match self {
            Self::Repositories => {
                let body = types::DeleteRepositories::new(ids);
                let call = once(&REPOSITORY_DELETE, "repository_ids");
                client
                    .core
                    .call(call, |api| {
                        let body = body.clone();
                        async move { api.repository_delete(body).send().await }
                    })
                    .await
            }
            Self::Images => {
                let body = types::DeleteImages::new(ids);
                client
                    .core
                    .call(once(&IMAGE_DELETE, "image_ids"), |api| {
                        let body = body.clone();
                        async move { api.image_delete(body).send().await }
                    })
                    .await
            }
            Self::Tags => {
                let body = types::DeleteTags::new(ids);
                client
                    .core
                    .call(once(&TAG_DELETE, "tag_ids"), |api| {
                        let body = body.clone();
                        async move { api.tag_delete(body).send().await }
                    })
                    .await
            }
        }
    }

    /// One of them, for a sentence.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Self::Repositories => "the repository",
            Self::Images => "the image",
            Self::Tags => "the tag",
        }
    }

    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Repositories => REPOSITORY_DELETE.id,
            Self::Images => IMAGE_DELETE.id,
            Self::Tags => TAG_DELETE.id,
        }
    }
}
