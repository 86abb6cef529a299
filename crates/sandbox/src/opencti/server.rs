//! Connections and paths of the pretended platform.
//!
//! Invariants: everything but `/graphql`, `/stream` and `/schema` is the web interface, which answers any GET
//! with a page at 200; a cut connection ends without the last bytes that were promised.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::errors::Failure;
use super::faults::OpenCtiFault;
use super::graphql::{self, Answered, Body, json_answer};
use super::options::OpenCtiUser;
use super::query::World;
use super::requests::OpenCtiRequest;
use super::sandbox::Shared;
use super::stream as event_stream;
use crate::answer::Answer;
use crate::connections;

pub(crate) type SentBody = UnsyncBoxBody<Bytes, io::Error>;

/// Facts §1.
const BODY_LIMIT: usize = 50 << 20;
const INTERFACE: &str = "<!doctype html><html><head><title>OpenCTI - Cyber Threat Intelligence Platform</title></head><body><div id=\"root\"></div></body></html>";

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
    let user = shared.user_of(head.headers.get(AUTHORIZATION));
    let mut line = OpenCtiRequest {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        user_agent: header(&head.headers, USER_AGENT.as_str()),
        user: user.as_ref().map(|user| user.name.clone()),
        root_fields: Vec::new(),
        variables: Value::Null,
        status: None,
        at,
    };
    let path = head
        .uri
        .path()
        .strip_prefix(shared.options.base_path.as_str());
    let response = match (&head.method, path.unwrap_or_default()) {
        (_, "/graphql") => graphql(&shared, &head, body, user, &mut line).await,
        (&Method::GET, "/schema") => Ok(sent(schema(&shared, user.as_ref()))),
        (&Method::GET, path) if path == "/stream" || path.starts_with("/stream/") => {
            let id = path.trim_start_matches("/stream").trim_start_matches('/');
            event_stream::open(&shared, &head, id, user).await
        }
        (&Method::GET, _) => Ok(sent(html(200, INTERFACE))),
        (method, path) => Ok(sent(html(
            404,
            &format!("<pre>Cannot {method} {path}</pre>"),
        ))),
    };
    line.status = response
        .as_ref()
        .ok()
        .map(|response| response.status().as_u16());
    shared.requests().push(line);
    response
}

async fn graphql(
    shared: &Arc<Shared>,
    head: &Parts,
    body: Incoming,
    user: Option<OpenCtiUser>,
    line: &mut OpenCtiRequest,
) -> Result<Response<SentBody>, io::Error> {
    tokio::time::sleep(shared.options.latency).await;
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(sent(html(413, "<h1>Payload Too Large</h1>"))),
    };
    let user = user.filter(|_| !shared.faults.are_tokens_expired());
    let fault = shared.faults.pick_graphql();
    if let Some(answer) = instead(fault.as_ref()).await? {
        return Ok(sent(answer));
    }
    let body = match read(shared, head, &body) {
        Ok(body) => body,
        Err(answer) => return Ok(sent(answer)),
    };
    line.variables = body.variables.clone().unwrap_or_default();
    let world = World {
        shared: Arc::clone(shared),
        user,
        fault: fault.as_ref().and_then(in_fields),
    };
    let worked = tokio::task::spawn_blocking(move || graphql::answer(world, &body)).await;
    let Answered {
        answer,
        root_fields,
    } = worked.map_err(io::Error::other)?;
    line.root_fields = root_fields;
    match fault {
        Some(OpenCtiFault::CutInTheMiddle) => Ok(cut(answer)),
        _ => Ok(sent(answer)),
    }
}

