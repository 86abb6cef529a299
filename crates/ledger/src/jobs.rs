//! The language of triage jobs: which alerts a language model is to look at, who does, and what came of it.
//!
//! There is one job for each alert a sink has ([`NewJob::sink`] and [`NewJob::id`]). The ledger alone says how it stands; tags in
//! IRIS only show it to people. A job of an alert of ours is written in the transaction that settles its delivery
//! ([`crate::Verdict::Delivered`]); alerts of others are added when they are found.
//!
//! **A claim** is a lease with a fence. Several processes may claim from one ledger. A claim whose lease is over is pending again
//! with the next one that anybody makes, and what its holder still says is not heard: renewing, keeping an answer and settling
//! tell it so. Until then a late settlement counts.
//!
//! **Numbers that come again.** A sink that was set up anew gives its ids out again, for other alerts. Where a delivery is settled
//! with an id whose job belongs to another alert, that job begins anew as the new alert's, and what was said of it is forgotten.
//!
//! **Which first.** By level, of which a job gains one for each [`JobClaim::ageing`] it has waited; of those alike, the older one.
//!
//! **The answer** of a model costs minutes, so it is kept as soon as it is there. Whatever happens then, the next claim has it.
//!
//! **A clock that was set back** never keeps a job waiting or claimed for longer than [`crate::LONGEST_WAIT`]: what is due, or
//! leased, for longer than that is due, or free, now. So leases and retries are cut to it, and a claim holds for no longer than that,
//! however often it is renewed.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::LedgerError;

/// Answers are at most so many bytes long.
pub const LONGEST_ANSWER: usize = 64 << 10;

/// Higher levels count as this one. (Wazuh's highest is 16.)
pub const HIGHEST_JOB_LEVEL: u32 = 99;

/// So many jobs become too old in one claim; the others do in the next, and are not given out meanwhile.
pub const MOST_TOO_OLD: usize = 10_000;

/// The delivery of an alert asks for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobWish {
    /// `rule.level`; see [`NewJob::level`].
    pub level: u32,
    /// `rule.id`.
    pub rule_id: String,
}

/// An alert that a model is to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// The sink that has the alert.
    pub sink: String,
    /// The sink's id of it.
    pub id: String,
    /// The alert's reference in this ledger; empty for an alert of others.
    pub reference: String,
    /// The lane (IRIS: the customer). May be empty.
    pub lane: String,
    /// `rule.id`. May be empty.
    pub rule_id: String,
    /// `rule.level`, or what stands for it; at most [`HIGHEST_JOB_LEVEL`].
    pub level: u32,
    /// Since when it waits, UTC.
    pub created_at: Timestamp,
}

/// Asks for jobs to work on.
#[derive(Clone, Debug)]
pub struct JobClaim {
    /// Who asks, for people and [`crate::Ledger::release_jobs`].
    pub worker: String,
    /// At most so many.
    pub limit: usize,
    /// Now, UTC.
    pub now: Timestamp,
    /// How long the claim holds before others may take it over; with all renewals at most [`crate::LONGEST_WAIT`] from `now` on.
    pub lease: Duration,
    /// A job gains one level per so long waited. Zero: none.
    pub ageing: Duration,
    /// Pending ones older than this become skipped, `too old`.
    pub max_age: Option<Duration>,
}

/// A job to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job's number.
    pub job: i64,
    /// Must be given with everything said of the job; rises with each claim.
    pub fence: i64,
    /// The sink that has the alert.
    pub sink: String,
    /// The sink's id of the alert.
    pub id: String,
    /// The alert's reference in this ledger; empty for an alert of others.
    pub reference: String,
    /// The lane; may be empty.
    pub lane: String,
    /// `rule.id`; may be empty.
    pub rule_id: String,
    /// `rule.level`, without what it has gained by waiting.
    pub level: u32,
    /// How often it was claimed, this time included: 1 at first.
    pub begun: u32,
    /// Attempts that failed by the alert's fault (see [`JobVerdict::Retry`]).
    pub failures: u32,
    /// How often people asked for another review ([`crate::Ledger::again`]): 0 at first.
    pub asked_again: u32,
    /// Since when it waits, UTC.
    pub created_at: Timestamp,
    /// The answer kept in an earlier claim.
    pub answer: Option<Vec<u8>>,
    /// The alert's bytes, where the ledger (still) has them.
    pub payload: Option<Vec<u8>>,
    /// When the alert was received, UTC, where the ledger (still) knows it.
    pub received_at: Option<Timestamp>,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobVerdict {
    /// The sink shows it.
    Reviewed {
        /// In a word.
        verdict: String,
        /// The model that said it.
        model: String,
    },
    /// It is given up.
    Failed {
        /// The kind of fault, in a word.
        class: String,
        /// What went wrong, without secrets.
        why: String,
    },
    /// It is not worth it, or not allowed.
    Skipped {
        /// Why.
        why: String,
    },
    /// Try again.
    Retry {
        /// Not before this, UTC; at most [`crate::LONGEST_WAIT`] after the settlement.
        due_at: Timestamp,
        /// Why, without secrets.
        why: String,
        /// The fault seems to lie in this alert: counted in [`ClaimedJob::failures`].
        blame: bool,
    },
    /// Never begun (the worker is stopping): as if it had not been claimed.
    Returned,
}

/// How a claim ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettlement {
    /// [`ClaimedJob::job`].
    pub job: i64,
    /// [`ClaimedJob::fence`].
    pub fence: i64,
    /// When, UTC.
    pub at: Timestamp,
    /// What came of it.
    pub verdict: JobVerdict,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits, at once or until it is due.
    Pending,
    /// Somebody works on it.
    Claimed,
    /// Ended: the sink shows what the model said.
    Reviewed,
    /// Ended: given up.
    Failed,
    /// Ended: not looked at.
    Skipped,
}

/// What is said of an answer too long to be kept.
pub(crate) fn too_long(answer: &[u8]) -> Option<LedgerError> {
    (answer.len() > LONGEST_ANSWER).then(|| LedgerError::Unusable {
        detail: format!(
            "an answer of {} bytes is too long to be kept; the most is {LONGEST_ANSWER}",
            answer.len()
        ),
    })
}
