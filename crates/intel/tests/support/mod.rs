//! What the tests of the store have in common.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "tests fail by panicking; each uses a part"
)]

use std::{collections::BTreeMap, path::Path};

use alertbridge_alert::observables::{Kind, Observable, Role, Via};
use alertbridge_intel::{
    Change, Cursor, Indicator, IndicatorStore, MatchRules, StepHook, StoreOptions,
};
use jiff::Timestamp;

pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub fn observable(kind: Kind, value: &str) -> Observable {
    Observable {
        kind,
        value: kind.normal(value).unwrap(),
        written: None,
        field: "data.x".to_owned(),
        role: Role::Either,
        via: Via::Field,
    }
}

pub fn domain(value: &str) -> Observable {
    observable(Kind::Domain, value)
}

pub fn ip(value: &str) -> Observable {
    observable(Kind::Ip, value)
}

pub fn upsert(indicator: Indicator) -> Change {
    Change::Upsert(Box::new(indicator))
}

pub fn delete(provider: &str, id: &str) -> Change {
    Change::Delete {
        provider: provider.to_owned(),
        id: id.to_owned(),
    }
}

pub fn cursor(provider: &str, text: &str) -> Cursor {
    Cursor {
        provider: provider.to_owned(),
        text: text.to_owned(),
        at: NOW,
    }
}

pub fn for_domain(provider: &str, id: &str, domain: &str) -> Indicator {
    Indicator::stix(provider, id, &format!("[domain-name:value = '{domain}']"))
}

/// Small bounds, so that a few changes go through every path.
pub fn small(steps: Option<StepHook>) -> StoreOptions {
    StoreOptions {
        steps,
        compact_after: 12,
        chunk: 3,
        segment_bytes: 2000,
        ..StoreOptions::default()
    }
}

pub fn open(folder: &Path) -> IndicatorStore {
    IndicatorStore::open(folder, small(None)).unwrap()
}

/// The ids that match, as `provider/id`, sorted.
pub fn ids(store: &IndicatorStore, seen: &[Observable]) -> Vec<String> {
    let rules = MatchRules {
        most_hits: 1000,
        ..MatchRules::default()
    };
    let hits = store.index().matches(seen, &rules, NOW);
    let mut ids: Vec<_> = hits
        .iter()
        .map(|hit| format!("{}/{}", hit.indicator.provider, hit.indicator.id))
        .collect();
    ids.sort();
    ids
}

/// All of these indicators that the store has, and its cursors.
pub fn contents(
    store: &IndicatorStore,
    universe: &[(&str, &str)],
) -> (BTreeMap<String, Indicator>, Vec<Option<String>>) {
    let all = universe.iter().filter_map(|(provider, id)| {
        let indicator = store.get(provider, id).unwrap()?;
        Some((format!("{provider}/{id}"), indicator))
    });
    (all.collect(), vec![store.cursor("a"), store.cursor("b")])
}

/// A copy of the folder as it is, as a crash would leave it. The lock is not taken with it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
