//! Settings that may differ from call to call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlspace_registry_net::RetryPolicy;

use crate::call::Wait;
use crate::core::Settings;
use crate::verify::Verify;

/// Settings that may differ from call to call; see [`Client::with`](crate::Client::with).
pub struct CallSettings(pub(crate) Settings);

impl CallSettings {
    /// How often and how patiently calls are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.0.retry = policy;
        self
    }

    /// How long one attempt may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// How long one call may take, waits and repetitions included.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.0.deadline = deadline;
        self
    }

    /// Which writes are read back although the service has said yes.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.0.verify = verify;
        self
    }

    /// Is told of every wait before it begins.
    pub fn on_wait(mut self, observer: impl Fn(&Wait) + Send + Sync + 'static) -> Self {
        self.0.on_wait = Some(Arc::new(observer));
        self
    }
}

impl fmt::Debug for CallSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSettings")
            .field("retry", &self.0.retry)
            .field("timeout", &self.0.timeout)
            .field("deadline", &self.0.deadline)
            .field("verify", &self.0.verify)
            .finish_non_exhaustive()
    }
}