/// The faults that replace the answer, or delay it.
pub(crate) async fn instead(fault: Option<&OpenCtiFault>) -> Result<Option<Answer>, io::Error> {
    let answer = match fault {
        Some(OpenCtiFault::Hang) => std::future::pending().await,
        Some(OpenCtiFault::ProxyHtml { status }) => html(
            *status,
            "<html><body><h1>Sign in to the network</h1></body></html>",
        ),
        Some(OpenCtiFault::Reset) => return Err(io::Error::other("a reset was asked for")),
        Some(OpenCtiFault::ServerError { status }) => Answer {
            status: *status,
            content_type: "text/plain",
            body: Vec::new(),
            headers: Vec::new(),
        },
        Some(OpenCtiFault::Slow { delay }) => {
            tokio::time::sleep(*delay).await;
            return Ok(None);
        }
        Some(OpenCtiFault::TooManyRequests { retry_after }) => {
            let text = json!({"message": "Too many requests, please try again later."});
            let answer = json_answer(429, &text);
            match retry_after {
                Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                None => answer,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// The faults that show in the fields: which field, or all, and how.
fn in_fields(fault: &OpenCtiFault) -> Option<(Option<String>, Failure)> {
    let failure = match fault {
        OpenCtiFault::AuthRequired => Failure::auth_required(),
        OpenCtiFault::Database => Failure::database(),
        OpenCtiFault::ErrorIn200 { code, message } => Failure::new(code, message, 500),
        OpenCtiFault::Forbidden => Failure::forbidden(),
        OpenCtiFault::Lock => Failure::lock(),
        OpenCtiFault::PartialData { field } => {
            return Some((Some(field.clone()), Failure::database()));
        }
        _ => return None,
    };
    Some((None, failure))
}

fn read(shared: &Shared, head: &Parts, body: &[u8]) -> Result<Body, Answer> {
    let bad = |text: &str| {
        json_answer(
            400,
            &json!({"errors": [{"message": text, "extensions": {"code": "BAD_REQUEST"}}]}),
        )
    };
    match head.method {
        Method::POST => {}
        Method::GET if !shared.options.version.refuses_get() => {
            let parameters = event_stream::parameters(head.uri.query());
            let query = parameters.get("query").cloned();
            let query =
                query.ok_or_else(|| bad("GraphQL operations must contain a non-empty `query`."))?;
            return Ok(Body::of_get(
                query,
                parameters.get("variables").map(String::as_str),
            ));
        }
        _ => {
            return Err(Answer {
                status: 405,
                content_type: "text/plain",
                body: b"Method Not Allowed".to_vec(),
                headers: vec![("allow", "POST".to_owned())],
            });
        }
    }
    // What Apollo 3 did with lists is not known; Apollo 4 refuses them.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(bad("Operation batching disabled."));
    }
    let is_json = header(&head.headers, CONTENT_TYPE.as_str()).starts_with("application/json");
    match serde_json::from_slice(body) {
        Ok(body) if is_json => Ok(body),
        _ => Err(bad(
            "POST body missing, invalid Content-Type, or JSON object has no keys.",
        )),
    }
}

fn schema(shared: &Shared, user: Option<&OpenCtiUser>) -> Answer {
    let version = shared.options.version;
    match user {
        _ if !version.serves_its_schema() => html(200, INTERFACE),
        None => json_answer(401, &json!({"status": "error", "error": "Unauthorized"})),
        Some(_) => json_answer(
            200,
            &json!({"version": version.to_string(), "schema": shared.schema.text}),
        ),
    }
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

pub(crate) fn html(status: u16, page: &str) -> Answer {
    Answer {
        status,
        content_type: "text/html; charset=utf-8",
        body: page.as_bytes().to_vec(),
        headers: Vec::new(),
    }
}

/// A whole answer.
pub(crate) fn sent(answer: Answer) -> Response<SentBody> {
    let body = Full::new(Bytes::from(answer.body.clone()));
    response(&answer, body.map_err(io::Error::other).boxed_unsync())
}

/// The first half of an answer, and then the end of the connection.
fn cut(answer: Answer) -> Response<SentBody> {
    let half = Bytes::copy_from_slice(answer.body.get(..answer.body.len() / 2).unwrap_or_default());
    let end = async {
        // hyper sends what it has when nothing follows at once, and drops it on an error.
        tokio::task::yield_now().await;
        Err(io::Error::other("a cut was asked for"))
    };
    let parts = stream::iter([Ok(Frame::data(half))]).chain(stream::once(end));
    response(&answer, StreamBody::new(parts).boxed_unsync())
}

fn response(answer: &Answer, body: SentBody) -> Response<SentBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(*name, value);
        }
    }
    response
}
