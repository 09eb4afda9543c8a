//! The operations that both listeners answer, as data.

use hyper::Method;

/// An operation of the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: Name,
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// `{}` stands for one part of the path.
    pub(crate) path: &'static str,
}

/// Declares the operations of the management API.
macro_rules! operations {
    ($($name:ident $id:literal $method:ident $path:literal;)*) => {
        /// The name of an operation in this crate, so that none can be left without a handler.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Name { $($name,)* }

        pub(crate) const OPERATIONS: &[Operation] =
            &[$(Operation { name: Name::$name, id: $id, method: Method::$method, path: $path },)*];

        /// The ids of all operations that the management API answers.
        pub const OPERATION_IDS: &[&str] = &[$($id,)*];
    };
}

operations! {
    ServiceAuth "service_auth" POST "/public/v2/service_auth";
    WorkspaceApiKey "workspace_api_key" GET "/public/v2/workspaces/v1/x_api_key";
    WorkspaceList "workspace_list" GET "/public/v2/workspaces/v3/";
    GeneratePassword "generate_password" GET "/public/v2/docker_registry/v1/users/generate_password";
    RegistryGet "registry_get" GET "/public/v2/docker_registry/v2/registries/current";
    RepositoryList "repository_list" GET "/public/v2/docker_registry/v2/repositories/";
    RepositoryDelete "repository_delete" DELETE "/public/v2/docker_registry/v2/repositories/";
    RepositoryGet "repository_get" GET "/public/v2/docker_registry/v2/repositories/{}";
    RepositoryUpdate "repository_update" PUT "/public/v2/docker_registry/v2/repositories/{}";
    RepositoryFavorite "repository_favorite" POST "/public/v2/docker_registry/v2/repositories/{}/fav";
    ImageList "image_list" GET "/public/v2/docker_registry/v2/images/";
    ImageDelete "image_delete" DELETE "/public/v2/docker_registry/v2/images/";
    ImageGet "image_get" GET "/public/v2/docker_registry/v2/images/{}";
    TagList "tag_list" GET "/public/v2/docker_registry/v2/tags/";
    TagCreate "tag_create" POST "/public/v2/docker_registry/v2/tags/";
    TagDelete "tag_delete" DELETE "/public/v2/docker_registry/v2/tags/";
    TagUpdate "tag_update" PUT "/public/v2/docker_registry/v2/tags/{}";
}

/// The ids of all operations of the image registry, for faults and for the journal.
pub const OCI_OPERATION_IDS: &[&str] = &[
    "oci_ping",
    "oci_token",
    "oci_blob_get",
    "oci_blob_head",
    "oci_blob_delete",
    "oci_storage_get",
    "oci_upload_start",
    "oci_upload_status",
    "oci_upload_patch",
    "oci_upload_put",
    "oci_upload_cancel",
    "oci_manifest_get",
    "oci_manifest_head",
    "oci_manifest_put",
    "oci_manifest_delete",
    "oci_tag_list",
    "oci_referrer_list",
];
