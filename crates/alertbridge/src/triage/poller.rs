//! Alerts that others tagged: by hand, by another integration, or by ourselves before a job was written.
//!
//! Each look turns what IRIS shows under the tag into jobs; those there are already stay as they are. An alert whose job has ended
//! and which carries the tag again was asked for again. A look that breaks off is begun anew: jobs are never made twice.

use std::{sync::Arc, time::Duration};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Feedback, JobRow, JobState, Ledger, LedgerError, NewJob};
use alertbridge_sinks::{Outcome, Reviewable, SeenAlert};
use alertbridge_triage::model::BreakerState;
use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{FAULT, REFUSED, TriageConfig, feedback, worker::Shared};

/// Pages of one look at most: the rest comes with the next one, because what is worked on loses its tag.
const MOST_PAGES: usize = 50;
/// An alert that IRIS would not let us change, or that our own code can't stand, is not tried again before this.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Looks now and then until told to stop.
pub struct Poller {
    shared: Arc<Shared>,
    /// The sink's name in the books.
    sink: String,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Alerts under the tags.
    pub seen: u64,
    /// New jobs.
    pub added: u64,
    /// Jobs asked for again.
    pub again: u64,
}

/// Why a look broke off.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// IRIS.
    #[error("IRIS: {0}")]
    Iris(String),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Poller {
    /// For the sink of this name.
    pub fn new(shared: Arc<Shared>, sink: String) -> Self {
        Self { shared, sink }
    }

    /// Looks every `poll_interval`.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let interval = Duration::from_secs(self.config().poll_interval);
        if interval.is_zero() {
            let _ = stop.wait_for(|stop| *stop).await;
            return;
        }
        let mut failed = false;
        loop {
            let looked = tokio::select! {
                looked = self.look_unless_shut() => looked,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match looked {
                Ok(looked) => {
                    failed = false;
                    if looked.added + looked.again > 0 {
                        info!(
                            added = looked.added,
                            again = looked.again,
                            "triage was asked for by tag"
                        );
                    }
                }
                Err(LookError::Ledger(LedgerError::Closed)) => return,
                Err(error) => {
                    if !std::mem::replace(&mut failed, true) {
                        warn!(%error, "alerts tagged by others can't be looked for right now");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// While the model's server is down nothing comes of a look.
    async fn look_unless_shut(&self) -> Result<Looked, LookError> {
        match self.shared.doorway.state() {
            BreakerState::Open => Ok(Looked::default()),
            BreakerState::Closed | BreakerState::HalfOpen => self.look().await,
        }
    }

    fn config(&self) -> &TriageConfig {
        &self.shared.config
    }

    fn iris(&self) -> &dyn Reviewable {
        self.shared.mirror.iris()
    }

    /// One look at both tags.
    ///
    /// # Errors
    /// Where IRIS or the ledger can't be asked; what was found so far is kept.
    pub async fn look(&self) -> Result<Looked, LookError> {
        let tags = self.shared.mirror.tags().clone();
        let mut looked = Looked::default();
        self.look_at(&tags.pending, false, &mut looked).await?;
        self.look_at(&tags.processing, true, &mut looked).await?;
        Ok(looked)
    }

    async fn look_at(
        &self,
        tag: &str,
        only_stale: bool,
        looked: &mut Looked,
    ) -> Result<(), LookError> {
        let mut after = None;
        for _ in 0..MOST_PAGES {
            let page = self
                .iris()
                .tagged(tag, after, self.config().page_size)
                .await
                .map_err(|outcome| LookError::Iris(why(&outcome)))?;
            let ids = page.alerts.iter().map(|seen| seen.id.clone()).collect();
            let known = told(self.ledger().jobs_of(&self.sink, ids)).await?;
            for seen in &page.alerts {
                looked.seen += 1;
                if seen
                    .tags
                    .iter()
                    .any(|one| *one == self.shared.mirror.tags().skip)
                {
                    continue;
                }
                if !only_stale || self.shared.is_stale(seen) {
                    let job = known.iter().find(|job| job.id == seen.id);
                    self.take(seen, job, tag, looked).await?;
                }
            }
            match page.more_after {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        seen: &SeenAlert,
        job: Option<&JobRow>,
        tag: &str,
        looked: &mut Looked,
    ) -> Result<(), LookError> {
        let Some(job) = job else {
            let added = told(self.ledger().add_jobs(vec![self.new_job(seen)])).await?;
            looked.added += added;
            return Ok(());
        };
        if !self.may_be_again(job) {
            return Ok(());
        }
        // The list may be older than our own last write, which took the tag off before the job ended.
        let fresh = match self.iris().read(&seen.id).await {
            Ok(Some(fresh)) if fresh.has_tag(tag) => fresh,
            // One that can't be read stops no other.
            Ok(_) | Err(Outcome::Never { .. }) => return Ok(()),
            Err(outcome) => return Err(LookError::Iris(why(&outcome))),
        };
        let now = self.shared.clock.now();
        // What was thought of the earlier review is not a word on the next.
        if let Some(opinion) = feedback::opinion(self.shared.mirror.tags(), &fresh.tags) {
            let feedback = Feedback {
                opinion: Some(opinion),
                resolution: fresh.resolution.clone(),
                at: now,
            };
            told(self.ledger().put_feedback(job.job, feedback)).await?;
        }
        if told(self.ledger().again(&self.sink, &seen.id, now)).await? {
            looked.again += 1;
        }
        Ok(())
    }

    fn may_be_again(&self, job: &JobRow) -> bool {
        let ended = matches!(
            job.state,
            JobState::Reviewed | JobState::Failed | JobState::Skipped
        );
        let refused = matches!(job.class.as_deref(), Some(REFUSED | FAULT))
            && job
                .ended_at
                .is_some_and(|at| self.shared.clock.now().duration_since(at) < REFUSED_FOR);
        ended && !refused
    }

    fn ledger(&self) -> &dyn Ledger {
        &*self.shared.ledger
    }

    fn new_job(&self, seen: &SeenAlert) -> NewJob {
        let head = head(&seen.source_content);
        NewJob {
            sink: self.sink.clone(),
            id: seen.id.clone(),
            reference: String::new(),
            lane: seen.lane.clone(),
            rule_id: head.0,
            level: head.1,
            created_at: self.shared.clock.now(),
        }
    }
}

/// Rule and level, where the source content is a Wazuh alert.
fn head(content: &Value) -> (String, u32) {
    let bytes = match content {
        Value::String(text) => text.clone().into_bytes(),
        other => serde_json::to_vec(other).unwrap_or_default(),
    };
    Alert::parse(bytes)
        .map(|alert| {
            let head = alert.head();
            (head.rule_id.clone().unwrap_or_default(), head.level)
        })
        .unwrap_or_default()
}

fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Retry { why, .. }
        | Outcome::Unknown { why }
        | Outcome::Paused { why, .. }
        | Outcome::Never { why } => why.clone(),
        Outcome::Delivered(_) | Outcome::AlreadyThere(_) => "an answer to another question".into(),
    }
}

async fn told<T>(receipt: alertbridge_ledger::Receipt<T>) -> Result<T, LedgerError> {
    receipt.await.unwrap_or(Err(LedgerError::Closed))
}
