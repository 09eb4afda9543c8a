//! Where a command's images are: names with a host, the service's own registry, and who signs in there.

use mlspace_registry::{Client, Error, Name, Reference, RegistryAddress};
use mlspace_registry_net::is_loopback;
use mlspace_registry_transfer as transfer;

use crate::failure::Failure;
use crate::io::Io;
use crate::logins::{self, Account, Find};

/// The full name of what is to be pushed. The tag is `latest` if none is given.
fn full_name(address: &RegistryAddress, name: &Name) -> Result<transfer::Reference, Failure> {
    if name.digest.is_some() {
        return Err(Failure::usage(format!("{} is pushed under a tag", name.base))
            .hint("leave the digest away: it follows from the image"));
    }
    Ok(address.full_name(&name.base, name.tag.as_deref().unwrap_or("latest")).parse()?)
}

/// The service that a command is about, as far as there is a key for it.
pub(crate) struct Service<'a> {
    client: Option<&'a Client>,
    client_id: String,
}

impl<'a> Service<'a> {
    pub(crate) fn new(client: Option<&'a Client>, client_id: String) -> Self {
        Self { client, client_id }
    }

    /// The names under which to push. Those with a host are taken as they are; only others need the service.
    pub(crate) async fn push_names(
        &self,
        references: &[String],
    ) -> Result<Vec<transfer::Reference>, Failure> {
        let mut names = Vec::new();
        for text in references {
            names.push(match with_host(text) {
                Some(full) if full.tag().is_none() && full.digest().is_none() => full.with_tag("latest")?,
                Some(full) => full,
                None => {
                    let Reference::Name(name) = reference(text)? else {
                        let message = format!("{text} is an id, and a name to push under is expected");
                        return Err(Failure::usage(message).hint("write NAME:TAG or a full name"));
                    };
                    let address = self.address().await?;
                    let address = address.ok_or_else(|| Failure::usage(format!("{text} is no full name")))?;
                    full_name(address, &name)?
                }
            });
        }
        Ok(names)
    }

    /// Credentials for a registry. The password of the key's owner goes to no other registry than that of
    /// the service.
    pub(crate) async fn credentials(&self, io: &Io, host: &str) -> Result<(String, Find), Failure> {
        let client = self.client;
        let account = match client {
            Some(client) if logins::has_user(io) && self.is_own(host).await? => {
                Account::with_password(io, client, &self.client_id).map(Some)
            }
            _ => Ok(None),
        };
        Ok((host.to_owned(), logins::credentials(io, account, host)))
    }

    async fn is_own(&self, host: &str) -> Result<bool, Failure> {
        Ok(self.address().await?.is_some_and(|address| address.host == host))
    }

    async fn address(&self) -> Result<Option<&RegistryAddress>, Failure> {
        Ok(match self.client {
            Some(client) => Some(address(client).await?),
            None => None,
        })
    }
}

/// Where the service's images are.
pub(crate) async fn address(client: &Client) -> Result<&RegistryAddress, Failure> {
    client.registry_address().await.map_err(|error| match error {
        Error::Protocol(_) => Failure::from(error)
            .hint("set MLCR_REGISTRY to its host, or give full names, HOST/REGISTRY/NAME:TAG"),
        error => error.into(),
    })
}

/// What a text names, if it can be a name.
pub(crate) fn reference(text: &str) -> Result<Reference, Failure> {
    text.parse().map_err(|error: Error| Failure::usage(error.to_string()))
}

/// The full name of what a reference names, if it is there.
pub(crate) async fn pull_name(text: &str, client: &Client, io: &Io) -> Result<transfer::Reference, Failure> {
    let reference = reference(text)?;
    let mut lookup = client.lookup().reading();
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

/// The full name of a repository that is there.
pub(crate) async fn repository_name(
    text: &str,
    client: &Client,
    io: &Io,
) -> Result<transfer::Reference, Failure> {
    let repository = client.lookup().reading().repository(&reference(text)?).await?;
    let (host, path) = repository.full_name.split_once('/').unwrap_or_default();
    Ok(format!("{}/{path}", io.variable("MLCR_REGISTRY").unwrap_or(host)).parse()?)
}

/// True for a host on this machine, which may speak plain http, and which no proxy stands before.
pub(crate) fn is_local(host: &str) -> bool {
    format!("https://{host}/").parse().is_ok_and(|url| is_loopback(&url))
}

/// The name, if it begins with a host.
pub(crate) fn with_host(text: &str) -> Option<transfer::Reference> {
    text.parse().ok()
}
