//! The language of the ledger: what goes in, what comes out, and the trait all implementations share.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    quiet::{Continues, Folding, Group, Silence, SilencedBy, TellClaim, Telling, Told},
    trace::{Noise, Stored, Trace},
};

/// No delivery is put off for longer; one that is due later was put off by a clock that has been set back since, and is due now.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3600);

/// An answer that comes when the change is durable. Await it, or `blocking_recv()` it from a plain thread. A dropped sender
/// means the ledger has stopped.
pub type Receipt<T> = tokio::sync::oneshot::Receiver<Result<T, LedgerError>>;

/// Why the ledger could not do it. A full disk or a failed sync is none of these: such work waits and goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process writes this ledger.
    #[error(
        "the ledger {path} is in use by another alertbridge process; stop it first, or give this one its own `ledger.path`"
    )]
    InUse {
        /// The database file.
        path: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the ledger has schema version {found}, this program knows up to {known}; install the newer alertbridge again, or restore a backup from before the upgrade"
    )]
    Newer {
        /// Version in the file.
        found: u32,
        /// Newest version this program knows.
        known: u32,
    },
    /// `PRAGMA quick_check` found damage.
    #[error(
        "the ledger is damaged: {detail}; stop alertbridge, keep a copy of the file, then restore the last `alertbridge ledger backup` or rebuild it with `sqlite3 OLD .recover | sqlite3 NEW`"
    )]
    Damaged {
        /// What SQLite said.
        detail: String,
    },
    /// The file can't be opened or read.
    #[error("the ledger can't be used: {detail}")]
    Unusable {
        /// What went wrong.
        detail: String,
    },
    /// Something that must not happen; a fault in this program.
    #[error("fault in the ledger: {detail}")]
    Fault {
        /// What went wrong.
        detail: String,
    },
    /// The ledger has been closed.
    #[error("the ledger is closed")]
    Closed,
    /// Too many alerts wait for a disk that takes none. Nothing was kept: the source must come again.
    #[error("too many alerts wait for the ledger's disk; try again later")]
    Overloaded,
}

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

/// Asks for deliveries to work on.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The sink.
    pub sink: String,
    /// At most so many.
    pub limit: usize,
    /// At most so many of one (lane, agent) pair, counting what is claimed already: one loud agent must not fill the window.
    pub per_agent: usize,
    /// Now, UTC.
    pub now: Timestamp,
    /// How long the claim holds before others may take it over.
    pub lease: Duration,
    /// Give only one delivery (a probe), the oldest, and also from lanes whose pause is due for a probe.
    pub probe: bool,
}

/// A delivery to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The delivery's number, rising with reception.
    pub delivery: i64,
    /// Must be given back with the settlement; a claim that was lost in between settles nothing.
    pub fence: i64,
    /// The alert's reference as stored (with its suffix where it has one).
    pub reference: String,
    /// The lane it was routed to.
    pub lane: String,
    /// The alert's agent.
    pub agent: String,
    /// How often it was begun, this time included: 1 at first.
    pub attempt: u32,
    /// Attempts that ended in an answer which blames this very alert (see [`Verdict::Retry`]).
    pub blamed: u32,
    /// The last attempt's outcome is unknown: look the alert up before sending it again.
    pub doubt: bool,
    /// When the alert was received, UTC.
    pub received_at: Timestamp,
    /// The alert's bytes; of a digest those of its first member.
    pub payload: Vec<u8>,
    /// The group of a digest, as it stands now. `None` for an alert of a source.
    pub digest: Option<Group>,
    /// The alert it goes on from, to be named in it.
    pub continues: Option<Continues>,
}

/// How a claimed delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// [`Claimed::delivery`].
    pub delivery: i64,
    /// [`Claimed::fence`].
    pub fence: i64,
    /// When, UTC.
    pub at: Timestamp,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The sink has it.
    Delivered {
        /// The sink's id of it.
        id: String,
        /// A link for a person.
        link: Option<String>,
        /// It was there from an earlier attempt.
        adopted: bool,
        /// What was changed in it, JSON text, empty for nothing.
        changes: String,
    },
    /// Try again.
    Retry {
        /// Not before this, UTC.
        due_at: Timestamp,
        /// Why, without secrets.
        why: String,
        /// It may have been taken.
        doubt: bool,
        /// The fault seems to lie in this alert: counted in [`Claimed::blamed`].
        blame: bool,
    },
    /// Never sent (the worker is stopping, or its lane was paused meanwhile): as if it had not been claimed; `attempt` and `doubt`
    /// as before the claim.
    Returned,
    /// A dead letter.
    Dead {
        /// Why, without secrets.
        why: String,
    },
}

/// How many settlements took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Took effect.
    pub settled: u64,
    /// Their claim had been lost (lease over, or settled before).
    pub stale: u64,
}

/// A lane (or a whole sink) that waits for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The sink.
    pub sink: String,
    /// The lane; `None` for all of the sink.
    pub lane: Option<String>,
    /// What is wrong and what to do.
    pub why: String,
    /// Since when, UTC.
    pub since: Timestamp,
    /// When one delivery is tried to see whether it was mended, UTC.
    pub probe_at: Timestamp,
}

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

