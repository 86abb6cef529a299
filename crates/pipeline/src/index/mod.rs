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

use std::collections::HashMap;

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
    filed: Vec<Filed>,
    /// Sets that could hold for any alert.
    unfiled: Vec<usize>,
}

impl MatcherIndex {
    /// Files the sets. The index of a set in the answers is its place here.
    pub fn new(sets: Vec<Matchers>) -> Self {
        let choices: Vec<Vec<Filing>> = sets.iter().map(filings).collect();
        let mut crowds = HashMap::new();
        for (field, key) in choices.iter().flatten().flat_map(Filing::keys) {
            *crowds.entry((field, key)).or_insert(0_usize) += 1;
        }
        let crowd = |filing: &&Filing| filing.keys().map(|key| crowds[&key]).sum::<usize>();

        let mut by_field: HashMap<_, Vec<_>> = HashMap::new();
        let mut unfiled = Vec::new();
        for (set, choices) in choices.iter().enumerate() {
            match choices.iter().min_by_key(crowd) {
                Some(filing) => {
                    let filings = by_field.entry(&filing.field).or_default();
                    filings.extend(filing.keys().map(|(_, key)| (key.clone(), set)));
                }
                None => unfiled.push(set),
            }
        }
        let filed = by_field
            .into_iter()
            .map(|(field, entries)| Filed::new(field.clone(), entries))
            .collect();
        Self {
            sets,
            filed,
            unfiled,
        }
    }

    /// The places of the sets that hold, in ascending order.
    pub fn holding(&self, view: &AlertView<'_>) -> Vec<usize> {
        let mut candidates = Bits::new(self.sets.len());
        for &set in &self.unfiled {
            candidates.insert(set);
        }
        for filed in &self.filed {
            filed.candidates(view, &mut candidates);
        }
        let mut holding = Vec::with_capacity(candidates.count());
        for set in candidates.iter() {
            if self.sets[set].hold(view) {
                holding.push(set);
            }
        }
        holding
    }

    /// The sets, in the order they were given.
    pub fn sets(&self) -> &[Matchers] {
        &self.sets
    }
}
