//! How intelligence stands, for metrics and alarms.

use std::{sync::Arc, time::Duration};

use alertbridge_intel::provider::{Phase, SyncState};
use jiff::Timestamp;
use tokio::sync::watch;

use super::metrics::IntelSource;
use super::{Intelligence, SightingReports, seconds_since};
use crate::metrics::Metrics;

/// An answer older than this is an alarm, or three times the source's interval where that is longer.
const STALE: Duration = Duration::from_secs(3600);
/// A fault that passes by itself is an alarm from this one in a row on.
const TROUBLE_FROM: u32 = 2;

/// A source's state.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// How often it is asked.
    pub interval: Duration,
    /// What it says of itself.
    pub state: watch::Receiver<SyncState>,
}

/// All of it.
pub struct Standing {
    intelligence: Arc<Intelligence>,
    watched: Vec<Watched>,
    sightings: Option<Arc<SightingReports>>,
    since: Timestamp,
}

impl Standing {
    /// Of a program that began at `since`.
    pub fn new(
        intelligence: Arc<Intelligence>,
        watched: Vec<Watched>,
        sightings: Option<Arc<SightingReports>>,
        since: Timestamp,
    ) -> Self {
        Self {
            intelligence,
            watched,
            sightings,
            since,
        }
    }

    /// Brings the metrics up to date and says what is wrong: an alarm's name and its text.
    pub fn look(&self, metrics: &Metrics, now: Timestamp) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        if let Some(live) = self.intelligence.live() {
            metrics.intel.live(live.counts());
            if let Some(why) = live.trouble() {
                wrong.push(("intel_trouble:live".to_owned(), why));
            }
        }
        if let Some(sightings) = &self.sightings {
            metrics.intel.sightings(sightings.counts());
            if let Some(why) = sightings.trouble() {
                wrong.push(("intel_trouble:sightings".to_owned(), why));
            }
        }
        let Some(store) = self.intelligence.store() else {
            if let Some(why) = self.intelligence.trouble() {
                wrong.push(("intel_trouble:store".to_owned(), why));
            }
            return wrong;
        };
        let status = store.status();
        metrics.intel.standing(
            status.indicators,
            status.values,
            status.unsupported.values().sum(),
            &status.matching,
        );
        for watched in &self.watched {
            let state = watched.state.borrow().clone();
            let known = status.providers.get(&watched.name);
            // What an earlier run has read is as old as that.
            let fresh = state
                .last_success
                .or_else(|| known.and_then(|known| known.last_sync));
            let age = seconds_since(fresh.unwrap_or(self.since), now);
            metrics.intel.source(&IntelSource {
                name: &watched.name,
                indicators: known.map_or(0, |known| known.indicators),
                age: fresh.map(|_| age),
                phase: state.phase.as_str(),
                unreadable: state.unreadable,
            });
            let limit = STALE.max(watched.interval * 3);
            let reading = state.phase == Phase::Full && state.trouble.is_none();
            if age > limit.as_secs_f64() && !reading {
                let since = fresh.map_or("never".to_owned(), |fresh| fresh.to_string());
                wrong.push((
                    format!("intel_stale:{}", watched.name),
                    format!("indicators were complete and current last at {since}; alerts are matched with those"),
                ));
            }
            if let Some(trouble) = &state.trouble
                && (trouble.needs_operator || trouble.attempts >= TROUBLE_FROM)
            {
                wrong.push((
                    format!("intel_trouble:{}", watched.name),
                    trouble.why.clone(),
                ));
            }
        }
        wrong
    }
}
