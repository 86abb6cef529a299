//! The model's triage jobs: who may claim which, and how they end.

use std::time::Duration;

use jiff::Timestamp;

use super::model::Model;
use crate::{
    ClaimedJob, HIGHEST_JOB_LEVEL, JobClaim, JobSettlement, JobState, JobVerdict, JobWish,
    LONGEST_WAIT, MOST_TOO_OLD, NewJob, attempts::bounded,
};

/// Its number is its place in the list plus one.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) new: NewJob,
    pub(super) state: State,
    pub(super) worker: Option<String>,
    pub(super) fence: i64,
    pub(super) begun: u32,
    pub(super) failures: u32,
    /// Why it was put off last, or did not end well.
    pub(super) why: Option<String>,
    /// With the hash of the question.
    pub(super) answer: Option<(String, Vec<u8>)>,
    pub(super) feedback: Option<(Option<String>, Option<String>)>,
    pub(super) forgotten: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Waiting { due_at: Timestamp },
    Claimed { lease_until: Timestamp },
    Ended { at: Timestamp, how: End },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Reviewed { verdict: String, model: String },
    Failed { class: String },
    Skipped,
}

impl JobRow {
    fn new(new: NewJob) -> Self {
        Self {
            new,
            state: State::Ready,
            worker: None,
            fence: 0,
            begun: 0,
            failures: 0,
            why: None,
            answer: None,
            feedback: None,
            forgotten: false,
        }
    }

    /// It waits, at once or until it is due.
    pub(super) fn pending(&self) -> bool {
        !self.forgotten && matches!(self.state, State::Ready | State::Waiting { .. })
    }

    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Ended { at, .. } if !self.forgotten => Some(at),
            _ => None,
        }
    }

    pub(super) fn word(&self) -> JobState {
        match &self.state {
            State::Ready | State::Waiting { .. } => JobState::Pending,
            State::Claimed { .. } => JobState::Claimed,
            State::Ended { how, .. } => match how {
                End::Reviewed { .. } => JobState::Reviewed,
                End::Failed { .. } => JobState::Failed,
                End::Skipped => JobState::Skipped,
            },
        }
    }

    fn end(&mut self, at: Timestamp, how: End, why: Option<&str>) {
        self.why = why.map(|why| bounded(why).into());
        self.state = State::Ended { at, how };
    }
}

impl Model {
    /// The place of the job of an alert.
    pub(super) fn job_of(&self, sink: &str, id: &str) -> Option<usize> {
        self.jobs
            .iter()
            .position(|job| !job.forgotten && job.new.sink == sink && job.new.id == id)
    }

    pub(super) fn add_jobs(&mut self, jobs: Vec<NewJob>) -> u64 {
        let mut added = 0;
        for mut job in jobs {
            if job.id.is_empty() || self.job_of(&job.sink, &job.id).is_some() {
                continue;
            }
            if job.reference.is_empty() {
                job.reference = self.reference_of(&job.sink, &job.id).unwrap_or_default();
            }
            job.level = job.level.min(HIGHEST_JOB_LEVEL);
            self.jobs.push(JobRow::new(job));
            added += 1;
        }
        added
    }

    /// A delivery was settled whose alert is to be looked at. One that was found at the sink before that was known is told whose
    /// it is.
    pub(super) fn wish(&mut self, delivery: usize, id: &str, wish: &JobWish, at: Timestamp) {
        let delivery = &self.deliveries[delivery];
        let reference = self.alerts[delivery.alert].reference.clone();
        if let Some(known) = self.job_of(&delivery.sink, id) {
            let job = &mut self.jobs[known].new;
            if job.reference.is_empty() {
                job.reference = reference;
            }
            return;
        }
        let job = NewJob {
            sink: delivery.sink.clone(),
            id: id.into(),
            reference,
            lane: delivery.lane.clone(),
            rule_id: wish.rule_id.clone(),
            level: wish.level,
            created_at: at,
        };
        self.add_jobs(vec![job]);
    }

