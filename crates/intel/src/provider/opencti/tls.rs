//! How the server's certificate is verified.
//!
//! One of three: the system's authorities and `ca_file` (the rule); one pinned certificate, whoever signed it; or anything, on an
//! explicit key. The provider is ring, passed by hand, so that nothing depends on what another crate installed.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tracing::warn;

use super::config::TlsConfig;
use crate::provider::{ErrorKind, ProviderError};

/// The client side of TLS.
///
/// # Errors
/// [`ProviderError`] where a file can't be read or holds no certificate or key, or where settings contradict each other.
pub(crate) fn client_config(config: &TlsConfig) -> Result<ClientConfig, ProviderError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            ProviderError::operator(ErrorKind::Tls, format!("TLS can't be set up: {error}"))
        })?;
    let builder = match (&config.pinned_sha256, config.danger_accept_any_certificate) {
        (Some(_), true) => {
            return Err(ProviderError::config(
                "tls.danger_accept_any_certificate",
                "contradicts `tls.pinned_sha256`: a pinned certificate needs no switching off, so remove this key",
            ));
        }
        (Some(pin), false) => {
            let accepted = Accepted::Pinned(fingerprint(pin)?);
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Verifier { accepted, provider }))
        }
        (None, true) => {
            warn!(
                "`tls.danger_accept_any_certificate` is on: anyone between this machine and OpenCTI can read the token; \
                 use `tls.pinned_sha256` or `tls.ca_file` instead"
            );
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Verifier {
                    accepted: Accepted::Any,
                    provider,
                }))
        }
        (None, false) => builder.with_root_certificates(roots(config.ca_file.as_deref())?),
    };
    match (&config.client_certificate_file, &config.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("tls.client_certificate_file", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| pem_error("tls.client_key_file", key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                ProviderError::config(
                    "tls.client_key_file",
                    format!("does not fit the certificate: {error}"),
                )
            })
        }
        _ => Err(ProviderError::config(
            "tls.client_certificate_file",
            "`tls.client_certificate_file` and `tls.client_key_file` are given together or not at all",
        )),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, ProviderError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        for certificate in certificates("tls.ca_file", path)? {
            roots.add(certificate).map_err(|error| {
                ProviderError::config(
                    "tls.ca_file",
                    format!(
                        "{} holds a certificate that can't be used: {error}",
                        path.display()
                    ),
                )
            })?;
        }
    }
    Ok(roots)
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ProviderError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| pem_error(key, path, &error))?;
    let certificates: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(key, path, &error))?;
    if certificates.is_empty() {
        return Err(ProviderError::config(
            key,
            format!("{} holds no certificate in PEM form", path.display()),
        ));
    }
    Ok(certificates)
}

fn pem_error(key: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> ProviderError {
    ProviderError::config(
        key,
        format!(
            "can't use {}: {error}; it must be a readable PEM file",
            path.display()
        ),
    )
}

fn fingerprint(text: &str) -> Result<[u8; 32], ProviderError> {
    let problem = || {
        ProviderError::config(
            "tls.pinned_sha256",
            "must be the 64 hexadecimal digits that `openssl x509 -noout -fingerprint -sha256` prints",
        )
    };
    let text = text.trim().rsplit('=').next().unwrap_or_default();
    let digits: Vec<u8> = text.bytes().filter(|byte| !b": ".contains(byte)).collect();
    let mut fingerprint = [0; 32];
    if digits.len() != 64 {
        return Err(problem());
    }
    for (place, pair) in fingerprint.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| problem())?;
        *place = u8::from_str_radix(pair, 16).map_err(|_| problem())?;
    }
    Ok(fingerprint)
}

#[derive(Debug)]
enum Accepted {
    Any,
    Pinned([u8; 32]),
}

/// Accepts one certificate or any; that the server holds the certificate's key is verified in both cases.
#[derive(Debug)]
struct Verifier {
    accepted: Accepted,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.accepted {
            Accepted::Any => Ok(ServerCertVerified::assertion()),
            Accepted::Pinned(pin) if sha256(certificate).as_deref() == Some(pin) => {
                Ok(ServerCertVerified::assertion())
            }
            Accepted::Pinned(_) => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// SHA-256 by the hash of a cipher suite that uses it, so that no second crypto library is needed.
fn sha256(bytes: &[u8]) -> Option<Vec<u8>> {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    Some(suite.common.hash_provider.hash(bytes).as_ref().to_vec())
}

/// What the operator must mend, where a TLS fault does not pass by itself.
pub(crate) fn remedy(error: &Error) -> Option<String> {
    use rustls::AlertDescription as Alert;
    Some(match error {
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "the server's certificate is not the one in `tls.pinned_sha256`; if it was renewed, pin the new one".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an authority this machine does not know; give its certificate as `tls.ca_file`, \
             or pin the server's as `tls.pinned_sha256`"
                .to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired; renew it, or pin it as `tls.pinned_sha256`".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name than the one in `url`; use the certificate's name there, or pin the \
             certificate as `tls.pinned_sha256`"
                .to_owned()
        }
        Error::InvalidCertificate(problem) => format!(
            "the server's certificate is not accepted ({problem:?}); mend it, or pin it as `tls.pinned_sha256`"
        ),
        Error::AlertReceived(
            alert @ (Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::HandshakeFailure
            | Alert::ProtocolVersion
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate),
        ) => format!(
            "the server refuses the TLS connection ({alert:?}); if it wants a client certificate, give one that it accepts as \
             `tls.client_certificate_file` and `tls.client_key_file`"
        ),
        Error::InvalidMessage(_) | Error::PeerIncompatible(_) | Error::PeerMisbehaved(_) => {
            format!("there is no usable TLS at this address ({error}); is the port right, and is it https?")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_every_form_openssl_prints() {
        let digits = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        for text in [
            digits.clone(),
            colons.clone(),
            format!("sha256 Fingerprint={colons}"),
        ] {
            assert_eq!(fingerprint(&text).unwrap(), [0xab; 32], "{text}");
        }
        assert!(fingerprint("ab").is_err());
        assert!(fingerprint(&"zz".repeat(32)).is_err());
    }

    #[test]
    fn the_hash_is_sha_256() {
        let digest = sha256(b"abc").unwrap();
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let config = TlsConfig {
            pinned_sha256: Some("ab".repeat(32)),
            danger_accept_any_certificate: true,
            ..TlsConfig::default()
        };
        assert!(client_config(&config).is_err());
        let config = TlsConfig {
            client_key_file: Some("/k".into()),
            ..TlsConfig::default()
        };
        assert!(client_config(&config).is_err());
    }
}
