//! Which images of a source are pushed, and under which names.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use mlspace_registry::Uuid;
use mlspace_registry_transfer::{Image, Source};
use serde_json::json;

use super::Push;
use crate::context::Context;
use crate::failure::Failure;
use crate::settings::files;

impl Push {
    /// The source; what cannot be read in any order is copied to where the cache is.
    async fn open(&self, context: &mut Context<'_>) -> Result<Source, Failure> {
        let scratch = files::scratch(context.io);
        if self.source != Path::new("-") {
            return Ok(Source::open_with(&self.source, scratch).await?);
        }
        if context.io.terminals.stdin {
            return Err(Failure::usage("an image is not read from a terminal: pipe `docker save` into this"));
        }
        let stdin = std::mem::replace(&mut context.io.stdin, Box::new(io::empty()));
        context.until_interrupted(Source::read(stdin, scratch)).await
    }

    /// The images, each with the names that it gets, as they were given or are made here.
    pub(super) async fn items(&self, context: &mut Context<'_>) -> Result<Vec<(Image, String)>, Failure> {
        let source = self.open(context).await?;
        let mut items = Vec::new();
        if self.all_images {
            let [prefix] = &self.references[..] else {
                return Err(Failure::usage("--all-images takes one REF, which goes in front of all names"));
            };
            let mut seen: HashMap<String, usize> = HashMap::new();
            for (place, image) in (1..).zip(source.images()) {
                let names = names(image.names(), prefix);
                if names.is_empty() {
                    let message = format!("image {place} of {} has no name", self.source.display());
                    let hint = format!("push it by itself, under a name, with --image {place}");
                    return Err(Failure::usage(message).hint(hint));
                }
                for name in names {
                    if let Some(other) = seen.insert(name.clone(), place) {
                        let message = format!("the images {other} and {place} would both become {name}");
                        return Err(Failure::usage(message).hint("push one of them by itself with --image"));
                    }
                    items.push((image.clone(), name));
                }
            }
        } else {
            let mut image = source.image(self.image.as_deref())?.clone();
            if let Some(platform) = &self.platform {
                image = image.for_platform(platform).await?;
            }
            items.extend(self.references.iter().map(|name| (image.clone(), name.clone())));
        }
        for (image, name) in &items {
            if !image.absent().is_empty() {
                let absent = image.absent().join(", ");
                let message = format!(
                    "{name} becomes a single image: its index names others that are not there: {absent}"
                );
                context.warn("partial_index", &message, json!({ "absent": image.absent() }));
            }
        }
        Ok(items)
    }
}

/// The names that an image gets from those that it has: with the prefix in place of the host that they name, and of
/// what this service and docker's hub put behind it. A tag alone becomes a tag of the prefix.
fn names(own: &[String], prefix: &str) -> Vec<String> {
    let prefix = prefix.trim_end_matches('/');
    let is_full = |name: &&String| name.contains([':', '/']) && !name.contains('@');
    let full: Vec<_> = own.iter().filter(is_full).collect();
    if full.is_empty() {
        return own.iter().filter(|name| !name.contains('@')).map(|tag| format!("{prefix}:{tag}")).collect();
    }
    let named = |name: &String| {
        let path = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
            _ => name,
        };
        let path = match path.split_once('/') {
            Some((first, path)) if first == "library" || first.parse::<Uuid>().is_ok() => path,
            _ => path,
        };
        format!("{prefix}/{path}")
    };
    let mut names: Vec<_> = full.into_iter().map(named).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_lose_their_host_and_get_the_prefix() {
        for (own, expected) in [
            (&["docker.io/library/app:v1", "v1"][..], &["team/app:v1"][..]),
            (&["localhost/two:v1"], &["team/two:v1"]),
            (&["cr.ai.cloud.ru/3fa85f64-5717-4562-b3fc-2c963f66afa6/a/b:v1"], &["team/a/b:v1"]),
            (&["cr.io:5000/a/b/c:x", "app:v1"], &["team/a/b/c:x", "team/app:v1"]),
            (&["v1", "v2"], &["team:v1", "team:v2"]),
            (&["docker.io/library/app@sha256:00"], &[]),
            (&[], &[]),
        ] {
            let own: Vec<_> = own.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(names(&own, "team/"), *expected, "{own:?}");
        }
    }
}