    pub(super) fn claim_jobs(&mut self, claim: &JobClaim) -> Vec<ClaimedJob> {
        self.free_jobs(claim.now);
        let oldest = claim.max_age.map(|age| before(claim.now, age));
        let too_old = |job: &JobRow| oldest.is_some_and(|oldest| job.new.created_at < oldest);
        let mut old: Vec<(Timestamp, usize)> = Vec::new();
        let mut ready: Vec<usize> = Vec::new();
        for (place, job) in self.jobs.iter().enumerate() {
            if job.pending() && too_old(job) {
                old.push((job.new.created_at, place));
            } else if job.pending() && job.state == State::Ready {
                ready.push(place);
            }
        }
        old.sort_unstable();
        for (_, place) in old.into_iter().take(MOST_TOO_OLD) {
            self.jobs[place].end(claim.now, End::Skipped, Some("too old"));
        }
        ready.sort_by_key(|&place| {
            let new = &self.jobs[place].new;
            let rank = i64::from(new.level) + gained(new.created_at, claim);
            (std::cmp::Reverse(rank), new.created_at, place)
        });
        ready.truncate(claim.limit);
        let lease_until = claim.now + claim.lease.min(LONGEST_WAIT);
        let give = |place| self.give_job(place, &claim.worker, lease_until);
        ready.into_iter().map(give).collect()
    }

    /// What is due is ready, and what nobody holds any more as well.
    fn free_jobs(&mut self, now: Timestamp) {
        let latest = now + LONGEST_WAIT;
        for job in &mut self.jobs {
            match job.state {
                State::Waiting { due_at } if due_at <= now || due_at > latest => {
                    job.state = State::Ready;
                }
                State::Claimed { lease_until } if lease_until < now || lease_until > latest => {
                    job.state = State::Ready;
                }
                _ => {}
            }
        }
    }

    fn give_job(&mut self, place: usize, worker: &str, lease_until: Timestamp) -> ClaimedJob {
        let job = &mut self.jobs[place];
        job.state = State::Claimed { lease_until };
        job.worker = Some(bounded(worker).into());
        job.begun += 1;
        job.fence += 1;
        let (job, new) = (job.clone(), &self.jobs[place].new);
        let alert = self.known(&new.reference).map(|known| &self.alerts[known]);
        ClaimedJob {
            job: place as i64 + 1,
            fence: job.fence,
            sink: new.sink.clone(),
            id: new.id.clone(),
            reference: new.reference.clone(),
            lane: new.lane.clone(),
            rule_id: new.rule_id.clone(),
            level: new.level,
            begun: job.begun,
            failures: job.failures,
            created_at: new.created_at,
            answer: job.answer.map(|(_, answer)| answer),
            payload: alert
                .filter(|alert| alert.payload_kept)
                .map(|alert| alert.arrival.payload.clone()),
            received_at: alert.map(|alert| alert.received_at),
        }
    }

    /// A job whose claim still holds.
    fn held(&mut self, job: i64, fence: i64) -> Option<&mut JobRow> {
        let place = usize::try_from(job.checked_sub(1)?).ok()?;
        let held =
            |job: &&mut JobRow| job.fence == fence && matches!(job.state, State::Claimed { .. });
        self.jobs.get_mut(place).filter(held)
    }

    pub(super) fn renew_jobs(&mut self, claims: &[(i64, i64)], until: Timestamp) -> Vec<i64> {
        let mut lost = Vec::new();
        for &(job, fence) in claims {
            match self.held(job, fence) {
                Some(held) => held.state = State::Claimed { lease_until: until },
                None => lost.push(job),
            }
        }
        lost
    }

    pub(super) fn release_jobs(&mut self, worker: &str) -> u64 {
        let mut released = 0;
        for job in &mut self.jobs {
            let claimed = matches!(job.state, State::Claimed { .. });
            if claimed && job.worker.as_deref() == Some(bounded(worker)) {
                job.state = State::Ready;
                released += 1;
            }
        }
        released
    }

