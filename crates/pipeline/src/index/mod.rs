//! Which of many matcher sets hold for an alert, at a cost that grows with what could hold and not with how many there are.
//!
//! Each set is filed under **one** of its matchers, the one that the fewest other sets share: under a text its field must
//! equal, a network its address must lie in, a literal its pattern can't match without, or at least under a field that must
//! be there. For an alert each field that anything is filed under is looked up once: texts and networks in hash tables,
//! literals by one automaton. What is found there is then asked in full, so filing can only cost time, never change an answer
//! (property test `the_index_answers_what_asking_every_set_answers`). Sets without such a matcher are always asked.

mod bits;
mod filed;
mod filing;
mod literals;

use std::collections::{HashMap, hash_map::Entry};

use crate::{matcher::Matchers, view::AlertView};
use bits::Bits;
use filed::Filed;
use filing::{Filing, filings};

/// Many matcher sets, filed for quick answers. Made once per configuration or change of silences.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, MatcherIndex};
///
/// let sets = vec!["rule.id = 5710".parse().unwrap(), "{rule.level < 5, agent.name =~ web.*}".parse().unwrap()];
/// let index = MatcherIndex::new(sets);
/// let alert = Alert::parse(br#"{"rule":{"level":3,"id":"5710"},"agent":{"name":"web01"}}"#.to_vec()).unwrap();
/// let text = alert.text();
/// assert_eq!(index.holding(&AlertView::new(alert.head(), &text)), [0, 1]);
/// ```
#[derive(Debug, Default)]
pub struct MatcherIndex {
    sets: Vec<Matchers>,
    /// Many sinks have the same entries (presets): each of them is filed and asked once.
    different: Vec<Different>,
    filed: Vec<Filed>,
    /// Of the different ones, those that could hold for any alert.
    unfiled: Vec<usize>,
}

/// Sets that are the same.
#[derive(Debug)]
struct Different {
    first: usize,
    /// The places of the others.
    others: Vec<usize>,
}

impl MatcherIndex {
    /// Files the sets. The index of a set in the answers is its place here.
    pub fn new(sets: Vec<Matchers>) -> Self {
        let different = different(&sets);
        let choices: Vec<Vec<Filing>> = different
            .iter()
            .map(|same| filings(&sets[same.first]))
            .collect();
        let mut crowds = HashMap::new();
        for (field, key) in choices.iter().flatten().flat_map(Filing::keys) {
            *crowds.entry((field, key)).or_insert(0_usize) += 1;
        }
        let crowd = |filing: &&Filing| filing.keys().map(|key| crowds[&key]).sum::<usize>();

        let mut by_field: HashMap<_, Vec<_>> = HashMap::new();
        let mut unfiled = Vec::new();
        for (number, choices) in choices.iter().enumerate() {
            match choices.iter().min_by_key(crowd) {
                Some(filing) => {
                    let filings = by_field.entry(&filing.field).or_default();
                    filings.extend(filing.keys().map(|(_, key)| (key.clone(), number)));
                }
                None => unfiled.push(number),
            }
        }
        let filed = by_field
            .into_iter()
            .map(|(field, entries)| Filed::new(field.clone(), entries))
            .collect();
        Self {
            sets,
            different,
            filed,
            unfiled,
        }
    }

    /// The places of the sets that hold, in ascending order.
    pub fn holding(&self, view: &AlertView<'_>) -> Vec<usize> {
        let mut candidates = Bits::new(self.different.len());
        for &number in &self.unfiled {
            candidates.insert(number);
        }
        for filed in &self.filed {
            filed.candidates(view, &mut candidates);
        }
        let mut holding = Vec::with_capacity(candidates.count());
        let mut has_others = false;
        for number in candidates.iter() {
            let same = &self.different[number];
            if self.sets[same.first].hold(view) {
                holding.push(same.first);
                holding.extend_from_slice(&same.others);
                has_others |= !same.others.is_empty();
            }
        }
        if has_others {
            let mut ordered = Bits::new(self.sets.len());
            for place in holding.drain(..) {
                ordered.insert(place);
            }
            holding.extend(ordered.iter());
        }
        holding
    }

    /// The sets, in the order they were given.
    pub fn sets(&self) -> &[Matchers] {
        &self.sets
    }
}

/// In the order of their first places.
fn different(sets: &[Matchers]) -> Vec<Different> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut different: Vec<Different> = Vec::new();
    for (first, set) in sets.iter().enumerate() {
        // What is written the same is the same set: a text reads back as it was (`matcher/text.rs`).
        match known.entry(set.to_string()) {
            Entry::Occupied(number) => different[*number.get()].others.push(first),
            Entry::Vacant(entry) => {
                entry.insert(different.len());
                let others = Vec::new();
                different.push(Different { first, others });
            }
        }
    }
    different
}
