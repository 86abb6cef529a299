//! What analysts thought of a review: their tags, and the resolution they gave the alert.
//!
//! Read back now and then for reviews of the last days; counted per rule and model in the ledger. Nothing follows from it by itself.

use std::{sync::Arc, time::Duration};

use alertbridge_ledger::{Feedback, JobFilter, JobRow, JobState, LedgerError};
use alertbridge_sinks::SeenAlert;
use jiff::SignedDuration;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{TagNames, worker::Shared};

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1800);
/// Reviews looked at in one round, and the pause between two requests: IRIS has other things to do.
const MOST: usize = 500;
const BETWEEN: Duration = Duration::from_millis(200);

/// Reads feedback for one sink's reviews.
pub struct FeedbackReader {
    shared: Arc<Shared>,
}

impl FeedbackReader {
    /// For these workers' reviews.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Runs until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let round = tokio::select! {
                round = self.round() => round,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match round {
                Ok(read) => debug!(read, "feedback of analysts was read"),
                Err(LedgerError::Closed) => return,
                Err(error) => warn!(%error, "feedback can't be read from the ledger"),
            }
        }
    }

    /// Looks at each review once. Returns how many had news.
    ///
    /// # Errors
    /// Where the ledger can't be asked. An alert that IRIS does not show is left for the next round.
    pub async fn round(&self) -> Result<u64, LedgerError> {
        let days = i64::try_from(self.shared.config.feedback_days).unwrap_or(0);
        if days == 0 {
            return Ok(0);
        }
        let now = self.shared.clock.now();
        let filter = JobFilter {
            state: Some(JobState::Reviewed),
            since: now
                .saturating_sub(SignedDuration::from_hours(24 * days.min(3650)))
                .ok(),
            limit: MOST,
            ..JobFilter::default()
        };
        let jobs = self.shared.ledger.jobs(filter).await;
        let mut news = 0;
        for job in jobs.unwrap_or(Err(LedgerError::Closed))? {
            let Ok(Some(seen)) = self.shared.mirror.iris().read(&job.id).await else {
                continue;
            };
            news += u64::from(self.note(&job, &seen).await?);
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(news)
    }

    async fn note(&self, job: &JobRow, seen: &SeenAlert) -> Result<bool, LedgerError> {
        let opinion = opinion(self.shared.mirror.tags(), &seen.tags);
        if opinion == job.opinion && seen.resolution == job.resolution {
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
