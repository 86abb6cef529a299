//! Answers that the stand-in never gives.

use std::sync::{Arc, Mutex};

use alertbridge_intel::provider::{ErrorKind, Trouble};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::{World, config};

/// A server that gives one answer to everything.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, heads }
    }
}

async fn serve(mut stream: TcpStream, answer: String, heads: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            heads.lock().unwrap().push(head.to_owned());
            break;
        }
    }
    // The client may have seen enough.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn http(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn met(answer: String) -> (Trouble, Server) {
    let world = World::new().await;
    let server = Server::start(answer).await;
    let config = config(
        &server.url,
        "s3cret-token",
        json!({"response_limit": 65536}),
    );
    let mut running = world.run_with(&config);
    let trouble = running.trouble().await;
    running.stop().await;
    assert!(!trouble.why.contains("s3cret"), "{}", trouble.why);
    (trouble, server)
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_and_the_token_stays_here() {
    let elsewhere = Server::start(http(200, "", "{}")).await;
    let redirect = format!("Location: {}/graphql\r\n", elsewhere.url);
    let (trouble, server) = met(http(302, &redirect, "")).await;
    assert_eq!(
        (trouble.kind, trouble.needs_operator),
        (ErrorKind::NotTheServer, true)
    );
    assert!(trouble.why.contains(&elsewhere.url), "{}", trouble.why);
    assert_eq!(elsewhere.heads.lock().unwrap().len(), 0);
    let head = server.heads.lock().unwrap()[0].clone();
    assert!(head.contains("authorization: bearer s3cret-token"));
    assert!(head.contains("user-agent: alertbridge/"));
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_front_of_opencti_is_told_apart_from_it() {
    let html = "Content-Type: text/html\r\n";
    for (answer, kind, operator, words) in [
        (
            http(401, html, "<h1>login</h1>"),
            ErrorKind::NotTheServer,
            true,
            "login of its own",
        ),
        (
            http(403, html, "<h1>blocked</h1>"),
            ErrorKind::NotTheServer,
            true,
            "firewall",
        ),
        (
            http(404, html, "<h1>nginx</h1>"),
            ErrorKind::NotTheServer,
            true,
            "base path",
        ),
        (
            http(413, html, ""),
            ErrorKind::NotTheServer,
            true,
            "too large",
        ),
        (http(504, html, ""), ErrorKind::Busy, false, "504"),
        (
            http(200, html, "\n <!doctype html>"),
            ErrorKind::NotTheServer,
            false,
            "web page",
        ),
        (
            http(200, "", &"x".repeat(70_000)),
            ErrorKind::Answer,
            false,
            "response_limit",
        ),
        (
            http(200, "", "{\"data\":"),
            ErrorKind::Answer,
            false,
            "can't be used",
        ),
        (http(200, "", ""), ErrorKind::Answer, false, "can't be used"),
        (
            "garbage\r\n\r\n".to_owned(),
            ErrorKind::Unreachable,
            false,
            "OpenCTI",
        ),
        (String::new(), ErrorKind::Unreachable, false, "OpenCTI"),
    ] {
        let (trouble, _server) = met(answer.clone()).await;
        let start: String = answer.chars().take(80).collect();
        assert_eq!(
            (trouble.kind, trouble.needs_operator),
            (kind, operator),
            "{start}: {}",
            trouble.why
        );
        assert!(trouble.why.contains(words), "{start}: {}", trouble.why);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_with_another_status_are_still_graphql() {
    let body = json!({"errors": [{"message": "Unknown argument", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]});
    let answer = http(400, "Content-Type: application/json\r\n", &body.to_string());
    let (trouble, _server) = met(answer).await;
    assert_eq!(trouble.kind, ErrorKind::Incompatible);
    let limited = json!({"message": "Too many requests, please try again later."});
    let answer = http(
        429,
        "Content-Type: application/json\r\n",
        &limited.to_string(),
    );
    let (trouble, _server) = met(answer).await;
    assert_eq!(trouble.kind, ErrorKind::Busy);
}
