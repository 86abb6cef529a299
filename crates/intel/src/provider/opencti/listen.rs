//! The live stream: each change within seconds (facts/opencti.md §4b).
//!
//! Resumes by the id of the last event that is durable. The stream forgets its oldest events; where the stored one is among them, the sync
//! asks for what has changed instead ([`Ended::Trimmed`]). Heartbeats come every 5 s (20 s in old versions); 45 s without one,
//! and the connection is given up.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Stream,
    events::{effect, order},
    http::fault,
    place::Place,
    sse::{Event, Parser},
    sync::{Run, cut},
};
use crate::{
    Change,
    provider::{ErrorKind, Phase, ProviderError},
};

/// Longest time without an event; pycti has the same.
const SILENCE: Duration = Duration::from_secs(45);
/// Longest event in bytes.
const LONGEST_EVENT: usize = 8 * 1024 * 1024;
/// Changes that are made durable at once.
const BATCH: usize = 500;
/// How long a change may wait for others before it is made durable.
const GATHER: Duration = Duration::from_millis(200);
/// How often the place is stored while nothing changes.
const KEEP: Duration = Duration::from_secs(30);
/// A stored event that lies so far behind the stream's last one comes from a stream that no longer exists, in milliseconds.
const AHEAD: u64 = 60 * 60 * 1000;

/// Why listening ended, where nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The list of ids is due.
    ReconcileDue,
    /// The stream no longer holds the stored event, or is another one.
    Trimmed,
}

/// An open stream.
struct Listening {
    response: Response,
    parser: Parser,
    /// Complete events that were not handled yet.
    waiting: std::collections::VecDeque<Event>,
    last_event: Instant,
}

impl Listening {
    async fn open(
        run: &Run<'_>,
        stream: &Stream,
        from: Option<&str>,
    ) -> Result<Self, ProviderError> {
        let mut url = url::Url::parse(&stream.url)
            .map_err(|error| ProviderError::config("stream_url", error))?;
        let mut headers = vec![
            ("listen-delete", "true".to_owned()),
            ("no-dependencies", "true".to_owned()),
            ("with-inferences", "false".to_owned()),
        ];
        if let Some(from) = from {
            url.query_pairs_mut().append_pair("from", from);
            headers.push(("last-event-id", from.to_owned()));
        }
        let client = &run.provider.session.client;
        let opened = client.stream(url.as_str(), &headers, run.provider.config.timeout);
        let response = match opened.await {
            Ok(response) => response,
            Err(error) => {
                // A token that was replaced may have been the reason.
                client.refresh_token();
                return Err(error);
            }
        };
        Ok(Self {
            response,
            parser: Parser::new(LONGEST_EVENT),
            waiting: std::collections::VecDeque::new(),
            last_event: Instant::now(),
        })
    }

    /// The next event. Cancelling it loses nothing.
    async fn next(&mut self) -> Result<Event, ProviderError> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            let silence = self.last_event + SILENCE;
            let chunk = timeout_at(silence, self.response.chunk())
                .await
                .map_err(|_| {
                    lost("no heartbeat came for 45 s (does a proxy hold back the event stream?)")
                })?
                .map_err(|error| fault(&error))?;
            let Some(chunk) = chunk else {
                return Err(lost("OpenCTI or a proxy has closed it"));
            };
            let mut events = Vec::new();
            self.parser.feed(&chunk, &mut events);
            if !events.is_empty() {
                self.last_event = Instant::now();
            }
            self.waiting.extend(events);
        }
    }
}

fn lost(why: &str) -> ProviderError {
    ProviderError::passing(
        ErrorKind::Stream,
        format!("the live stream broke off: {why}; it is opened again"),
    )
}

/// The id of the stream's last event.
pub(super) async fn position(run: &Run<'_>, stream: &Stream) -> Result<String, ProviderError> {
    let mut listening = Listening::open(run, stream, None).await?;
    loop {
        let event = listening.next().await?;
        let id = match event.kind.as_str() {
            "connected" => said(&event, "lastEventId"),
            "error" => return Err(said_error(&event)),
            _ => Some(event.id),
        };
        if let Some(id) = id.filter(|id| order(id).is_some()) {
            return Ok(id);
        }
    }
}

