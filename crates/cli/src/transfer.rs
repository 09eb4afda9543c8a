//! From settings to a client that moves images, and from its errors to exit codes.

use std::path::Path;
use std::sync::Arc;

use mlspace_registry_transfer::{Client, Credentials, Error, Observer};

use crate::address;
use crate::context::Context;
use crate::failure::{Exit, Failure, REPORT, causes};
use crate::logins;
use crate::proxy;
use crate::settings::files;

impl Context<'_> {
    /// A client for these registries. Sends nothing.
    pub(crate) fn transfer_client(
        &self,
        credentials: impl IntoIterator<Item = (String, Credentials)>,
        plain_http: &[String],
        observer: Observer,
    ) -> Result<Client, Failure> {
        let settings = self.settings()?;
        let credentials: Vec<_> = credentials.into_iter().collect();
        for (host, _) in credentials.iter().filter(|(host, _)| !address::is_local(host)) {
            proxy::used(self.io, &format!("https://{host}"))?;
        }
        let mut builder = Client::builder().clock(self.io.clock.clone()).observer(observer);
        builder = builder.docker_logins(logins::elsewhere(self.io));
        for program in ["docker", "containers"] {
            let folders = [Some(Path::new("/etc").join(program)), files::user_folder(self.io, program)];
            for folder in folders.into_iter().flatten() {
                builder = builder.certificate_folder(folder.join("certs.d"));
            }
        }
        for host in plain_http {
            builder = builder.plain_http(host);
        }
        for (host, credentials) in credentials {
            builder = builder.credentials(host, credentials);
        }
        if let Some(pem) = settings.certificates()? {
            builder = builder.certificates(pem);
        }
        if let Some(timeout) = settings.timeout {
            builder = builder.idle(timeout);
        }
        if let Some(folder) = files::cache_folder(self.io) {
            builder = builder.cache(folder);
        }
        Ok(builder.build()?)
    }

    /// Waits for a transfer, but no longer than the user wants it to go on. What is stopped leaves no name
    /// without its image.
    pub(crate) async fn until_interrupted<T, E: Into<Failure>>(
        &self,
        transfer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        let mut interrupt = self.io.interrupt.clone();
        let deadline = async {
            match self.global.deadline {
                Some(deadline) => self.io.clock.sleep(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = transfer => result.map_err(Into::into),
            () = interrupt.wait() => Err(Failure {
                message: "interrupted; what is complete is there, nothing else has a name".into(),
                ..Failure::interrupted()
            }),
            () = deadline => {
                let allowed = self.global.deadline.unwrap_or_default();
                let message = format!("not finished within {} s", allowed.as_secs_f64());
                Err(Failure::new(Exit::Limit, "deadline", message).hint("give it more time with --deadline"))
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Arc<Error>> for Failure {
    fn from(error: &Arc<Error>) -> Self {
        Self::from(&**error)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let (exit, code, hint) = kind(error);
        Self { hint: hint.map(str::to_owned), ..Self::new(exit, code, causes(error)) }
    }
}

/// The one place that maps errors of a transfer to exit codes and advice.
fn kind(error: &Error) -> (Exit, &'static str, Option<&'static str>) {
    const AGAIN: &str = "run it again: what is there already is not moved twice";
    if error.is_outcome_unknown() {
        return (Exit::Unknown, "outcome_unknown", Some(AGAIN));
    }
    if let Error::TokenEndpoint { .. } = error {
        let hint = "it is a fault of the registry or of what stands before it: tell whoever runs it";
        return (Exit::SignIn, "sign_in_refused", Some(hint));
    }
    if error.is_sign_in() {
        let hint = "`mlcr password rotate` makes a new registry password and keeps it, `mlcr docker login` says whose \
                    it is; or sign in with `docker login`";
        return (Exit::SignIn, "sign_in_refused", Some(hint));
    }
    if error.is_not_found() {
        return (Exit::NotFound, "not_found", None);
    }
    match (error.status(), error) {
        (Some(429), _) => (Exit::Limit, "rate_limited", Some("wait a minute, then run it again")),
        (Some(445), _) => (Exit::Firewall, "blocked_by_firewall", Some("change the names that were sent")),
        (_, Error::Invalid(_)) => (Exit::Usage, "invalid", None),
        (_, Error::Internal(_)) => (Exit::Other, "internal", Some(REPORT)),
        (_, Error::Protocol { .. }) => (Exit::Other, "unexpected_answer", None),
        (_, Error::Source { .. }) => (Exit::Other, "not_an_image", None),
        _ if error.is_transport() => (Exit::Other, "not_reached", Some(AGAIN)),
        _ => (Exit::Other, "failed", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_our_own_is_not_blamed_on_the_arguments() {
        assert_eq!(Failure::from(Error::Invalid("x".into())).exit, Exit::Usage);
        let failure = Failure::from(Error::Internal("x".into()));
        assert_eq!((failure.exit, failure.code), (Exit::Other, "internal"));
        assert_eq!(failure.hint.as_deref(), Some(REPORT));
    }
}
