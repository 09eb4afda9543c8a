//! Settings from environment variables: the only place of this crate that reads them, or the disk.

use std::time::Duration;

use serde::Deserialize;

use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::error::{Error, Result};

/// An entry of `MLSPACE_WORKSPACES`.
#[derive(Deserialize)]
struct WorkspaceEntry {
    id: String,
    #[serde(default)]
    api_key: Option<String>,
}

impl Client {
    /// A client with the settings of the environment: `MLSPACE_CLIENT_ID` and `MLSPACE_CLIENT_SECRET`, and
    /// optionally `MLSPACE_WORKSPACE_ID` with `MLSPACE_API_KEY`, or `MLSPACE_WORKSPACES` with one entry,
    /// `MLSPACE_BASE_URL`, `MLSPACE_CA_FILE`, `MLSPACE_TIMEOUT` (seconds) and `MLSPACE_READONLY`. Reads the
    /// certificate file and sends nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the variable that is missing or wrong, never its value.
    pub fn from_env() -> Result<Self> {
        Self::builder().from_env()?.build()
    }
}

impl ClientBuilder {
    /// Takes the settings of the environment, as [`Client::from_env`] does. What is set afterwards goes before them.
    ///
    /// ```no_run
    /// # fn build() -> mlspace_registry::Result<()> {
    /// use mlspace_registry::{Client, RetryPolicy};
    ///
    /// let client = Client::builder().from_env()?.user_agent("nightly/1.0").retry(RetryPolicy::none()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] names the variable that is missing or wrong, never its value.
    pub fn from_env(self) -> Result<Self> {
        self.set_from(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn set_from(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let needed = |name: &str| variable(name).ok_or_else(|| Error::Invalid(format!("{name} is not set")));
        let wrong = |name: &str, expected: &str| Error::Invalid(format!("{name} must be {expected}"));
        let mut builder = self.credentials(needed("MLSPACE_CLIENT_ID")?, needed("MLSPACE_CLIENT_SECRET")?);
        if let Some(url) = variable("MLSPACE_BASE_URL") {
            builder = builder.base_url(url);
        }
        // A workspace and its key are one unit: a key from one variable never meets an id from another.
        if let Some(id) = variable("MLSPACE_WORKSPACE_ID") {
            builder = builder.workspace(id);
            if let Some(key) = variable("MLSPACE_API_KEY") {
                builder = builder.api_key(key);
            }
        } else if let Some(list) = variable("MLSPACE_WORKSPACES") {
            let name = "MLSPACE_WORKSPACES";
            let entries: Vec<WorkspaceEntry> =
                serde_json::from_str(&list).map_err(|_| wrong(name, r#"a JSON list of {"id", "name"}"#))?;
            let [entry] = entries.as_slice() else {
                return Err(wrong(name, "a list of one workspace, or MLSPACE_WORKSPACE_ID must choose one"));
            };
            builder = builder.workspace(&entry.id);
            if let Some(key) = &entry.api_key {
                builder = builder.api_key(key.as_str());
            }
        }
        if let Some(path) = variable("MLSPACE_CA_FILE") {
            let pem = std::fs::read(&path)
                .map_err(|error| Error::Invalid(format!("MLSPACE_CA_FILE: cannot read {path}: {error}")))?;
            builder = builder.certificates(pem);
        }
        if let Some(seconds) = variable("MLSPACE_TIMEOUT") {
            let timeout = seconds.trim().parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
            let timeout = timeout.filter(|timeout| !timeout.is_zero());
            builder =
                builder.timeout(timeout.ok_or_else(|| wrong("MLSPACE_TIMEOUT", "a number of seconds"))?);
        }
        if let Some(flag) = variable("MLSPACE_READONLY") {
            let on = match flag.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => true,
                "0" | "false" | "no" | "off" => false,
                _ => return Err(wrong("MLSPACE_READONLY", "true or false")),
            };
            builder = builder.read_only(on);
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(variables: &[(&str, &str)]) -> Result<Client> {
        let base = [("MLSPACE_CLIENT_ID", "id"), ("MLSPACE_CLIENT_SECRET", "hunter2")];
        let find = |name: &str| base.iter().chain(variables).rev().find(|(key, _)| *key == name);
        Client::builder()
            .set_from(|name| find(name).map(|(_, value)| (*value).to_owned()))
            .and_then(ClientBuilder::build)
    }

    #[test]
    fn a_key_from_one_source_never_meets_a_workspace_from_another() {
        let one = r#"[{"id": "w", "name": "n", "api_key": "theirs"}]"#;
        let client = built(&[("MLSPACE_API_KEY", "mine"), ("MLSPACE_WORKSPACES", one)]).unwrap();
        assert_eq!(client.core.settings.workspace_key.as_ref().unwrap().expose(), "theirs");
    }

    #[test]
    fn wrong_variables_are_named_and_their_values_are_not_repeated() {
        for (name, value) in [
            ("MLSPACE_TIMEOUT", "soon"),
            ("MLSPACE_TIMEOUT", "0"),
            ("MLSPACE_TIMEOUT", "-1"),
            ("MLSPACE_READONLY", "perhaps"),
            ("MLSPACE_WORKSPACES", "hunter2"),
            ("MLSPACE_WORKSPACES", "[]"),
            ("MLSPACE_CA_FILE", "/nowhere/at/all.pem"),
        ] {
            let error = built(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
        }
    }
}
