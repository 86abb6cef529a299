//! What goes into the ledger: alerts with what was decided about them, in the batches their sources read them in.

use jiff::Timestamp;

use crate::{Folding, SilencedBy, Tally};

/// What a source read, decided and ready to be kept: one transaction.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The source's name.
    pub source: String,
    /// When it was received, UTC. Its hour is the hour in the books.
    pub received_at: Timestamp,
    /// How many alerts were below the gate: counted, not stored.
    pub filtered: u64,
    /// Which gates took them, for `noise`: name and how many. Need not add up to `filtered`.
    pub filtered_by: Vec<(String, u64)>,
    /// What was no alert.
    pub malformed: Vec<Malformed>,
    /// The alerts to keep, in order.
    pub arrivals: Vec<Arrival>,
    /// The source's position behind all of these, stored with them.
    pub checkpoint: Option<String>,
}

/// Something a source read that is no alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its bytes (the source cuts them to 64 KiB where it is a line too long to be an alert).
    pub body: Vec<u8>,
    /// Where it stood, for a person.
    pub place: String,
    /// Why it is no alert.
    pub why: String,
}

/// One alert to keep.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// `<node>:<alert id>`.
    pub reference: String,
    /// The reference it gets where another alert (of another fingerprint) has the first one.
    pub reference_if_taken: String,
    /// Tells two copies of one alert from two alerts under one reference.
    pub fingerprint: [u8; 16],
    /// Alerts of one agent are delivered in order. Free text, may be empty.
    pub agent: String,
    /// `rule.id`, for lists and selections. May be empty.
    pub rule_id: String,
    /// `rule.level`.
    pub level: u32,
    /// The bytes as they came. Stored compressed.
    pub payload: Vec<u8>,
    /// What was decided.
    pub placement: Placement,
    /// How it may be counted into another one instead of being routed. Of no meaning for a silenced one.
    pub folding: Folding,
    /// What is counted with it, where it is stored and no second copy.
    pub tallies: Vec<Tally>,
}

/// What was decided about an alert. Whether a routed one is folded instead is told by its [`Folding`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// Handed to these sinks, each at most once. The first is the one that shows it to people: it alone is told of repeats.
    Routed(Vec<Route>),
    /// Kept, counted, handed to nobody.
    Silenced(SilencedBy),
}

/// One sink an alert goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The sink's name.
    pub sink: String,
    /// The lane within the sink (IRIS: the customer).
    pub lane: String,
}

/// What became of an [`Intake`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeReport {
    /// Newly stored alerts.
    pub stored: u64,
    /// Copies of alerts that were there already.
    pub duplicates: u64,
    /// Stored under `reference_if_taken`, included in `stored`.
    pub collisions: u64,
    /// Of `stored`: silenced.
    pub silenced: u64,
    /// Of `stored`: folded.
    pub folded: u64,
    /// Digests opened (they are stored beside these).
    pub digests: u64,
    /// Groups that left before their time because there were too many.
    pub crowded_out: u64,
}
