//! The person's registry password.

use mlspace_registry_api::Secret;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::operation::GENERATE_PASSWORD;
use crate::verify::is_lost;

/// The person's registry password, which `docker login` takes.
#[derive(Clone, Copy, Debug)]
pub struct Password<'a> {
    pub(crate) client: &'a Client,
}

/// Says that the caller knows what [`Password::rotate`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationConsent {
    /// The old password stops working at once, on every machine that uses it.
    OldPasswordStopsWorkingEverywhere,
}

impl Password<'_> {
    /// Replaces the password and returns the new one, which the service shows this once: store it before
    /// anything else. One request, sent exactly once whatever becomes of it.
    ///
    /// # Errors
    /// Refused for service accounts. [`Error::Unconfirmed`] when the answer got lost: the old password may
    /// be dead already, and rotating again is the only way to learn a new one.
    pub async fn rotate(self, consent: RotationConsent) -> Result<Secret> {
        let RotationConsent::OldPasswordStopsWorkingEverywhere = consent;
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
