//! Connections and paths of the pretended server.
//!
//! Invariant: when a client goes away, hyper drops what was being done for it; that is how a cancelled question is seen.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::reply::{self, SentBody};
use super::request::ModelRequest;
use super::sandbox::Shared;
use super::{ollama, openai};
use crate::connections;

const BODY_LIMIT: usize = 64 << 20;

/// Serves until it is aborted.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    connections::accept(listener, |stream| serve(stream, Arc::clone(&shared))).await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { respond(request, shared).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended");
    }
}

/// An error ends the connection without an answer.
async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<SentBody>, io::Error> {
    let at = shared.started.elapsed();
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(reply::page(413));
    };
    let body = body.to_bytes();
    let headers = head.headers.iter();
    let request = ModelRequest {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        headers: headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), value.into_owned())
            })
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        text: String::from_utf8_lossy(&body).into_owned(),
        seen: Vec::new(),
        at,
    };
    route(&shared, request).await
}

async fn route(
    shared: &Arc<Shared>,
    request: ModelRequest,
) -> Result<Response<SentBody>, io::Error> {
    let number = shared.log(request.clone());
    if !is_let_in(shared, &request) {
        let answer = if request.path.starts_with("/v1") {
            openai::refused_key(shared)
        } else {
            // Ollama knows no keys; a proxy before it does.
            reply::page(401)
        };
        return Ok(answer);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/chat" | "/api/generate") => ollama::question(shared, request, number).await,
        ("POST", "/v1/chat/completions") => openai::question(shared, request, number).await,
        _ => {
            let answer = match ollama::look(shared, &request)? {
                Some(answer) => answer,
                None => openai::look(shared, &request)?.unwrap_or_else(not_found),
            };
            Ok(answer)
        }
    }
}

fn is_let_in(shared: &Shared, request: &ModelRequest) -> bool {
    let Some(key) = &shared.options.api_key else {
        return true;
    };
    request.header("authorization") == Some(&format!("Bearer {key}"))
}

fn not_found() -> Response<SentBody> {
    reply::sent(404, "text/plain", "404 page not found".to_owned())
}
