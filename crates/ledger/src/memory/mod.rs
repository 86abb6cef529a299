//! The ledger as a model in memory: the specification of all others, and a stand-in for tests.
//!
//! Written to be read, not to be fast: everything is a plain list, nothing is indexed, nothing is ever removed (what was pruned
//! is only marked), and the books are counted anew from the lists each time. A property test holds the SQLite ledger
//! against it.

mod claim;
mod groups;
mod job_claims;
mod jobs;
mod model;
mod noise;
mod prune;
mod report;
mod reviews;
mod silences;
mod tallies;
mod tellings;
mod trace;

use std::sync::{Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use self::model::Model;
use crate::{
    Books, Chooser, Claim, Claimed, ClaimedJob, ClaimedTally, DeadLetter, Feedback, FeedbackRow,
    Intake, IntakeReport, JobClaim, JobFilter, JobRow, JobSettlement, JobStatus, KnownAnswer,
    Ledger, LedgerError, MOST_GROUPS, NewJob, Noise, Pause, Prune, PruneReport, Receipt, Seen,
    Settled, Settlement, Silence, Status, Stored, TallyVerdict, TellClaim, Telling, Told, Trace,
    jobs::too_long,
};

/// A ledger that is gone with the process.
#[derive(Debug)]
pub struct MemoryLedger {
    model: Mutex<Model>,
}

impl MemoryLedger {
    /// An empty one.
    pub fn new() -> Self {
        Self::with_most_groups(MOST_GROUPS)
    }

    /// An empty one with another bound on its groups.
    pub fn with_most_groups(most_groups: u64) -> Self {
        let model = Model {
            most_groups,
            ..Model::default()
        };
        Self {
            model: Mutex::new(model),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger for MemoryLedger {
    fn intake(&self, intake: Intake) -> Receipt<IntakeReport> {
        done(self.model().intake(intake))
    }

    fn checkpoint(&self, source: &str) -> Receipt<Option<String>> {
        done(self.model().checkpoints.get(source).cloned())
    }

    fn claim(&self, claim: Claim) -> Receipt<Vec<Claimed>> {
        done(self.model().claim(&claim))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Receipt<Settled> {
        done(self.model().settle(settlements))
    }

    fn release(&self, expired_before: Option<Timestamp>) -> Receipt<u64> {
        done(self.model().release(expired_before))
    }

    fn pause(&self, pause: Pause) -> Receipt<()> {
        let key = (pause.sink.clone(), pause.lane.clone());
        self.model().pauses.insert(key, pause);
        done(())
    }

    fn resume(&self, sink: &str, lane: Option<&str>, everything: bool) -> Receipt<u64> {
        let mut model = self.model();
        let before = model.pauses.len();
        model.pauses.retain(|_, pause| {
            pause.sink != sink || !(everything || pause.lane.as_deref() == lane)
        });
        done((before - model.pauses.len()) as u64)
    }

    fn reroute(&self, sink: &str, lane: &str, choose: Chooser) -> Receipt<u64> {
        done(self.model().reroute(sink, lane, &choose))
    }

    fn next_due(&self, sink: &str, now: Timestamp) -> Receipt<Option<Timestamp>> {
        done(self.model().next_due(sink, now))
    }

    fn books(&self, since: Option<Timestamp>) -> Receipt<Books> {
        done(self.model().books(since))
    }

    fn dead_letters(&self, after: Option<String>, limit: usize) -> Receipt<Vec<DeadLetter>> {
        done(self.model().dead_letters(after.as_deref(), limit))
    }

    fn replay(&self, id: &str, _now: Timestamp) -> Receipt<bool> {
        done(self.model().replay(id))
    }

    fn dismiss(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        done(self.model().dismiss(id, now))
    }

    fn prune(&self, prune: Prune) -> Receipt<PruneReport> {
        done(self.model().prune(prune))
    }

    fn status(&self) -> Receipt<Status> {
        done(self.model().status())
    }

    fn claim_tellings(&self, claim: TellClaim) -> Receipt<Vec<Telling>> {
        done(self.model().claim_tellings(&claim))
    }

    fn settle_tellings(&self, told: Vec<Told>) -> Receipt<Settled> {
        done(self.model().settle_tellings(told))
    }

    fn next_telling(&self, sink: &str, interval: Duration) -> Receipt<Option<Timestamp>> {
        done(self.model().next_telling(sink, interval))
    }

    fn put_silence(&self, silence: Silence) -> Receipt<()> {
        self.model().put_silence(silence);
        done(())
    }

    fn expire_silence(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        done(self.model().expire_silence(id, now))
    }

    fn silences(&self) -> Receipt<Vec<Silence>> {
        done(self.model().silences())
    }

    fn silences_version(&self) -> Receipt<u64> {
        done(self.model().silences_version())
    }

    fn trace(&self, reference: &str) -> Receipt<Option<Trace>> {
        done(self.model().trace(reference))
    }

    fn newest(&self, limit: usize) -> Receipt<Vec<String>> {
        done(self.model().newest(limit))
    }

    fn reference_of(&self, sink: &str, id: &str) -> Receipt<Option<String>> {
        done(self.model().reference_of(sink, id))
    }

    fn members(&self, group: i64, after: Option<String>, limit: usize) -> Receipt<Vec<String>> {
        done(self.model().members(group, after.as_deref(), limit))
    }

    fn noise(&self, since: Timestamp, limit: usize) -> Receipt<Noise> {
        done(self.model().noise(since, limit))
    }

    fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Receipt<Vec<Stored>> {
        done(self.model().stored(since, after, limit))
    }

    fn claim_tallies(
        &self,
        kind: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Receipt<Vec<ClaimedTally>> {
        done(self.model().claim_tallies(kind, now, lease, limit))
    }

    fn settle_tally(
        &self,
        number: i64,
        fence: i64,
        verdict: TallyVerdict,
        at: Timestamp,
    ) -> Receipt<bool> {
        done(self.model().settle_tally(number, fence, verdict, at))
    }

    fn add_jobs(&self, jobs: Vec<NewJob>) -> Receipt<u64> {
        done(self.model().add_jobs(jobs))
    }

    fn claim_jobs(&self, claim: JobClaim) -> Receipt<Vec<ClaimedJob>> {
        done(self.model().claim_jobs(&claim))
    }

    fn renew_jobs(&self, claims: Vec<(i64, i64)>, until: Timestamp) -> Receipt<Vec<i64>> {
        done(self.model().renew_jobs(&claims, until))
    }

    fn release_jobs(&self, worker: &str) -> Receipt<u64> {
        done(self.model().release_jobs(worker))
    }

    fn keep_answer(
        &self,
        job: i64,
        fence: i64,
        input_hash: String,
        answer: Vec<u8>,
    ) -> Receipt<bool> {
        answered(match too_long(&answer) {
            Some(error) => Err(error),
            None => Ok(self.model().keep_answer(job, fence, input_hash, answer)),
        })
    }

    fn settle_job(&self, settlement: JobSettlement) -> Receipt<bool> {
        done(self.model().settle_job(settlement))
    }

    fn again(&self, sink: &str, id: &str, now: Timestamp) -> Receipt<bool> {
        done(self.model().again(sink, id, now))
    }

    fn answer_of(&self, input_hash: &str, since: Timestamp) -> Receipt<Option<KnownAnswer>> {
        done(self.model().answer_of(input_hash, since))
    }

    fn jobs(&self, filter: JobFilter) -> Receipt<Vec<JobRow>> {
        done(self.model().jobs(&filter))
    }

    fn jobs_of(&self, sink: &str, ids: Vec<String>) -> Receipt<Vec<JobRow>> {
        done(self.model().jobs_of(sink, &ids))
    }

    fn job_status(&self) -> Receipt<JobStatus> {
        done(self.model().job_status())
    }

    fn put_feedback(&self, job: i64, feedback: Feedback) -> Receipt<bool> {
        done(self.model().put_feedback(job, &feedback))
    }

    fn feedback(&self, since: Timestamp) -> Receipt<Vec<FeedbackRow>> {
        done(self.model().feedback(since))
    }

    fn seen(&self, rule_id: &str, agent: &str, since: Timestamp) -> Receipt<Seen> {
        done(self.model().seen(rule_id, agent, since))
    }

    fn earlier(&self, rule_id: &str, since: Timestamp) -> Receipt<Vec<(String, u64)>> {
        done(self.model().earlier(rule_id, since))
    }
}

fn done<T>(answer: T) -> Receipt<T> {
    answered(Ok(answer))
}

fn answered<T>(answer: Result<T, LedgerError>) -> Receipt<T> {
    let (reply, receipt) = oneshot::channel();
    // Only fails where the receipt is gone.
    let _ = reply.send(answer);
    receipt
}
