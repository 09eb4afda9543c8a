//! Sign-ins, given or as docker keeps them.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A registry's sign-in of somebody. Wiped from memory when dropped, never shown by `Debug`.
#[derive(Clone, Default)]
pub struct Credentials(pub(crate) CredentialKind);

#[derive(Clone, Default)]
pub(crate) enum CredentialKind {
    #[default]
    Anonymous,
    Password {
        user: String,
        password: Zeroizing<String>,
    },
    IdentityToken(Zeroizing<String>),
}

impl Credentials {
    /// Nobody: what the registry shows to everyone.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A user and a password. On ML Space: the person's e-mail and the generated password.
    pub fn password(user: impl Into<String>, password: impl Into<Zeroizing<String>>) -> Self {
        Self(CredentialKind::Password { user: user.into(), password: password.into() })
    }

    /// The sign-in that `docker login` left for that registry: from docker's configuration file
    /// (`$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`), or from the credential helper named
    /// there, which is run. Blocks. Without an entry or a file: anonymous.
    ///
    /// # Errors
    /// [`Error::SignIn`] if the file cannot be read or the helper fails.
    pub fn from_docker_config(registry: &str) -> Result<Self> {
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
        match std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(home) {
            Some(folder) => Self::from_docker_config_file(folder.join("config.json"), registry),
            None => Ok(Self::anonymous()),
        }
    }

    /// The same from a file of that form, wherever it is.
    ///
    /// # Errors
    /// [`Error::SignIn`] if the file cannot be read or the helper fails.
    pub fn from_docker_config_file(path: impl AsRef<Path>, registry: &str) -> Result<Self> {
        let failed = |detail: &str| Error::SignIn { registry: registry.into(), detail: detail.into() };
        let file = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::anonymous()),
            Err(error) => {
                return Err(failed(&format!("docker's configuration file cannot be opened: {error}")));
            }
        };
        match docker_credential::get_credential_from_reader(file, registry) {
            Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Self::password(user, password)),
            Ok(DockerCredential::IdentityToken(token)) => {
                Ok(Self(CredentialKind::IdentityToken(token.into())))
            }
            Err(
                CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound,
            ) => Ok(Self::anonymous()),
            Err(CredentialRetrievalError::ConfigReadError) => {
                Err(failed("docker's configuration file cannot be read as JSON"))
            }
            Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
                // What the helper printed may hold a secret.
                Err(failed(&format!(
                    "the credential helper `docker-credential-{helper}` failed; run it by hand to see why"
                )))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => {
                Err(failed("the credential helper named in docker's configuration cannot be run"))
            }
            Err(_) => Err(failed("docker's configuration holds no usable entry; run `docker login` again")),
        }
    }

    /// True if there is nothing to sign in with.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.0, CredentialKind::Anonymous)
    }

    /// The value of a `Basic` header.
    pub(crate) fn basic(&self) -> Option<Zeroizing<String>> {
        let CredentialKind::Password { user, password } = &self.0 else { return None };
        let plain = Zeroizing::new(format!("{user}:{}", password.as_str()));
        let encoded = Zeroizing::new(STANDARD.encode(plain.as_bytes()));
        Some(Zeroizing::new(format!("Basic {}", encoded.as_str())))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CredentialKind::Anonymous => "Credentials(anonymous)",
            CredentialKind::Password { .. } => "Credentials(password)",
            CredentialKind::IdentityToken(_) => "Credentials(identity token)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_and_goes_out_as_basic() {
        let credentials = Credentials::password("Aladdin", "open sesame".to_owned());
        assert_eq!(format!("{credentials:?}"), "Credentials(password)");
        assert_eq!(credentials.basic().unwrap().as_str(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(Credentials::anonymous().basic().is_none());
    }

    #[test]
    fn a_machine_without_docker_has_no_credentials_and_one_with_it_has_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let read = || Credentials::from_docker_config_file(&path, "h.io");
        assert!(read().unwrap().is_anonymous());
        let auth = STANDARD.encode("a:b");
        std::fs::write(&path, format!(r#"{{"auths":{{"h.io":{{"auth":"{auth}"}}}}}}"#)).unwrap();
        assert_eq!(read().unwrap().basic().unwrap().as_str(), format!("Basic {auth}"));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(read(), Err(Error::SignIn { .. })));
    }
}
