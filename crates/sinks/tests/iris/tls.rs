//! TLS: verified unless told otherwise, and every fault tells its remedy.

use alertbridge_sandbox::{IrisOptions, IrisSandbox, TlsKind};
use alertbridge_sinks::{Outcome, Scope, Sink};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{alert, delivered, outgoing, sandbox, sink};

async fn with_tls(kind: TlsKind) -> IrisSandbox {
    sandbox(IrisOptions {
        tls: Some(kind),
        ..IrisOptions::default()
    })
    .await
}

async fn deliver(sandbox: &IrisSandbox, tls: Value) -> Outcome {
    let sink = sink(sandbox, json!({"tls": tls}));
    sink.deliver(&outgoing(&sink, alert(json!({})))).await
}

async fn paused(sandbox: &IrisSandbox, tls: Value) -> String {
    match deliver(sandbox, tls).await {
        Outcome::Paused {
            scope: Scope::Sink,
            why,
        } => why,
        other => panic!("{other:?}"),
    }
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(sandbox: &IrisSandbox) -> String {
    use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let der = sandbox.server_certificate_der().unwrap();
    let hash = TLS13_AES_128_GCM_SHA256
        .tls13()
        .unwrap()
        .common
        .hash_provider
        .hash(der);
    let pairs: Vec<String> = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}

#[tokio::test]
async fn an_own_authority_is_trusted_only_where_it_is_given() {
    let sandbox = with_tls(TlsKind::OwnCa).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca.pem", sandbox.ca_pem().unwrap());
    let why = paused(&sandbox, json!({})).await;
    assert!(why.contains("`tls.ca_file`"), "{why}");
    delivered(deliver(&sandbox, json!({"ca_file": ca})).await);
    assert_eq!(sandbox.alert_count(), 1);
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_whoever_signed_it_and_no_other_one_is() {
    for kind in [TlsKind::SelfSigned, TlsKind::Expired, TlsKind::OwnCa] {
        let sandbox = with_tls(kind).await;
        let other = with_tls(kind).await;
        delivered(deliver(&sandbox, json!({"pinned_sha256": fingerprint(&sandbox)})).await);
        let why = paused(&sandbox, json!({"pinned_sha256": fingerprint(&other)})).await;
        assert!(why.contains("pinned"), "{kind:?}: {why}");
        assert_eq!(sandbox.alert_count(), 1);
    }
}

#[tokio::test]
async fn an_expired_certificate_stops_the_sink_and_says_so() {
    let sandbox = with_tls(TlsKind::Expired).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca.pem", sandbox.ca_pem().unwrap());
    let why = paused(&sandbox, json!({"ca_file": ca})).await;
    assert!(why.contains("expired"), "{why}");
    assert_eq!(sandbox.alert_count(), 0);
}

#[tokio::test]
async fn verification_is_off_only_by_its_own_key() {
    let sandbox = with_tls(TlsKind::SelfSigned).await;
    paused(&sandbox, json!({})).await;
    delivered(deliver(&sandbox, json!({"danger_accept_any_certificate": true})).await);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_wanted() {
    let sandbox = with_tls(TlsKind::ClientCertificateRequired).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca.pem", sandbox.ca_pem().unwrap());
    let identity = file(
        &folder,
        "client.pem",
        sandbox.client_identity_pem().unwrap(),
    );
    let why = paused(&sandbox, json!({"ca_file": ca})).await;
    assert!(why.contains("client certificate"), "{why}");
    let tls =
        json!({"ca_file": ca, "client_certificate_file": identity, "client_key_file": identity});
    delivered(deliver(&sandbox, tls).await);
}

#[tokio::test]
async fn https_at_a_port_that_speaks_none_stops_the_sink() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(
        &sandbox,
        json!({"url": sandbox.url().replace("http://", "https://")}),
    );
    let outcome = sink.deliver(&outgoing(&sink, alert(json!({})))).await;
    assert!(
        matches!(&outcome, Outcome::Paused { scope: Scope::Sink, why } if why.contains("https")),
        "{outcome:?}"
    );
}
