//! The system's keyring: the Secret Service on Linux, the keychain on macOS, the credential manager on Windows.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error};
use mlspace_registry::Secret;

/// The name that its entries are filed under.
const SERVICE: &str = "mlcr";
/// A locked keyring asks its owner, who needs time; one that is stuck must not hold a command for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A keyring, or none. It is not looked for before it is needed.
#[derive(Clone)]
pub struct Keyring(Backend);

#[derive(Clone)]
enum Backend {
    System,
    None,
    Store(Arc<CredentialStore>),
}

impl Keyring {
    /// That of the system, if it turns out that there is one.
    pub fn system() -> Self {
        Self(Backend::System)
    }

    /// None: secrets stay in files.
    pub fn none() -> Self {
        Self(Backend::None)
    }

    /// This one.
    pub fn store(store: Arc<CredentialStore>) -> Self {
        Self(Backend::Store(store))
    }

    /// Keeps a secret.
    pub(crate) fn set(&self, name: &str, secret: &Secret) -> Result<(), String> {
        let secret = secret.clone();
        self.with(name, move |entry| entry.set_password(secret.expose()))
    }

    /// The secret of that name; `None` if there is none.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Secret>, String> {
        self.with(name, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(Secret::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Forgets a secret; if there is none, that is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), String> {
        self.with(name, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            result => result,
        })
    }

    /// Does something with an entry, on a thread that can be left behind.
    fn with<T: Send + 'static>(
        &self,
        name: &str,
        action: impl FnOnce(Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let (backend, name) = (self.0.clone(), name.to_owned());
        let (answer, answered) = channel();
        std::thread::spawn(move || {
            // Nobody waits any more if this fails.
            let _ = answer.send(backend.open().and_then(|store| {
                store.build(SERVICE, &name, None).and_then(action).map_err(|error| describe(&error))
            }));
        });
        match answered.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the keyring did not answer within {} s", PATIENCE.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the keyring failed".into()),
        }
    }
}

impl Backend {
    fn open(self) -> Result<Arc<CredentialStore>, String> {
        const NONE: &str = "there is no keyring here";
        match self {
            Self::Store(store) => Ok(store),
            Self::None => Err(NONE.into()),
            Self::System => {
                // What is missing is of no use to somebody who has none.
                keyring::Entry::store_status().as_ref().map_err(|_| NONE)?;
                keyring_core::get_default_store().ok_or_else(|| NONE.into())
            }
        }
    }
}

/// An error in words. The library's own text of some of them holds the data.
fn describe(error: &Error) -> String {
    match error {
        Error::NoStorageAccess(cause) | Error::PlatformFailure(cause) => cause.to_string(),
        Error::Ambiguous(_) => "several entries have this name".into(),
        Error::TooLong(..) => "the keyring takes no text that is so long".into(),
        _ => "the keyring failed".into(),
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}
