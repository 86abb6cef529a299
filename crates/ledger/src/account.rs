//! What the ledger tells about itself: the books, dead letters, and how it stands; and what it may forget.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Pause, TalliesWaiting};

/// The books of a span of hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Books {
    /// First hour (its start) in the sums, UTC; `None` for all.
    pub since: Option<Timestamp>,
    /// One row a source, sorted by name: sums over the hours.
    pub sources: Vec<SourceRow>,
    /// One row a sink, sorted by name: sums over the hours.
    pub sinks: Vec<SinkRow>,
    /// The same by hour, oldest first.
    pub hours: Vec<HourRow>,
    /// Every sum that does not come out, in words (`source follower, hour …: received 5, accounted for 4`). Empty where the books
    /// balance. Counters are held against each other and against the stored rows.
    pub faults: Vec<String>,
}

/// One source's sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the words of DESIGN.md, defined in the crate's docs"
)]
pub struct SourceRow {
    pub source: String,
    pub received: u64,
    pub malformed: u64,
    pub duplicate: u64,
    pub filtered: u64,
    pub silenced: u64,
    pub folded: u64,
    pub routed: u64,
    /// Of `silenced`, `folded` and `routed`: kept under a suffixed reference because another alert had the plain one.
    pub collisions: u64,
}

/// One sink's sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the words of DESIGN.md, defined in the crate's docs"
)]
pub struct SinkRow {
    pub sink: String,
    pub routed: u64,
    pub delivered: u64,
    /// Of `delivered`: found there already by a look-up or by the sink's refusal of a second copy.
    pub adopted: u64,
    pub dead: u64,
    pub pending: u64,
}

/// One hour of the books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourRow {
    /// Its start, UTC.
    pub hour: Timestamp,
    /// As in [`Books::sources`].
    pub sources: Vec<SourceRow>,
    /// As in [`Books::sinks`].
    pub sinks: Vec<SinkRow>,
}

/// Where a dead letter comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterKind {
    /// A source read it and it is no alert.
    Malformed,
    /// A sink can never take it.
    Delivery,
}

/// Something kept whole until a person has handled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `m17` (malformed) or `d42` (delivery): what commands take.
    pub id: String,
    /// Where it comes from.
    pub kind: DeadLetterKind,
    /// The source's or the sink's name.
    pub at: String,
    /// The alert's reference, or the place it was read at.
    pub reference: String,
    /// Why it is dead.
    pub why: String,
    /// Attempts made; 0 for malformed ones.
    pub attempts: u32,
    /// When it was received, UTC.
    pub received_at: Timestamp,
    /// When it died, UTC.
    pub died_at: Timestamp,
    /// Its bytes as text, invalid UTF-8 replaced.
    pub payload: String,
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// Now, UTC.
    pub now: Timestamp,
    /// Payloads of alerts finished longer ago than this go.
    pub payloads_after: Duration,
    /// Payloads of silenced and folded alerts received longer ago than this go.
    pub quiet_payloads_after: Duration,
    /// References of alerts finished longer ago than this go too (they guard against doubles from old archives).
    pub references_after: Duration,
    /// At most so many rows in one transaction.
    pub limit: usize,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Payloads removed.
    pub payloads: u64,
    /// References removed.
    pub references: u64,
    /// The limit was reached: call again.
    pub more: bool,
}

/// How the ledger stands, for `/metrics` and `alertbridge status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Deliveries waiting, by sink.
    pub pending: Vec<(String, u64)>,
    /// When the oldest waiting delivery's alert was received, by sink, UTC.
    pub oldest_pending: Vec<(String, Timestamp)>,
    /// Why the delivery that is to be tried again last waits, by sink; none where nothing has failed.
    pub waiting: Vec<(String, String)>,
    /// Counts on their way, by sink: delivered alerts whose repeats the sink does not show yet.
    #[serde(default)]
    pub tellings_waiting: Vec<(String, u64)>,
    /// Of those, by sink, the earliest time one was told last, was claimed or is due (a retry may be due later), UTC; none where
    /// nothing waits.
    #[serde(default)]
    pub oldest_telling: Vec<(String, Timestamp)>,
    /// Tallies that have not ended, by kind.
    #[serde(default)]
    pub tallies_waiting: Vec<TalliesWaiting>,
    /// Dead letters nobody has handled, malformed ones included.
    pub dead_letters: u64,
    /// Groups that alerts may still be folded into.
    #[serde(default)]
    pub open_groups: u64,
    /// Groups that left before their time because there were too many, ever.
    #[serde(default)]
    pub crowded_out: u64,
    /// Lanes and sinks that wait for the operator.
    pub pauses: Vec<Pause>,
    /// Set while nothing can be written (disk full, failed sync): since when and why.
    pub stalled: Option<(Timestamp, String)>,
    /// Size of the database and its write-ahead log on disk, bytes.
    pub bytes: u64,
}
