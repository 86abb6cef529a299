//! What IRIS shows of a job's end, and what it means for the job where that did not work.

use std::{sync::PoisonError, time::Duration};

use alertbridge_ledger::{ClaimedJob, JobVerdict};
use alertbridge_sinks::{Amended, Outcome, Scope};
use alertbridge_triage::note;
use tokio::time::Instant;
use tracing::warn;

use super::{Course, LONGEST_WAIT, Worker, skipped};
use crate::{
    delivery::backoff,
    triage::{REFUSED, Trouble, mirror::Shown},
};

/// Claims in which IRIS said no to one alert while it took others.
const MOST_ALONE: u32 = 25;

/// IRIS does not let us change it: not asked for again for a while, although its tag stays.
fn refused(why: &str) -> Course {
    Course::Settle(JobVerdict::Failed {
        class: REFUSED.to_owned(),
        why: why.to_owned(),
    })
}

impl Worker {
    /// Tells people that there will be no review, and why.
    pub(super) async fn give_up(&self, job: &ClaimedJob, trouble: &Trouble) -> Course {
        if let Trouble::Prompt(_) = trouble {
            self.shared.metrics.triage.failure(trouble.class());
        }
        self.tell_failure(job, trouble.class().as_str(), trouble.to_string())
            .await
    }

    /// The class, and what it means, in the alert's note.
    pub(super) async fn tell_failure(&self, job: &ClaimedJob, class: &str, why: String) -> Course {
        let provenance = self.shared.reviewer.provenance(None, None, job.job);
        let text = note::write_failure(class, &why, &provenance);
        let shown = Shown {
            state: &self.shared.mirror.tags().failed,
            tags: &[],
            text: Some(&text),
        };
        let verdict = JobVerdict::Failed {
            class: class.to_owned(),
            why,
        };
        self.show(job, &shown, verdict).await
    }

    /// Shows the job's end. Where IRIS takes no text (its note is too long, say), the tags at least say that there is none.
    pub(super) async fn show(
        &self,
        job: &ClaimedJob,
        shown: &Shown<'_>,
        verdict: JobVerdict,
    ) -> Course {
        let mirror = &self.shared.mirror;
        match (mirror.ended(job, shown).await, shown.text) {
            (Amended::Never { why }, Some(_)) => {
                let tags_alone = Shown {
                    state: &mirror.tags().failed,
                    tags: &[],
                    text: None,
                };
                let amended = mirror.ended(job, &tags_alone).await;
                let verdict = JobVerdict::Failed {
                    class: REFUSED.to_owned(),
                    why,
                };
                self.written(job, amended, verdict)
            }
            (amended, _) => self.written(job, amended, verdict),
        }
    }

    /// The job's end, if IRIS shows it.
    fn written(&self, job: &ClaimedJob, amended: Amended, verdict: JobVerdict) -> Course {
        if matches!(amended, Amended::TagsKept(_)) {
            return Course::Settle(tags_kept(&verdict));
        }
        self.not_written(job, amended)
            .unwrap_or(Course::Settle(verdict))
    }

    /// What an amendment that did not get through means for the job.
    pub(super) fn not_written(&self, job: &ClaimedJob, amended: Amended) -> Option<Course> {
        match amended {
            // A claim that can't be shown hinders nobody.
            Amended::Written(_) | Amended::TagsKept(_) | Amended::Unchanged => None,
            Amended::Overruled => Some(skipped("people changed its tags while it was worked on")),
            Amended::Ended { why } => Some(skipped(&format!("the alert is {why}"))),
            Amended::Retry {
                after,
                why,
                sink_wide,
            } => Some(self.iris_failed(
                job,
                &Outcome::Retry {
                    after,
                    why,
                    sink_wide,
                },
            )),
            Amended::Paused { scope, why } => {
                Some(self.iris_failed(job, &Outcome::Paused { scope, why }))
            }
            // Nothing can be shown, so the tag stays: it is not asked for again by that tag alone.
            Amended::Never { why } => Some(refused(&why)),
        }
    }

    /// IRIS can't be worked with right now. Where that is said of IRIS as a whole nothing is claimed for a while; what is said of
    /// this alert alone holds up no other, and ends some time.
    pub(super) fn iris_failed(&self, job: &ClaimedJob, outcome: &Outcome) -> Course {
        let (after, why, alone) = match outcome {
            Outcome::Retry {
                after,
                why,
                sink_wide,
            } => (after.unwrap_or_default(), why, !sink_wide),
            Outcome::Paused { why, scope } => (Duration::ZERO, why, *scope == Scope::Lane),
            Outcome::Unknown { why } => (Duration::ZERO, why, false),
            Outcome::Never { why } => return refused(why),
            Outcome::Delivered(_) | Outcome::AlreadyThere(_) => {
                return Course::Settle(JobVerdict::Returned);
            }
        };
        if alone && job.begun > MOST_ALONE {
            return refused(why);
        }
        let wait = if alone {
            backoff::step(job.begun).max(after).min(LONGEST_WAIT)
        } else {
            self.rest(why, after)
        };
        Course::Settle(JobVerdict::Retry {
            due_at: self.shared.clock.now() + backoff::wait(job.begun).max(wait),
            why: format!("IRIS: {why}"),
            blame: false,
        })
    }

    /// Nothing is claimed for a while.
    fn rest(&self, why: &str, after: Duration) -> Duration {
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
        wait
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

/// The tag that asks for a review is still there, so the job must not count as done: it would be asked for again at each look.
fn tags_kept(verdict: &JobVerdict) -> JobVerdict {
    let said = match verdict {
        JobVerdict::Reviewed { .. } => "; the review is in a comment",
        JobVerdict::Failed { .. } => "; why there is no review is in a comment",
        JobVerdict::Skipped { .. } | JobVerdict::Retry { .. } | JobVerdict::Returned => "",
    };
    JobVerdict::Failed {
        class: REFUSED.to_owned(),
        why: format!("IRIS before 2.4.15 can't change the tags of an alert that nobody owns{said}"),
    }
}