/// Tells the lane of an alert from its bytes; see [`Ledger::reroute`].
pub type Chooser = Box<dyn Fn(&[u8]) -> String + Send>;

/// What all ledgers do. One contract suite holds for each implementation; the in-memory one is its specification.
///
/// Changes answer through a [`Receipt`] when they are durable; calls of one thread take effect in their order.
pub trait Ledger: Send + Sync + 'static {
    /// Keeps what a source read, together with its position.
    fn intake(&self, intake: Intake) -> Receipt<IntakeReport>;

    /// The position a source stored last.
    fn checkpoint(&self, source: &str) -> Receipt<Option<String>>;

    /// Takes deliveries to work on, oldest first within a lane, lanes in turn. What is claimed is durable before it is given
    /// out, so that a crash leaves a `doubt`.
    fn claim(&self, claim: Claim) -> Receipt<Vec<Claimed>>;

    /// Gives claimed deliveries back with what came of them.
    fn settle(&self, settlements: Vec<Settlement>) -> Receipt<Settled>;

    /// Frees all claims whose lease ended before `now`, or all claims (`None`: at start, when no worker can be alive). They come
    /// back with `doubt`. Tellings are freed likewise. Returns how many deliveries.
    fn release(&self, expired_before: Option<Timestamp>) -> Receipt<u64>;

    /// Stores or replaces a pause; claims leave it out until its `probe_at`.
    fn pause(&self, pause: Pause) -> Receipt<()>;

    /// Ends pauses of a sink: of one lane, of the sink as a whole (`Some("")` is a lane like others), or every one of it
    /// (`everything`). Returns how many ended.
    fn resume(&self, sink: &str, lane: Option<&str>, everything: bool) -> Receipt<u64>;

    /// Moves waiting deliveries of a lane to the lane their alerts belong to now, after the configuration was mended: `choose`
    /// gets an alert's bytes. Those that were begun stay, because the sink may hold them under the old lane.
    fn reroute(&self, sink: &str, lane: &str, choose: Chooser) -> Receipt<u64>;

    /// Whether anything could be claimed now, and if not, when the next waiting delivery is due.
    fn next_due(&self, sink: &str, now: Timestamp) -> Receipt<Option<Timestamp>>;

    /// The books since an hour's start (`None`: all), checked.
    fn books(&self, since: Option<Timestamp>) -> Receipt<Books>;

    /// Unhandled dead letters, oldest first, after the given id.
    fn dead_letters(&self, after: Option<String>, limit: usize) -> Receipt<Vec<DeadLetter>>;

    /// Puts a dead delivery back into its queue (it is looked up first). False where there is none unhandled by that id, or it
    /// is a malformed one.
    fn replay(&self, id: &str, now: Timestamp) -> Receipt<bool>;

    /// Marks a dead letter as handled; it stays `dead` (or `malformed`) in the books, its bytes go with the next prune.
    fn dismiss(&self, id: &str, now: Timestamp) -> Receipt<bool>;

    /// Forgets what is old.
    fn prune(&self, prune: Prune) -> Receipt<PruneReport>;

    /// How it stands.
    fn status(&self) -> Receipt<Status>;

    /// Takes delivered alerts whose count the sink was not told yet, those that waited longest first.
    fn claim_tellings(&self, claim: TellClaim) -> Receipt<Vec<Telling>>;

    /// Gives them back with what came of them. Claims never settled come back when their lease is over, or with [`Self::release`].
    fn settle_tellings(&self, told: Vec<Told>) -> Receipt<Settled>;

    /// When the next count may be told, if any waits.
    fn next_telling(&self, sink: &str, interval: Duration) -> Receipt<Option<Timestamp>>;

    /// Stores a silence, or replaces the one of its id (hits are kept).
    fn put_silence(&self, silence: Silence) -> Receipt<()>;

    /// Ends a silence now. False where none of that id is active or to come.
    fn expire_silence(&self, id: &str, now: Timestamp) -> Receipt<bool>;

    /// All silences, those that end first at the head; ended ones are kept for 30 days.
    fn silences(&self) -> Receipt<Vec<Silence>>;

    /// Rises with every change of silences, by whichever process: cheap enough to be asked every second.
    fn silences_version(&self) -> Receipt<u64>;

    /// The whole way of an alert, by its reference.
    fn trace(&self, reference: &str) -> Receipt<Option<Trace>>;

    /// The references of the newest alerts, newest first.
    fn newest(&self, limit: usize) -> Receipt<Vec<String>>;

    /// The alert a sink knows by this id (IRIS: `alert_id`).
    fn reference_of(&self, sink: &str, id: &str) -> Receipt<Option<String>>;

    /// The references folded into a group, in order, after the given one; none where that is unknown (forgotten meanwhile).
    fn members(&self, group: i64, after: Option<String>, limit: usize) -> Receipt<Vec<String>>;

    /// What makes the noise since a time; at most `limit` rows a list.
    fn noise(&self, since: Timestamp, limit: usize) -> Receipt<Noise>;

    /// Stored alerts received since a time whose bytes are kept, oldest first, after the given number; digests are left out. Where
    /// they are large, fewer than `limit`; none only where there are no more.
    fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Receipt<Vec<Stored>>;
}
