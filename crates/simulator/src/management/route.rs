//! From a method and a path to the operation and its handler.

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::call::Call;
use super::reply::Answer;
use super::{images, password, registry, repositories, service_auth, tags, workspaces};
use crate::operations::{Name, OPERATIONS, Operation};

/// The meaning of a method and a path.
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
    let on_path = || OPERATIONS.iter().filter_map(|op| parameter(op, &decoded).map(|part| (op, part)));
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
    if OPERATIONS.iter().any(|op| parameter(op, &decoded).is_some()) {
        return Route::Redirect(other);
    }
    Route::Unknown
}

/// If the path is the operation's: the part that stands for `{}`, or an empty text.
fn parameter<'p>(operation: &Operation, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = operation.path.split_once("{}") else {
        return (operation.path == path).then_some("");
    };
    let part = path.strip_prefix(before)?.strip_suffix(after)?;
    (!part.is_empty() && !part.contains('/')).then_some(part)
}

/// The handler of an operation.
pub(crate) fn handler(name: Name) -> fn(&mut Call<'_>) -> Answer {
    match name {
        Name::ServiceAuth => service_auth::sign_in,
        Name::WorkspaceApiKey => workspaces::api_key,
        Name::WorkspaceList => workspaces::list,
        Name::GeneratePassword => password::generate,
        Name::RegistryGet => registry::get,
        Name::RepositoryList => repositories::list,
        Name::RepositoryDelete => repositories::delete,
        Name::RepositoryGet => repositories::get,
        Name::RepositoryUpdate => repositories::update,
        Name::RepositoryFavorite => repositories::favorite,
        Name::ImageList => images::list,
        Name::ImageDelete => images::delete,
        Name::ImageGet => images::get,
        Name::TagList => tags::list,
        Name::TagCreate => tags::create,
        Name::TagDelete => tags::delete,
        Name::TagUpdate => tags::update,
    }
}
