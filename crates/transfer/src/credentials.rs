//! Sign-ins, given or as docker keeps them.

pub(crate) mod docker;
pub(crate) mod helper;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A registry's sign-in of somebody. Wiped from memory when dropped, never shown by `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Credentials(pub(crate) CredentialKind);

#[derive(Clone, Default, PartialEq)]
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

    /// A user and a password, which is copied. On ML Space: the person's e-mail and the generated password; of a
    /// `Secret` of the SDK it is `secret.expose()`.
    pub fn password(user: impl Into<String>, password: impl AsRef<str>) -> Self {
        let password = Zeroizing::new(password.as_ref().to_owned());
        Self(CredentialKind::Password { user: user.into(), password })
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
        let credentials = Credentials::password("Aladdin", "open sesame");
        assert_eq!(format!("{credentials:?}"), "Credentials(password)");
        assert_eq!(credentials.basic().unwrap().as_str(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(Credentials::anonymous().basic().is_none());
    }
}
