//! What is wrong right now: raised once in the log, shown by `/ready` and `/metrics`, cleared when it is over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use tracing::{error, info};

use crate::metrics::Metrics;

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// A stable name: `ledger_stalled`, `sink_paused:iris`.
    pub alarm: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// Since when, UTC.
    pub since: Timestamp,
}

/// The alarms raised now.
pub struct Alarms {
    raised: Mutex<BTreeMap<String, Alarm>>,
    metrics: Arc<Metrics>,
}

impl Alarms {
    /// None raised.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            raised: Mutex::default(),
            metrics,
        }
    }

    /// Replaces what is raised by what is wrong now; logs what begins and what ends.
    pub fn set(&self, wrong: impl IntoIterator<Item = Alarm>) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *raised);
        for alarm in wrong {
            let known = before.remove(&alarm.alarm);
            if known.is_none() {
                error!(alarm = alarm.alarm, detail = alarm.detail, "alarm");
                self.metrics.alarm(&alarm.alarm, true);
            }
            let since = known.map_or(alarm.since, |known| known.since);
            raised.insert(alarm.alarm.clone(), Alarm { since, ..alarm });
        }
        for ended in before.into_values() {
            info!(alarm = ended.alarm, "alarm is over");
            self.metrics.alarm(&ended.alarm, false);
        }
    }

    /// What is raised, sorted by name.
    pub fn raised(&self) -> Vec<Alarm> {
        self.raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_keeps_its_beginning_and_goes_when_the_fault_is_gone() {
        let alarms = Alarms::new(Arc::new(Metrics::default()));
        let alarm = |second| Alarm {
            alarm: "ledger_stalled".into(),
            detail: "disk full".into(),
            since: Timestamp::from_second(second).unwrap(),
        };
        alarms.set([alarm(5)]);
        alarms.set([alarm(9)]);
        assert_eq!(alarms.raised(), [alarm(5)]);
        alarms.set([]);
        assert_eq!(alarms.raised(), []);
    }
}
