//! One worker: claims a job, has it reviewed, writes the review, settles.
//!
//! Nothing is claimed while the model or IRIS can't be worked with, so a model that is down costs IRIS no request. What a crash
//! leaves: a claim whose lease ends; the next one finds the kept answer, or the text already written, and goes on from there.

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
mod thinking;
mod writing;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alertbridge_ledger::{ClaimedJob, JobClaim, JobSettlement, JobVerdict, Ledger, LedgerError};
use alertbridge_sinks::SeenAlert;
use futures_util::FutureExt;
use jiff::SignedDuration;
use tokio::{sync::watch, time::Instant};
use tracing::{debug, error, info, warn};

use super::{
    Kept, Reviewer, TriageConfig,
    doorway::{Doorway, Entry},
    facts::Facts,
    lease::Lease,
    metrics::TriageOutcome,
    mirror::{Mirror, Shown},
};
use crate::{clock::Clock, metrics::Metrics};

/// Between two looks for a job where there is none.
const IDLE: Duration = Duration::from_secs(1);
/// Longest wait of a job that is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Claims of one job that came to no end.
const MOST_BEGUN: u32 = 100;
/// What a worker that is told to stop may still take to put a job back.
const GRACE: Duration = Duration::from_secs(5);

/// What all workers of a process share.
pub struct Shared {
    pub ledger: Arc<dyn Ledger>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub reviewer: Arc<Reviewer>,
    pub mirror: Mirror,
    pub facts: Facts,
    pub doorway: Doorway,
    pub config: TriageConfig,
    /// Until when IRIS is left alone, and how often it failed in a row.
    pub rest: Mutex<(u32, Option<Instant>)>,
}

impl Shared {
    /// Nobody has changed it for so long that whoever had it under way is gone.
    pub fn is_stale(&self, seen: &SeenAlert) -> bool {
        let after = i64::try_from(self.config.stale_after).unwrap_or(i64::MAX);
        seen.updated_at
            .is_none_or(|at| self.clock.now().duration_since(at) > SignedDuration::from_secs(after))
    }
}

/// Takes one job after the other.
pub struct Worker {
    shared: Arc<Shared>,
    name: String,
    stop: watch::Receiver<bool>,
    /// End where nothing waits any more.
    until_empty: bool,
    /// The job at hand tells whether the model's server is back.
    probing: bool,
}

/// What became of one job.
enum Course {
    /// It ended so.
    Settle(JobVerdict),
    /// Another worker has it now.
    Lost,
    /// The program stops.
    Stopped,
}

impl Worker {
    /// A worker of this name; names are for people.
    pub fn new(
        shared: Arc<Shared>,
        name: String,
        stop: watch::Receiver<bool>,
        until_empty: bool,
    ) -> Self {
        Self {
            shared,
            name,
            stop,
            until_empty,
            probing: false,
        }
    }

    /// Works until told to stop (or until nothing waits). Returns how many jobs it ended.
    pub async fn run(mut self) -> u64 {
        let shared = self.shared.clone();
        let mut ended = 0;
        while !*self.stop.borrow() {
            if let Some(wait) = self.resting() {
                self.sleep(wait).await;
                continue;
            }
            let entry = tokio::select! {
                entry = shared.doorway.enter() => entry,
                _ = self.stop.wait_for(|stop| *stop) => break,
            };
            let permit = match entry {
                Entry::Open(permit) => permit,
                Entry::Wait(wait) => {
                    self.sleep(wait).await;
                    continue;
                }
            };
            let job = match self.claim().await {
                Ok(Some(job)) => job,
                Ok(None) => {
                    shared.doorway.leave(&permit, false);
                    if self.until_empty && self.is_empty().await {
                        break;
                    }
                    self.sleep(IDLE).await;
                    continue;
                }
                Err(LedgerError::Closed) => {
                    if !*self.stop.borrow() {
                        error!("the ledger has stopped");
                    }
                    break;
                }
                Err(error) => {
                    shared.doorway.leave(&permit, false);
                    error!(%error, "the ledger gives no triage job");
                    self.sleep(IDLE * 5).await;
                    continue;
                }
            };
            self.probing = permit.is_probe();
            ended += u64::from(self.one(job).await);
            shared.doorway.leave(&permit, true);
        }
        ended
    }

