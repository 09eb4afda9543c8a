//! The operations of the service: one table, which also decides what a path means.

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::call::Call;
use crate::reply::Answer;
use crate::{images, password, registry, repositories, service_auth, tags, workspaces};

/// One operation of the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// `{}` stands for one part of the path.
    path: &'static str,
    pub(crate) handle: fn(&mut Call<'_>) -> Answer,
}

/// Declares the table.
macro_rules! operations {
    ($($id:literal $method:ident $path:literal $handle:path;)*) => {
        pub(crate) const OPERATIONS: &[Operation] =
            &[$(Operation { id: $id, method: Method::$method, path: $path, handle: $handle },)*];

        /// The ids of all operations that the simulator answers.
        pub const OPERATION_IDS: &[&str] = &[$($id,)*];
    };
}

operations! {
    "service_auth" POST "/public/v2/service_auth" service_auth::sign_in;
    "workspace_api_key" GET "/public/v2/workspaces/v1/x_api_key" workspaces::api_key;
    "workspace_list" GET "/public/v2/workspaces/v3/" workspaces::list;
    "generate_password" GET "/public/v2/docker_registry/v1/users/generate_password" password::generate;
    "registry_get" GET "/public/v2/docker_registry/v2/registries/current" registry::get;
    "repository_list" GET "/public/v2/docker_registry/v2/repositories/" repositories::list;
    "repository_delete" DELETE "/public/v2/docker_registry/v2/repositories/" repositories::delete;
    "repository_get" GET "/public/v2/docker_registry/v2/repositories/{}" repositories::get;
    "repository_update" PUT "/public/v2/docker_registry/v2/repositories/{}" repositories::update;
    "repository_favorite" POST "/public/v2/docker_registry/v2/repositories/{}/fav" repositories::favorite;
    "image_list" GET "/public/v2/docker_registry/v2/images/" images::list;
    "image_delete" DELETE "/public/v2/docker_registry/v2/images/" images::delete;
    "image_get" GET "/public/v2/docker_registry/v2/images/{}" images::get;
    "tag_list" GET "/public/v2/docker_registry/v2/tags/" tags::list;
    "tag_create" POST "/public/v2/docker_registry/v2/tags/" tags::create;
    "tag_delete" DELETE "/public/v2/docker_registry/v2/tags/" tags::delete;
    "tag_update" PUT "/public/v2/docker_registry/v2/tags/{}" tags::update;
}

/// What a method and a path mean.
#[derive(Debug)]
pub(crate) enum Route {
    /// An operation, and the part of the path that stands for `{}`.
    Found(&'static Operation, String),
    /// The path exists for these methods.
    WrongMethod(String),
    /// The path exists with a slash more or less.
    Redirect(String),
    Unknown,
}

/// Finds the operation; `path` as it was sent. There is no HEAD: it would rotate the password.
pub(crate) fn route(method: &Method, path: &str) -> Route {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let on_path = || OPERATIONS.iter().filter_map(|op| op.parameter(&decoded).map(|part| (op, part)));
    if let Some((operation, part)) = on_path().find(|(op, _)| op.method == *method) {
        return Route::Found(operation, part.to_owned());
    }
    let allowed: Vec<_> = on_path().map(|(op, _)| op.method.as_str()).collect();
    if !allowed.is_empty() {
        return Route::WrongMethod(allowed.join(", "));
    }
    let other = match path.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{path}/"),
    };
    let decoded = percent_decode_str(&other).decode_utf8_lossy();
    if OPERATIONS.iter().any(|op| op.parameter(&decoded).is_some()) {
        return Route::Redirect(other);
    }
    Route::Unknown
}

impl Operation {
    /// If the path is this operation's: the part that stands for `{}`, or an empty text.
    fn parameter<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, after)) = self.path.split_once("{}") else {
            return (self.path == path).then_some("");
        };
        let part = path.strip_prefix(before)?.strip_suffix(after)?;
        (!part.is_empty() && !part.contains('/')).then_some(part)
    }
}
