//! What IRIS shows of a job's end, and what it means for the job where that did not work.

use std::{sync::PoisonError, time::Duration};

use alertbridge_ledger::{ClaimedJob, JobVerdict};
use alertbridge_sinks::{Amended, Outcome};
use alertbridge_triage::{PromptError, note};
use tokio::time::Instant;
use tracing::warn;

use super::{Course, LONGEST_WAIT, Worker, skipped};
use crate::{
    delivery::backoff,
    triage::{REFUSED, Trouble, mirror::Shown},
};

impl Worker {
    /// Tells people that there will be no review, and why.
    pub(super) async fn give_up(&self, job: &ClaimedJob, trouble: &Trouble) -> Course {
        let class = trouble.class().as_str();
        let why = trouble.to_string();
        if let Trouble::Prompt(PromptError::Secret { .. }) = trouble {
            self.shared.metrics.triage.failure(trouble.class());
        }
        let provenance = self.shared.reviewer.provenance(None, None, job.job);
        let text = note::write_failure(class, &why, &provenance);
        let shown = Shown {
            state: &self.shared.mirror.tags().failed,
            tags: &[],
            text: Some(&text),
        };
        let amended = self.shared.mirror.ended(job, &shown).await;
        let verdict = JobVerdict::Failed {
            class: class.to_owned(),
            why,
        };
        self.written(job, amended, verdict)
    }

    /// The job's end, if IRIS shows it.
    pub(super) fn written(
        &self,
        job: &ClaimedJob,
        amended: Amended,
        verdict: JobVerdict,
    ) -> Course {
        self.not_written(job, amended)
            .unwrap_or(Course::Settle(verdict))
    }

    /// What an amendment that did not get through means for the job.
    pub(super) fn not_written(&self, job: &ClaimedJob, amended: Amended) -> Option<Course> {
        match amended {
            Amended::Written(_) | Amended::Unchanged => None,
            Amended::Overruled => Some(skipped("people changed its tags while it was worked on")),
            Amended::Ended { why } => Some(skipped(&format!("the alert is {why}"))),
            Amended::Retry { after, why, .. } => Some(self.iris_failed(
                job,
                &Outcome::Retry {
                    after,
                    why,
                    sink_wide: true,
                },
            )),
            Amended::Paused { scope, why } => {
                Some(self.iris_failed(job, &Outcome::Paused { scope, why }))
            }
            // Nothing can be shown, so the tag stays: it is not asked for again by that tag alone.
            Amended::Never { why } => Some(Course::Settle(JobVerdict::Failed {
                class: REFUSED.to_owned(),
                why,
            })),
        }
    }

    /// IRIS can't be worked with right now: nothing is claimed for a while, nothing is lost.
    pub(super) fn iris_failed(&self, job: &ClaimedJob, outcome: &Outcome) -> Course {
        let (after, why) = match outcome {
            Outcome::Retry { after, why, .. } => (after.unwrap_or_default(), why),
            Outcome::Unknown { why } | Outcome::Paused { why, .. } | Outcome::Never { why } => {
                (Duration::ZERO, why)
            }
            Outcome::Delivered(_) | Outcome::AlreadyThere(_) => {
                return Course::Settle(JobVerdict::Returned);
            }
        };
        let mut rest = self
            .shared
            .rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rest.0 = rest.0.saturating_add(1);
        let wait = backoff::wait(rest.0).max(after).min(LONGEST_WAIT);
        if rest.0 == 1 {
            warn!(
                why,
                "IRIS does not take part in triage right now; jobs wait"
            );
        }
        rest.1 = Some(Instant::now() + wait);
        Course::Settle(JobVerdict::Retry {
            due_at: self.shared.clock.now() + backoff::wait(job.begun).max(wait),
            why: format!("IRIS: {why}"),
            blame: false,
        })
    }

    pub(super) fn iris_answered(&self) {
        let mut rest = self
            .shared
            .rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *rest = (0, None);
    }
}
