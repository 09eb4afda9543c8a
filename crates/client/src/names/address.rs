//! Where the registry's images are: its host, and the part of full names that is the same for all repositories.

use std::num::NonZeroU32;

use mlspace_registry_api::types::Registry;

use crate::client::Client;
use crate::error::{Error, Result};

/// The beginning of all full names of a registry: `HOST/PREFIX/REPOSITORY:TAG`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryAddress {
    /// The host, with its port where it has one.
    pub host: String,
    /// What stands between the host and the repository's name.
    pub prefix: String,
}

impl RegistryAddress {
    /// The name under which docker, and `mlspace-registry-transfer`, push and pull.
    pub fn full_name(&self, repository: &str, tag: &str) -> String {
        format!("{}/{}/{repository}:{tag}", self.host, self.prefix)
    }
}

impl Client {
    /// Where the registry's images are: as the full name of a repository says, or where there is none yet, the
    /// registry's command lines and its id. A host that the builder was given goes before theirs. One request or two,
    /// the first time.
    ///
    /// # Errors
    /// [`Error::Protocol`] where nothing tells the host; otherwise as every call.
    pub async fn registry_address(&self) -> Result<&RegistryAddress> {
        self.core.address.get_or_try_init(|| self.learn_address()).await
    }

    /// The full name of a repository and a tag, there or yet to be pushed. Costs what
    /// [`registry_address`](Self::registry_address) does.
    ///
    /// ```no_run
    /// # async fn name(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
    /// let name = client.full_name("nightly/app", "2026-11-01").await?;
    /// println!("docker push {name}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`registry_address`](Self::registry_address).
    pub async fn full_name(&self, repository: &str, tag: &str) -> Result<String> {
        Ok(self.registry_address().await?.full_name(repository, tag))
    }

    async fn learn_address(&self) -> Result<RegistryAddress> {
        let chosen = self.core.settings.registry_host.clone();
        let any = self.repositories().list().limit(NonZeroU32::MIN).next().await.transpose()?;
        let Some(repository) = any else {
            let registry = self.registry().await?;
            let host = chosen
                .or_else(|| host_in_commands(&registry))
                .ok_or_else(|| Error::Protocol("the registry is empty, and nothing tells its host".into()))?;
            return Ok(RegistryAddress { host, prefix: registry.id.to_string() });
        };
        let base = repository.full_name.strip_suffix(&repository.name);
        let parts = base.and_then(|base| base.strip_suffix('/')?.split_once('/'));
        let (host, prefix) = parts.ok_or_else(|| {
            Error::Protocol(format!("no host can be told from the name {}", repository.full_name))
        })?;
        Ok(RegistryAddress { host: chosen.unwrap_or_else(|| host.to_owned()), prefix: prefix.to_owned() })
    }
}

/// The host in a ready-made command line, whatever its key is.
fn host_in_commands(registry: &Registry) -> Option<String> {
    let lines = registry.commands.iter().flat_map(|commands| commands.values());
    let mut words = lines.flat_map(|line| line.split_whitespace());
    words.find_map(|word| {
        let host = word.trim_start_matches("https://").split('/').next()?;
        is_host(host).then(|| host.to_owned())
    })
}

/// True for what docker takes for a host, and not for the first part of a path.
fn is_host(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    (word.contains(['.', ':']) || word == "localhost")
        && word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && word.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_any_command_line() {
        let registry = |line: &str| -> Registry {
            serde_json::from_value(serde_json::json!({
                "id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "name": "r", "repositories_count": 0,
                "created_at": "2026-11-01T12:00:00Z", "updated_at": "2026-11-01T12:00:00Z",
                "commands": { "any": line },
            }))
            .unwrap()
        };
        for (line, host) in [
            ("docker login cr.ai.cloud.ru", Some("cr.ai.cloud.ru")),
            (
                "docker login -u me@mail.ru --password-stdin https://cr.ai.cloud.ru/v2/",
                Some("cr.ai.cloud.ru"),
            ),
            ("docker push 127.0.0.1:5000/3fa8/NAME:TAG", Some("127.0.0.1:5000")),
            ("docker login localhost", Some("localhost")),
            ("docker login", None),
        ] {
            assert_eq!(host_in_commands(&registry(line)).as_deref(), host, "{line}");
        }
    }
}
