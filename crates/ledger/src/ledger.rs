//! The trait all ledgers share.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Books, Claim, Claimed, ClaimedJob, ClaimedTally, DeadLetter, Feedback, FeedbackRow, Intake,
    IntakeReport, JobClaim, JobFilter, JobRow, JobSettlement, JobStatus, NewJob, Noise, Pause,
    Prune, PruneReport, Receipt, Seen, Settled, Settlement, Silence, Status, Stored, TallyVerdict,
    TellClaim, Telling, Told, Trace,
};

/// Tells the lane of an alert from its bytes; see [`Ledger::reroute`].
pub type Chooser = Box<dyn Fn(&[u8]) -> String + Send>;

/// The newest answer to a question: the sink's id of the alert it was given for, and its bytes.
pub type KnownAnswer = (String, Vec<u8>);

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
    /// back with `doubt`. Tellings and tallies are freed likewise; claims of jobs are not, because other processes may hold them.
    /// Returns how many deliveries.
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

    /// The references of the newest alerts, newest first; without what was known late (source `intel`).
    fn newest(&self, limit: usize) -> Receipt<Vec<String>>;

    /// The alert a sink knows by this id (IRIS: `alert_id`).
    fn reference_of(&self, sink: &str, id: &str) -> Receipt<Option<String>>;

    /// The references folded into a group, in order, after the given one; none where that is unknown (forgotten meanwhile).
    fn members(&self, group: i64, after: Option<String>, limit: usize) -> Receipt<Vec<String>>;

    /// What makes the noise since a time; at most `limit` rows a list.
    fn noise(&self, since: Timestamp, limit: usize) -> Receipt<Noise>;

    /// Stored alerts received since a time whose bytes are kept, oldest first, after the given number; digests and what was
    /// known late are left out. Where they are large, fewer than `limit`; none only where there are no more.
    fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Receipt<Vec<Stored>>;

    /// Takes rows of a kind that are due to be reported, those due first at the head. What is claimed is durable before it is
    /// given out. Claims whose lease is over are free again first.
    fn claim_tallies(
        &self,
        kind: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Receipt<Vec<ClaimedTally>>;

    /// Gives one back with what came of it. False where its claim was lost.
    fn settle_tally(
        &self,
        number: i64,
        fence: i64,
        verdict: TallyVerdict,
        at: Timestamp,
    ) -> Receipt<bool>;

    /// Adds triage jobs. An alert that has one already, in whatever state, is left alone. One without a reference gets that of
    /// the delivery its sink knows by this id, where there is one; one without an id is left out. Returns how many are new.
    fn add_jobs(&self, jobs: Vec<NewJob>) -> Receipt<u64>;

    /// Takes jobs to work on, see [`JobClaim`]. What is claimed is durable before it is given out. Claims whose
    /// lease is over are pending again first; then those too old are skipped.
    fn claim_jobs(&self, claim: JobClaim) -> Receipt<Vec<ClaimedJob>>;

    /// Lets claims (job and fence) hold until then, but no longer than [`crate::LONGEST_WAIT`] from the time of the claim. Returns the jobs whose claim was lost.
    fn renew_jobs(&self, claims: Vec<(i64, i64)>, until: Timestamp) -> Receipt<Vec<i64>>;

    /// Frees what a worker has claimed: at its start, when an earlier life of it can't be working any more. Returns how many.
    fn release_jobs(&self, worker: &str) -> Receipt<u64>;

    /// Keeps a model's answer (an empty one: forgets the one kept) with the hash of what it was asked. False where the claim was
    /// lost.
    ///
    /// # Errors
    /// [`crate::LedgerError::Unusable`] where it is longer than [`crate::LONGEST_ANSWER`].
    fn keep_answer(
        &self,
        job: i64,
        fence: i64,
        input_hash: String,
        answer: Vec<u8>,
    ) -> Receipt<bool>;

    /// Gives a job back with what came of it. False where its claim was lost.
    fn settle_job(&self, settlement: JobSettlement) -> Receipt<bool>;

    /// A person asks for a job that has ended: it is pending again as if it were new, but for [`ClaimedJob::asked_again`] and
    /// [`JobRow::opinion_before`]. False where none has ended for this alert.
    fn again(&self, sink: &str, id: &str, now: Timestamp) -> Receipt<bool>;

    /// The answer kept for the same question, of the job reviewed last, not before `since`.
    fn answer_of(&self, input_hash: &str, since: Timestamp) -> Receipt<Option<KnownAnswer>>;

    /// Jobs for people, in the order asked for.
    fn jobs(&self, filter: JobFilter) -> Receipt<Vec<JobRow>>;

    /// The jobs of a sink's alerts, in the order of these ids; ids without a job are left out.
    fn jobs_of(&self, sink: &str, ids: Vec<String>) -> Receipt<Vec<JobRow>>;

    /// How many there are.
    fn job_status(&self) -> Receipt<JobStatus>;

    /// Replaces what people made of an alert. False where there is no such job or it has not ended.
    fn put_feedback(&self, job: i64, feedback: Feedback) -> Receipt<bool>;

    /// What people made of the jobs reviewed since a time, by rule, model and verdict.
    fn feedback(&self, since: Timestamp) -> Receipt<Vec<FeedbackRow>>;

    /// How often a rule was seen since the start of the hour a time lies in. Counted by hour as alerts come, and forgotten when
    /// their references are.
    fn seen(&self, rule_id: &str, agent: &str, since: Timestamp) -> Receipt<Seen>;

    /// The verdicts on a rule's alerts reviewed since a time, the most frequent first.
    fn earlier(&self, rule_id: &str, since: Timestamp) -> Receipt<Vec<(String, u64)>>;
}
