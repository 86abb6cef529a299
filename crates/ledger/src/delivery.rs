//! Deliveries: taken out to be tried, and given back with what came of them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Continues, Group, JobWish};

/// No delivery is put off for longer; one that is due later was put off by a clock that has been set back since, and is due now.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3600);

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
        /// A triage job to be written with it. None is, where the alert has one or `id` is empty; that of another alert with this id
        /// becomes this alert's.
        job: Option<Box<JobWish>>,
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
