//! The language of tallies: how often something was met, counted with the alerts that met it, to be reported elsewhere later.
//!
//! A threat intelligence platform wants to know that an indicator was sighted, how often, and from when to when; not once for each
//! alert. So an alert brings [`Tally`]s: a kind, a key (what was met, where, in which hour), and what to report. They are counted
//! in the transaction that stores the alert, so a count is exactly the alerts stored: a second copy of one adds nothing, one that
//! is silenced or folded adds as any other.
//!
//! **Once given out, a row never changes its count.** What is reported may have arrived although nobody heard of it (a crash, a
//! broken connection), so the same is reported again with the same count, and what comes later of the same key is counted in a
//! fresh row, whose [`ClaimedTally::running`] number is one higher. Kind, key and running number name a row at the other side,
//! for as long as a key is not used again more than [`KEPT_TALLIES`] after all its rows have ended: then its numbers begin anew.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Rows that have ended are kept for so long: two days.
pub const KEPT_TALLIES: Duration = Duration::from_secs(2 * 86_400);

/// No row waits for longer; one that is due later was put off by a clock that has been set back since, and is due now. A day.
pub const LONGEST_TALLY: Duration = Duration::from_secs(86_400);

/// One is added to this count, where the alert is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Who reports it, such as `opencti`.
    pub kind: String,
    /// What is counted together.
    pub key: String,
    /// When the row may be reported, UTC; of several of one row the first counts. At most [`LONGEST_TALLY`] after reception.
    pub due_at: Timestamp,
    /// What the reporter needs to know of it; of several of one row the first is kept.
    pub body: Vec<u8>,
}

/// A row to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedTally {
    /// Its number.
    pub number: i64,
    /// Must be given back with what came of it; a claim that was lost in between settles nothing.
    pub fence: i64,
    /// [`Tally::key`].
    pub key: String,
    /// Counts the rows of this kind and key: 1 for the first.
    pub running: u64,
    /// How many alerts.
    pub count: u64,
    /// When the first was received, UTC.
    pub first_at: Timestamp,
    /// When the last was received, UTC; never before `first_at`.
    pub last_at: Timestamp,
    /// [`Tally::body`] of the first.
    pub body: Vec<u8>,
    /// How often it was begun, this time included: from 2 on it may have been reported already.
    pub begun: u32,
}

/// What came of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TallyVerdict {
    /// It is there.
    Done,
    /// Try again.
    Retry {
        /// Not before this, UTC.
        due_at: Timestamp,
        /// Why, without secrets.
        why: String,
    },
    /// It can never be reported.
    Dropped {
        /// Why, without secrets.
        why: String,
    },
}

/// How many rows of a kind have not ended, for `/metrics` and `alertbridge status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalliesWaiting {
    /// The kind.
    pub kind: String,
    /// How many, also those not due yet.
    pub rows: u64,
    /// The earliest time one of them is (or was) due, UTC: how far behind the reporter is.
    pub oldest_due: Timestamp,
    /// Why the one that failed and is due last waits.
    pub why: Option<String>,
}
