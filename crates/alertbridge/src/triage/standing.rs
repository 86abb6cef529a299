//! How triage stands, for alarms and gauges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alertbridge_ledger::Ledger;
use jiff::{SignedDuration, Timestamp};

use super::worker::Shared;
use crate::metrics::Metrics;

/// A job that has waited so long raises an alarm.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(6);
/// The ledger answers beside its writer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the jobs.
pub struct Standing {
    shared: Option<Arc<Shared>>,
    ledger: Arc<dyn Ledger>,
    /// What the admission goes by.
    backlog: Arc<AtomicU64>,
}

impl Standing {
    /// `shared` where this process has workers of its own.
    pub fn new(
        shared: Option<Arc<Shared>>,
        ledger: Arc<dyn Ledger>,
        backlog: Arc<AtomicU64>,
    ) -> Self {
        Self {
            shared,
            ledger,
            backlog,
        }
    }

    /// Brings gauges up to date; alarms by name, with what to do.
    pub async fn look(&self, metrics: &Metrics, now: Timestamp) -> Vec<(String, String)> {
        let mut alarms = Vec::new();
        if let Ok(Ok(Ok(status))) = tokio::time::timeout(PATIENCE, self.ledger.job_status()).await {
            self.backlog.store(status.pending, Ordering::Relaxed);
            metrics.triage.jobs(&status, now);
            if let Some(oldest) = status.oldest_pending
                && now.duration_since(oldest) > TOO_OLD
            {
                alarms.push((
                    "triage_late".to_owned(),
                    format!(
                        "{} alerts wait for a review, the oldest since {oldest}; raise `triage.minimum_level`, or give the model more room",
                        status.pending
                    ),
                ));
            }
        }
        if let Some(shared) = &self.shared {
            let state = shared.doorway.state();
            metrics.triage.circuit(state);
            if let Some(trouble) = shared.doorway.trouble() {
                alarms.push((
                    "triage_model".to_owned(),
                    format!(
                        "the language model can't be used, alerts flow without reviews: {trouble}"
                    ),
                ));
            }
        }
        alarms
    }
}
