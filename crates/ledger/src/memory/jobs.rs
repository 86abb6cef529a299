//! The model's triage jobs: how they come into being, come again, and are forgotten.

use std::time::Duration;

use jiff::Timestamp;

use super::model::Model;
use crate::{HIGHEST_JOB_LEVEL, JobState, JobWish, NewJob, attempts::bounded};

/// Its number is its place in the list plus one.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) new: NewJob,
    pub(super) state: State,
    pub(super) worker: Option<String>,
    /// When it was claimed last.
    pub(super) claimed_at: Option<Timestamp>,
    pub(super) fence: i64,
    pub(super) begun: u32,
    pub(super) failures: u32,
    pub(super) asked_again: u32,
    /// Why it was put off last, or did not end well.
    pub(super) why: Option<String>,
    /// With the hash of the question.
    pub(super) answer: Option<(String, Vec<u8>)>,
    pub(super) feedback: Option<(Option<String>, Option<String>)>,
    /// The opinion on the verdict before it came again, while it is still shown.
    pub(super) opinion_before: Option<String>,
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
            claimed_at: None,
            fence: 0,
            begun: 0,
            failures: 0,
            asked_again: 0,
            why: None,
            answer: None,
            feedback: None,
            opinion_before: None,
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

    pub(super) fn end(&mut self, at: Timestamp, how: End, why: Option<&str>) {
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
    /// it is; the job of another alert, which the sink had before it was set up anew, begins anew as this one's.
    pub(super) fn wish(&mut self, delivery: usize, id: &str, wish: &JobWish, at: Timestamp) {
        let delivery = &self.deliveries[delivery];
        let reference = self.alerts[delivery.alert].reference.clone();
        let mut new = NewJob {
            sink: delivery.sink.clone(),
            id: id.into(),
            reference,
            lane: delivery.lane.clone(),
            rule_id: wish.rule_id.clone(),
            level: wish.level,
            created_at: at,
        };
        let Some(known) = self.job_of(&new.sink, id) else {
            self.add_jobs(vec![new]);
            return;
        };
        let job = &mut self.jobs[known];
        if job.new.reference.is_empty() {
            job.new.reference = new.reference;
        } else if job.new.reference != new.reference && !new.reference.is_empty() {
            new.level = new.level.min(HIGHEST_JOB_LEVEL);
            *job = JobRow {
                // What is still said of the old alert must not be heard.
                fence: job.fence + 1,
                ..JobRow::new(new)
            };
        }
    }

    pub(super) fn again(&mut self, sink: &str, id: &str, now: Timestamp) -> bool {
        let Some(place) = self.job_of(sink, id) else {
            return false;
        };
        let job = &mut self.jobs[place];
        if job.ended_at().is_none() {
            return false;
        }
        let opinion = job.feedback.take().and_then(|(opinion, _)| opinion);
        *job = JobRow {
            // What an earlier claim still says must not be heard.
            fence: job.fence,
            worker: job.worker.take(),
            asked_again: job.asked_again + 1,
            opinion_before: opinion.or(job.opinion_before.take()),
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

/// So long before; the beginning of time where there is no such time.
pub(super) fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX))
        .unwrap_or(Timestamp::MIN)
}
