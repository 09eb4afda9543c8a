//! Which connections are safe.

use reqwest::ClientBuilder;
use url::{Host, Url};

#[cfg(feature = "rustls")]
mod peer;
#[cfg(feature = "rustls")]
mod verify;

#[cfg(feature = "rustls")]
pub use peer::speaks_tls;

/// Why there is no HTTPS as it was asked for. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Turn on the feature `rustls`.
    #[error("this build has no HTTPS: enable the feature `rustls`")]
    NoHttps,
    /// One of the certificates to be added is not PEM, or is empty.
    #[error("the extra certificates are not PEM")]
    NotPem,
    /// A certificate of one's own lacks the certificate or its key, or they do not belong together.
    #[error("the client certificate is not usable: it must be PEM with a certificate and its private key")]
    NotAnIdentity,
}

/// Refuses an address that needs HTTPS where this build has none.
///
/// # Errors
/// [`TlsError::NoHttps`] for `https` without the feature `rustls`.
pub fn check_scheme(url: &Url) -> Result<(), TlsError> {
    let refused = url.scheme() == "https" && cfg!(not(feature = "rustls"));
    if refused { Err(TlsError::NoHttps) } else { Ok(()) }
}

/// Trusts the certificates of the operating system, and these besides. Each item is one or more certificates in
/// PEM, of authorities, or of a server itself. The one that docker's documentation tells how to make is both, an
/// authority that signed itself: it is taken of a server that shows the very same bytes, whose name it holds and
/// whose time has not passed.
///
/// Those of the operating system are read when the first server shows a certificate that is not of these, and by
/// all clients of the process together, as long as one of them is there. Reading takes longer than all else that
/// making a client does.
///
/// # Errors
/// [`TlsError`] if an item holds no certificate, or if this build has no HTTPS to use it for.
pub fn trust(http: ClientBuilder, certificates: &[Vec<u8>]) -> Result<ClientBuilder, TlsError> {
    trust_as(http, certificates, None)
}

/// The same, and shows servers that ask for it a certificate of one's own: PEM with the certificate, those that lead to
/// its authority, and its key.
///
/// # Errors
/// As [`trust`], and [`TlsError::NotAnIdentity`].
pub fn trust_as(
    http: ClientBuilder,
    certificates: &[Vec<u8>],
    identity: Option<&[u8]>,
) -> Result<ClientBuilder, TlsError> {
    #[cfg(feature = "rustls")]
    return verify::trust(http, certificates, identity);
    #[cfg(not(feature = "rustls"))]
    if certificates.is_empty() && identity.is_none() { Ok(http) } else { Err(TlsError::NoHttps) }
}

/// Why a server's certificate was not taken, if that is why a request failed: another attempt fares no better.
#[must_use]
pub fn certificate_problem(error: &reqwest::Error) -> Option<CertificateProblem> {
    #[cfg(feature = "rustls")]
    return verify::problem(error);
    #[cfg(not(feature = "rustls"))]
    None.filter(|_| error.is_connect())
}

/// Why a server's certificate was not taken, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time has passed or has not begun.
    #[error(
        "the server's certificate is not valid at this time ({0}): check this machine's clock, else the server needs a new one"
    )]
    Time(String),
    /// It is another server's.
    #[error("the server's certificate is for another name ({0}): check the address")]
    Name(String),
    /// Nobody who is trusted signed it.
    #[error(
        "the server's certificate is signed by nobody who is trusted here ({0}): if it is the right server, give the certificate \
         of its authority as an extra one"
    )]
    Issuer(String),
    /// Something else is wrong with it.
    #[error("the server's certificate cannot be used ({0}): the server needs another one")]
    Other(String),
}

/// Tells an address of this machine's own, so that nobody can listen on the way.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_none_are_refused() {
        let problem = if cfg!(feature = "rustls") { TlsError::NotPem } else { TlsError::NoHttps };
        for pem in ["", "no certificate"] {
            let refused = trust(ClientBuilder::new(), &[pem.into()]).unwrap_err();
            assert_eq!(refused, problem, "{pem:?}");
        }
        assert!(trust(ClientBuilder::new(), &[]).is_ok());
    }

    #[test]
    fn an_address_with_https_needs_a_build_that_has_it() {
        let check = |url: &str| check_scheme(&url.parse().unwrap());
        assert_eq!(check("https://example.com/").is_ok(), cfg!(feature = "rustls"));
        assert_eq!(check("http://example.com/"), Ok(()));
    }

    #[test]
    fn only_this_machines_own_addresses_are_loopback() {
        let loopback = |url: &str| is_loopback(&url.parse().unwrap());
        for url in ["http://localhost:1/", "http://127.0.0.1/", "http://127.8.9.10/", "http://[::1]:5000/"] {
            assert!(loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://[::2]/",
            "file:///etc/hosts",
        ] {
            assert!(!loopback(url), "{url}");
        }
    }
}
