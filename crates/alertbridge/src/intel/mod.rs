//! Threat intelligence in the program: what an alert's observables hit, at the intake, at delivery and long after.
//!
//! Nothing here is waited for. The local index answers in microseconds; where there is none yet (first start, its folder can't be
//! used) there are no hits, an alarm says so, and alerts flow.
//!
//! * At the intake ([`Intelligence::hits`]): a hit passes the gates, and adds a delivery to the Wazuh queue.
//! * At delivery ([`Enrich`]): matched again, because the index may know more by then; OpenCTI itself is asked where that is wanted
//!   ([`Live`]).
//! * Later ([`hunt`]): what indicators that came since say about alerts that are in the ledger.

mod carried;
pub mod config;
mod enrich;
mod herald;
pub mod hits;
mod hunt;
pub mod late;
mod late_sink;
mod live;
mod metrics;
pub mod queue_sink;
pub mod sightings;
mod standing;
mod supply;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use alertbridge_alert::{Alert, observables};
use alertbridge_intel::{Hit, IndicatorStore, MatchRules, StoreOptions};
use alertbridge_ledger::{Folding, Route, Tally};
use alertbridge_sinks::{IntelHit, iris::RaiseRule, wazuh::is_own_event};
use jiff::Timestamp;

pub use self::{
    config::{IntelConfig, OwnEvents, Scope},
    enrich::{Enrich, Enricher},
    herald::Herald,
    hunt::Hunt,
    late_sink::LateSink,
    live::{Live, LiveCounts},
    metrics::IntelMetrics,
    queue_sink::QueueSink,
    sightings::{SightingCounts, SightingReports, SightingTallies},
    standing::Standing,
    supply::Supply,
};
use crate::clock::Clock;

/// What matches alerts. Cheap to ask from any thread.
pub struct Intelligence {
    folder: std::path::PathBuf,
    rules: MatchRules,
    filter: observables::ObservableFilter,
    scope: Scope,
    hits_pass_gates: bool,
    own_events: OwnEvents,
    /// Whether hits become events.
    has_queue: bool,
    clock: Arc<dyn Clock>,
    /// OpenCTI itself, where it is asked.
    live: Option<Live>,
    /// How hits are counted for OpenCTI, where they are.
    sightings: Option<SightingTallies>,
    /// Whether there are sources of which a local copy is kept.
    has_copy: bool,
    store: OnceLock<Arc<IndicatorStore>>,
    /// Held while it is opened: one at a time.
    opening: Mutex<()>,
    /// Why there is no store.
    trouble: Mutex<Option<String>>,
}

impl Intelligence {
    /// By the configuration; the store is opened by [`Self::open`].
    ///
    /// # Errors
    /// Names the entry that can't be read.
    pub fn new(
        config: &IntelConfig,
        has_queue: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Ok(Self {
            folder: config.folder.clone(),
            rules: config.rules(),
            filter: config.filter()?,
            scope: config.matched,
            hits_pass_gates: config.hits_pass_gates,
            own_events: config.own_events,
            has_queue,
            clock,
            live: Live::new(config)?,
            sightings: SightingTallies::new(config),
            has_copy: config.keeps_copy(),
            store: OnceLock::new(),
            opening: Mutex::default(),
            trouble: Mutex::default(),
        })
    }

