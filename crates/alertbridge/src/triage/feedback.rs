//! What analysts thought of a review: their tags, and the resolution they gave the alert.
//!
//! Read back now and then for all reviews of the last days; counted per rule and model in the ledger. Nothing follows from it by
//! itself. So many are looked at in one round, and the next one goes on behind them. An opinion that was there before people asked
//! for another review is of the earlier verdict; the ledger knows it and does not count it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use alertbridge_ledger::{Feedback, JobFilter, JobRow, JobState, LedgerError};
use alertbridge_sinks::SeenAlert;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{TagNames, worker::Shared};

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1800);
/// Reviews looked at in one round of the daemon.
const MOST: usize = 2_000;
/// Reviews asked for at once.
const PAGE: usize = 100;
/// The pause between two requests: IRIS has other things to do.
const BETWEEN: Duration = Duration::from_millis(200);
/// After so many failures in a row IRIS is left alone until the next round.
const FAILURES: u32 = 5;

/// Reads feedback for one sink's reviews.
pub struct FeedbackReader {
    shared: Arc<Shared>,
    /// The number of the job looked at last; 0 where the next round begins with the oldest.
    reached: AtomicI64,
}

impl FeedbackReader {
    /// For these workers' reviews.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            reached: AtomicI64::new(0),
        }
    }

    /// Runs until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let round = tokio::select! {
                round = self.part(MOST) => round,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match round {
                Ok(read) => debug!(read, "feedback of analysts was read"),
                Err(LedgerError::Closed) => return,
                Err(error) => warn!(%error, "feedback can't be read from the ledger"),
            }
        }
    }

    /// Looks at each review once, those of the daemon's earlier rounds left out. Returns how many had news.
    ///
    /// # Errors
    /// Where the ledger can't be asked. An alert that IRIS does not show is left for the next time.
    pub async fn round(&self) -> Result<u64, LedgerError> {
        self.part(usize::MAX).await
    }

    /// Looks at so many reviews, from where the last part ended.
    async fn part(&self, most: usize) -> Result<u64, LedgerError> {
        let days = i64::try_from(self.shared.config.feedback_days).unwrap_or(0);
        if days == 0 {
            return Ok(0);
        }
        let now = self.shared.clock.now();
        let since = now
            .saturating_sub(SignedDuration::from_hours(24 * days.min(3650)))
            .ok();
        let (mut left, mut failures, mut news) = (most, 0, 0);
        while left > 0 {
            let limit = left.min(PAGE);
            let page = self.page(since, limit).await?;
            for job in &page {
                // Before the request: whoever is stopped in it goes on behind it.
                self.reached.store(job.job, Ordering::Release);
                tokio::time::sleep(BETWEEN).await;
                match self.shared.mirror.iris().read(&job.id).await {
                    Ok(Some(seen)) => news += u64::from(self.note(job, &seen).await?),
                    Ok(None) => {}
                    Err(outcome) => {
                        failures += 1;
                        debug!(?outcome, job = job.job, "an opinion can't be read");
                        if failures >= FAILURES {
                            return Ok(news);
                        }
                        continue;
                    }
                }
                failures = 0;
            }
            if page.len() < limit {
                self.reached.store(0, Ordering::Release);
                break;
            }
            left -= page.len();
        }
        Ok(news)
    }

    async fn page(
        &self,
        since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<JobRow>, LedgerError> {
        let filter = JobFilter {
            state: Some(JobState::Reviewed),
            since,
            after: Some(self.reached.load(Ordering::Acquire)),
            oldest_first: true,
            limit,
            ..JobFilter::default()
        };
        let jobs = self.shared.ledger.jobs(filter).await;
        jobs.unwrap_or(Err(LedgerError::Closed))
    }

    async fn note(&self, job: &JobRow, seen: &SeenAlert) -> Result<bool, LedgerError> {
        let opinion = opinion(self.shared.mirror.tags(), &seen.tags);
        let same = match (&job.opinion_before, &opinion) {
            // Once it is gone or another, the ledger must know.
            (Some(before), Some(opinion)) => before == opinion,
            (Some(_), None) => false,
            (None, _) => opinion == job.opinion,
        };
        if same && seen.resolution == job.resolution {
            return Ok(false);
        }
        let feedback = Feedback {
            opinion,
            resolution: seen.resolution.clone(),
            at: self.shared.clock.now(),
        };
        let kept = self.shared.ledger.put_feedback(job.job, feedback).await;
        kept.unwrap_or(Err(LedgerError::Closed))
    }
}

/// Both tags at once say nothing.
fn opinion(names: &TagNames, tags: &[String]) -> Option<String> {
    let has = |name: &str| tags.iter().any(|tag| tag == name);
    match (has(&names.agree), has(&names.disagree)) {
        (true, false) => Some("agree".to_owned()),
        (false, true) => Some("disagree".to_owned()),
        _ => None,
    }
}
