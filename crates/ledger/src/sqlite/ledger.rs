//! What each command and question does: a change goes into the writer's queue, a question to a reader.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    SqliteLedger, books, claim, dead_letters,
    intake::{self, PackedIntake},
    job_claims, job_lists, jobs, noise, pauses,
    payload::Packer,
    prune, refused, reroute, reviews, seen, settle, silences, status, stored, tallies, tellings,
    trace,
};
use crate::{
    Books, Chooser, Claim, Claimed, ClaimedJob, ClaimedTally, DeadLetter, Feedback, FeedbackRow,
    Intake, IntakeReport, JobClaim, JobFilter, JobRow, JobSettlement, JobStatus, KnownAnswer,
    Ledger, NewJob, Noise, Pause, Prune, PruneReport, Receipt, Seen, Settled, Settlement, Silence,
    Status, Stored, TallyVerdict, TellClaim, Telling, Told, Trace, jobs::too_long,
};

impl Ledger for SqliteLedger {
    fn intake(&self, intake: Intake) -> Receipt<IntakeReport> {
        if self.writer.is_none() {
            return self.change(|_| Ok(IntakeReport::default()));
        }
        // Compressed here, on the caller's thread: the writer's time is the scarcer.
        let packed = PackedIntake::new(intake);
        self.queue
            .submit(packed.bytes(), move |batch| intake::intake(batch, &packed))
    }

    fn checkpoint(&self, source: &str) -> Receipt<Option<String>> {
        let source = source.to_owned();
        if self.writer.is_none() {
            return self.read(self.counts.as_ref(), move |connection| {
                intake::checkpoint(connection, &source)
            });
        }
        self.change(move |batch| intake::checkpoint(batch.connection, &source))
    }

    fn claim(&self, claim: Claim) -> Receipt<Vec<Claimed>> {
        self.change(move |batch| claim::claim(batch, &claim))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Receipt<Settled> {
        self.change(move |batch| settle::settle(batch, &settlements))
    }

    fn release(&self, expired_before: Option<Timestamp>) -> Receipt<u64> {
        self.change(move |batch| settle::release(batch, expired_before))
    }

    fn pause(&self, pause: Pause) -> Receipt<()> {
        self.change(move |batch| pauses::pause(batch, &pause))
    }

    fn resume(&self, sink: &str, lane: Option<&str>, everything: bool) -> Receipt<u64> {
        let sink = sink.to_owned();
        let lane = lane.map(str::to_owned);
        self.change(move |batch| pauses::resume(batch, &sink, lane.as_deref(), everything))
    }

    fn reroute(&self, sink: &str, lane: &str, choose: Chooser) -> Receipt<u64> {
        let (sink, lane) = (sink.to_owned(), lane.to_owned());
        self.change(move |batch| reroute::reroute(batch, &sink, &lane, &choose))
    }

    fn next_due(&self, sink: &str, now: Timestamp) -> Receipt<Option<Timestamp>> {
        let sink = sink.to_owned();
        self.change(move |batch| pauses::next_due(batch.connection, &sink, now))
    }

    fn books(&self, since: Option<Timestamp>) -> Receipt<Books> {
        self.read(self.lists.as_ref(), move |connection| {
            books::books(connection, since)
        })
    }

    fn dead_letters(&self, after: Option<String>, limit: usize) -> Receipt<Vec<DeadLetter>> {
        self.read(self.lists.as_ref(), move |connection| {
            dead_letters::list(connection, after.as_deref(), limit)
        })
    }

    fn replay(&self, id: &str, _now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| dead_letters::replay(batch, &id))
    }

