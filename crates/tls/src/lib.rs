//! The client side of TLS, the same for every server Alertbridge talks to.
//!
//! How a certificate is verified is one of three: the system's authorities and `ca_file` (the rule); one pinned certificate, whoever
//! signed it; or anything, on an explicit key. The provider is ring, passed by hand, so that nothing depends on what another crate
//! installed.
//!
//! [`TlsConfig`] is the section `tls` of a server's configuration, [`client_config`] makes of it what an HTTP client takes, and
//! [`remedy`] says what the operator must mend where a connection failed for good.

mod remedy;
mod verifier;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use remedy::{cause, chain, remedy};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::Deserialize;
use tracing::warn;

use self::verifier::{Accepted, Verifier};

/// How a server's certificate is verified, and what is shown to the server.
///
/// ```
/// use alertbridge_tls::{Peer, TlsConfig, client_config};
///
/// let config: TlsConfig = serde_json::from_str(r#"{"pinned_sha256":"no fingerprint"}"#).unwrap();
/// let peer = Peer { name: "IRIS", secret: "the API key" };
/// assert!(client_config(&config, &peer).unwrap_err().to_string().contains("tls.pinned_sha256"));
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file of authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the certificate shown to the server (with its chain).
    pub client_certificate_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    pub client_key_file: Option<PathBuf>,
    /// SHA-256 of the server's certificate, as `openssl x509 -fingerprint -sha256` prints it, with or without colons. Only
    /// this certificate is accepted then, whoever signed it, whatever its names and dates are.
    pub pinned_sha256: Option<String>,
    /// Accept any certificate, default false. Anyone between here and the server can then read the key: a warning at every start.
    pub danger_accept_any_certificate: bool,
}

/// Whom a connection goes to, in the words of a warning.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The server: `IRIS`.
    pub name: &'a str,
    /// What somebody in between could read: `the API key`.
    pub secret: &'a str,
}

/// Settings that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// rustls refuses its own defaults.
    #[error("TLS can't be set up: {0}")]
    Setup(String),
    /// A value that makes no sense, or a file that can't be used.
    #[error("`{key}`: {problem}")]
    Value {
        /// The configuration key, dotted, below the server's section: `tls.ca_file`.
        key: String,
        /// What is wrong and what is right.
        problem: String,
    },
}

impl TlsError {
    fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

/// The settings rustls takes for connections to `peer`.
///
/// # Errors
/// [`TlsError`] where a file can't be read or holds no certificate or key, or where settings contradict each other.
pub fn client_config(config: &TlsConfig, peer: &Peer<'_>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let builder = match (&config.pinned_sha256, config.danger_accept_any_certificate) {
        (Some(_), true) => {
            return Err(TlsError::value(
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
                "`tls.danger_accept_any_certificate` is on: anyone between this machine and {} can read {}; \
                 use `tls.pinned_sha256` or `tls.ca_file` instead",
                peer.name, peer.secret
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
                TlsError::value(
                    "tls.client_key_file",
                    format!("does not fit the certificate: {error}"),
                )
            })
        }
        _ => Err(TlsError::value(
            "tls.client_certificate_file",
            "`tls.client_certificate_file` and `tls.client_key_file` are given together or not at all",
        )),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        for certificate in certificates("tls.ca_file", path)? {
            roots.add(certificate).map_err(|error| {
                TlsError::value(
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

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| pem_error(key, path, &error))?;
    let certificates: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| pem_error(key, path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::value(
            key,
            format!("{} holds no certificate in PEM form", path.display()),
        ));
    }
    Ok(certificates)
}

fn pem_error(key: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError::value(
        key,
        format!(
            "can't use {}: {error}; it must be a readable PEM file",
            path.display()
        ),
    )
}

fn fingerprint(text: &str) -> Result<[u8; 32], TlsError> {
    let problem = || {
        TlsError::value(
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

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer<'_> = Peer {
        name: "IRIS",
        secret: "the API key",
    };

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
    fn settings_that_contradict_each_other_are_refused() {
        let config = TlsConfig {
            pinned_sha256: Some("ab".repeat(32)),
            danger_accept_any_certificate: true,
            ..TlsConfig::default()
        };
        assert!(client_config(&config, &PEER).is_err());
        let config = TlsConfig {
            client_key_file: Some("/k".into()),
            ..TlsConfig::default()
        };
        assert!(client_config(&config, &PEER).is_err());
    }
}
