//! The index: which indicators compare a value.
//!
//! Two layers: the index file in memory ([`table::Table`]) and the changes since ([`overlay::Overlay`]). A miss costs one
//! look into each. A hit is read from its segment and put to the whole alert, so what the index says is never believed blindly: a
//! fingerprint that two values share, or an indicator that asks for more, costs a read and nothing else.
//! Observables are taken to be in the normal form of their kind, as an alert gives them.

mod among;
mod counts;
mod facts;
mod lookup;
mod overlay;
mod recent;
mod scans;
pub(crate) mod table;
mod verdict;

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use alertbridge_alert::observables::Observable;
use ipnet::IpNet;
use jiff::Timestamp;

pub use among::{hits_among, lookup_among};
pub(crate) use overlay::{Effect, Overlay};
use recent::{Known, Recent};
use scans::Scan;
use table::Table;

use crate::{
    Hit, Indicator, MatchRules, Result,
    disk::{
        entry::{EntryHead, SCAN},
        run::Record,
        segment::{Entry, Place, read_entry},
    },
    fingerprint::FingerprintKey,
    pattern::{Compiled, Fact, Found},
    value::Key,
};

/// Indicators read for one alert.
const MOST_CANDIDATES: usize = 256;

/// What is known at the moment, for any number of threads. Take it anew for each alert ([`crate::IndicatorStore::index`]); one
/// that is kept may fall behind.
#[derive(Debug, Default)]
pub struct Index {
    key: FingerprintKey,
    pub(crate) table: Table,
    overlay: RwLock<Overlay>,
    scans: RwLock<Vec<Arc<Scan>>>,
    recent: Recent,
    pub(crate) files: BTreeMap<u32, Arc<File>>,
    pub(crate) counters: Arc<Counters>,
}

/// What happened in matching, over all versions of the index.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    alerts: AtomicU64,
    hits: AtomicU64,
    left_out: AtomicU64,
    unreadable: AtomicU64,
    scans_left_out: AtomicU64,
}

/// What happened in matching since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchCounts {
    /// Alerts that were matched.
    pub alerts: u64,
    /// Hits that were found.
    pub hits: u64,
    /// Hits and indicators beyond what is looked at for one alert.
    pub left_out: u64,
    /// Indicators that could not be read from the disk.
    pub unreadable: u64,
    /// `LIKE` and `MATCHES` patterns that were not tried: too many of them.
    pub scans_left_out: u64,
}

impl Index {
    pub(crate) fn new(
        key: FingerprintKey,
        table: Table,
        files: BTreeMap<u32, Arc<File>>,
        counters: Arc<Counters>,
    ) -> Self {
        let overlay = RwLock::new(Overlay::over(&table));
        let index = Self {
            key,
            table,
            overlay,
            files,
            counters,
            scans: RwLock::default(),
            recent: Recent::default(),
        };
        index
            .table
            .records()
            .filter(|record| record.flags & SCAN != 0)
            .for_each(|record| index.add_scan(record));
        index
    }

