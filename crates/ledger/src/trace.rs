//! What became of alerts, to be read by people: the way of one, and what makes the noise.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::quiet::{Continues, Group, Hits, SilencedBy};

/// So many of what was known of an alert late are named in its trace.
pub const MOST_LATE: usize = 100;

/// The whole way of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its reference.
    pub reference: String,
    /// The source that brought it first; `digest` for digests.
    pub source: String,
    /// When, UTC.
    pub received_at: Timestamp,
    /// The agent's id (or name).
    pub agent: String,
    /// `rule.id`.
    pub rule_id: String,
    /// `rule.level`.
    pub level: u32,
    /// Further copies of it that came and were counted as duplicates.
    pub copies: u64,
    /// What became of it.
    pub outcome: TraceOutcome,
    /// The group it opened or was folded into.
    pub group: Option<Group>,
    /// The alert it goes on from.
    pub continues: Option<Continues>,
    /// One for each sink it was handed to.
    pub deliveries: Vec<DeliveryTrace>,
    /// The references of what was known of it late (alerts of the source `intel`), in their order, at most [`MOST_LATE`].
    #[serde(default)]
    pub late: Vec<String>,
    /// Its bytes, where they are still kept.
    #[serde(skip)]
    pub payload: Option<Vec<u8>>,
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceOutcome {
    /// Handed to sinks.
    Routed,
    /// Silenced by this.
    Silenced(SilencedBy),
    /// Counted into the group.
    Folded,
}

/// The way to one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTrace {
    /// Its number.
    pub delivery: i64,
    /// The sink.
    pub sink: String,
    /// The lane: for IRIS the customer.
    pub lane: String,
    /// `ready`, `waiting`, `claimed`, `delivered`, `dead`.
    pub state: String,
    /// Attempts begun.
    pub attempts: u32,
    /// When it is tried again, UTC.
    pub due_at: Option<Timestamp>,
    /// When it was delivered or died, UTC.
    pub finished_at: Option<Timestamp>,
    /// Why it waits or died.
    pub why: Option<String>,
    /// The sink's id of it.
    pub id: Option<String>,
    /// A link to it.
    pub link: Option<String>,
    /// It was found there by a look-up.
    pub adopted: bool,
    /// What was changed in it, JSON text, empty for nothing.
    pub changes: String,
    /// What came of each attempt, oldest first; of very many the first and the last ones.
    pub history: Vec<AttemptTrace>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptTrace {
    /// When it ended, UTC.
    pub at: Timestamp,
    /// `delivered`, `adopted`, `retry`, `in doubt`, `dead`, `told`, `tell again`, `given up`, `ended`.
    pub what: String,
    /// The sink's answer in words; empty for success.
    pub why: String,
}

/// An alert as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number, rising with reception.
    pub number: i64,
    /// Its reference.
    pub reference: String,
    /// When it was received, UTC.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: TraceOutcome,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// What makes the noise since a time, from the start of its hour on. Digests and what was known late are left out of the sums: no source sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    /// Alerts received, malformed ones and copies left out.
    pub received: u64,
    /// What each rule took, the most first.
    pub taken: Vec<Hits>,
    /// Rule and agent pairs, the most alerts first.
    pub loudest: Vec<NoiseRow>,
    /// Groups, the most folded first.
    pub groups: Vec<Group>,
}

/// The alerts of one rule on one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoiseRow {
    /// `rule.id`.
    pub rule_id: String,
    /// The agent's id (or name).
    pub agent: String,
    /// Highest `rule.level`.
    pub level: u32,
    /// Alerts stored.
    pub alerts: u64,
    /// Of them silenced.
    pub silenced: u64,
    /// Of them folded.
    pub folded: u64,
    /// Of them routed.
    pub routed: u64,
    /// The bytes of the newest one of those whose bytes are still kept.
    #[serde(skip)]
    pub example: Option<Vec<u8>>,
}
