//! What happens on the wire: idle connections, clients that leave, resets, restarts and TLS.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox, SandboxError, TlsKind};
use reqwest::{Certificate, Client, Identity};
use serde_json::{Value, json};
use support::{Server, alert};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for something that must happen.
const DEADLINE: Duration = Duration::from_secs(20);

async fn connect(sandbox: &IrisSandbox) -> TcpStream {
    TcpStream::connect(("127.0.0.1", sandbox.port()))
        .await
        .unwrap()
}

fn raw_add(sandbox: &IrisSandbox, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let key = sandbox.key();
    let length = body.len();
    format!(
        "POST /alerts/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let options = IrisOptions {
        keep_alive: Duration::from_millis(300),
        ..Default::default()
    };
    let sandbox = IrisSandbox::start(options).await.unwrap();
    let mut stream = connect(&sandbox).await;
    let ping = format!(
        "GET /api/ping HTTP/1.1\r\nHost: x\r\nX-IRIS-AUTH: {}\r\n\r\n",
        sandbox.key()
    );
    stream.write_all(ping.as_bytes()).await.unwrap();
    let mut everything = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut everything))
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8(everything).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(
        text.matches("HTTP/1.1").count(),
        1,
        "an answer to no request: {text}"
    );
    assert!(text.ends_with('}'), "{text}");
}

#[tokio::test]
async fn a_busy_connection_is_reused_and_the_log_tells() {
    let server = Server::start().await;
    for _ in 0..2 {
        server.get("/api/ping?cid=1").await;
    }
    let lines = server.sandbox.requests();
    assert!(
        !lines[0].reused_connection && lines[1].reused_connection,
        "{lines:?}"
    );
    assert_eq!(
        (lines[0].method.as_str(), lines[0].path.as_str()),
        ("GET", "/api/ping")
    );
    assert_eq!(
        (lines[0].query.as_str(), lines[0].status),
        ("cid=1", Some(200))
    );
    assert!(lines[0].at <= lines[1].at);
}

#[tokio::test]
async fn an_alert_is_stored_even_if_the_client_leaves_before_the_answer() {
    let options = IrisOptions {
        latency: Duration::from_millis(100),
        ..Default::default()
    };
    let sandbox = IrisSandbox::start(options).await.unwrap();
    let mut stream = connect(&sandbox).await;
    stream
        .write_all(&raw_add(&sandbox, &alert(json!({}))))
        .await
        .unwrap();
    drop(stream);
    let stored = async {
        while sandbox.alert_count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, stored).await.unwrap();
}

#[tokio::test]
async fn a_reset_is_a_real_reset() {
    let sandbox = IrisSandbox::start(IrisOptions::default()).await.unwrap();
    sandbox.faults().next(Fault::StoreThenReset);
    let mut stream = connect(&sandbox).await;
    stream
        .write_all(&raw_add(&sandbox, &alert(json!({}))))
        .await
        .unwrap();
    let mut byte = [0];
    let error = tokio::time::timeout(DEADLINE, stream.read(&mut byte))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(sandbox.alert_count(), 1);
}

#[tokio::test]
async fn chunked_bodies_and_expect_continue_work() {
    let sandbox = IrisSandbox::start(IrisOptions::default()).await.unwrap();
    let mut stream = connect(&sandbox).await;
    let body = alert(json!({})).to_string();
    let head = format!(
        "POST /alerts/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        sandbox.key()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 21];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut first))
        .await
        .unwrap()
        .unwrap();
    assert!(first.starts_with(b"HTTP/1.1 100 Continue"));
    let (left, right) = body.split_at(10);
    for piece in [left, right, ""] {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut rest = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
}

#[tokio::test]
async fn a_stopped_sandbox_frees_its_port_and_closes_its_connections() {
    let sandbox = IrisSandbox::start(IrisOptions::default()).await.unwrap();
    let port = sandbox.port();
    let same_port = || IrisOptions {
        port: Some(port),
        ..Default::default()
    };
    let taken = IrisSandbox::start(same_port()).await;
    assert!(matches!(taken, Err(SandboxError::Listen { .. })));
    let mut stream = connect(&sandbox).await;
    sandbox.stop().await;
    let mut byte = [0];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(stream);
    let again = IrisSandbox::start(same_port()).await.unwrap();
    assert_eq!(again.port(), port);
}

fn trusting(sandbox: &IrisSandbox) -> reqwest::ClientBuilder {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let ca = Certificate::from_pem(sandbox.ca_pem().unwrap().as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([ca])
}

async fn over_tls(tls: TlsKind) -> IrisSandbox {
    IrisSandbox::start(IrisOptions {
        tls: Some(tls),
        ..Default::default()
    })
    .await
    .unwrap()
}

async fn ping(client: &Client, sandbox: &IrisSandbox) -> reqwest::Result<u16> {
    let url = format!("{}/api/ping", sandbox.url());
    Ok(client
        .get(url)
        .bearer_auth(sandbox.key())
        .send()
        .await?
        .status()
        .as_u16())
}

#[tokio::test]
async fn a_certificate_of_the_own_authority_is_trusted_only_with_it() {
    let sandbox = over_tls(TlsKind::OwnCa).await;
    assert!(sandbox.url().starts_with("https://127.0.0.1:"));
    assert_eq!(
        ping(&trusting(&sandbox).build().unwrap(), &sandbox)
            .await
            .unwrap(),
        200
    );
    let other = over_tls(TlsKind::OwnCa).await;
    assert!(
        ping(&trusting(&other).build().unwrap(), &sandbox)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_reset_works_through_tls() {
    let sandbox = over_tls(TlsKind::OwnCa).await;
    sandbox.faults().next(Fault::StoreThenReset);
    let client = trusting(&sandbox).build().unwrap();
    let url = format!("{}/alerts/add", sandbox.url());
    let sent = client
        .post(url)
        .bearer_auth(sandbox.key())
        .json(&alert(json!({})))
        .send()
        .await;
    assert!(sent.is_err());
    assert_eq!(sandbox.alert_count(), 1);
}

#[tokio::test]
async fn expired_and_self_signed_certificates_are_refused_by_a_careful_client() {
    let expired = over_tls(TlsKind::Expired).await;
    assert!(
        ping(&trusting(&expired).build().unwrap(), &expired)
            .await
            .is_err()
    );
    let self_signed = over_tls(TlsKind::SelfSigned).await;
    let itself = Certificate::from_der(self_signed.server_certificate_der().unwrap()).unwrap();
    let trusting_itself = Client::builder()
        .no_proxy()
        .tls_certs_only([itself])
        .build()
        .unwrap();
    assert_eq!(ping(&trusting_itself, &self_signed).await.unwrap(), 200);
    let other = over_tls(TlsKind::OwnCa).await;
    assert!(
        ping(&trusting(&other).build().unwrap(), &self_signed)
            .await
            .is_err()
    );
    for sandbox in [&expired, &self_signed] {
        let careless = trusting(sandbox)
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        assert_eq!(ping(&careless, sandbox).await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_client_certificate_can_be_required() {
    let sandbox = over_tls(TlsKind::ClientCertificateRequired).await;
    assert!(
        ping(&trusting(&sandbox).build().unwrap(), &sandbox)
            .await
            .is_err()
    );
    let identity = Identity::from_pem(sandbox.client_identity_pem().unwrap().as_bytes()).unwrap();
    let client = trusting(&sandbox).identity(identity).build().unwrap();
    assert_eq!(ping(&client, &sandbox).await.unwrap(), 200);
}
