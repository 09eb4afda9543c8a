//! The credentials that may be those for a registry, one after the other, found as they are needed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::credentials::docker::{DockerLogins, Lead};
use crate::credentials::helper;
use crate::credentials::{CredentialKind, Credentials};

/// What was given for a registry, then what docker and podman keep for it, and at last nobody: what is open to
/// everyone stays so for those with a wrong password.
pub(crate) struct Candidates {
    registry: String,
    logins: DockerLogins,
    /// The longest time that a helper may take.
    patience: Duration,
    search: Mutex<Search>,
}

struct Search {
    found: Vec<Credentials>,
    /// Where more may be found; not known before the first look.
    leads: Option<VecDeque<Lead>>,
    problems: Vec<String>,
}

impl Candidates {
    pub(crate) fn new(
        registry: String,
        given: Vec<Credentials>,
        logins: DockerLogins,
        patience: Duration,
    ) -> Self {
        let found = given.into_iter().filter(|given| !given.is_anonymous()).collect();
        let search = Mutex::new(Search { found, leads: None, problems: Vec::new() });
        Self { registry, logins, patience, search }
    }

    /// The candidate of that number; `None` after the last.
    pub(crate) async fn get(&self, at: usize) -> Option<Credentials> {
        let mut search = self.search.lock().await;
        while search.found.len() <= at {
            let leads = search.leads.get_or_insert_with(|| self.logins.leads(&self.registry));
            let Some(lead) = leads.front().cloned() else {
                return (search.found.len() == at).then(Credentials::anonymous);
            };
            let credentials = match lead {
                Lead::Known(credentials) => Ok(Some(credentials)),
                Lead::Lost(problem) => Err(problem),
                Lead::Helper { name, server } => {
                    // Rare and large; every request waits here in passing.
                    let asking = Box::pin(helper::ask(&name, &server));
                    let asked = tokio::time::timeout(self.patience, asking).await;
                    asked.unwrap_or_else(|_| {
                        Err(format!("the credential helper `docker-credential-{name}` does not end"))
                    })
                }
            };
            // Only now: somebody else may have stopped waiting for the same helper.
            search.leads.as_mut().map(VecDeque::pop_front);
            match credentials {
                Ok(Some(credentials)) if !search.found.contains(&credentials) => {
                    search.found.push(credentials);
                }
                Ok(_) => {}
                Err(problem) => search.problems.push(problem),
            }
        }
        search.found.get(at).cloned()
    }

    /// The final word on a sign-in that no candidate got through.
    pub(crate) async fn advice(&self) -> String {
        let search = self.search.lock().await;
        let mut advice = match search.found.first().map(|credentials| &credentials.0) {
            None | Some(CredentialKind::Anonymous) => {
                "it asks for a sign-in, and there are no credentials for it"
            }
            Some(CredentialKind::Password { .. }) => {
                "the user or the password is wrong, or has no right to this repository"
            }
            Some(CredentialKind::IdentityToken(_)) => {
                "the stored sign-in is not valid any more; run `docker login` again"
            }
        }
        .to_owned();
        for problem in &search.problems {
            advice.push_str("; ");
            advice.push_str(problem);
        }
        advice
    }
}
