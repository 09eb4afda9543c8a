//! The person's registry password.

use mlspace_registry_api::Secret;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::GENERATE_PASSWORD;
use crate::verify::is_lost;

/// The person's registry password, which `docker login` takes.
///
/// ```no_run
/// use mlspace_registry::RotationConsent;
///
/// # async fn rotate(client: mlspace_registry::Client) -> mlspace_registry::Result<()> {
/// let consent = RotationConsent::OldPasswordStopsWorkingEverywhere;
/// let password = client.password().rotate(consent).await?;
/// # fn store(_: &str) {}
/// store(password.expose());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Password {
    pub(crate) client: Client,
}

/// Says that the caller knows what [`Password::rotate`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationConsent {
    /// The old password stops working at once, on every machine that uses it.
    OldPasswordStopsWorkingEverywhere,
}

impl Password {
    /// Replaces the password and returns the new one, which the service shows this once: store it before
    /// anything else. One request, sent exactly once whatever becomes of it.
    ///
    /// # Errors
    /// Refused for service accounts. [`Error::Unconfirmed`] when the answer got lost: the old password may
    /// be dead already, and rotating again is the only way to learn a new one.
    pub fn rotate(&self, consent: RotationConsent) -> impl Future<Output = Result<Secret>> + Send + use<> {
        let RotationConsent::OldPasswordStopsWorkingEverywhere = consent;
        let own = self.clone();
        async move { own.replace().await }
    }

    async fn replace(&self) -> Result<Secret> {
        let call = Call::new(&GENERATE_PASSWORD);
        let operation = call.operation.id;
        let answer =
            self.client.core.call(call, |api| async move { api.generate_password().send().await }).await;
        match answer {
            Ok(answer) => Ok(answer.password),
            Err(error) if is_lost(&error) => Err(Error::Unconfirmed {
                operation,
                what: "the new password".into(),
                source: Some(Box::new(error)),
            }),
            Err(error) => Err(error),
        }
    }
}
