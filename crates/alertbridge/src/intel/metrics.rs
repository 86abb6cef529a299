//! What is counted of threat intelligence, under `/metrics` as `alertbridge_intel_…`.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
};

use alertbridge_intel::MatchCounts;
use alertbridge_ledger::Status;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{LiveCounts, SightingCounts, sightings::KIND};
use crate::metrics::gauge;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabel {
    provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderPhase {
    provider: String,
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LiveResult {
    result: &'static str,
}

/// How a source of indicators stands.
#[derive(Clone, Copy, Debug)]
pub struct IntelSource<'a> {
    /// Its name.
    pub name: &'a str,
    /// Indicators of it.
    pub indicators: u64,
    /// Seconds since they were known to be complete and current; none where they never were.
    pub age: Option<f64>,
    /// What it is doing.
    pub phase: &'static str,
    /// Objects that could not be read.
    pub unreadable: u64,
}

/// All of it.
#[derive(Default)]
pub struct IntelMetrics {
    indicators: Family<ProviderLabel, Gauge>,
    age: Family<ProviderLabel, Gauge<f64, AtomicU64>>,
    phase: Family<ProviderPhase, Gauge>,
    /// The phase each source had last.
    phases: Mutex<HashMap<String, &'static str>>,
    unreadable: Family<ProviderLabel, Gauge>,
    values: Gauge,
    all: Gauge,
    unsupported: Gauge,
    matched: Gauge,
    hits: Gauge,
    live: Family<LiveResult, Gauge>,
    sightings: Family<LiveResult, Gauge>,
    sightings_waiting: Gauge,
}

impl IntelMetrics {
    /// Puts them under `intel_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("intel");
        registry.register(
            "indicators",
            "Indicators kept locally, by source",
            self.indicators.clone(),
        );
        registry.register_with_unit(
            "age",
            "Since the indicators were last known to be complete and current",
            Unit::Seconds,
            self.age.clone(),
        );
        registry.register("phase", "1 for what a source is doing", self.phase.clone());
        registry.register(
            "unreadable",
            "Objects of a source that could not be read since the start",
            self.unreadable.clone(),
        );
        registry.register(
            "all_indicators",
            "Indicators kept locally",
            self.all.clone(),
        );
        registry.register(
            "values",
            "Values that indicators compare",
            self.values.clone(),
        );
        registry.register(
            "unsupported",
            "Indicators that can't match, such as YARA rules",
            self.unsupported.clone(),
        );
        registry.register(
            "matched_alerts",
            "Alerts with observables that were matched since the start",
            self.matched.clone(),
        );
        registry.register("hits", "Hits found since the start", self.hits.clone());
        registry.register(
            "live",
            "Questions to OpenCTI itself since the start: alerts asked about, hits, events completed",
            self.live.clone(),
        );
        registry.register(
            "sightings",
            "Sightings for OpenCTI since the start: reported, dropped because the indicator is gone, failed attempts",
            self.sightings.clone(),
        );
        registry.register(
            "sightings_waiting",
            "Sightings that wait to be reported, those whose interval has not ended included",
            self.sightings_waiting.clone(),
        );
    }

    /// What of it waits in the ledger.
    pub fn ledger(&self, status: &Status) {
        let sightings = status.tallies_waiting.iter();
        let sightings = sightings.filter(|one| one.kind == KIND);
        let waiting = sightings.map(|one| one.rows).sum();
        self.sightings_waiting.set(gauge(waiting));
    }

    /// What came of asking OpenCTI itself.
    pub fn live(&self, counts: LiveCounts) {
        for (result, count) in [
            ("answered", counts.answered),
            ("completed", counts.completed),
            ("hit", counts.hits),
            ("not_completed", counts.not_completed),
            ("unanswered", counts.unanswered),
        ] {
            let gauge = self.live.get_or_create(&LiveResult { result });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// What came of reporting sightings.
    pub fn sightings(&self, counts: SightingCounts) {
        for (result, count) in [
            ("dropped", counts.dropped),
            ("failed", counts.failed),
            ("reported", counts.reported),
        ] {
            let gauge = self.sightings.get_or_create(&LiveResult { result });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// How the local copy of indicators stands.
    pub fn standing(&self, indicators: u64, values: u64, unsupported: u64, matching: &MatchCounts) {
        self.all.set(gauge(indicators));
        self.values.set(gauge(values));
        self.unsupported.set(gauge(unsupported));
        self.matched.set(gauge(matching.alerts));
        self.hits.set(gauge(matching.hits));
    }

    /// How one of its sources stands.
    pub fn source(&self, source: &IntelSource<'_>) {
        let label = ProviderLabel {
            provider: source.name.to_owned(),
        };
        let indicators = self.indicators.get_or_create(&label);
        indicators.set(gauge(source.indicators));
        drop(indicators);
        let unreadable = self.unreadable.get_or_create(&label);
        unreadable.set(gauge(source.unreadable));
        drop(unreadable);
        if let Some(age) = source.age {
            self.age.get_or_create(&label).set(age);
        }
        let phase = ProviderPhase {
            provider: source.name.to_owned(),
            phase: source.phase,
        };
        // One source has one phase: the others' rows go.
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = phases.insert(phase.provider.clone(), phase.phase)
            && before != phase.phase
        {
            self.phase.remove(&ProviderPhase {
                phase: before,
                ..phase.clone()
            });
        }
        self.phase.get_or_create(&phase).set(1);
    }
}
