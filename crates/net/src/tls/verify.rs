//! Checking a server's certificate.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{CertificateProblem, TlsError};

pub(super) fn trust_too(http: ClientBuilder, certificates: &[Vec<u8>]) -> Result<ClientBuilder, TlsError> {
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
    let config = config(own).map_err(|_| TlsError::NotPem)?;
    Ok(http.tls_backend_preconfigured(config))
}

fn config(own: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let mut roots = RootCertStore::empty();
    own.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let verifier = OwnToo {
        system: Verifier::new_with_extra_roots(own.clone(), provider.clone())?,
        alone: WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?,
        own,
    };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// The system's verification, and besides it one for servers that show one of our own certificates itself.
#[derive(Debug)]
struct OwnToo {
    system: Verifier,
    alone: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
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
        let by_system =
            self.system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if by_system.is_ok() || !self.own.iter().any(|own| own == end_entity) {
            return by_system;
        }
        match self.alone.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Said of a certificate whose time was found good; its name has not been looked at yet.
            Err(error) if is_authority(&error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.alone.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.alone.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.alone.supported_verify_schemes()
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
        E::UnknownIssuer => CertificateProblem::Issuer(said),
        // What signed itself is an authority's certificate to whoever does not know it.
        _ if is_authority(&Error::InvalidCertificate(error.clone())) => CertificateProblem::Issuer(said),
        _ => CertificateProblem::Other(said),
    })
}
