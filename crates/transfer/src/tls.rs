//! HTTPS, where this build has it.

use crate::error::{Error, Result};

/// Adds certificates to those of the operating system.
#[cfg(feature = "rustls")]
pub(crate) fn prepare(
    mut http: reqwest::ClientBuilder,
    certificates: &[Vec<u8>],
) -> Result<reqwest::ClientBuilder> {
    for pem in certificates {
        let bundle = reqwest::Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|bundle| !bundle.is_empty())
            .ok_or_else(|| Error::Invalid("the extra certificates are not PEM".into()))?;
        http = http.tls_certs_merge(bundle);
    }
    Ok(http)
}

/// Refuses what needs HTTPS.
#[cfg(not(feature = "rustls"))]
pub(crate) fn prepare(
    http: reqwest::ClientBuilder,
    certificates: &[Vec<u8>],
) -> Result<reqwest::ClientBuilder> {
    if !certificates.is_empty() {
        return Err(Error::Invalid("this build has no HTTPS: enable the feature `rustls`".into()));
    }
    Ok(http)
}
