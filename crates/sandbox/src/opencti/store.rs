//! Everything the pretended platform holds: indicators, observables, identities, sightings, and its event log.
//!
//! Invariants: made-up indicators exist by number until one is changed or deleted, so they cost no memory;
//! every change made through `put`, `update`, `delete`, `merge` leaves one event, loading leaves none; the
//! server's time never goes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::events::{EventId, EventKind, EventLog};
use super::fields::indicator_order;
use super::model::{StixIdentity, StixIndicator, StixObservable};
use super::paging::{Place, SortKey, Wanted, in_order};
use super::synthetic;
use crate::clock;

/// A sighting a client reported.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSighting {
    /// Internal id.
    pub id: String,
    /// STIX id.
    pub standard_id: String,
    /// Name of the account that sent it.
    pub user: String,
    /// The mutation's input as it came.
    pub input: Value,
}

#[derive(Debug)]
pub(crate) struct Store {
    synthetic: u64,
    replaced: HashSet<u64>,
    indicators: HashMap<String, Arc<StixIndicator>>,
    by_standard_id: HashMap<String, String>,
    pub(crate) observables: BTreeMap<String, Arc<StixObservable>>,
    pub(crate) identities: Vec<StixIdentity>,
    pub(crate) sightings: Vec<StoredSighting>,
    pub(crate) events: EventLog,
    /// How many indicators a question has asked for, since the last change: a list that is read page by page asks again and again,
    /// and counting makes every made-up indicator.
    pub(crate) counts: HashMap<String, usize>,
}

/// A row of the ordered list: a stored indicator, or the number of a made-up one.
enum Source {
    Stored(Arc<StixIndicator>),
    Synthetic(u64),
}

impl Source {
    fn indicator(self) -> Arc<StixIndicator> {
        match self {
            Source::Stored(indicator) => indicator,
            Source::Synthetic(number) => Arc::new(synthetic::synthetic_indicator(number)),
        }
    }
}

impl Store {
    pub(crate) fn new(synthetic: u64, events_kept: usize) -> Store {
        Store {
            synthetic,
            replaced: HashSet::new(),
            indicators: HashMap::new(),
            by_standard_id: HashMap::new(),
            observables: BTreeMap::new(),
            identities: Vec::new(),
            sightings: Vec::new(),
            events: EventLog::new(events_kept, clock::now().as_millisecond()),
            counts: HashMap::new(),
        }
    }

    pub(crate) fn indicator_count(&self) -> u64 {
        self.indicators.len() as u64 + self.synthetic - self.replaced.len() as u64
    }

    /// By internal or STIX id.
    pub(crate) fn indicator(&self, id: &str) -> Option<Arc<StixIndicator>> {
        let stored = self
            .indicators
            .get(id)
            .or_else(|| self.indicators.get(self.by_standard_id.get(id)?));
        if let Some(indicator) = stored {
            return Some(Arc::clone(indicator));
        }
        let number = synthetic::number_of(id)?;
        self.has(number)
            .then(|| Arc::new(synthetic::synthetic_indicator(number)))
    }

    pub(crate) fn load(&mut self, indicator: StixIndicator) -> Arc<StixIndicator> {
        let indicator = Arc::new(indicator);
        self.counts.clear();
        self.forget_synthetic(&indicator.id);
        self.by_standard_id
            .insert(indicator.standard_id.clone(), indicator.id.clone());
        self.indicators
            .insert(indicator.id.clone(), Arc::clone(&indicator));
        indicator
    }

    pub(crate) fn put(&mut self, indicator: StixIndicator) -> EventId {
        let before = self.indicator(&indicator.id);
        let after = self.load(indicator);
        let kind = match &before {
            Some(_) => EventKind::Update,
            None => EventKind::Create,
        };
        self.events.push(kind, before, Some(after), Vec::new())
    }

