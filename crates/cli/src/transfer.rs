//! From settings to a client that moves images, and from its errors to exit codes.

use std::path::Path;
use std::sync::Arc;

use mlspace_registry_transfer::{CertificateProblem, Client, ClientBuilder, Error, Observer};

use crate::context::Context;
use crate::failure::{Exit, Failure, REPORT, causes};
use crate::logins::{self, Find};
use crate::proxy;
use crate::settings::files;

impl Context<'_> {
    /// A client for these registries. Sends nothing.
    pub(crate) fn transfer_client(
        &self,
        credentials: impl IntoIterator<Item = (String, Find)>,
        plain_http: &[String],
        observer: Observer,
    ) -> Result<Client, Failure> {
        let mut builder = self.transfer_settings()?.observer(observer);
        builder = plain_http.iter().fold(builder, ClientBuilder::plain_http);
        for (host, find) in credentials {
            proxy::used(self.io, &format!("https://{host}"))?;
            builder = builder.credentials_when_asked(host, find);
        }
        Ok(builder.build()?)
    }

    /// What the settings say to a client of any registry.
    pub(crate) fn transfer_settings(&self) -> Result<ClientBuilder, Failure> {
        let settings = self.settings()?;
        let mut builder = Client::builder().clock(self.io.clock.clone());
        builder = builder.docker_logins(logins::elsewhere(self.io));
        for program in ["docker", "containers"] {
            let folders = [Some(Path::new("/etc").join(program)), files::user_folder(self.io, program)];
            for folder in folders.into_iter().flatten() {
                builder = builder.certificate_folder(folder.join("certs.d"));
            }
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
        Ok(builder)
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
    if let Some(problem) = error.certificate() {
        return (Exit::Other, "not_reached", Some(certificate_advice(problem)));
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
    let reason = match error {
        Error::NoToken(reason) => &**reason,
        error => error,
    };
    match (error.status(), reason) {
        (Some(429), _) => (Exit::Limit, "rate_limited", Some("wait a minute, then run it again")),
        (Some(445), _) => (Exit::Firewall, "blocked_by_firewall", Some("change the names that were sent")),
        (_, Error::TagExists { .. }) => {
            (Exit::Safety, "tag_exists", Some("to move the tag, add --move, or --yes"))
        }
        (_, Error::Invalid(_)) => (Exit::Usage, "invalid", None),
        (_, Error::Internal(_)) => (Exit::Other, "internal", Some(REPORT)),
        (_, Error::Protocol { .. }) => (Exit::Other, "unexpected_answer", None),
        (_, Error::Source { .. }) => (Exit::Other, "not_an_image", None),
        _ if error.is_transport() => (Exit::Other, "not_reached", Some(AGAIN)),
        _ => (Exit::Other, "failed", None),
    }
}

fn certificate_advice(problem: &CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::Issuer(_) => {
            "if it is the right registry, put the certificate of its authority into \
             `/etc/docker/certs.d/HOST/ca.crt` or `~/.config/containers/certs.d/HOST/ca.crt`, or name its file with \
             MLSPACE_CA_FILE"
        }
        CertificateProblem::Time(_) => {
            "check this machine's clock; if it is right, whoever runs the registry has to renew its certificate"
        }
        CertificateProblem::Name(_) => {
            "check the registry's name: it must be one that its certificate is for"
        }
        _ => "tell whoever runs the registry that its certificate cannot be used",
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
