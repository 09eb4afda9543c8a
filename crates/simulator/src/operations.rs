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
    /// The query parameters that the document names.
    pub(crate) query: &'static [&'static str],
    /// The fields of the body that the document names; none if it names no body.
    pub(crate) fields: &'static [&'static str],
}

/// A list of names, which may be left out.
macro_rules! names {
    () => {
        &[]
    };
    ($names:tt) => {
        &$names
    };
}

/// Declares the operations of the management API.
macro_rules! operations {
    ($($name:ident $id:literal $method:ident $path:literal $(query $query:tt)? $(fields $fields:tt)?;)*) => {
        /// The name of an operation in this crate, so that none can be left without a handler.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Name { $($name,)* }

        pub(crate) const OPERATIONS: &[Operation] =
            &[$(Operation {
                name: Name::$name,
                id: $id,
                method: Method::$method,
                path: $path,
                query: names!($($query)?),
                fields: names!($($fields)?),
            },)*];

        /// The ids of all operations that the management API answers.
        pub const OPERATION_IDS: &[&str] = &[$($id,)*];
    };
}

operations! {
    ServiceAuth "service_auth" POST "/public/v2/service_auth" fields ["client_id", "client_secret"];
    WorkspaceApiKey "workspace_api_key" GET "/public/v2/workspaces/v1/x_api_key";
    WorkspaceList "workspace_list" GET "/public/v2/workspaces/v3/" query ["customer_id"];
    GeneratePassword "generate_password" GET "/public/v2/docker_registry/v1/users/generate_password";
    RegistryGet "registry_get" GET "/public/v2/docker_registry/v2/registries/current";
    RepositoryList "repository_list" GET "/public/v2/docker_registry/v2/repositories/" query ["page", "page_size"];
    RepositoryDelete "repository_delete" DELETE "/public/v2/docker_registry/v2/repositories/" fields ["repository_ids"];
    RepositoryGet "repository_get" GET "/public/v2/docker_registry/v2/repositories/{}";
    RepositoryUpdate "repository_update" PUT "/public/v2/docker_registry/v2/repositories/{}" fields ["description", "labels", "labels_to_delete"];
    RepositoryFavorite "repository_favorite" POST "/public/v2/docker_registry/v2/repositories/{}/fav" fields ["favorite"];
    ImageList "image_list" GET "/public/v2/docker_registry/v2/images/" query ["repository_id", "page", "page_size"];
    ImageDelete "image_delete" DELETE "/public/v2/docker_registry/v2/images/" fields ["image_ids"];
    ImageGet "image_get" GET "/public/v2/docker_registry/v2/images/{}";
    TagList "tag_list" GET "/public/v2/docker_registry/v2/tags/" query ["image_id"];
    TagCreate "tag_create" POST "/public/v2/docker_registry/v2/tags/" fields ["image_id", "name", "color"];
    TagDelete "tag_delete" DELETE "/public/v2/docker_registry/v2/tags/" fields ["tag_ids"];
    TagUpdate "tag_update" PUT "/public/v2/docker_registry/v2/tags/{}" fields ["color"];
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
    "oci_catalog",
    "oci_referrer_list",
];
