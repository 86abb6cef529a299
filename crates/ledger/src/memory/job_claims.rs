//! Which of the model's triage jobs are given to whom, and what came of that.

use jiff::Timestamp;

use super::{
    jobs::{End, JobRow, State, before},
    model::Model,
};
use crate::{
    ClaimedJob, JobClaim, JobSettlement, JobVerdict, LONGEST_WAIT, MOST_TOO_OLD, attempts::bounded,
};

impl Model {
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
        let give = |place| self.give_job(place, claim, lease_until);
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

    fn give_job(&mut self, place: usize, claim: &JobClaim, lease_until: Timestamp) -> ClaimedJob {
        let job = &mut self.jobs[place];
        job.state = State::Claimed { lease_until };
        job.worker = Some(bounded(&claim.worker).into());
        job.claimed_at = Some(claim.now);
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
            asked_again: job.asked_again,
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
                Some(held) => {
                    // A later end would pass for a clock's fault, and the next claim would free what is held.
                    let latest = held.claimed_at.map_or(until, |at| at + LONGEST_WAIT);
                    held.state = State::Claimed {
                        lease_until: until.min(latest),
                    };
                }
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
}

/// Levels a job has gained by waiting.
fn gained(created_at: Timestamp, claim: &JobClaim) -> i64 {
    let waited = (claim.now.as_millisecond() - created_at.as_millisecond()).max(0);
    match i64::try_from(claim.ageing.as_millis()) {
        Ok(0) | Err(_) => 0,
        Ok(ageing) => waited / ageing,
    }
}
