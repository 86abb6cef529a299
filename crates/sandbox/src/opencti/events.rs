//! The event log behind the streams, as the platform keeps it in Redis.
//!
//! Invariants: ids grow; the log forgets its oldest events and says so only by `firstEventId` (facts §4b).

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::model::StixIndicator;
use crate::clock;

/// Position in the stream: `milliseconds-sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId {
    /// Milliseconds since 1970, when it happened.
    pub milliseconds: i64,
    /// Counts within a millisecond.
    pub sequence: u64,
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event id; it looks like 1789313330953-0")]
pub struct EventIdError(String);

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.milliseconds, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<EventId, EventIdError> {
        let (milliseconds, sequence) = text.split_once('-').unwrap_or((text, "0"));
        match (milliseconds.parse(), sequence.parse()) {
            (Ok(milliseconds), Ok(sequence)) => Ok(EventId {
                milliseconds,
                sequence,
            }),
            _ => Err(EventIdError(text.to_owned())),
        }
    }
}

impl EventId {
    /// When it happened.
    pub fn time(self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn following(self, now: i64) -> EventId {
        match now.cmp(&self.milliseconds) {
            Ordering::Greater => EventId {
                milliseconds: now,
                sequence: 0,
            },
            _ => EventId {
                milliseconds: self.milliseconds,
                sequence: self.sequence + 1,
            },
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    Create,
    Delete,
    Merge,
    /// Sent as it is: the name of the event and its data.
    Raw(String, Value),
    Update,
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) kind: EventKind,
    pub(crate) before: Option<Arc<StixIndicator>>,
    pub(crate) after: Option<Arc<StixIndicator>>,
    /// What was merged away.
    pub(crate) sources: Vec<Arc<StixIndicator>>,
}

#[derive(Debug)]
pub(crate) struct EventLog {
    kept: usize,
    events: VecDeque<Arc<Event>>,
    last: EventId,
}

impl EventLog {
    pub(crate) fn new(kept: usize, now: i64) -> EventLog {
        EventLog {
            kept,
            events: VecDeque::new(),
            last: EventId {
                milliseconds: now,
                sequence: 0,
            },
        }
    }

    pub(crate) fn push(
        &mut self,
        kind: EventKind,
        before: Option<Arc<StixIndicator>>,
        after: Option<Arc<StixIndicator>>,
        sources: Vec<Arc<StixIndicator>>,
    ) -> EventId {
        self.last = self.last.following(clock::now().as_millisecond());
        self.events.push_back(Arc::new(Event {
            id: self.last,
            kind,
            before,
            after,
            sources,
        }));
        while self.events.len() > self.kept {
            self.events.pop_front();
        }
        self.last
    }

    /// Forgets all but the newest.
    pub(crate) fn trim(&mut self, keep: usize) {
        let gone = self.events.len().saturating_sub(keep);
        self.events.drain(..gone);
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn first_id(&self) -> EventId {
        self.events.front().map_or(self.last, |event| event.id)
    }

    pub(crate) fn last_id(&self) -> EventId {
        self.last
    }

    /// The next events after a position, at most this many.
    pub(crate) fn after(&self, position: EventId, most: usize) -> Vec<Arc<Event>> {
        let start = self.events.partition_point(|event| event.id <= position);
        self.events
            .range(start..)
            .take(most)
            .map(Arc::clone)
            .collect()
    }
}