    async fn sleep(&mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn claim(&self) -> Result<Option<ClaimedJob>, LedgerError> {
        let shared = &self.shared;
        let claim = JobClaim {
            worker: self.name.clone(),
            limit: 1,
            now: shared.clock.now(),
            lease: shared.config.lease(),
            ageing: Duration::from_secs(shared.config.ageing),
            // Told to people by a tag, so that a look for tags does not bring it back.
            max_age: None,
        };
        let claimed = shared.ledger.claim_jobs(claim).await;
        Ok(claimed
            .unwrap_or(Err(LedgerError::Closed))?
            .into_iter()
            .next())
    }

    async fn is_empty(&self) -> bool {
        match self.shared.ledger.job_status().await {
            Ok(Ok(status)) => status.pending + status.claimed == 0,
            _ => true,
        }
    }

    /// True where the job has ended for good.
    async fn one(&mut self, job: ClaimedJob) -> bool {
        let shared = self.shared.clone();
        let lease = Lease::hold(
            shared.ledger.clone(),
            shared.clock.clone(),
            &job,
            shared.config.lease(),
        );
        let course = AssertUnwindSafe(self.course(&job, &lease))
            .catch_unwind()
            .await;
        let course = match course {
            Ok(course) => course,
            Err(_) => self.broke_off(&job).await,
        };
        let verdict = match course {
            Course::Settle(verdict) => verdict,
            Course::Lost => {
                shared.metrics.triage.ended(TriageOutcome::Lost, "");
                info!(
                    job = job.job,
                    alert = job.id,
                    "another worker has taken over this triage job"
                );
                return false;
            }
            Course::Stopped => {
                self.put_back(&job).await;
                JobVerdict::Returned
            }
        };
        let settlement = JobSettlement {
            job: job.job,
            fence: job.fence,
            at: shared.clock.now(),
            verdict: verdict.clone(),
        };
        match shared.ledger.settle_job(settlement).await {
            Ok(Ok(true)) => self.told(&job, &verdict),
            Ok(Ok(false)) => {
                warn!(
                    job = job.job,
                    "a triage job was settled by another worker meanwhile"
                );
                false
            }
            Ok(Err(error)) => {
                // Its lease ends, and the kept answer is written again: no change.
                error!(%error, job = job.job, "a triage job can't be settled");
                false
            }
            Err(_) => false,
        }
    }

    /// One alert that our own code can't stand must not stop the others.
    async fn broke_off(&self, job: &ClaimedJob) -> Course {
        error!(
            job = job.job,
            alert = job.id,
            "a review broke off; this is a fault in alertbridge"
        );
        let why = "fault in alertbridge: the review broke off".to_owned();
        if job.failures + 1 < self.shared.config.attempts {
            return Course::Settle(JobVerdict::Retry {
                due_at: self.shared.clock.now() + LONGEST_WAIT,
                why,
                blame: true,
            });
        }
        let told = AssertUnwindSafe(self.tell_failure(job, super::FAULT, why.clone()))
            .catch_unwind()
            .await;
        told.unwrap_or(Course::Settle(JobVerdict::Failed {
            class: super::FAULT.to_owned(),
            why,
        }))
    }

    /// People see that it waits again. In vain where IRIS does not answer: the next claim sets it right.
    async fn put_back(&self, job: &ClaimedJob) {
        if self.shared.config.mirror_claim
            && tokio::time::timeout(GRACE, self.shared.mirror.pending(job))
                .await
                .is_err()
        {
            debug!(
                job = job.job,
                "the tag of a triage job could not be put back"
            );
        }
    }

    fn told(&self, job: &ClaimedJob, verdict: &JobVerdict) -> bool {
        let metrics = &self.shared.metrics.triage;
        match verdict {
            JobVerdict::Reviewed { verdict, .. } => {
                metrics.ended(TriageOutcome::Reviewed, verdict);
                info!(job = job.job, alert = job.id, verdict, "reviewed");
            }
            JobVerdict::Failed { class, why } => {
                metrics.ended(TriageOutcome::Failed, class);
                warn!(job = job.job, alert = job.id, class, why, "no review");
            }
            JobVerdict::Skipped { why } => {
                metrics.ended(TriageOutcome::Skipped, "");
                info!(job = job.job, alert = job.id, why, "left out");
            }
            JobVerdict::Retry { why, .. } => {
                metrics.ended(TriageOutcome::Retried, "");
                debug!(job = job.job, alert = job.id, why, "tried again later");
                return false;
            }
            JobVerdict::Returned => return false,
        }
        true
    }

    async fn course(&mut self, job: &ClaimedJob, lease: &Lease) -> Course {
        let shared = self.shared.clone();
        let tags = shared.mirror.tags().clone();
        let seen = match shared.mirror.iris().read(&job.id).await {
            Ok(Some(seen)) => seen,
            Ok(None) => {
                return skipped("the alert is deleted in IRIS, or hidden from the key's user");
            }
            Err(outcome) => return self.iris_failed(job, &outcome),
        };
        self.iris_answered();
        if let Some(ending) = seen.ended {
            return skipped(&format!("the alert is {ending}"));
        }
        let has = |tag: &str| seen.tags.iter().any(|one| one == tag);
        if has(&tags.skip) {
            return skipped("people set the tag that says hands off");
        }
        let kept = job.answer.as_deref().and_then(Kept::from_bytes);
        if !has(&tags.pending) && !has(&tags.processing) {
            return match kept {
                // Written before a crash, and settled now.
                Some(kept) if has(&tags.reviewed) => reviewed(&kept),
                _ if has(&tags.failed) => Course::Settle(JobVerdict::Failed {
                    class: "told".to_owned(),
                    why: "the alert shows why".to_owned(),
                }),
                _ => skipped("the tag that asks for it was taken off"),
            };
        }
        if !has(&tags.pending) && job.begun == 1 && !shared.is_stale(&seen) {
            // Another program works on it, by all appearances.
            let later = Duration::from_secs(self.shared.config.stale_after);
            return Course::Settle(JobVerdict::Retry {
                due_at: self.shared.clock.now() + later,
                why: "another worker has it under way".to_owned(),
                blame: false,
            });
        }
        if kept.is_none() && self.too_old(job) {
            let shown = Shown {
                state: &tags.skipped,
                tags: &[],
                text: None,
            };
            let verdict = JobVerdict::Skipped {
                why: "too old".into(),
            };
            return self.show(job, &shown, verdict).await;
        }
        let kept = match kept {
            Some(kept) => kept,
            // Begun so often and never ended: it may be what kills the program.
            None if job.begun > MOST_BEGUN => {
                let why = format!("it was begun {MOST_BEGUN} times and never came to an end");
                return self.tell_failure(job, "never_ended", why).await;
            }
            None => match self.think(job, &seen, lease).await {
                Ok(kept) => kept,
                Err(course) => return course,
            },
        };
        if !lease.still_held().await {
            return Course::Lost;
        }
        let shown = Shown {
            state: &tags.reviewed,
            tags: &kept.tags,
            text: Some(&kept.text),
        };
        self.show(job, &shown, verdict_of(&kept)).await
    }

    fn too_old(&self, job: &ClaimedJob) -> bool {
        let most = self.shared.config.max_age;
        let age = self.shared.clock.now().duration_since(job.created_at);
        most > 0 && age > SignedDuration::from_secs(i64::try_from(most).unwrap_or(i64::MAX))
    }

    fn resting(&self) -> Option<Duration> {
        let rest = self
            .shared
            .rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rest.1
            .map(|until| until.saturating_duration_since(Instant::now()))
            .filter(|wait| !wait.is_zero())
    }
}

fn skipped(why: &str) -> Course {
    Course::Settle(JobVerdict::Skipped {
        why: why.to_owned(),
    })
}

fn reviewed(kept: &Kept) -> Course {
    Course::Settle(verdict_of(kept))
}

fn verdict_of(kept: &Kept) -> JobVerdict {
    JobVerdict::Reviewed {
        verdict: kept.verdict.clone(),
        model: kept.provenance.model.clone(),
    }
}