    pub(crate) fn update(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut StixIndicator),
    ) -> Option<EventId> {
        let before = self.indicator(id)?;
        let mut after = StixIndicator::clone(&before);
        change(&mut after);
        let now = self.now();
        after.updated_at = now;
        after.modified = Some(now);
        let after = self.load(after);
        Some(
            self.events
                .push(EventKind::Update, Some(before), Some(after), Vec::new()),
        )
    }

    pub(crate) fn delete(&mut self, id: &str) -> Option<EventId> {
        let before = self.remove(id)?;
        Some(
            self.events
                .push(EventKind::Delete, Some(before), None, Vec::new()),
        )
    }

    /// Sources vanish into the target; one event tells of all of it.
    pub(crate) fn merge(&mut self, target: &str, sources: &[&str]) -> Option<EventId> {
        let before = self.indicator(target)?;
        let gone: Vec<Arc<StixIndicator>> = sources
            .iter()
            .filter(|source| **source != before.id && **source != before.standard_id)
            .filter_map(|source| self.remove(source))
            .collect();
        let mut after = StixIndicator::clone(&before);
        for source in &gone {
            for label in source.labels.iter().flatten() {
                let labels = after.labels.get_or_insert_default();
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
            after.score = after.score.max(source.score);
            after.observables.extend(source.observables.iter().cloned());
        }
        let now = self.now();
        after.updated_at = now;
        after.modified = Some(now);
        let after = self.load(after);
        Some(
            self.events
                .push(EventKind::Merge, Some(before), Some(after), gone),
        )
    }

    /// The indicators that are based on an observable.
    pub(crate) fn indicators_of<'a>(
        &'a self,
        observable: &'a str,
    ) -> impl Iterator<Item = Arc<StixIndicator>> + 'a {
        self.indicators
            .values()
            .filter(move |it| it.observables.iter().any(|id| id == observable))
            .map(Arc::clone)
    }

    /// The wall clock, but never behind the latest event.
    pub(crate) fn now(&self) -> Timestamp {
        let now = clock::now().as_millisecond();
        Timestamp::from_millisecond(now.max(self.events.last_id().milliseconds))
            .unwrap_or(Timestamp::MAX)
    }

    /// All indicators in the wanted order, after the cursor, made one by one; of the made-up ones these only, if
    /// some are named. What was changed before `since` may be left out.
    pub(crate) fn ordered<'a>(
        &'a self,
        wanted: &'a Wanted,
        only: Option<&[u64]>,
        since: Option<Timestamp>,
    ) -> impl Iterator<Item = (Place, Arc<StixIndicator>)> + 'a {
        let mut stored: Vec<(Place, Source)> = self
            .indicators
            .values()
            .map(|it| (place(it, &wanted.order), Source::Stored(Arc::clone(it))))
            .collect();
        let is_lazy = only.is_none()
            && !matches!(
                wanted.order.as_str(),
                "confidence"
                    | "createdBy"
                    | "name"
                    | "pattern"
                    | "pattern_type"
                    | "pattern_version"
                    | "valid_until"
                    | "x_opencti_detection"
                    | "x_opencti_score"
            );
        if !is_lazy {
            let asked = only.map(<[u64]>::to_vec);
            let all = asked.is_none().then(|| self.numbers(0, false));
            let asked = asked
                .into_iter()
                .flatten()
                .filter(|number| self.has(*number));
            stored.extend(asked.chain(all.into_iter().flatten()).map(|number| {
                let it = synthetic::synthetic_indicator(number);
                (place(&it, &wanted.order), Source::Synthetic(number))
            }));
        }
        let mut stored = in_order(stored, wanted).into_iter().peekable();
        let skipped = if is_lazy {
            let unchanged = since.filter(|_| wanted.order == "updated_at" && !wanted.descending);
            self.synthetic_before(wanted)
                .max(unchanged.map_or(0, |since| self.synthetic_until(since)))
        } else {
            self.synthetic
        };
        let mut made_up = self
            .numbers(skipped, wanted.descending)
            .map(|number| {
                (
                    synthetic_place(number, &wanted.order),
                    Source::Synthetic(number),
                )
            })
            .peekable();
        std::iter::from_fn(move || {
            let from_stored = match (stored.peek(), made_up.peek()) {
                (Some((a, _)), Some((b, _))) => a.compare(b, wanted.descending).is_lt(),
                (Some(_), None) => true,
                (None, _) => false,
            };
            let next = if from_stored {
                stored.next()
            } else {
                made_up.next()
            };
            next.map(|(place, source)| (place, source.indicator()))
        })
    }

    /// Whether a number stands for a made-up indicator.
    fn has(&self, number: u64) -> bool {
        number < self.synthetic && !self.replaced.contains(&number)
    }

    /// Numbers that still stand for a made-up indicator, after the first `skipped` of the order.
    fn numbers(&self, skipped: u64, descending: bool) -> impl Iterator<Item = u64> + '_ {
        let all = self.synthetic;
        (skipped..all)
            .map(move |at| if descending { all - 1 - at } else { at })
            .filter(|number| !self.replaced.contains(number))
    }

    /// How many made-up indicators stand at or before the cursor, by halving.
    fn synthetic_before(&self, wanted: &Wanted) -> u64 {
        let Some(after) = &wanted.after else {
            return 0;
        };
        let all = self.synthetic;
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low + (high - low) / 2;
            let number = if wanted.descending {
                all - 1 - middle
            } else {
                middle
            };
            let place = synthetic_place(number, &wanted.order);
            if place.compare(after, wanted.descending).is_le() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// How many made-up indicators were last changed before this time.
    fn synthetic_until(&self, since: Timestamp) -> u64 {
        synthetic::first_from(since.as_millisecond()).min(self.synthetic)
    }

    fn remove(&mut self, id: &str) -> Option<Arc<StixIndicator>> {
        let indicator = self.indicator(id)?;
        self.counts.clear();
        self.forget_synthetic(&indicator.id);
        self.indicators.remove(&indicator.id);
        self.by_standard_id.remove(&indicator.standard_id);
        Some(indicator)
    }

    fn forget_synthetic(&mut self, id: &str) {
        if let Some(number) = synthetic::number_of(id)
            && number < self.synthetic
        {
            self.replaced.insert(number);
        }
    }
}

fn place(indicator: &StixIndicator, order: &str) -> Place {
    Place {
        key: indicator_order(indicator, order),
        standard_id: indicator.standard_id.clone(),
    }
}

/// The place of a made-up indicator in an order that grows with its number, without making it.
fn synthetic_place(number: u64, order: &str) -> Place {
    let standard_id = synthetic::standard_id(number);
    let key = match order {
        "created" | "created_at" | "modified" | "updated_at" | "valid_from" => {
            SortKey::Number(synthetic::time_ms(number))
        }
        _ => SortKey::Text(standard_id.clone()),
    };
    Place { key, standard_id }
}