    /// Opens the store; blocks on the disk. Harmless to repeat.
    ///
    /// # Errors
    /// Why it can't be used.
    pub fn open(&self) -> Result<Arc<IndicatorStore>, String> {
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        let opened = std::fs::create_dir_all(&self.folder)
            .map_err(|error| format!("can't make the folder {}: {error}", self.folder.display()))
            .and_then(|()| {
                IndicatorStore::open(&self.folder, StoreOptions::default())
                    .map_err(|error| error.to_string())
            });
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match opened {
            Ok(store) => {
                *trouble = None;
                Ok(self.store.get_or_init(|| Arc::new(store)).clone())
            }
            Err(why) => {
                *trouble = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Opens the store for looking only, beside a running daemon.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn open_reader(&self) -> Result<(), String> {
        let options = StoreOptions {
            read_only: true,
            ..StoreOptions::default()
        };
        let store =
            IndicatorStore::open(&self.folder, options).map_err(|error| error.to_string())?;
        self.store.get_or_init(|| Arc::new(store));
        Ok(())
    }

    /// What of an alert is matched.
    pub fn observables(&self, alert: &Alert) -> observables::Observables {
        alert.intel_observables(&self.filter)
    }

    /// The store, where it is open.
    pub fn store(&self) -> Option<&Arc<IndicatorStore>> {
        self.store.get()
    }

    /// Why there is no store, where there is a reason.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What is known about an alert, the weightiest first.
    pub fn hits(&self, alert: &Alert) -> Vec<IntelHit> {
        self.matches(alert).iter().map(hits::shown).collect()
    }

    /// OpenCTI itself, where it is asked.
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// What is counted for OpenCTI with an alert that has these hits.
    pub fn tallies(&self, alert: &Alert, hits: &[IntelHit], now: Timestamp) -> Vec<Tally> {
        self.sightings
            .map_or_else(Vec::new, |sightings| sightings.of(alert, hits, now))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn matches(&self, alert: &Alert) -> Vec<Hit> {
        let store = self.store.get().filter(|_| self.has_copy);
        let Some(store) = store else {
            return Vec::new();
        };
        let found = self.observables(alert).list;
        if found.is_empty() {
            return Vec::new();
        }
        store.index().matches(&found, &self.rules, self.clock.now())
    }

    /// Whether alerts below the gate are matched as well.
    pub fn matches_all(&self) -> bool {
        self.scope == Scope::All
    }

    /// Whether a hit passes gates, allowlist and mute times.
    pub fn hits_pass_gates(&self) -> bool {
        self.hits_pass_gates
    }

    /// Whether an alert was made of one of our own events. Such a one is never matched.
    pub fn is_own(alert: &Alert) -> bool {
        // Each of the marks has the word in it; most alerts do not, and looking closer reads the whole alert.
        let text = alert.text();
        (text.contains("opencti") || text.contains("\\u00")) && is_own_event(alert)
    }

    /// Whether alerts of our own events are counted and handed to nobody.
    pub fn filters_own(&self) -> bool {
        self.own_events == OwnEvents::Filter
    }

    /// Where the event of a hit goes, if anywhere.
    pub fn event_route(&self) -> Option<Route> {
        self.has_queue.then(|| Route {
            sink: queue_sink::NAME.to_owned(),
            lane: queue_sink::LANE.to_owned(),
        })
    }

    /// Alerts with the same hits fold into each other, and into no alert without them or with others: what the first one told is
    /// what a repeat would tell. Budgets and bursts are not for them: none of them waits, and none is one of many in a digest.
    pub fn fold_apart(folding: &mut Folding, hits: &[IntelHit]) {
        if hits.is_empty() {
            return;
        }
        folding.budgets.clear();
        folding.burst = None;
        let Some(repeat) = &mut folding.repeat else {
            return;
        };
        let mut pairs: Vec<String> = hits.iter().map(hits::pair).collect();
        pairs.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"hits").update(&repeat.key);
        for pair in pairs {
            hasher.update(pair.as_bytes());
        }
        repeat
            .key
            .copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    }
}

/// When a hit raises the severity at IRIS, as `[sinks.iris.intel]` says; its default is that of the sink.
pub fn raise_rules(config: &alertbridge_sinks::iris::IntelConfig) -> Vec<RaiseRule> {
    config.raise.clone().unwrap_or_else(|| {
        vec![RaiseRule {
            score: 75,
            severity: "High".to_owned(),
        }]
    })
}

/// Until when the age of an answer is no alarm: `now` minus it.
pub(crate) fn seconds_since(then: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(then).as_secs_f64().max(0.0)
}
