//! Where the registry's images are: its host and the part of names that is the same for all repositories.

use std::num::NonZeroU32;

use mlspace_registry::{Client, Registry};
use mlspace_registry_net::is_loopback;
use mlspace_registry_transfer as transfer;

use crate::failure::Failure;
use crate::io::Io;
use crate::logins::{self, Account, Find};
use crate::reference::{Lookup, Name, Reference};

/// The beginning of full names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    prefix: String,
}

impl Address {
    /// Learns it from the full name of a repository, or if there is none from the registry's command lines and
    /// its id. `MLCR_REGISTRY` goes before the host that they name. One request, or two.
    pub(crate) async fn learn(client: &Client, io: &Io) -> Result<Self, Failure> {
        let chosen = io.variable("MLCR_REGISTRY").map(str::to_owned);
        let (host, prefix) =
            match client.repositories().list().limit(NonZeroU32::MIN).next().await.transpose()? {
                Some(repository) => {
                    let base = repository.full_name.strip_suffix(&repository.name);
                    let parts = base.and_then(|base| base.strip_suffix('/')?.split_once('/'));
                    let (host, prefix) = parts.ok_or_else(|| {
                        let message = format!("no host can be told from the name {}", repository.full_name);
                        Failure::other(message).hint("give full names, HOST/REGISTRY/NAME:TAG")
                    })?;
                    (chosen.unwrap_or_else(|| host.to_owned()), prefix.to_owned())
                }
                None => {
                    let registry = client.registry().await?;
                    let host = chosen.or_else(|| host_in_commands(&registry)).ok_or_else(|| {
                        Failure::other("the registry is empty, and nothing tells its host")
                            .hint("set MLCR_REGISTRY to its host, or give full names, HOST/REGISTRY/NAME:TAG")
                    })?;
                    (host, registry.id.to_string())
                }
            };
        Ok(Self { host, prefix })
    }

    /// The full name of what is to be pushed. The tag is `latest` if none is given.
    fn full_name(&self, name: &Name) -> Result<transfer::Reference, Failure> {
        let full: transfer::Reference = format!("{}/{}/{}", self.host, self.prefix, name.base).parse()?;
        match (&name.tag, &name.digest) {
            (tag, None) => Ok(full.with_tag(tag.as_deref().unwrap_or("latest"))?),
            (_, Some(_)) => Err(Failure::usage(format!("{} is pushed under a tag", name.base))
                .hint("leave the digest away: it follows from the image")),
        }
    }
}

/// The service that a command is about, as far as there is a key for it.
pub(crate) struct Service<'a> {
    client: Option<&'a Client>,
    client_id: String,
    address: Option<Address>,
}

impl<'a> Service<'a> {
    pub(crate) fn new(client: Option<&'a Client>, client_id: String) -> Self {
        Self { client, client_id, address: None }
    }

    /// The names under which to push. Those with a host are taken as they are; only others need the service.
    pub(crate) async fn push_names(
        &mut self,
        references: &[String],
        io: &Io,
    ) -> Result<Vec<transfer::Reference>, Failure> {
        let mut names = Vec::new();
        for text in references {
            names.push(match with_host(text) {
                Some(full) if full.tag().is_none() && full.digest().is_none() => full.with_tag("latest")?,
                Some(full) => full,
                None => {
                    let Reference::Name(name) = text.parse().map_err(Failure::usage)? else {
                        let message = format!("{text} is an id, and a name to push under is expected");
                        return Err(Failure::usage(message).hint("write NAME:TAG or a full name"));
                    };
                    let address = self.address(io).await?;
                    let address = address.ok_or_else(|| Failure::usage(format!("{text} is no full name")))?;
                    address.full_name(&name)?
                }
            });
        }
        Ok(names)
    }

    /// Credentials for a registry. The password of the key's owner goes to no other registry than that of
    /// the service.
    pub(crate) async fn credentials(&mut self, io: &Io, host: &str) -> Result<(String, Find), Failure> {
        let client = self.client;
        let account = match client {
            Some(client) if logins::has_user(io) && self.is_own(io, host).await? => {
                Account::with_password(io, client, &self.client_id).map(Some)
            }
            _ => Ok(None),
        };
        Ok((host.to_owned(), logins::credentials(io, account, host)))
    }

    async fn is_own(&mut self, io: &Io, host: &str) -> Result<bool, Failure> {
        Ok(self.address(io).await?.is_some_and(|address| address.host == host))
    }

    async fn address(&mut self, io: &Io) -> Result<Option<&Address>, Failure> {
        if let (None, Some(client)) = (&self.address, self.client) {
            self.address = Some(Address::learn(client, io).await?);
        }
        Ok(self.address.as_ref())
    }
}

/// The full name of what a reference names, if it is there.
pub(crate) async fn pull_name(text: &str, client: &Client, io: &Io) -> Result<transfer::Reference, Failure> {
    let reference: Reference = text.parse().map_err(Failure::usage)?;
    let mut lookup = Lookup::new(client).reading();
    let image = lookup.image(&reference).await?;
    let repository = lookup.repository(&Reference::Id(image.repository_id)).await?;
    let (host, path) = repository.full_name.split_once('/').unwrap_or_default();
    let host = io.variable("MLCR_REGISTRY").unwrap_or(host);
    let name = match reference {
        Reference::Name(Name { tag: Some(tag), digest: None, .. }) => format!("{host}/{path}:{tag}"),
        _ => format!("{host}/{path}@{}", image.digest),
    };
    Ok(name.parse()?)
}

/// True for a host on this machine, which may speak plain http, and which no proxy stands before.
pub(crate) fn is_local(host: &str) -> bool {
    format!("https://{host}/").parse().is_ok_and(|url| is_loopback(&url))
}

/// The name, if it begins with a host.
pub(crate) fn with_host(text: &str) -> Option<transfer::Reference> {
    text.parse().ok()
}

/// The host in a ready-made command line, whatever its key is.
fn host_in_commands(registry: &Registry) -> Option<String> {
    let lines = registry.commands.iter().flat_map(|commands| commands.values());
    let mut words = lines.flat_map(|line| line.split_whitespace());
    words.find_map(|word| {
        let host = word.trim_start_matches("https://").split('/').next()?;
        let full = with_host(&format!("{host}/any"))?;
        Some(full.registry().to_owned())
    })
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
            ("docker login", None),
        ] {
            assert_eq!(host_in_commands(&registry(line)).as_deref(), host, "{line}");
        }
    }
}