    fn dismiss(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| dead_letters::dismiss(batch, &id, now))
    }

    fn prune(&self, prune: Prune) -> Receipt<PruneReport> {
        self.change(move |batch| prune::prune(batch, &prune))
    }

    fn status(&self) -> Receipt<Status> {
        let path = self.path.clone();
        let stall = self.stall.clone();
        let open_groups = self.open_groups.clone();
        self.read(self.counts.as_ref(), move |connection| {
            status::status(connection, &path, stall.now(), open_groups.now())
        })
    }

    fn claim_tellings(&self, claim: TellClaim) -> Receipt<Vec<Telling>> {
        self.change(move |batch| tellings::claim(batch, &claim))
    }

    fn settle_tellings(&self, told: Vec<Told>) -> Receipt<Settled> {
        self.change(move |batch| tellings::settle(batch, &told))
    }

    fn next_telling(&self, sink: &str, interval: Duration) -> Receipt<Option<Timestamp>> {
        let sink = sink.to_owned();
        self.change(move |batch| tellings::next(batch, &sink, interval))
    }

    fn put_silence(&self, silence: Silence) -> Receipt<()> {
        self.change(move |batch| silences::put(batch, &silence))
    }

    fn expire_silence(&self, id: &str, now: Timestamp) -> Receipt<bool> {
        let id = id.to_owned();
        self.change(move |batch| silences::expire(batch, &id, now))
    }

    fn silences(&self) -> Receipt<Vec<Silence>> {
        self.read(self.counts.as_ref(), silences::all)
    }

    fn silences_version(&self) -> Receipt<u64> {
        self.read(self.counts.as_ref(), silences::version)
    }

    fn trace(&self, reference: &str) -> Receipt<Option<Trace>> {
        let reference = reference.to_owned();
        self.read(self.lists.as_ref(), move |connection| {
            trace::trace(connection, &reference)
        })
    }

    fn newest(&self, limit: usize) -> Receipt<Vec<String>> {
        self.read(self.lists.as_ref(), move |connection| {
            trace::newest(connection, limit)
        })
    }

    fn reference_of(&self, sink: &str, id: &str) -> Receipt<Option<String>> {
        let (sink, id) = (sink.to_owned(), id.to_owned());
        self.read(self.lists.as_ref(), move |connection| {
            trace::reference_of(connection, &sink, &id)
        })
    }

    fn members(&self, group: i64, after: Option<String>, limit: usize) -> Receipt<Vec<String>> {
        self.read(self.lists.as_ref(), move |connection| {
            trace::members(connection, group, after.as_deref(), limit)
        })
    }

    fn noise(&self, since: Timestamp, limit: usize) -> Receipt<Noise> {
        self.read(self.lists.as_ref(), move |connection| {
            noise::noise(connection, since, limit)
        })
    }

    fn stored(&self, since: Timestamp, after: i64, limit: usize) -> Receipt<Vec<Stored>> {
        self.read(self.lists.as_ref(), move |connection| {
            stored::stored(connection, since, after, limit)
        })
    }

    fn claim_tallies(
        &self,
        kind: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Receipt<Vec<ClaimedTally>> {
        let kind = kind.to_owned();
        self.change(move |batch| tallies::claim(batch, &kind, now, lease, limit))
    }

    fn settle_tally(
        &self,
        number: i64,
        fence: i64,
        verdict: TallyVerdict,
        at: Timestamp,
    ) -> Receipt<bool> {
        self.change(move |batch| tallies::settle(batch, number, fence, &verdict, at))
    }

    fn add_jobs(&self, jobs: Vec<NewJob>) -> Receipt<u64> {
        self.change(move |batch| jobs::add(batch, &jobs))
    }

    fn claim_jobs(&self, claim: JobClaim) -> Receipt<Vec<ClaimedJob>> {
        self.change(move |batch| job_claims::claim(batch, &claim))
    }

    fn renew_jobs(&self, claims: Vec<(i64, i64)>, until: Timestamp) -> Receipt<Vec<i64>> {
        self.change(move |batch| job_claims::renew(batch, &claims, until))
    }

    fn release_jobs(&self, worker: &str) -> Receipt<u64> {
        let worker = worker.to_owned();
        self.change(move |batch| job_claims::release(batch, &worker))
    }

    fn keep_answer(
        &self,
        job: i64,
        fence: i64,
        input_hash: String,
        answer: Vec<u8>,
    ) -> Receipt<bool> {
        if let Some(error) = too_long(&answer) {
            return refused(error);
        }
        let answer = Packer::default().pack(answer);
        self.change(move |batch| job_claims::keep(batch, job, fence, &input_hash, &answer))
    }

    fn settle_job(&self, settlement: JobSettlement) -> Receipt<bool> {
        self.change(move |batch| job_claims::settle(batch, &settlement))
    }

    fn again(&self, sink: &str, id: &str, now: Timestamp) -> Receipt<bool> {
        let (sink, id) = (sink.to_owned(), id.to_owned());
        self.change(move |batch| jobs::again(batch, &sink, &id, now))
    }

    fn answer_of(&self, input_hash: &str, since: Timestamp) -> Receipt<Option<KnownAnswer>> {
        let input_hash = input_hash.to_owned();
        self.read(self.counts.as_ref(), move |connection| {
            reviews::answer_of(connection, &input_hash, since)
        })
    }

    fn jobs(&self, filter: JobFilter) -> Receipt<Vec<JobRow>> {
        self.read(self.lists.as_ref(), move |connection| {
            job_lists::jobs(connection, &filter)
        })
    }

    fn jobs_of(&self, sink: &str, ids: Vec<String>) -> Receipt<Vec<JobRow>> {
        let sink = sink.to_owned();
        self.read(self.lists.as_ref(), move |connection| {
            job_lists::jobs_of(connection, &sink, &ids)
        })
    }

    fn job_status(&self) -> Receipt<JobStatus> {
        self.read(self.counts.as_ref(), job_lists::status)
    }

    fn put_feedback(&self, job: i64, feedback: Feedback) -> Receipt<bool> {
        self.change(move |batch| reviews::put_feedback(batch, job, &feedback))
    }

    fn feedback(&self, since: Timestamp) -> Receipt<Vec<FeedbackRow>> {
        self.read(self.lists.as_ref(), move |connection| {
            reviews::feedback(connection, since)
        })
    }

    fn seen(&self, rule_id: &str, agent: &str, since: Timestamp) -> Receipt<Seen> {
        let (rule_id, agent) = (rule_id.to_owned(), agent.to_owned());
        self.read(self.counts.as_ref(), move |connection| {
            seen::seen(connection, &rule_id, &agent, since)
        })
    }

    fn earlier(&self, rule_id: &str, since: Timestamp) -> Receipt<Vec<(String, u64)>> {
        let rule_id = rule_id.to_owned();
        self.read(self.counts.as_ref(), move |connection| {
            reviews::earlier(connection, &rule_id, since)
        })
    }
}
