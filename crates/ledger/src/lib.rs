//! The books: what was received, what became of it, and what is still to be delivered.
//!
//! Everything Alertbridge promises rests on this crate. In every committed state, for every source, sink and hour:
//!
//! ```text
//! received = malformed + duplicate + filtered + silenced + folded + routed     (per source, per hour of reception)
//! routed   = delivered + dead + pending                                        (per sink, per hour of reception)
//! ```
//!
//! `malformed` is what a source read that is no alert (kept as a dead letter); `duplicate` is a further copy of an alert that
//! is in the books already, because hook and follower may run side by side. The rest is defined in ARCHITECTURE.md.
//!
//! Beside the books it holds what must be in one transaction with them: triage jobs ([`NewJob`]; written with the delivery they
//! are of), tallies ([`Tally`]; counted with the alerts that bring them), and how often each rule was seen ([`Ledger::seen`]).
//!
//! [`SqliteLedger`] is the one to use, [`MemoryLedger`] says what it must do: a property test holds one against the other.
//!
//! ```
//! use alertbridge_ledger::{Arrival, Folding, Intake, Ledger, OpenOptions, Placement, Route, SqliteLedger};
//! use jiff::Timestamp;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let clock = || Timestamp::UNIX_EPOCH; // the program's clock
//! let ledger = SqliteLedger::open(folder.path().join("ledger.db"), OpenOptions::new(clock)).unwrap();
//! let receipt = ledger.intake(Intake {
//!     source: "follower".into(),
//!     received_at: clock(),
//!     arrivals: vec![Arrival {
//!         reference: "node1:1.2".into(),
//!         reference_if_taken: "node1:1.2#0a0b".into(),
//!         fingerprint: [7; 16],
//!         agent: "web-1".into(),
//!         rule_id: "5710".into(),
//!         level: 5,
//!         payload: b"{}".to_vec(),
//!         placement: Placement::Routed(vec![Route { sink: "iris".into(), lane: "1".into() }]),
//!         folding: Folding::default(),
//!         tallies: Vec::new(),
//!     }],
//!     checkpoint: Some("byte 2".into()),
//!     ..Intake::default()
//! });
//! // Durable now: the source may acknowledge it. (`receipt.await` in async code.)
//! assert_eq!(receipt.blocking_recv().unwrap().unwrap().stored, 1);
//!
//! let books = ledger.books(None).blocking_recv().unwrap().unwrap();
//! assert!(books.faults.is_empty());
//! assert_eq!(books.sinks[0].pending, 1);
//! ```
//!
//! What the trait leaves open, and all ledgers do alike:
//! * An alert routed to no sink is kept, counted as `routed` for its source, and finished at once.
//! * Of several routes to one sink, the first counts.
//! * Where `reference` and `reference_if_taken` both belong to other alerts, an alert is kept under its reference with the
//!   whole fingerprint (`…#32 hex digits`), and if need be a number, behind it.
//! * Claims that are neither settled nor released stay claimed; [`Ledger::release`] alone ends them, so a settlement that comes
//!   after its lease but before anyone released it still counts.
//! * An ordinary claim leaves paused lanes out, also when their probe is due. A `probe` takes the oldest delivery of the lanes
//!   whose pause is due for one; where those have none, the oldest of the open lanes.
//! * [`Ledger::next_due`] leaves paused lanes out, and does not know of shares: after a claim that gave nothing although
//!   something is due, wait for a settlement.
//! * A replayed delivery comes back in doubt, with its attempts, and blamed for nothing.
//! * Dead letters are listed malformed ones first, each kind by its numbers.
//! * Sources named `digest` and `intel` bring no alerts of their own (the ledger opens digests, and what is known of an alert late
//!   comes as one more alert): they are in the books, but left out of `noise`, `stored` and `seen`, `intel` of `newest` as well.
//! * Of triage jobs, free text (worker, verdict, model, class, why, opinion, resolution) is cut to 500 characters; jobs nobody has
//!   claimed are forgotten when their alerts' references are.
//! * Times are kept in whole milliseconds.

mod account;
mod arrival;
mod attempts;
mod decide;
mod delivery;
mod distinct;
mod error;
mod jobs;
mod ledger;
mod memory;
mod names;
mod quiet;
mod reviews;
mod sqlite;
mod sums;
mod tally;
mod trace;

pub use account::{
    Books, DeadLetter, DeadLetterKind, HourRow, Prune, PruneReport, SinkRow, SourceRow, Status,
};
pub use arrival::{Arrival, Intake, IntakeReport, Malformed, Placement, Route};
pub use delivery::{Claim, Claimed, LONGEST_WAIT, Pause, Settled, Settlement, Verdict};
pub use error::{LedgerError, Receipt};
pub use jobs::{
    ClaimedJob, HIGHEST_JOB_LEVEL, JobClaim, JobSettlement, JobState, JobVerdict, JobWish,
    LONGEST_ANSWER, MOST_TOO_OLD, NewJob,
};
pub use ledger::{Chooser, KnownAnswer, Ledger};
pub use memory::MemoryLedger;
use names::{LetterId, further_reference};
pub use quiet::{
    Budget, Burst, Collected, Continues, FieldSummary, FoldKey, Folding, Group, GroupKind, Hits,
    KEPT_SILENCES, LONGEST_LABEL, LONGEST_VALUE, MOST_GROUPS, MOST_LABELS, MOST_MEMBERS,
    MOST_VALUES, Repeat, Silence, SilencedBy, TellClaim, TellVerdict, Telling, Told,
};
pub use reviews::{Feedback, FeedbackRow, JobFilter, JobRow, JobStatus, Seen};
pub use sqlite::{CheckReport, OpenOptions, SqliteLedger, backup, check, vacuum};
pub use tally::{ClaimedTally, KEPT_TALLIES, LONGEST_TALLY, TalliesWaiting, Tally, TallyVerdict};
pub use trace::{
    AttemptTrace, DeliveryTrace, MOST_LATE, Noise, NoiseRow, Stored, Trace, TraceOutcome,
};
