//! The index: which indicators compare a value.

use alertbridge_alert::Observable;
use jiff::Timestamp;

use crate::{Hit, Lookup, MatchRules};

/// What is known at the moment, for any number of threads. Take it anew for each alert ([`crate::IndicatorStore::index`]).
#[derive(Debug, Default)]
pub struct Index {}

impl Index {
    /// The indicators that an alert with these observables matches, the best first: not expired, meant for detection, higher
    /// score, higher confidence, valid for longer. At most [`MatchRules::most_hits`].
    #[must_use]
    pub fn matches(
        &self,
        observables: &[Observable],
        rules: &MatchRules,
        now: Timestamp,
    ) -> Vec<Hit> {
        let _ = (observables, rules, now);
        Vec::new()
    }

    /// All that is known about one value, with the reason where it would not match.
    #[must_use]
    pub fn lookup(&self, text: &str, rules: &MatchRules, now: Timestamp) -> Lookup {
        let _ = (text, rules, now);
        Lookup {
            observables: Vec::new(),
            entries: Vec::new(),
            more: 0,
        }
    }
}
