//! Checking a server's certificate.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use reqwest::ClientBuilder;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{CertificateProblem, TlsError};

/// The operating system's certificates, as long as somebody holds them: two clients of a program read them once.
static SYSTEM: Mutex<Weak<Verifier>> = Mutex::new(Weak::new());

pub(super) fn trust(
    http: ClientBuilder,
    certificates: &[Vec<u8>],
    identity: Option<&[u8]>,
) -> Result<ClientBuilder, TlsError> {
    let mut own = Vec::new();
    for pem in certificates {
        let before = own.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            own.push(certificate.map_err(|_| TlsError::NotPem)?);
        }
        if own.len() == before {
            return Err(TlsError::NotPem);
        }
    }
    let identity = identity.map(read_identity).transpose()?;
    let bad = if identity.is_some() { TlsError::NotAnIdentity } else { TlsError::NotPem };
    let config = config(own, identity).map_err(|_| bad)?;
    Ok(http.tls_backend_preconfigured(config))
}

/// A certificate of one's own with those that lead to its authority, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(pem: &[u8]) -> Result<Identity, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::NotAnIdentity)?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NotAnIdentity)?;
    Ok((chain, key))
}

pub(super) fn config(
    own: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let mut roots = RootCertStore::empty();
    own.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let alone = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    // There is none where there are no roots.
    let alone =
        if own.is_empty() { None } else { Some(alone.map_err(|error| Error::General(error.to_string()))?) };
    let verifier = OwnToo { system: OnceLock::new(), alone, own, provider: provider.clone() };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    match identity {
        Some((chain, key)) => config.with_client_auth_cert(chain, key),
        None => Ok(config.with_no_client_auth()),
    }
}

/// Verification by certificates of our own, and by those of the system where they do not suffice.
#[derive(Debug)]
struct OwnToo {
    system: OnceLock<Arc<Verifier>>,
    alone: Option<Arc<WebPkiServerVerifier>>,
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl OwnToo {
    fn system(&self) -> Result<&Verifier, Error> {
        if let Some(system) = self.system.get() {
            return Ok(system);
        }
        let mut shared = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
        let system = match shared.upgrade() {
            Some(system) => system,
            None => Arc::new(Verifier::new(self.provider.clone())?),
        };
        *shared = Arc::downgrade(&system);
        Ok(self.system.get_or_init(|| system))
    }
}

impl ServerCertVerifier for OwnToo {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |by: &dyn ServerCertVerifier| {
            by.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let by_own = self.alone.as_deref().map(|alone| verify(alone));
        let known = self.own.iter().any(|own| own == end_entity);
        match by_own {
            // Said of a certificate whose time was found good; its name has not been looked at yet.
            Some(Err(error)) if known && is_authority(&error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            None | Some(Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {
                verify(self.system()?)
            }
            // Whoever knows the issuer knows what else is wrong.
            Some(Err(error)) if known => Err(error),
            Some(Err(error)) => verify(self.system()?).map_err(|by_system| match by_system {
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => error,
                by_system => by_system,
            }),
            Some(good) => good,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// True if nothing is wrong but that an authority's certificate stands where a server's is expected.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

pub(super) fn problem(error: &reqwest::Error) -> Option<CertificateProblem> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let error = loop {
        let error = next?;
        if let Some(Error::InvalidCertificate(error)) = error.downcast_ref() {
            break error;
        }
        next = match error.downcast_ref::<io::Error>() {
            // Its source is that of what it holds, which would be skipped.
            Some(holder) => holder.get_ref().map(|held| held as &(dyn StdError + 'static)),
            None => error.source(),
        };
    };
    use CertificateError as E;
    let said = error.to_string();
    Some(match error {
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            CertificateProblem::Time(said)
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::Name(said),
        // A signature that is none of an authority's known by that name is somebody else's.
        E::UnknownIssuer | E::BadSignature => CertificateProblem::Issuer(said),
        // What signed itself is an authority's certificate to whoever does not know it.
        _ if is_authority(&Error::InvalidCertificate(error.clone())) => CertificateProblem::Issuer(said),
        _ => CertificateProblem::Other(said),
    })
}
