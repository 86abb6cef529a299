//! How triage stands, for alarms and gauges.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use alertbridge_ledger::{JobStatus, Ledger};
use jiff::{SignedDuration, Timestamp};

use super::{admission::Backlog, worker::Shared};
use crate::metrics::Metrics;

/// A job that has waited so long raises an alarm.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(6);
/// After a refusal, the alarm stays for so long: alerts come now and then.
const REFUSED_LATELY: SignedDuration = SignedDuration::from_mins(5);
/// The ledger answers beside its writer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the jobs.
pub struct Standing {
    shared: Option<Arc<Shared>>,
    ledger: Arc<dyn Ledger>,
    /// What the admission goes by.
    backlog: Backlog,
    /// When it was last seen that alerts are refused, and how many were since that began.
    refused: Mutex<Option<(Timestamp, u64)>>,
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
            backlog: Backlog(backlog),
            refused: Mutex::new(None),
        }
    }

    /// Brings gauges up to date; alarms by name, with what to do.
    pub async fn look(&self, metrics: &Metrics, now: Timestamp) -> Vec<(String, String)> {
        let mut alarms = Vec::new();
        if let Ok(Ok(Ok(status))) = tokio::time::timeout(PATIENCE, self.ledger.job_status()).await {
            let refused = self.backlog.looked(status.pending, status.lowest_level);
            alarms.extend(self.refused(refused, &status, now));
            metrics.triage.jobs(&status, now);
            if let Some(oldest) = status.oldest_pending
                && now.duration_since(oldest) > TOO_OLD
            {
                alarms.push((
                    "triage_late".to_owned(),
                    format!(
                        "{} alerts wait for a review, the oldest since {oldest}; {}",
                        status.pending,
                        advice(self.trouble().as_deref())
                    ),
                ));
            }
        }
        if let Some(shared) = &self.shared {
            let state = shared.doorway.state();
            metrics.triage.circuit(state);
            if let Some(trouble) = self.trouble() {
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

    /// Why the model can't be used, where it can't.
    fn trouble(&self) -> Option<String> {
        self.shared.as_ref()?.doorway.trouble()
    }

    fn refused(
        &self,
        since_last: u64,
        status: &JobStatus,
        now: Timestamp,
    ) -> Option<(String, String)> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = match *refused {
            known if since_last > 0 => {
                let before = known.map_or(0, |(_, count)| count);
                Some((now, before.saturating_add(since_last)))
            }
            // A clock that was set back does not keep it.
            Some((at, _)) if now.duration_since(at).abs() > REFUSED_LATELY => None,
            known => known,
        };
        let (_, count) = (*refused)?;
        Some((
            "triage_backlog".to_owned(),
            format!(
                "{} alerts wait for a review, and {count} got none because of that (`triage.max_backlog`); {}",
                status.pending,
                advice(self.trouble().as_deref())
            ),
        ))
    }
}

/// What helps where too much waits: a model that can't be used is the cause, whatever else is.
fn advice(trouble: Option<&str>) -> String {
    match trouble {
        Some(trouble) => format!("the language model can't be used: {trouble}"),
        None => "raise `triage.minimum_level`, or give the model more room".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use alertbridge_ledger::{MemoryLedger, NewJob};

    use super::*;
    use crate::triage::{Admission, TriageConfig};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + second).unwrap()
    }

    fn alert(level: u32) -> alertbridge_sinks::Outgoing {
        let alert = format!(r#"{{"rule":{{"level":{level},"id":"5712"}}}}"#);
        alertbridge_sinks::Outgoing {
            alert: alertbridge_alert::Alert::parse(alert.into_bytes()).unwrap(),
            reference: "n:1".into(),
            lane: String::new(),
            received_at: at(0),
            attempt: 1,
            digest: None,
            continues: None,
            intel: Vec::new(),
            tags: Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_alarm_is_raised_while_alerts_are_refused_for_the_backlog() {
        let ledger = Arc::new(MemoryLedger::new());
        let word = Arc::new(AtomicU64::new(0));
        let config = TriageConfig {
            max_backlog: 2,
            ..TriageConfig::default()
        };
        let admission = Admission::new(&config, word.clone());
        let standing = Standing::new(None, ledger.clone(), word);
        let jobs = (0..2).map(|id| NewJob {
            sink: "iris".into(),
            id: id.to_string(),
            reference: String::new(),
            lane: String::new(),
            rule_id: String::new(),
            level: 8,
            created_at: at(0),
        });
        ledger.add_jobs(jobs.collect()).await.unwrap().unwrap();
        let metrics = Metrics::default();
        let names = |alarms: Vec<(String, String)>| -> Vec<String> {
            alarms.into_iter().map(|(name, _)| name).collect()
        };
        let nothing: [&str; 0] = [];
        assert_eq!(names(standing.look(&metrics, at(0)).await), nothing);
        assert!(admission.admit(&alert(8), at(0)).is_err());
        assert!(admission.admit(&alert(9), at(0)).is_ok(), "worse than one");
        let alarms = standing.look(&metrics, at(5)).await;
        assert!(alarms[0].1.contains("2 alerts wait"), "{alarms:?}");
        assert!(alarms[0].1.contains("and 1 got none"), "{alarms:?}");
        assert_eq!(names(alarms), ["triage_backlog"]);
        assert_eq!(
            names(standing.look(&metrics, at(300)).await),
            ["triage_backlog"]
        );
        assert_eq!(names(standing.look(&metrics, at(306)).await), nothing);
    }

    #[test]
    fn the_advice_names_the_model_where_it_is_the_cause() {
        assert!(advice(None).contains("minimum_level"));
        let advice = advice(Some("connection refused"));
        assert!(advice.contains("connection refused"), "{advice}");
    }
}