    pub(super) fn keep_answer(
        &mut self,
        job: i64,
        fence: i64,
        input_hash: String,
        answer: Vec<u8>,
    ) -> bool {
        let Some(held) = self.held(job, fence) else {
            return false;
        };
        held.answer = (!answer.is_empty()).then_some((input_hash, answer));
        true
    }

    pub(super) fn settle_job(&mut self, settlement: JobSettlement) -> bool {
        let at = settlement.at;
        let Some(job) = self.held(settlement.job, settlement.fence) else {
            return false;
        };
        match settlement.verdict {
            JobVerdict::Reviewed { verdict, model } => {
                let verdict = bounded(&verdict).into();
                let model = bounded(&model).into();
                job.end(at, End::Reviewed { verdict, model }, None);
            }
            JobVerdict::Failed { class, why } => {
                let class = bounded(&class).into();
                job.end(at, End::Failed { class }, Some(&why));
            }
            JobVerdict::Skipped { why } => job.end(at, End::Skipped, Some(&why)),
            JobVerdict::Retry { due_at, why, blame } => {
                job.failures += u32::from(blame);
                job.why = Some(bounded(&why).into());
                job.state = State::Waiting {
                    due_at: due_at.min(at + LONGEST_WAIT),
                };
            }
            JobVerdict::Returned => {
                job.begun -= 1;
                job.state = State::Ready;
            }
        }
        true
    }

    pub(super) fn again(&mut self, sink: &str, id: &str, now: Timestamp) -> bool {
        let Some(place) = self.job_of(sink, id) else {
            return false;
        };
        let job = &mut self.jobs[place];
        if job.ended_at().is_none() {
            return false;
        }
        *job = JobRow {
            // What an earlier claim still says must not be heard.
            fence: job.fence,
            worker: job.worker.take(),
            ..JobRow::new(NewJob {
                created_at: now,
                ..job.new.clone()
            })
        };
        true
    }

    /// Forgets answers, then jobs; says how many.
    pub(super) fn forget_jobs(
        &mut self,
        answers_before: Timestamp,
        jobs_before: Timestamp,
        limit: usize,
    ) -> usize {
        let mut left = limit;
        let ended = |job: &JobRow| job.ended_at();
        for place in self.jobs_before(answers_before.max(jobs_before), ended) {
            if left > 0 && self.jobs[place].answer.take().is_some() {
                left -= 1;
            }
        }
        // Those nobody ever looked at as well: their alerts are forgotten by now.
        let waiting = |job: &JobRow| job.pending().then_some(job.new.created_at);
        for old in [
            self.jobs_before(jobs_before, |job| ended_as(job, JobState::Reviewed)),
            self.jobs_before(jobs_before, |job| ended_as(job, JobState::Failed)),
            self.jobs_before(jobs_before, |job| ended_as(job, JobState::Skipped)),
            self.jobs_before(jobs_before, waiting),
        ] {
            for place in old {
                if left > 0 {
                    self.jobs[place].forgotten = true;
                    left -= 1;
                }
            }
        }
        limit - left
    }

    /// Jobs of which this lies before a time, in its order.
    fn jobs_before(
        &self,
        before: Timestamp,
        time: impl Fn(&JobRow) -> Option<Timestamp>,
    ) -> Vec<usize> {
        let mut found: Vec<(Timestamp, usize)> = Vec::new();
        for (place, job) in self.jobs.iter().enumerate() {
            found.extend(time(job).filter(|at| *at < before).map(|at| (at, place)));
        }
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }
}

fn ended_as(job: &JobRow, state: JobState) -> Option<Timestamp> {
    job.ended_at().filter(|_| job.word() == state)
}

/// Levels a job has gained by waiting.
fn gained(created_at: Timestamp, claim: &JobClaim) -> i64 {
    let waited = (claim.now.as_millisecond() - created_at.as_millisecond()).max(0);
    match i64::try_from(claim.ageing.as_millis()) {
        Ok(0) | Err(_) => 0,
        Ok(ageing) => waited / ageing,
    }
}

/// So long before; the beginning of time where there is no such time.
pub(super) fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX))
        .unwrap_or(Timestamp::MIN)
}
