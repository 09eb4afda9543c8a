//! The credentials that may be those for a registry, one after the other, found as they are needed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

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
    /// Where more may be found.
    leads: VecDeque<Lead>,
    /// Those of docker and podman are among them.
    has_looked: bool,
    problems: Vec<String>,
}

impl Candidates {
    pub(crate) fn new(
        registry: String,
        given: impl IntoIterator<Item = Lead>,
        logins: DockerLogins,
        patience: Duration,
    ) -> Self {
        let leads = given.into_iter().collect();
        let search = Search { found: Vec::new(), leads, has_looked: false, problems: Vec::new() };
        Self { registry, logins, patience, search: Mutex::new(search) }
    }

    /// The candidate of that number; `None` after the last.
    pub(crate) async fn get(&self, at: usize) -> Option<Credentials> {
        let mut search = self.search.lock().await;
        while search.found.len() <= at {
            if search.leads.is_empty() && !search.has_looked {
                search.leads = self.logins.leads(&self.registry);
                search.has_looked = true;
            }
            let Some(lead) = search.leads.front().cloned() else {
                return (search.found.len() == at).then(Credentials::anonymous);
            };
            // Rare and large; every request waits here in passing.
            let found = Box::pin(self.follow(lead)).await;
            // Only now: somebody else may have stopped waiting for the same one.
            search.leads.pop_front();
            match found {
                Ok(credentials) if !credentials.is_anonymous() && !search.found.contains(&credentials) => {
                    search.found.push(credentials);
                }
                Ok(_) => {}
                Err(problem) => search.problems.push(problem),
            }
        }
        search.found.get(at).cloned()
    }

    /// Where a lead leads to; to nobody if there is nothing.
    async fn follow(&self, lead: Lead) -> Result<Credentials, String> {
        match lead {
            Lead::Known(credentials) => Ok(credentials),
            Lead::Lost(problem) => Err(problem),
            Lead::Helper { name, server } => {
                let asked = timeout(self.patience, helper::ask(&name, &server)).await;
                asked.unwrap_or_else(|_| {
                    Err(format!("the credential helper `docker-credential-{name}` does not end"))
                })
            }
            Lead::Wanted(find) => {
                let finding = tokio::task::spawn_blocking(move || find.0());
                let found = timeout(self.patience, finding).await;
                let found = found.map_err(|_| "the stored password was not found in time".to_owned())?;
                found.unwrap_or_else(|error| Err(format!("the stored password was not found: {error}")))
            }
        }
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
