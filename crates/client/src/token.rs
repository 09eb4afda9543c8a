//! Tokens from elsewhere.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use mlspace_registry_api::Secret;

/// An access token that is being fetched.
pub type FetchingToken<'a> =
    Pin<Box<dyn Future<Output = Result<Token, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Somebody else who signs in: a broker of tokens, a sidecar, a test. It is asked when a token is needed and shortly before
/// the last one ends, once for all calls that wait; a refused token is asked for anew.
///
/// ```
/// use std::time::Duration;
/// use mlspace_registry::{Client, FetchingToken, Secret, Token, TokenSource};
///
/// struct Broker;
///
/// impl TokenSource for Broker {
///     fn token(&self) -> FetchingToken<'_> {
///         Box::pin(async {
///             let text = tokio::task::spawn_blocking(|| std::fs::read_to_string("/run/secrets/token")).await??;
///             Ok(Token::new(Secret::new(text.trim())).lives(Duration::from_secs(600)))
///         })
///     }
/// }
///
/// # fn build() -> mlspace_registry::Result<()> {
/// let client = Client::builder().token_source(Broker).workspace("ml-team").build()?;
/// # Ok(())
/// # }
/// ```
pub trait TokenSource: Send + Sync {
    /// Fetches a token. The text of an error is shown, so it must quote no secret.
    fn token(&self) -> FetchingToken<'_>;
}

/// An access token.
#[derive(Clone, Debug)]
pub struct Token {
    pub(crate) secret: Secret,
    pub(crate) life: Option<Duration>,
}

impl Token {
    /// A token that lives until it is refused.
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self { secret: secret.into(), life: None }
    }

    /// Says how long it lives from now.
    pub fn lives(self, life: Duration) -> Self {
        Self { life: Some(life), ..self }
    }
}

/// The one token that somebody has: where it is refused there is no other.
impl TokenSource for Token {
    fn token(&self) -> FetchingToken<'_> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

/// The failure of a source, as text.
pub(crate) fn told(error: &(dyn Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more: &dyn fmt::Display = error;
        text = format!("{text}: {more}");
        cause = error.source();
    }
    text
}
