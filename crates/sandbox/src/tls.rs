//! Certificates made at start: own authority, self-signed, expired, and with a client certificate required.
//!
//! Nothing is written to disk; the private keys live and die with the sandbox.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::options::TlsKind;

/// Why the certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The generator refused.
    #[error("generating a certificate failed: {0}")]
    Generate(#[from] rcgen::Error),
    /// rustls refused what was generated.
    #[error("rustls refused the configuration: {0}")]
    Configure(#[from] rustls::Error),
    /// The verifier for client certificates could not be built.
    #[error("client certificates cannot be verified: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The server's side of TLS and what a client needs to know of it.
pub(crate) struct TlsIdentity {
    pub(crate) ca_pem: String,
    pub(crate) client_pem: String,
    pub(crate) server_der: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TlsIdentity")
            .finish_non_exhaustive()
    }
}

impl TlsIdentity {
    pub(crate) fn make(kind: TlsKind) -> Result<TlsIdentity, TlsError> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Sandbox authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut server = CertificateParams::new(names)?;
        server
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == TlsKind::Expired {
            server.not_before = date_time_ymd(2020, 1, 1);
            server.not_after = date_time_ymd(2021, 1, 1);
        }
        let server_key = KeyPair::generate()?;
        let certificate = match kind {
            TlsKind::SelfSigned => server.self_signed(&server_key)?,
            _ => server.signed_by(&server_key, &authority)?,
        };
        let ca_pem = match kind {
            TlsKind::SelfSigned => certificate.pem(),
            _ => authority.pem(),
        };

        let mut client = CertificateParams::new(Vec::new())?;
        client
            .distinguished_name
            .push(rcgen::DnType::CommonName, "sandbox client");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_key = KeyPair::generate()?;
        let client_certificate = client.signed_by(&client_key, &authority)?;
        let client_pem = format!("{}{}", client_certificate.pem(), client_key.serialize_pem());

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if kind == TlsKind::ClientCertificateRequired {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone())?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            versions.with_client_cert_verifier(verifier)
        } else {
            versions.with_no_client_auth()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let server_der = certificate.der().to_vec();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsIdentity {
            ca_pem,
            client_pem,
            server_der,
            config: Arc::new(config),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}