/// Takes in events until the stream ends or something else is due.
pub(super) async fn listen(
    run: &mut Run<'_>,
    stream: &Stream,
    place: &mut Place,
) -> Result<Ended, ProviderError> {
    run.learn_authors().await;
    let from = place.stream.as_ref().map(|stream| stream.event.clone());
    let mut listening = Listening::open(run, stream, from.as_deref()).await?;
    let mut changes: Vec<Change> = Vec::new();
    let mut kept = Instant::now();
    let mut done = 0;
    loop {
        let next = if changes.is_empty() {
            Ok(listening.next().await)
        } else {
            timeout(GATHER, listening.next()).await
        };
        let event = match next {
            Ok(Ok(event)) => event,
            // What came before the break is not lost.
            Ok(Err(error)) => {
                run.apply(changes, place).await?;
                return Err(error);
            }
            Err(_) => {
                run.apply(std::mem::take(&mut changes), place).await?;
                kept = Instant::now();
                continue;
            }
        };
        match event.kind.as_str() {
            "connected" => {
                if trimmed(&event, from.as_deref()) {
                    return Ok(Ended::Trimmed);
                }
                run.success(Phase::Live);
                run.progress.phase(Phase::Live, 0, None);
                continue;
            }
            "heartbeat" => run.success(Phase::Live),
            "create" | "update" | "delete" | "merge" => {
                let provider = run.provider;
                let base = provider.session.client.base();
                let effect = effect(&event, &mut run.names, &provider.name, base);
                run.progress.count(effect.unreadable, effect.passed_over);
                changes.extend(effect.changes);
                done += 1;
                run.progress.phase(Phase::Live, done, None);
            }
            "error" => {
                run.apply(changes, place).await?;
                return Err(said_error(&event));
            }
            // `consumer_metrics`, `no-recover` and what is yet to come.
            _ => {}
        }
        if order(&event.id).is_some()
            && let Some(stream) = &mut place.stream
        {
            stream.event = event.id;
        }
        let due = run.due(place);
        if changes.len() >= BATCH || kept.elapsed() >= KEEP || due {
            run.apply(std::mem::take(&mut changes), place).await?;
            kept = Instant::now();
        }
        if due {
            return Ok(Ended::ReconcileDue);
        }
    }
}

/// Whether the stream can't go on from the stored event: it has forgotten it, or its last event lies far before it.
fn trimmed(connected: &Event, from: Option<&str>) -> bool {
    let Some(from) = from.and_then(order) else {
        return false;
    };
    let end = |key| said(connected, key).as_deref().and_then(order);
    let forgotten = end("firstEventId").is_some_and(|first| from < first);
    let another = end("lastEventId").is_some_and(|last| last.0.saturating_add(AHEAD) < from.0);
    forgotten || another
}

fn said(event: &Event, key: &str) -> Option<String> {
    let data: Value = serde_json::from_str(&event.data).ok()?;
    data.get(key)?.as_str().map(str::to_owned)
}

fn said_error(event: &Event) -> ProviderError {
    lost(&format!("OpenCTI says {}", cut(&event.data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_forgotten_or_lies_in_another_streams_future_is_noticed() {
        let connected = |text: &str| Event {
            data: text.to_owned(),
            ..Event::default()
        };
        let both = connected(r#"{"firstEventId":"5000-0","lastEventId":"9000-3"}"#);
        assert!(trimmed(&both, Some("4999-9")));
        assert!(!trimmed(&both, Some("5000-0")));
        assert!(!trimmed(&both, Some("9500-0")));
        assert!(trimmed(&both, Some("99999999-0")));
        for text in [
            "",
            "{}",
            "[]",
            r#"{"firstEventId":7}"#,
            r#"{"firstEventId":"x"}"#,
        ] {
            assert!(!trimmed(&connected(text), Some("5000-0")), "{text}");
        }
        assert!(!trimmed(&both, None));
    }
}
