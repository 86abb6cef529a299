//! From a claimed job to a review that is kept in the ledger.

use std::time::Duration;

use alertbridge_ledger::{ClaimedJob, JobVerdict};
use alertbridge_sinks::SeenAlert;
use alertbridge_triage::{
    Prompt,
    model::{FailureKind, ModelError},
};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::{Course, LONGEST_WAIT, Worker};
use crate::{
    delivery::backoff,
    triage::{Asked, Kept, Material, Trouble, lease::Lease},
};

/// A job whose question failed comes so long after the server is tried again.
const BEHIND: Duration = Duration::from_secs(15);

impl Worker {
    /// From the alert to a review that is kept in the ledger.
    pub(super) async fn think(
        &mut self,
        job: &ClaimedJob,
        seen: &SeenAlert,
        lease: &Lease,
    ) -> Result<Kept, Course> {
        let shared = self.shared.clone();
        let now = shared.clock.now();
        let mut material = Material::of_job(job, seen);
        shared
            .facts
            .add(&mut material, job.payload.as_deref(), now)
            .await;
        if let Some(tokens) = shared.doorway.context() {
            shared.reviewer.fit(tokens);
        }
        // The second attempt shows less, where the first was too long.
        let smaller = job.failures > 0 || shared.doorway.has_failed(job.job);
        let prompt = match shared.reviewer.prompt(&material, smaller) {
            Ok(prompt) => prompt,
            Err(error) => return Err(self.give_up(job, &Trouble::Prompt(error)).await),
        };
        shared.metrics.triage.prompt(&prompt);
        let kept = match self.asked_before(job, &prompt, &material, now).await {
            Some(kept) => kept,
            None => {
                // A server that may still be down costs IRIS nothing.
                if shared.config.mirror_claim && !self.probing {
                    let amended = shared.mirror.processing(job).await;
                    if let Some(course) = self.not_written(job, amended) {
                        return Err(course);
                    }
                }
                let asked = self.ask(job, &prompt, lease).await?;
                let provenance = shared
                    .reviewer
                    .provenance(Some(&prompt), Some(&asked), job.job);
                let (review, kept) =
                    shared
                        .reviewer
                        .judge(asked.answer.clone(), &prompt, &material, provenance);
                shared.metrics.triage.review(&review, &asked);
                kept
            }
        };
        let keeping = shared.ledger.keep_answer(
            job.job,
            job.fence,
            prompt.input_hash.clone(),
            kept.to_bytes(),
        );
        match keeping.await {
            Ok(Ok(true)) => Ok(kept),
            Ok(Ok(false)) => Err(Course::Lost),
            // Written all the same: a crash right now would cost one more question, nothing else.
            Ok(Err(error)) => {
                warn!(%error, job = job.job, "an answer can't be kept");
                Ok(kept)
            }
            Err(_) => Err(Course::Lost),
        }
    }

    /// The answer to the same question, asked for another alert.
    pub(super) async fn asked_before(
        &self,
        job: &ClaimedJob,
        prompt: &Prompt,
        material: &Material,
        now: Timestamp,
    ) -> Option<Kept> {
        let shared = &self.shared;
        let hours = i64::try_from(shared.config.cache_hours).unwrap_or(i64::MAX);
        // Who asks again by hand wants the model's word.
        if hours == 0 || job.asked_again > 0 {
            return None;
        }
        let since = now
            .saturating_sub(SignedDuration::from_hours(hours.min(24 * 365)))
            .ok()?;
        let (other, bytes) = shared
            .ledger
            .answer_of(&prompt.input_hash, since)
            .await
            .ok()?
            .ok()??;
        let before = Kept::from_bytes(&bytes)?;
        if before.provenance.model != shared.reviewer.model().name() {
            return None;
        }
        let mut provenance = before.provenance;
        provenance.job = u64::try_from(job.job).unwrap_or(0);
        provenance.same_as = provenance.same_as.or_else(|| other.parse().ok());
        let (_, kept) = shared
            .reviewer
            .judge(before.answer, prompt, material, provenance);
        shared.metrics.triage.cached();
        Some(kept)
    }

    pub(super) async fn ask(
        &mut self,
        job: &ClaimedJob,
        prompt: &Prompt,
        lease: &Lease,
    ) -> Result<Asked, Course> {
        let shared = self.shared.clone();
        // Another seed for each attempt, so that what went wrong does not go wrong the same way.
        let seed = u64::from(job.begun) + (u64::from(job.asked_again) << 16);
        shared.doorway.began();
        let answer = tokio::select! {
            answer = shared.reviewer.ask(prompt, seed) => answer,
            () = lease.lost() => return Err(Course::Lost),
            _ = self.stop.wait_for(|stop| *stop) => return Err(Course::Stopped),
        };
        let error = match answer {
            Ok(asked) => {
                shared.doorway.answered(job.job);
                return Ok(asked);
            }
            Err(error) => error,
        };
        shared.metrics.triage.failure(error.class);
        shared.doorway.failed(&error);
        let others = shared.doorway.others_answered(job.job);
        // A server that fails each time it reads this one, and answers others in between, fails because of it.
        let blame = match error.class.kind() {
            FailureKind::Alert => true,
            FailureKind::Server => others,
            FailureKind::Operator | FailureKind::Ours => false,
        };
        if blame && job.failures + 1 >= shared.config.attempts {
            return Err(self.give_up(job, &Trouble::Model(error)).await);
        }
        self.put_back(job).await;
        Err(self.again(job, &error, blame))
    }

    pub(super) fn again(&self, job: &ClaimedJob, error: &ModelError, blame: bool) -> Course {
        // Where the server is left alone, the next one to try it is another alert: this one may be what it fails on.
        let behind = match self.shared.doorway.shut_for() {
            shut if shut.is_zero() => Duration::ZERO,
            shut => shut + BEHIND,
        };
        let wait = backoff::wait(job.begun)
            .max(error.after.unwrap_or_default())
            .max(behind)
            .min(LONGEST_WAIT);
        Course::Settle(JobVerdict::Retry {
            due_at: self.shared.clock.now() + wait,
            why: format!("{}: {}", error.class.as_str(), error.text),
            blame,
        })
    }
}
