//! The same judgement for indicators that were not found in the index: those that OpenCTI itself was asked for.

use std::sync::Arc;

use alertbridge_alert::observables::Observable;
use jiff::Timestamp;

use super::{facts, lookup, verdict};
use crate::{
    Hit, Indicator, Lookup, MatchRules,
    pattern::{Compiled, Fact, Found},
};

/// The indicators of a list that an alert with these observables matches, as [`crate::Index::matches`] has it: by their patterns, under the
/// rules, the best first.
#[must_use]
pub fn hits_among(
    indicators: &[Arc<Indicator>],
    observables: &[Observable],
    rules: &MatchRules,
    now: Timestamp,
) -> Vec<Hit> {
    let facts = facts::facts(observables, rules.parents);
    let found = indicators
        .iter()
        .filter_map(|indicator| judged(indicator, &Compiled::of(indicator).ok()?, &facts))
        .collect();
    ranked(found, observables, rules, now).0
}

/// What a list of indicators says of one value, as [`crate::Index::lookup`] has it.
#[must_use]
pub fn lookup_among(
    indicators: &[Arc<Indicator>],
    text: &str,
    rules: &MatchRules,
    now: Timestamp,
) -> Lookup {
    lookup::explained(text, rules, now, |facts| {
        indicators
            .iter()
            .filter_map(|indicator| judged(indicator, &Compiled::of(indicator).ok()?, facts))
            .collect()
    })
}

/// Puts an indicator's pattern to the facts; `None` where it has nothing to do with them.
pub(super) fn judged(
    indicator: &Arc<Indicator>,
    compiled: &Compiled,
    facts: &[Fact],
) -> Option<(Arc<Indicator>, Option<Found>)> {
    let holds = compiled.node.evaluate(facts);
    let is_meant = holds.is_some() || compiled.names_one_of(facts);
    is_meant.then(|| (Arc::clone(indicator), holds))
}

/// What counts under the rules, the best first, and how many more there are than the rules allow.
pub(super) fn ranked(
    found: Vec<(Arc<Indicator>, Option<Found>)>,
    observables: &[Observable],
    rules: &MatchRules,
    now: Timestamp,
) -> (Vec<Hit>, u64) {
    let mut hits: Vec<Hit> = found
        .into_iter()
        .filter_map(|(indicator, found)| {
            let (how, number) = found?;
            let counts = verdict::against(&indicator, how, rules, now).is_empty();
            counts.then_some(())?;
            Some(Hit {
                expired: verdict::is_expired(&indicator, now),
                observable: observables.get(number?)?.clone(),
                indicator,
                how,
            })
        })
        .collect();
    hits.sort_by_cached_key(|hit| verdict::rank(&hit.indicator, hit.how, now));
    let more = hits.len().saturating_sub(rules.most_hits);
    hits.truncate(rules.most_hits);
    (hits, more as u64)
}
