//! What is told of triage jobs, to people and to the next prompt; and what people made of the verdicts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::JobState;

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this sink.
    pub sink: Option<String>,
    /// Of the alert with this id at its sink.
    pub id: Option<String>,
    /// Waiting since then or later, UTC.
    pub since: Option<Timestamp>,
    /// With a higher number than this ([`JobRow::job`]): to go on behind a page.
    pub after: Option<i64>,
    /// By their numbers, the lowest first, which a page after the other needs; otherwise those that came last are at the head.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// A job, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// Its number.
    pub job: i64,
    /// The sink that has the alert.
    pub sink: String,
    /// The sink's id of the alert.
    pub id: String,
    /// The alert's reference; empty for an alert of others.
    pub reference: String,
    /// The lane; may be empty.
    pub lane: String,
    /// `rule.id`; may be empty.
    pub rule_id: String,
    /// `rule.level`.
    pub level: u32,
    /// How it stands.
    pub state: JobState,
    /// Who works on it, or did last.
    pub worker: Option<String>,
    /// When its claim ends, UTC; of a claimed one.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub begun: u32,
    /// Attempts that failed by the alert's fault.
    pub failures: u32,
    /// When it is tried again, UTC; of a pending one that failed.
    pub due_at: Option<Timestamp>,
    /// Why it waits, failed or was skipped.
    pub why: Option<String>,
    /// The kind of fault; of a failed one.
    pub class: Option<String>,
    /// What the model said, in a word; of a reviewed one.
    pub verdict: Option<String>,
    /// Which model; of a reviewed one.
    pub model: Option<String>,
    /// Since when it waits, UTC.
    pub created_at: Timestamp,
    /// When it ended, UTC.
    pub ended_at: Option<Timestamp>,
    /// How often people asked for another review.
    pub asked_again: u32,
    /// What people think of the verdict: `agree` or `disagree`.
    pub opinion: Option<String>,
    /// What they thought of the verdict before they asked for another review, as long as the sink still shows it: it is said of
    /// the earlier verdict, and not counted.
    pub opinion_before: Option<String>,
    /// How people resolved the alert.
    pub resolution: Option<String>,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Waiting.
    pub pending: u64,
    /// Being worked on, or abandoned and not yet found so.
    pub claimed: u64,
    /// Ended well; those forgotten since are not counted, here and below.
    pub reviewed: u64,
    /// Given up.
    pub failed: u64,
    /// Not looked at.
    pub skipped: u64,
    /// Since when the oldest pending one waits, UTC.
    pub oldest_pending: Option<Timestamp>,
    /// The lowest level of the pending ones, without what they gained by waiting.
    pub lowest_level: Option<u32>,
}

/// What people made of an alert that a model has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// `agree` or `disagree` with the verdict, as the sink shows it now. One that was there when people asked for another review
    /// is not counted until it was gone once, or changed.
    pub opinion: Option<String>,
    /// How the alert was resolved.
    pub resolution: Option<String>,
    /// When that was seen, UTC.
    pub at: Timestamp,
}

/// What people made of one verdict of one model on one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRow {
    /// `rule.id`.
    pub rule_id: String,
    /// The model.
    pub model: String,
    /// The verdict.
    pub verdict: String,
    /// Jobs reviewed so, also those nobody has said anything of.
    pub jobs: u64,
    /// Of them: people agree.
    pub agree: u64,
    /// Of them: people disagree.
    pub disagree: u64,
    /// Of them: how they were resolved, by name.
    pub resolutions: Vec<(String, u64)>,
}

/// How often a rule was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Alerts stored of it, silenced and folded ones included; digests and what was known late are no alerts.
    pub alerts: u64,
    /// Agents they are of.
    pub agents: u64,
    /// Of them, those of the agent asked for.
    pub here: u64,
    /// When the first of them was received, UTC.
    pub first: Option<Timestamp>,
}
