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

mod memory;
mod names;
mod sqlite;
mod sums;
mod types;

pub use memory::MemoryLedger;
use names::{LetterId, further_reference};
pub use sqlite::{CheckReport, OpenOptions, SqliteLedger, backup, check, vacuum};
pub use types::{
    Arrival, Books, Claim, Claimed, DeadLetter, DeadLetterKind, HourRow, Intake, IntakeReport,
    Ledger, LedgerError, Malformed, Pause, Placement, Prune, PruneReport, Receipt, Route, Settled,
    Settlement, SinkRow, SourceRow, Status, Verdict,
};
