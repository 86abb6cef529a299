//! `GET /stream/{id}`: who may read it, from where, and the connection's own task (facts §4b).
//!
//! Invariants: a stream never waits for its reader with more than a few events in memory; it ends when the reader
//! goes, when it is cut, or with the sandbox.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use url::form_urlencoded;

use super::channel::Channel;
use super::events::EventId;
use super::faults::OpenCtiFault;
use super::filter::Filter;
use super::graphql::json_answer;
use super::options::OpenCtiUser;
use super::sandbox::Shared;
use super::server::{SentBody, header, instead, sent};
use super::version::OpenCtiVersion;
use crate::answer::Answer;
use crate::clock;

/// How many pieces wait for a slow reader.
const WAITING: usize = 16;

/// What a reader asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Where to go on; none begins with what comes next.
    pub(crate) from: Option<EventId>,
    /// Read the database up to here first.
    pub(crate) recover: Option<Timestamp>,
    pub(crate) deletes: bool,
    pub(crate) dependencies: bool,
}

/// Answers the request: with a stream, or with why not.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    head: &Parts,
    id: &str,
    user: Option<OpenCtiUser>,
) -> Result<Response<SentBody>, io::Error> {
    let fault = shared.faults.pick_stream();
    if let Some(answer) = instead(fault.as_ref()).await? {
        return Ok(sent(answer));
    }
    if fault == Some(OpenCtiFault::AuthRequired) || fault == Some(OpenCtiFault::Forbidden) {
        return Ok(sent(refusal(401, "Unauthorized")));
    }
    let (user, filter) = match admitted(shared, id, user) {
        Ok(admitted) => admitted,
        Err(answer) => return Ok(sent(answer)),
    };
    let wish = match wish(head, shared.options.version) {
        Ok(wish) => wish,
        Err(text) => return Ok(sent(refusal(400, text))),
    };
    let (sender, receiver) = mpsc::channel(WAITING);
    let channel = Channel::new(Arc::clone(shared), user, filter, wish, fault, sender);
    tokio::spawn(channel.run());
    Ok(streaming(receiver))
}

fn streaming(receiver: mpsc::Receiver<Result<Frame<Bytes>, io::Error>>) -> Response<SentBody> {
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let frame = receiver.recv().await?;
        if frame.is_err() {
            // hyper sends what it has when nothing follows at once, and drops it on an error.
            tokio::task::yield_now().await;
        }
        Some((frame, receiver))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    response
}

/// The reader and the stream's filter. An unknown stream is 401 like a missing right.
fn admitted(
    shared: &Shared,
    id: &str,
    user: Option<OpenCtiUser>,
) -> Result<(OpenCtiUser, Filter), Answer> {
    let unauthorized = || {
        refusal(
            401,
            "You are not authenticated, please check your credentials",
        )
    };
    let user = user.ok_or_else(unauthorized)?;
    if id.is_empty() || id == "live" {
        return match user.rights.bypass {
            true => Ok((user, Filter::everything())),
            false => Err(unauthorized()),
        };
    }
    if !user.rights.may_stream() {
        return Err(unauthorized());
    }
    let streams = shared
        .streams
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    let stream = streams
        .iter()
        .find(|stream| stream.id == id)
        .ok_or_else(unauthorized)?;
    if !stream.running {
        return Err(refusal(410, "This live stream is stopped"));
    }
    let argument = stream.filter.clone().unwrap_or_default();
    let filter = Filter::read(&argument, shared.options.version, clock::now());
    let filter = filter.map_err(|failure| refusal(500, &failure.message))?;
    Ok((user, filter))
}

/// Parameters come in the query or as headers of the same name.
fn wish(head: &Parts, version: OpenCtiVersion) -> Result<Wish, &'static str> {
    let query = parameters(head.uri.query());
    let asked = |name: &str| {
        let value = query
            .get(name)
            .cloned()
            .unwrap_or_else(|| header(&head.headers, name));
        (!value.is_empty()).then_some(value)
    };
    let from = asked("from").or_else(|| asked("last-event-id"));
    let from =
        from.map(|text| position(&text).ok_or("The start of the stream is no id and no date"));
    let recover =
        asked("recover").map(|text| text.parse().map_err(|_| "The recover date is no date"));
    let (from, recover) = (from.transpose()?, recover.transpose()?);
    if recover.is_some() && from.is_none() {
        return Err("Recovery mode is only possible with a start date");
    }
    // Before the extensions came, deletes were sent only when asked for.
    let deletes_by_default = version.has_stream_extensions();
    Ok(Wish {
        from,
        recover,
        deletes: asked("listen-delete").map_or(deletes_by_default, |text| text == "true"),
        dependencies: asked("no-dependencies").is_none_or(|text| text != "true"),
    })
}

/// An event id, or a date.
fn position(text: &str) -> Option<EventId> {
    text.parse().ok().or_else(|| {
        let date: Timestamp = text.parse().ok()?;
        Some(EventId {
            milliseconds: date.as_millisecond(),
            sequence: 0,
        })
    })
}

/// The parameters of a query string; of several with one name the last.
pub(crate) fn parameters(query: Option<&str>) -> HashMap<String, String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

fn refusal(status: u16, text: &str) -> Answer {
    json_answer(status, &json!({"status": "error", "error": text}))
}
