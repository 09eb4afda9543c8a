//! What the image registry keeps of those who signed in.

use std::collections::HashMap;
use std::time::Duration;

use mlspace_registry_api::Secret;

use crate::ids::Ids;

/// The tokens that were given out.
pub(crate) struct Tokens {
    pub(crate) ids: Ids,
    pub(crate) known: HashMap<String, Token>,
}

/// What a token is good for.
pub(crate) struct Token {
    /// The password that it was asked with.
    pub(crate) password: Secret,
    pub(crate) expires: Duration,
    /// Repositories and what may be done in them.
    pub(crate) access: Vec<(String, String)>,
}

impl Tokens {
    pub(crate) fn new(is_exposed: bool) -> Self {
        Self { ids: Ids::secret(4, is_exposed), known: HashMap::new() }
    }

    pub(crate) fn expire(&mut self) {
        self.known.values_mut().for_each(|token| token.expires = Duration::ZERO);
    }
}
