//! Which delivered alerts get a triage job.
//!
//! Asked right before the alert is sent, because it is created with the tag that says so; the job itself is written in the
//! transaction that books the delivery.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alertbridge_ledger::JobWish;
use alertbridge_pipeline::{AlertView, Gate};
use alertbridge_sinks::Outgoing;
use jiff::{SignedDuration, Timestamp, fmt::strtime};

use super::TriageConfig;

/// Chooses alerts. Cheap to ask.
pub struct Admission {
    gate: Gate,
    max_age: Option<Duration>,
    max_backlog: u64,
    tag: String,
    /// Jobs that wait, as the ledger said last.
    backlog: Arc<AtomicU64>,
}

/// Why an alert gets no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The rules do not choose it.
    Gate,
    /// It happened too long ago.
    Age,
    /// Too many wait.
    Backlog,
}

impl Refusal {
    /// A word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Age => "age",
            Self::Backlog => "backlog",
        }
    }
}

impl Admission {
    /// By the configuration; `backlog` is kept up to date by others.
    pub fn new(config: &TriageConfig, backlog: Arc<AtomicU64>) -> Self {
        Self {
            gate: config.gate(),
            max_age: (config.max_age > 0).then(|| Duration::from_secs(config.max_age)),
            max_backlog: config.max_backlog,
            tag: config.tags.pending.clone(),
            backlog,
        }
    }

    /// The tag the alert is created with.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The job this alert gets once it is delivered.
    pub fn admit(&self, outgoing: &Outgoing, now: Timestamp) -> Result<JobWish, Refusal> {
        let head = outgoing.alert.head();
        let text = outgoing.alert.text();
        if !self.gate.passes(&AlertView::new(head, &text)) {
            return Err(Refusal::Gate);
        }
        let happened = head.timestamp.as_deref().and_then(happened_at);
        let age = now.duration_since(happened.unwrap_or(outgoing.received_at));
        if self
            .max_age
            .is_some_and(|most| age > SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX))
        {
            return Err(Refusal::Age);
        }
        if self.max_backlog > 0 && self.backlog.load(Ordering::Relaxed) >= self.max_backlog {
            return Err(Refusal::Backlog);
        }
        Ok(JobWish {
            level: head.level,
            rule_id: head.rule_id.clone().unwrap_or_default(),
        })
    }
}

/// `2026-11-21T08:26:17.096+0000`, or RFC 3339.
fn happened_at(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
            .and_then(|time| time.to_timestamp())
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn outgoing(level: u32, at: &str) -> Outgoing {
        let alert = format!(
            r#"{{"timestamp":"{at}","rule":{{"level":{level},"id":"5712"}},"agent":{{"name":"web"}}}}"#
        );
        Outgoing {
            alert: Alert::parse(alert.into_bytes()).unwrap(),
            reference: "n:1".into(),
            lane: String::new(),
            received_at: NOW.parse().unwrap(),
            attempt: 1,
            digest: None,
            continues: None,
            intel: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn admitted(config: &TriageConfig, backlog: u64, level: u32, at: &str) -> Result<(), Refusal> {
        let admission = Admission::new(config, Arc::new(AtomicU64::new(backlog)));
        admission
            .admit(&outgoing(level, at), NOW.parse().unwrap())
            .map(drop)
    }

    #[test]
    fn level_age_and_backlog_decide() {
        let config = TriageConfig::default();
        let fresh = "2026-11-21T11:59:00.000+0000";
        assert_eq!(admitted(&config, 0, 7, fresh), Ok(()));
        assert_eq!(admitted(&config, 0, 6, fresh), Err(Refusal::Gate));
        assert_eq!(admitted(&config, 1000, 7, fresh), Err(Refusal::Backlog));
        let old = "2026-11-01T11:59:00.000+0000";
        assert_eq!(admitted(&config, 0, 7, old), Err(Refusal::Age));
    }

    #[test]
    fn an_alert_without_a_readable_time_is_as_old_as_its_reception() {
        assert_eq!(
            admitted(&TriageConfig::default(), 0, 7, "yesterday"),
            Ok(())
        );
    }

    #[test]
    fn a_gate_takes_the_place_of_the_level() {
        let config: TriageConfig =
            toml::from_str("[gate]\nany_of = [\"rule.id = 5712\"]\n").unwrap();
        assert_eq!(admitted(&config, 0, 1, NOW), Ok(()));
    }
}
