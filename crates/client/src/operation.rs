//! The operations as the call loop must know them, stated and not derived from the verb.

use bytes::Bytes;

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The id in `openapi/resolved.json`; names the method, its snapshot and its faults.
    pub id: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// When the same request may be sent a second time.
    pub repeat: Repeat,
    /// It changes something; a read-only client refuses it.
    pub writes: bool,
    /// Which headers it is signed with.
    pub(crate) needs: Needs,
    /// Request or answer hold a secret, so that no part of them may be quoted.
    pub(crate) secret: bool,
}

/// When the same request may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// Doing it twice is the same as doing it once, so a lost answer is no reason to stop.
    Always,
    /// Only when the first one certainly had no effect: it never left, or it was refused with 401 or 429.
    IfUnsent,
    /// Never, whatever happened to the first.
    Never,
}

/// Which headers an operation is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Token,
    TokenAndWorkspace,
    Everything,
}

const fn read(id: &'static str, path: &'static str) -> Operation {
    Operation {
        id,
        method: "GET",
        path,
        repeat: Repeat::Always,
        writes: false,
        needs: Needs::Everything,
        secret: false,
    }
}

const fn write(id: &'static str, method: &'static str, path: &'static str, repeat: Repeat) -> Operation {
    Operation { id, method, path, repeat, writes: true, needs: Needs::Everything, secret: false }
}

macro_rules! operations {
    ($($name:ident = $value:expr;)*) => {
        $(pub(crate) static $name: Operation = $value;)*
        /// Every operation of the API, in the order of the paths.
        pub static OPERATIONS: &[&Operation] = &[$(&$name),*];
    };
}

operations! {
    GENERATE_PASSWORD = Operation {
        // A GET that replaces the password: sent once, whatever becomes of it.
        repeat: Repeat::Never,
        writes: true,
        secret: true,
        ..read("generate_password", "/public/v2/docker_registry/v1/users/generate_password")
    };
    IMAGE_LIST = read("image_list", "/public/v2/docker_registry/v2/images/");
    IMAGE_DELETE = write("image_delete", "DELETE", "/public/v2/docker_registry/v2/images/", Repeat::Always);
    IMAGE_GET = read("image_get", "/public/v2/docker_registry/v2/images/{image_id}");
    REGISTRY_GET = read("registry_get", "/public/v2/docker_registry/v2/registries/current");
    REPOSITORY_LIST = read("repository_list", "/public/v2/docker_registry/v2/repositories/");
    REPOSITORY_DELETE =
        write("repository_delete", "DELETE", "/public/v2/docker_registry/v2/repositories/", Repeat::Always);
    REPOSITORY_GET = read("repository_get", "/public/v2/docker_registry/v2/repositories/{repository_id}");
    REPOSITORY_UPDATE = write(
        "repository_update",
        "PUT",
        "/public/v2/docker_registry/v2/repositories/{repository_id}",
        Repeat::Always,
    );
    REPOSITORY_FAVORITE = write(
        "repository_favorite",
        "POST",
        "/public/v2/docker_registry/v2/repositories/{repository_id}/fav",
        // It sets the mark to a value and does not flip it.
        Repeat::Always,
    );
    TAG_LIST = read("tag_list", "/public/v2/docker_registry/v2/tags/");
    TAG_CREATE = write("tag_create", "POST", "/public/v2/docker_registry/v2/tags/", Repeat::IfUnsent);
    TAG_DELETE = write("tag_delete", "DELETE", "/public/v2/docker_registry/v2/tags/", Repeat::Always);
    TAG_UPDATE = write("tag_update", "PUT", "/public/v2/docker_registry/v2/tags/{tag_id}", Repeat::Always);
    SERVICE_AUTH = Operation {
        needs: Needs::Nothing,
        secret: true,
        // A second token does not end the first.
        ..Operation { writes: false, ..write("service_auth", "POST", "/public/v2/service_auth", Repeat::Always) }
    };
    WORKSPACE_API_KEY = Operation {
        needs: Needs::TokenAndWorkspace,
        secret: true,
        ..read("workspace_api_key", "/public/v2/workspaces/v1/x_api_key")
    };
    WORKSPACE_LIST = Operation {
        needs: Needs::Token,
        ..read("workspace_list", "/public/v2/workspaces/v3/")
    };
}

/// Refuses what changes something, also where it is no call of this crate's.
pub(crate) fn refuse_writes(id: &str, request: &http::Request<Bytes>) -> Result<(), String> {
    let path = request.uri().path().trim_end_matches('/').to_ascii_lowercase();
    let writes = match OPERATIONS.iter().find(|operation| operation.id == id) {
        Some(operation) => operation.writes,
        // A request of one's own: a read by its method, unless there may be a writing one at that address.
        None => {
            let at = |operation: &&&Operation| operation.method == "GET" && path.ends_with(operation.path);
            let known = OPERATIONS.iter().find(at).is_some_and(|operation| operation.writes);
            !matches!(request.method().as_str(), "GET" | "HEAD") || known || path.contains('%')
        }
    };
    match writes {
        true => Err(format!("{} {path}: this client is read-only; nothing was sent", request.method())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_document() {
        let text = include_str!("../../../openapi/resolved.json");
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut documented = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                documented.push((id, method.to_uppercase(), path.as_str()));
            }
        }
        let mut ours: Vec<_> = OPERATIONS.iter().map(|o| (o.id, o.method.to_owned(), o.path)).collect();
        documented.sort();
        ours.sort();
        assert_eq!(ours, documented);
    }
}
