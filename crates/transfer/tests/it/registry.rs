//! The simulator as a registry that is open to everyone, unless a test asks for more.

use mlspace_registry_simulator::{Fault, Seed, Simulator};
use mlspace_registry_transfer::{Client, Credentials, Digest, Reference};

use crate::fixture::client;

pub(crate) struct Registry {
    pub(crate) simulator: Simulator,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these quirks, as `NAME=VALUE`.
    pub(crate) async fn with(quirks: &[&str]) -> Self {
        let mut builder = Simulator::builder().seed(Seed::Empty).quirk("registry-auth=open".parse().unwrap());
        for quirk in quirks {
            builder = builder.quirk(quirk.parse().unwrap());
        }
        Self { simulator: builder.start().await.unwrap() }
    }

    pub(crate) fn address(&self) -> &str {
        self.simulator.registry_address()
    }

    pub(crate) fn name(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.address()).parse().unwrap()
    }

    /// The user and the password that it takes.
    pub(crate) fn credentials(&self) -> Credentials {
        let password = self.simulator.rotate_registry_password();
        Credentials::password(self.simulator.personal_email(), password.expose())
    }

    pub(crate) fn signed_in(&self) -> Client {
        client().0.credentials(self.address(), self.credentials()).build().unwrap()
    }

    pub(crate) fn fault(&self, operation: &str, fault: Fault) {
        self.simulator.fail(operation, fault).unwrap();
    }

    /// Requests as `METHOD path?query`, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        let query = |query: &[(String, String)]| {
            query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let line = |request: &mlspace_registry_simulator::Recorded| {
            format!("{} {}?{}", request.method, request.path, query(&request.query))
        };
        self.simulator.journal().iter().map(line).collect()
    }

    /// The number of requests of that method with this in their path or query.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let fits = |line: &&String| line.starts_with(&format!("{method} ")) && line.contains(part);
        self.requests().iter().filter(fits).count()
    }

    /// The bytes of blobs and manifests that were taken.
    pub(crate) fn received(&self) -> usize {
        self.simulator.journal().iter().map(|request| request.received as usize).sum()
    }

    /// Names of tags, of all repositories.
    pub(crate) fn tags(&self) -> Vec<String> {
        let ids = self.simulator.repository_ids();
        let images = ids.into_iter().flat_map(|id| self.simulator.images(id));
        let tags = images.flat_map(|image| self.simulator.tags(image.id));
        let mut names: Vec<_> = tags.map(|tag| tag.name).collect();
        names.sort();
        names
    }

    /// The content at a path below `/v2/`, if there is any; not noted anywhere.
    pub(crate) async fn get(&self, path: &str) -> Option<Vec<u8>> {
        let url = format!("http://{}/v2/{path}", self.address());
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).header("accept", accept).send().await.unwrap();
        if answer.status() == 404 {
            return None;
        }
        Some(answer.error_for_status().unwrap().bytes().await.unwrap().into())
    }

    pub(crate) async fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        self.get(&format!("{repository}/blobs/{digest}")).await
    }
}
