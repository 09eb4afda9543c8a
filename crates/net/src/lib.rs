#![doc = include_str!("../README.md")]

mod cache;
mod clock;
mod names;
mod proxy;
mod retry;
mod tls;

pub use cache::{Cache, Cached};
pub use clock::{Clock, ManualClock, SystemClock};
pub use names::{NotATagName, check_tag_name, secret_header};
pub use proxy::{excepts_all, heed_no_proxy};
pub use retry::{RetryPolicy, parse_retry_after, rate_window};
#[cfg(feature = "rustls")]
pub use tls::speaks_tls;
pub use tls::{
    CertificateProblem, TlsError, certificate_problem, check_scheme, is_loopback, trust, trust_as,
};
