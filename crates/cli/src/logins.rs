//! Who signs in to which registry, and with whose password.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlspace_registry::{Client, Secret};
use mlspace_registry_transfer::{Credentials, DockerLogins};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::io::Io;
use crate::password_store::PasswordStore;
use crate::settings::files;

/// The name under which docker calls this program, without `docker-credential-`.
pub(crate) const HELPER: &str = "mlcr";

/// Who somebody is at a registry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The user name: the person's e-mail.
    pub(crate) user: String,
    /// The service whose password it is: its address, or the registry's host.
    pub(crate) service: String,
    /// The account there: the key id, or the user name.
    pub(crate) account: String,
}

impl Login {
    /// Whose password it is.
    pub(crate) fn account(&self) -> Account {
        Account { service: self.service.clone(), id: self.account.clone() }
    }
}

/// The logins of `mlcr docker login` and `docker login`, in a file of their own.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logins {
    #[serde(skip)]
    path: PathBuf,
    /// The link to this program that a login made, and that the last logout removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) helper: Option<PathBuf>,
    /// By the registry's host.
    #[serde(default)]
    pub(crate) by_host: BTreeMap<String, Login>,
}

impl Logins {
    pub(crate) fn read(io: &Io) -> Result<Self, Failure> {
        let path = files::config_folder(io)?.join("registry-logins.json");
        let logins = match files::read(&path)? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|_| Failure::usage(format!("{} is not a file of logins", path.display())))?,
            None => Self::default(),
        };
        Ok(Self { path, ..logins })
    }

    /// Changes the file as it is by now.
    pub(crate) fn change<T>(io: &Io, change: impl FnOnce(&mut Self) -> T) -> Result<T, Failure> {
        let _lock = files::Lock::take(io)?;
        let mut logins = Self::read(io)?;
        let result = change(&mut logins);
        logins.write()?;
        Ok(result)
    }

    fn write(&self) -> Result<(), Failure> {
        let cannot =
            |problem: String| Failure::other(format!("cannot write {}: {problem}", self.path.display()));
        let text = serde_json::to_string_pretty(self).map_err(|error| cannot(error.to_string()))?;
        files::write_private(&self.path, &text).map_err(|error| cannot(error.to_string()))
    }
}

/// A key and the service that knows it.
pub(crate) struct Account {
    /// The service's address.
    pub(crate) service: String,
    /// The key id.
    pub(crate) id: String,
}

impl Account {
    /// The account whose password it is: that of the key that signs in, or else that of the person where both
    /// are given.
    pub(crate) fn with_password(io: &Io, client: &Client, client_id: &str) -> Result<Self, Failure> {
        let store = PasswordStore::at(io)?;
        let (service, person) = (client.base_url().to_owned(), io.variable("MLCR_PERSONAL_CLIENT_ID"));
        for id in [Some(client_id), person].into_iter().flatten() {
            if store.place(&service, id).map_err(Failure::other)?.is_some() {
                return Ok(Self { service, id: id.to_owned() });
            }
        }
        Ok(Self { service, id: client_id.to_owned() })
    }

    /// Where its password is, if it is stored.
    pub(crate) fn place(&self, io: &Io) -> Result<Option<String>, Failure> {
        PasswordStore::at(io)?.place(&self.service, &self.id).map_err(Failure::other)
    }
}

/// True if the settings say who the person is.
pub(crate) fn has_user(io: &Io) -> bool {
    io.variable("MLCR_PERSONAL_EMAIL").is_some()
}

/// How the credentials that are stored here for a registry are found when it asks for some: only then is the keyring
/// disturbed, and only then is it of interest that a file cannot be read. Anonymous if there are none.
pub(crate) fn credentials(io: &Io, account: Result<Option<Account>, Failure>, host: &str) -> Find {
    let kept = account.and_then(|account| Kept::at(io, account, host)).map_err(|failure| failure.message);
    Box::new(move || {
        let Some(kept) = kept.as_ref().map_err(Clone::clone)? else { return Ok(Credentials::anonymous()) };
        let password = kept.store.password(&kept.login.service, &kept.login.account)?;
        Ok(password.map_or_else(Credentials::anonymous, |password| {
            Credentials::password(&kept.login.user, password.expose())
        }))
    })
}

/// Finds credentials when they are wanted.
pub(crate) type Find = Box<dyn Fn() -> Result<Credentials, String> + Send + Sync>;

/// Where docker, podman and CI systems keep more, for a registry that does not take the stored ones. What this
/// program would answer as docker's helper is known.
pub(crate) fn elsewhere(io: &Io) -> DockerLogins {
    DockerLogins::from_variables(|name| io.variable(name).map(str::to_owned)).without_helper(HELPER)
}

/// The user and the password that are stored for a registry.
pub(crate) fn stored(
    io: &Io,
    account: Option<Account>,
    host: &str,
) -> Result<Option<(String, Secret)>, Failure> {
    let Some(Kept { login, store }) = Kept::at(io, account, host)? else { return Ok(None) };
    let password = store.password(&login.service, &login.account).map_err(Failure::other)?;
    Ok(password.map(|password| (login.user, password)))
}

/// Who signs in to a registry, and what keeps the password.
struct Kept {
    login: Login,
    store: PasswordStore,
}

impl Kept {
    fn at(io: &Io, account: Option<Account>, host: &str) -> Result<Option<Self>, Failure> {
        let login = Logins::read(io)?.by_host.remove(host);
        let login = match (login, account, io.variable("MLCR_PERSONAL_EMAIL")) {
            (Some(login), _, _) => login,
            (None, Some(account), Some(user)) => {
                Login { user: user.to_owned(), service: account.service, account: account.id }
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { login, store: PasswordStore::at(io)? }))
    }
}
