//! TLS to OpenCTI: verified unless told otherwise, and every fault tells its remedy.
//!
//! The stand-in with certificates is another server: whoever gets as far as hearing that it is no OpenCTI has accepted its certificate.

use alertbridge_alert::observables::Kind;
use alertbridge_intel::provider::{
    ErrorKind, ProviderError,
    opencti::{Asked, LiveLookup},
};
use alertbridge_sandbox::{IrisOptions, IrisSandbox, TlsKind};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{NAME, config};

async fn with_tls(kind: TlsKind) -> IrisSandbox {
    let options = IrisOptions {
        tls: Some(kind),
        ..IrisOptions::default()
    };
    IrisSandbox::start(options).await.unwrap()
}

async fn asked(sandbox: &IrisSandbox, tls: Value) -> ProviderError {
    let config = config(&sandbox.url(), "token", json!({"tls": tls}));
    let lookup = LiveLookup::new(NAME, &config).unwrap();
    let value = Asked {
        kind: Kind::Domain,
        value: "evil.example".to_owned(),
    };
    let now = "2026-11-21T08:00:00Z".parse().unwrap();
    lookup.ask(&[value], now).await.trouble.unwrap()
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn an_own_authority_is_trusted_only_where_it_is_given() {
    let sandbox = with_tls(TlsKind::OwnCa).await;
    let folder = tempfile::tempdir().unwrap();
    let error = asked(&sandbox, json!({})).await;
    assert_eq!(
        (error.kind(), error.needs_operator()),
        (ErrorKind::Tls, true)
    );
    assert!(error.to_string().contains("ca_file"), "{error}");
    let ca = file(&folder, "ca.pem", sandbox.ca_pem().unwrap());
    let error = asked(&sandbox, json!({"ca_file": ca})).await;
    assert_ne!(error.kind(), ErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn what_is_self_signed_or_expired_is_refused_unless_all_is_accepted() {
    for kind in [TlsKind::SelfSigned, TlsKind::Expired] {
        let sandbox = with_tls(kind).await;
        let error = asked(&sandbox, json!({})).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{kind:?}: {error}");
        let any = json!({"danger_accept_any_certificate": true});
        let error = asked(&sandbox, any).await;
        assert_ne!(error.kind(), ErrorKind::Tls, "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_the_configured_one() {
    let sandbox = with_tls(TlsKind::ClientCertificateRequired).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca.pem", sandbox.ca_pem().unwrap());
    let pem = file(&folder, "own.pem", sandbox.client_identity_pem().unwrap());
    let error = asked(&sandbox, json!({"ca_file": ca})).await;
    assert!(
        [ErrorKind::Tls, ErrorKind::Unreachable].contains(&error.kind()),
        "{error}"
    );
    let own = json!({"ca_file": ca, "client_certificate_file": pem, "client_key_file": pem});
    let error = asked(&sandbox, own).await;
    // It was let in, and heard that this is no OpenCTI.
    assert!(
        [ErrorKind::Answer, ErrorKind::NotTheServer].contains(&error.kind()),
        "{error}"
    );
}
