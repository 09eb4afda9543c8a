//! Where registry passwords are kept until docker or a push asks for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlspace_registry::Secret;

use crate::failure::Failure;
use crate::io::Io;
use crate::keyring::Keyring;
use crate::settings::files;

/// The system's keyring, and a file that only its owner can read, which holds what the keyring does not take.
pub(crate) struct PasswordStore {
    keyring: Keyring,
    path: PathBuf,
}

/// Service, then account, then password; none if the keyring has it.
type Passwords = BTreeMap<String, BTreeMap<String, Option<Secret>>>;

impl PasswordStore {
    /// The store of these settings. The file need not exist.
    pub(crate) fn at(io: &Io) -> Result<Self, Failure> {
        let path = files::config_folder(io)?.join("registry-passwords.json");
        Ok(Self { keyring: io.keyring(), path })
    }

    /// Makes sure that the file can be written.
    pub(crate) fn open(io: &Io) -> Result<Self, Failure> {
        let fails = |problem: String| {
            Failure::other(format!("the new password could not be stored: {problem}; nothing was changed"))
        };
        let store = Self::at(io)?;
        let _lock = lock(io).map_err(fails)?;
        let passwords = store.read().map_err(fails)?;
        store.write(&passwords).map_err(fails)?;
        Ok(store)
    }

    /// Where the password of an account at a service is, if it is stored. Does not disturb the keyring.
    pub(crate) fn place(&self, service: &str, account: &str) -> Result<Option<String>, String> {
        let kept = self.read()?.remove(service).and_then(|mut accounts| accounts.remove(account));
        Ok(kept.map(|password| self.place_of(password.as_ref())))
    }

    /// The password of an account at a service.
    pub(crate) fn password(&self, service: &str, account: &str) -> Result<Option<Secret>, String> {
        match self.read()?.remove(service).and_then(|mut accounts| accounts.remove(account)) {
            None => Ok(None),
            Some(Some(password)) => Ok(Some(password)),
            Some(None) => self
                .keyring
                .get(&entry(service, account))
                .map_err(|problem| format!("the registry password is in {KEYRING}: {problem}")),
        }
    }

    /// Keeps the password of an account at a service, and answers where.
    pub(crate) fn store(
        &self,
        io: &Io,
        service: &str,
        account: &str,
        password: &Secret,
    ) -> Result<String, String> {
        let _lock = lock(io)?;
        let mut passwords = self.read()?;
        let in_keyring = self.keyring.set(&entry(service, account), password).is_ok();
        let kept = (!in_keyring).then(|| password.clone());
        let place = self.place_of(kept.as_ref());
        passwords.entry(service.to_owned()).or_default().insert(account.to_owned(), kept);
        self.write(&passwords)?;
        Ok(place)
    }

    /// Forgets the password of an account at a service.
    pub(crate) fn forget(&self, io: &Io, service: &str, account: &str) -> Result<(), String> {
        let _lock = lock(io)?;
        let mut passwords = self.read()?;
        match passwords.get_mut(service).and_then(|accounts| accounts.remove(account)) {
            None => return Ok(()),
            Some(Some(_)) => {}
            Some(None) => self.keyring.remove(&entry(service, account))?,
        }
        self.write(&passwords)
    }

    fn place_of(&self, kept: Option<&Secret>) -> String {
        if kept.is_some() { self.path.display().to_string() } else { KEYRING.to_owned() }
    }

    fn read(&self) -> Result<Passwords, String> {
        let at = |problem: String| format!("{}: {problem}", self.path.display());
        match files::read(&self.path).map_err(|failure| failure.message)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| at("is not a file of passwords".into())),
            None => Ok(Passwords::new()),
        }
    }

    fn write(&self, passwords: &Passwords) -> Result<(), String> {
        let text = serde_json::to_string_pretty(passwords).map_err(|error| error.to_string())?;
        files::write_private(&self.path, &text).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn lock(io: &Io) -> Result<files::Lock, String> {
    files::Lock::take(io).map_err(|failure| failure.message)
}

const KEYRING: &str = "the system's keyring";

/// The name of a password in the keyring.
fn entry(service: &str, account: &str) -> String {
    format!("registry password of {account} at {service}")
}
