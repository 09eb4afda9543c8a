//! From settings to a client.

use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_api::{Network, Transport};
use mlspace_registry_net::{check_scheme, heed_no_proxy, is_loopback, trust_as};
use reqwest::header::HeaderValue;
use url::Url;

use super::ClientBuilder;
use crate::client::Client;
use crate::core::{Core, Credentials, Settings};
use crate::error::{Error, Result};
use crate::limiter::Limiter;

/// How long connecting may take: what crosses a continent takes well under a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: balancers close theirs after 60 s (Amazon's) or 75 s (nginx),
/// and what is sent just then gets lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// All paths of the API begin with it; some tools store the address with it and some without.
const PREFIX: &str = "/public/v2";

impl ClientBuilder {
    /// Checks the settings and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the setting that is wrong or missing.
    pub fn build(self) -> Result<Client> {
        let invalid = |problem: String| Err(Error::Invalid(problem));
        let Some(credentials) = self.credentials else {
            return invalid("no credentials: give a key id and a key secret".into());
        };
        if let Credentials::Key { id, secret } = &credentials
            && (id.is_empty() || secret.expose().is_empty())
        {
            return invalid("the key id or the key secret is empty".into());
        }
        if self.api_key.is_some() && self.workspace.is_none() {
            return invalid("an api key belongs to a workspace: give the workspace's id as well".into());
        }
        let url = parse_base_url(&self.base_url)?;
        let loopback = is_loopback(&url);
        if url.scheme() == "http" && !loopback && !self.plain_http {
            return invalid(format!(
                "{} is plain http, which would show keys to everybody on the way; use https",
                self.base_url
            ));
        }
        let name = concat!("mlspace-registry/", env!("CARGO_PKG_VERSION"));
        let user_agent = self.user_agent.map_or(name.to_owned(), |own| format!("{own} {name}"));
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| Error::Invalid("the user agent holds characters that no header can carry".into()))?;
        let mut http = reqwest::Client::builder()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the api key to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        http = match &self.proxy {
            // It may hold a password; it is not repeated.
            Some(proxy) => http.proxy(reqwest::Proxy::all(proxy).map_err(|_| {
                Error::Invalid("the proxy is not usable: it is written http://HOST:PORT".into())
            })?),
            None if loopback => http.no_proxy(),
            None => heed_no_proxy(http),
        };
        let identity = self.identity.as_ref().map(|pem| pem.expose().as_bytes());
        let http = check_scheme(&url)
            .and_then(|()| trust_as(http, &self.certificates, identity))
            .map_err(|error| Error::Invalid(error.to_string()))?
            .build()
            .map_err(|error| Error::Invalid(format!("the HTTP client cannot be made: {error}")))?;
        let network: Arc<dyn Transport> = Arc::new(Network::new(http.clone()));
        let transport = self.transports.into_iter().fold(network, |inner, around| around(inner));
        let settings = Settings {
            base_url: url.as_str().trim_end_matches('/').to_owned(),
            credentials,
            workspace: self.workspace,
            workspace_key: self.api_key,
            registry_host: self.registry_host,
            retry: self.retry,
            timeout: self.timeout,
            deadline: self.deadline,
            read_only: self.read_only,
            user_agent,
            verify: self.verify,
            clock: self.clock,
            transport,
            on_wait: self.on_wait,
        };
        Ok(Client::of(Core::new(settings, http, Limiter::new(self.rate))))
    }
}

/// The address without `/public/v2` and without a slash at its end.
fn parse_base_url(text: &str) -> Result<Url> {
    // The text may hold a password; it is not repeated.
    let invalid = |problem: &str| Error::Invalid(format!("the base URL is not usable: {problem}"));
    let mut url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid("it must begin with https:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it must not hold a user or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it must not hold `?` or `#`"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(PREFIX).unwrap_or(path).trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(url: &str) -> Result<Client> {
        Client::builder().credentials("id", "secret").base_url(url).build()
    }

    #[test]
    fn the_address_may_end_with_the_prefix_or_not() {
        for url in [
            "http://localhost:1",
            "http://localhost:1/",
            "http://localhost:1/public/v2",
            "http://localhost:1/public/v2/",
        ] {
            assert_eq!(built(url).unwrap().base_url(), "http://localhost:1", "{url}");
        }
        assert_eq!(built("http://127.0.0.1/gate/public/v2").unwrap().base_url(), "http://127.0.0.1/gate");
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_a_password_in_it() {
        for url in [
            "",
            "api.ai.cloud.ru",
            "ftp://host",
            "http://example.com",
            "https://u:hunter2@h",
            "https://h/?q=hunter2",
        ] {
            let error = built(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn missing_settings_are_named() {
        let message = |builder: ClientBuilder| builder.build().unwrap_err().to_string();
        assert!(message(Client::builder()).contains("no credentials"));
        assert!(message(Client::builder().credentials("", "x")).contains("empty"));
        let half = Client::builder().credentials("id", "secret").api_key("key");
        assert!(message(half).contains("workspace's id"));
    }
}
