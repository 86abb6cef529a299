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
        if !has_news(job, opinion.as_deref(), seen.resolution.as_deref()) {
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

/// Whether the ledger must be told what IRIS shows now.
fn has_news(job: &JobRow, opinion: Option<&str>, resolution: Option<&str>) -> bool {
    let known = match &job.opinion_before {
        // Once it is gone or another, the ledger must know.
        Some(before) => Some(&**before),
        None => job.opinion.as_deref(),
    };
    known != opinion || job.resolution.as_deref() != resolution
}

/// Both tags at once say nothing.
pub(super) fn opinion(names: &TagNames, tags: &[String]) -> Option<String> {
    let has = |name: &str| tags.iter().any(|tag| tag == name);
    match (has(&names.agree), has(&names.disagree)) {
        (true, false) => Some("agree".to_owned()),
        (false, true) => Some("disagree".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alertbridge_ledger::{JobClaim, JobSettlement, JobVerdict, Ledger, MemoryLedger, NewJob};

    use super::*;

    async fn reviewed(ledger: &MemoryLedger) -> JobRow {
        let claim = JobClaim {
            worker: "w".into(),
            limit: 1,
            now: Timestamp::UNIX_EPOCH,
            lease: Duration::from_secs(60),
            ageing: Duration::ZERO,
            max_age: None,
        };
        let job = ledger.claim_jobs(claim).await.unwrap().unwrap().remove(0);
        let settlement = JobSettlement {
            job: job.job,
            fence: job.fence,
            at: Timestamp::UNIX_EPOCH,
            verdict: JobVerdict::Reviewed {
                verdict: "benign".into(),
                model: "m".into(),
            },
        };
        assert!(ledger.settle_job(settlement).await.unwrap().unwrap());
        row(ledger).await
    }

    async fn row(ledger: &MemoryLedger) -> JobRow {
        let rows = ledger.jobs_of("iris", vec!["1".into()]).await;
        rows.unwrap().unwrap().remove(0)
    }

    /// Tells the ledger what IRIS shows, where that is news.
    async fn look(ledger: &MemoryLedger, seen: Option<&str>) -> (bool, Option<String>) {
        let job = row(ledger).await;
        let news = has_news(&job, seen, None);
        if news {
            let feedback = Feedback {
                opinion: seen.map(str::to_owned),
                resolution: None,
                at: Timestamp::UNIX_EPOCH,
            };
            let put = ledger.put_feedback(job.job, feedback).await;
            assert!(put.unwrap().unwrap());
        }
        (news, row(ledger).await.opinion)
    }

    #[tokio::test]
    async fn an_opinion_of_the_first_review_is_no_news_of_the_second_until_it_was_gone() {
        let ledger = MemoryLedger::new();
        let job = NewJob {
            sink: "iris".into(),
            id: "1".into(),
            reference: String::new(),
            lane: String::new(),
            rule_id: String::new(),
            level: 8,
            created_at: Timestamp::UNIX_EPOCH,
        };
        ledger.add_jobs(vec![job]).await.unwrap().unwrap();
        reviewed(&ledger).await;
        let agree = || Some("agree".to_owned());
        assert_eq!(look(&ledger, None).await, (false, None));
        assert_eq!(look(&ledger, Some("agree")).await, (true, agree()));
        assert_eq!(look(&ledger, Some("agree")).await, (false, agree()));
        let again = ledger.again("iris", "1", Timestamp::UNIX_EPOCH).await;
        assert!(again.unwrap().unwrap());
        reviewed(&ledger).await;
        assert_eq!(look(&ledger, Some("agree")).await, (false, None));
        assert_eq!(look(&ledger, None).await, (true, None));
        assert_eq!(look(&ledger, Some("agree")).await, (true, agree()));
    }
}
