//! Where registry passwords are kept until docker or a push asks for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlspace_registry::Secret;

use crate::failure::Failure;
use crate::io::Io;
use crate::settings::files;

/// A place for registry passwords.
pub(crate) trait PasswordStore {
    /// Keeps the password of a key's owner at a service, and answers where.
    fn store(&self, base_url: &str, client_id: &str, password: &Secret) -> Result<String, String>;
}

/// A file that only its owner can read.
pub(crate) struct FileStore {
    path: PathBuf,
}

/// Base URL, then key id, then password.
type Passwords = BTreeMap<String, BTreeMap<String, Secret>>;

impl FileStore {
    /// The file of these settings, which need not exist.
    pub(crate) fn at(io: &Io) -> Result<Self, Failure> {
        Ok(Self { path: files::config_folder(io)?.join("registry-passwords.json") })
    }

    /// Makes sure that the file can be written.
    pub(crate) fn open(io: &Io) -> Result<Self, Failure> {
        let fails = |problem: String| {
            Failure::other(format!("the new password could not be stored: {problem}; nothing was changed"))
        };
        let store = Self::at(io)?;
        let passwords = store.read().map_err(fails)?;
        store.write(&passwords).map_err(fails)?;
        Ok(store)
    }

    /// The password of an account at a service.
    pub(crate) fn password(&self, service: &str, account: &str) -> Result<Option<Secret>, String> {
        Ok(self.read()?.get(service).and_then(|accounts| accounts.get(account)).cloned())
    }

    /// Forgets the password of an account at a service.
    pub(crate) fn forget(&self, service: &str, account: &str) -> Result<(), String> {
        let mut passwords = self.read()?;
        let known = passwords.get_mut(service).and_then(|accounts| accounts.remove(account));
        if known.is_some() { self.write(&passwords) } else { Ok(()) }
    }

    fn read(&self) -> Result<Passwords, String> {
        let at = |problem: String| format!("{}: {problem}", self.path.display());
        match std::fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map_err(|_| at("is not a file of passwords".into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Passwords::new()),
            Err(error) => Err(at(error.to_string())),
        }
    }

    fn write(&self, passwords: &Passwords) -> Result<(), String> {
        let text = serde_json::to_string_pretty(passwords).map_err(|error| error.to_string())?;
        files::write_private(&self.path, &text).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl PasswordStore for FileStore {
    fn store(&self, base_url: &str, client_id: &str, password: &Secret) -> Result<String, String> {
        let mut passwords = self.read()?;
        passwords.entry(base_url.to_owned()).or_default().insert(client_id.to_owned(), password.clone());
        self.write(&passwords)?;
        Ok(self.path.display().to_string())
    }
}
