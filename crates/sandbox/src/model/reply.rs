//! What goes back over the wire, whole or piece by piece.
//!
//! Invariant: a question counts as answered when its last piece is handed over, or when the server itself breaks off; whoever drops
//! a body before has gone away.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::counts::Counted;
use super::faults::ModelFault;
use super::sandbox::Shared;

pub(crate) type SentBody = UnsyncBoxBody<Bytes, io::Error>;

/// One step of a streamed answer.
#[derive(Debug)]
pub(crate) enum Step {
    /// The connection breaks.
    Break,
    /// Nothing until a release.
    Hold,
    Send(Bytes),
}

/// A question that is worked on: its counts and its place.
#[derive(Debug)]
pub(crate) struct Working {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counted: Counted,
    pub(crate) _place: OwnedSemaphorePermit,
}

pub(crate) fn json(status: u16, body: &Value) -> Response<SentBody> {
    sent(status, "application/json; charset=utf-8", body.to_string())
}

pub(crate) fn page(status: u16) -> Response<SentBody> {
    let text = format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
    );
    sent(status, "text/html", text)
}

pub(crate) fn sent(status: u16, content_type: &str, body: String) -> Response<SentBody> {
    let body = Full::new(Bytes::from(body));
    response(
        status,
        content_type,
        body.map_err(io::Error::other).boxed_unsync(),
    )
}

/// What a fault answers instead, where it is one that answers; `missing` is what a missing model looks like.
pub(crate) fn of_fault(
    fault: &ModelFault,
    missing: impl FnOnce() -> Response<SentBody>,
    error: impl Fn(u16, &str) -> Response<SentBody>,
) -> Result<Option<Response<SentBody>>, io::Error> {
    Ok(Some(match fault {
        ModelFault::Answer {
            status,
            content_type,
            body,
            retry_after,
        } => {
            let mut response = sent(*status, content_type, body.clone());
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        ModelFault::Busy => error(
            503,
            "server busy, please try again.  maximum pending requests exceeded",
        ),
        ModelFault::HostRefused => sent(403, "", String::new()),
        ModelFault::ModelMissing => missing(),
        ModelFault::NotSignedIn => {
            let body = r#"{"error":"unauthorized","signin_url":"https://ollama.com/connect?name=sandbox&key=x"}"#;
            sent(401, "application/json; charset=utf-8", body.to_owned())
        }
        ModelFault::OutOfMemory => error(
            500,
            "model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
        ),
        ModelFault::ProxyPage { status } => page(*status),
        ModelFault::Reset => return Err(io::Error::other("a reset was asked for")),
        ModelFault::RunnerCrashed => error(
            500,
            "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server \
             logs for details",
        ),
        _ => return Ok(None),
    }))
}

/// Steps one after the other, at the server's pace.
pub(crate) fn streamed(
    content_type: &str,
    steps: Vec<Step>,
    working: Working,
) -> Response<SentBody> {
    let state = (VecDeque::from(steps), working);
    let frames = stream::unfold(state, |(mut steps, mut working)| async move {
        loop {
            match steps.pop_front()? {
                Step::Break => {
                    working.counted.done();
                    // hyper sends what it has when nothing follows at once, and drops it on an error.
                    tokio::task::yield_now().await;
                    let error = io::Error::other("a cut was asked for");
                    return Some((Err(error), (VecDeque::new(), working)));
                }
                Step::Hold => working.counted.hold(&working.shared.releases).await,
                Step::Send(bytes) => {
                    let pace = working.shared.options.pace;
                    if !pace.is_zero() {
                        tokio::time::sleep(pace).await;
                    }
                    if steps.is_empty() {
                        working.counted.done();
                    }
                    return Some((Ok(Frame::data(bytes)), (steps, working)));
                }
            }
        }
    });
    response(200, content_type, StreamBody::new(frames).boxed_unsync())
}

fn response(status: u16, content_type: &str, body: SentBody) -> Response<SentBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let (false, Ok(value)) = (content_type.is_empty(), HeaderValue::from_str(content_type)) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}