    pub(crate) fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in changes that are durable. Matching threads wait for a few of them at a time at most.
    pub(crate) fn apply<'c>(
        &self,
        changes: impl IntoIterator<Item = (&'c EntryHead, Place)>,
        mut each: impl FnMut(Effect),
    ) -> Result<()> {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let mut scans = Vec::new();
            let mut overlay = self.overlay_mut();
            for (head, place) in changes.by_ref().take(64) {
                each(overlay.apply(&self.table, head, place)?);
                if head
                    .upsert
                    .as_ref()
                    .is_some_and(|upsert| upsert.flags & SCAN != 0)
                {
                    scans.extend(overlay.find(head.id).flatten());
                }
            }
            drop(overlay);
            scans.into_iter().for_each(|record| self.add_scan(record));
        }
        Ok(())
    }

    /// Holds the pattern ready, where it can be read and there are not too many.
    fn add_scan(&self, record: Record) {
        let mut scans = self.scans.write().unwrap_or_else(PoisonError::into_inner);
        scans.retain(|scan| scan.id != record.id);
        let room = scans.len() < scans::MOST;
        let read = room.then(|| self.read(record.place)).flatten();
        let compiled =
            read.and_then(|(_, indicator)| Some((Compiled::of(&indicator).ok()?, indicator)));
        let Some((compiled, indicator)) = compiled else {
            self.counters.scans_left_out.fetch_add(1, Relaxed);
            return;
        };
        let indicator = Arc::new(indicator);
        scans.push(Arc::new(Scan {
            id: record.id,
            place: record.place.0,
            indicator,
            compiled,
        }));
    }

    /// The live record of an id.
    pub(crate) fn find(&self, id: u64) -> Option<Record> {
        match self.overlay().find(id) {
            Some(said) => said,
            None => self
                .table
                .find(id)
                .and_then(|number| self.table.record(number)),
        }
    }

    /// One indicator, with the fingerprint of its id; `None` where it can't be read, which is counted.
    pub(crate) fn read(&self, place: Place) -> Option<(EntryHead, Indicator)> {
        let (entry, indicator) = self.entry(place)?;
        Some((entry.head, indicator))
    }

    fn entry(&self, place: Place) -> Option<(Entry, Indicator)> {
        let file = self.files.get(&place.segment());
        let read = file.and_then(|file| match read_entry(file, place) {
            Ok(Some(entry)) => {
                let indicator = serde_json::from_slice(entry.json()).ok()?;
                Some((entry, indicator))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "an indicator can't be read");
                None
            }
        });
        if read.is_none() {
            self.counters.unreadable.fetch_add(1, Relaxed);
        }
        read
    }

    /// The same, ready to be put to an alert.
    fn known(&self, place: Place) -> Option<Arc<Known>> {
        if let Some(known) = self.recent.get(place) {
            return Some(known);
        }
        let (entry, indicator) = self.entry(place)?;
        let known = Arc::new(Known {
            id: entry.head.id,
            compiled: Compiled::of(&indicator).ok(),
            indicator: Arc::new(indicator),
        });
        if entry.json().len() <= recent::LONGEST {
            self.recent.offer(place, &known);
        }
        Some(known)
    }

    /// The indicators that an alert with these observables matches, the best first: not expired, meant for detection, higher
    /// score, higher confidence, valid for longer. One hit for an indicator, at most [`MatchRules::most_hits`] in all.
    #[must_use]
    pub fn matches(
        &self,
        observables: &[Observable],
        rules: &MatchRules,
        now: Timestamp,
    ) -> Vec<Hit> {
        self.counters.alerts.fetch_add(1, Relaxed);
        let facts = facts::facts(observables, rules.parents);
        let (hits, more) = among::ranked(self.found(&facts), observables, rules, now);
        let found = hits.len() as u64 + more;
        self.counters.hits.fetch_add(found, Relaxed);
        self.counters.left_out.fetch_add(more, Relaxed);
        hits
    }

    /// Whether any indicator compares this very value, expired or not: memory alone is asked. Networks, parents and `LIKE` are not
    /// looked at.
    #[must_use]
    pub fn knows(&self, observable: &Observable) -> bool {
        let text = Key::text_of(observable.kind, &observable.value);
        let value = self.key.of_text(observable.kind, text);
        let overlay = self.overlay();
        overlay.owners(value).next().is_some()
            || self
                .table
                .owners(value)
                .any(|number| overlay.is_alive(number))
    }

    /// The indicators that compare one of these values, and whether their patterns hold.
    fn found(&self, facts: &[Fact]) -> Vec<(Arc<Indicator>, Option<Found>)> {
        if facts.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for record in self.candidates(facts) {
            // The overlay may have moved on since: another version of the same indicator is read as well as this one.
            let Some(known) = self.known(record.place) else {
                continue;
            };
            if known.id != record.id {
                self.counters.unreadable.fetch_add(1, Relaxed);
                continue;
            }
            if let Some(compiled) = &known.compiled {
                found.extend(among::judged(&known.indicator, compiled, facts));
            }
        }
        self.scan(facts, &mut found);
        found
    }

    /// Records with one of these values, or with a network around one.
    fn candidates(&self, facts: &[Fact]) -> Vec<Record> {
        let mut candidates = Vec::new();
        let mut seen = HashSet::new();
        let mut left_out = 0;
        let overlay = self.overlay();
        let mut look_up = |value: u64| {
            let stored = self.table.owners(value);
            let stored = stored
                .filter(|number| overlay.is_alive(*number))
                .filter_map(|number| self.table.record(number));
            for record in overlay.owners(value).chain(stored) {
                if candidates.len() == MOST_CANDIDATES {
                    left_out += 1;
                    // A value that a million indicators share is not counted to its end.
                    if left_out % 4096 == 0 {
                        break;
                    }
                } else if record.flags & SCAN == 0 && seen.insert(record.id) {
                    candidates.push(record);
                }
            }
        };
        for fact in facts {
            look_up(self.key.of_key(&fact.key));
            let Some(ip) = fact.ip else { continue };
            for length in overlay.prefixes.lengths(ip.is_ipv6()) {
                if let Ok(net) = IpNet::new(ip, length) {
                    look_up(self.key.of_network(&net.trunc()));
                }
            }
        }
        drop(overlay);
        self.counters.left_out.fetch_add(left_out, Relaxed);
        candidates
    }

    /// Tries the patterns that no value leads to.
    fn scan(&self, facts: &[Fact], found: &mut Vec<(Arc<Indicator>, Option<Found>)>) {
        let scans = self.scans.read().unwrap_or_else(PoisonError::into_inner);
        if scans.is_empty() {
            return;
        }
        let kinds = facts
            .iter()
            .fold(0, |kinds, fact| kinds | crate::value::bit(fact.key.kind));
        let wanted: Vec<_> = scans
            .iter()
            .filter(|scan| scan.kinds() & kinds != 0)
            .cloned()
            .collect();
        drop(scans);
        for (tried, scan) in wanted.iter().enumerate() {
            if (tried + 1) * facts.len() > scans::MOST_TESTS {
                let left = (wanted.len() - tried) as u64;
                self.counters.scans_left_out.fetch_add(left, Relaxed);
                break;
            }
            let current = self
                .find(scan.id)
                .is_some_and(|record| record.place.0 == scan.place);
            if current && let Some(holds) = scan.compiled.node.evaluate(facts) {
                found.push((Arc::clone(&scan.indicator), Some(holds)));
            }
        }
    }

    /// All live records.
    pub(crate) fn each_record(&self, mut each: impl FnMut(Record)) {
        let overlay = self.overlay();
        for number in 0..self.table.len() as u32 {
            if overlay.is_alive(number)
                && let Some(record) = self.table.record(number)
            {
                each(record);
            }
        }
        overlay.records().for_each(each);
    }

    /// What happened in matching since the store was opened.
    #[must_use]
    pub fn counts(&self) -> MatchCounts {
        let counters = &self.counters;
        MatchCounts {
            alerts: counters.alerts.load(Relaxed),
            hits: counters.hits.load(Relaxed),
            left_out: counters.left_out.load(Relaxed),
            unreadable: counters.unreadable.load(Relaxed),
            scans_left_out: counters.scans_left_out.load(Relaxed),
        }
    }

    /// Bytes of memory that the index takes, from its parts.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.table.memory() + self.overlay().memory()
    }
}
