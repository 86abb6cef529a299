//! Many gates asked at once: one lookup in a [`MatcherIndex`] for all of them.

use crate::{gate::Gate, index::MatcherIndex, view::AlertView};

/// Gates, filed for quick answers.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, Gate, Gates};
///
/// let windows = Gate::new(3, "rule.groups = windows".parse().ok(), Vec::new());
/// let severe = Gate::new(12, None, Vec::new());
/// let gates = Gates::compile(vec![windows, severe]);
/// let alert = Alert::parse(br#"{"rule":{"level":4,"groups":["windows","sysmon"]}}"#.to_vec()).unwrap();
/// let text = alert.text();
/// assert_eq!(gates.passing(&AlertView::new(alert.head(), &text)), [0]);
/// ```
#[derive(Debug, Default)]
pub struct Gates {
    gates: Vec<Gate>,
    index: MatcherIndex,
    /// For each set of the index: its gate.
    gate_of: Vec<usize>,
    /// Sets before this one are an `all_of`, the others entries of an `any_of`.
    first_any_of: usize,
}

impl Gates {
    /// The place of a gate in the answers is its place here.
    pub fn compile(gates: Vec<Gate>) -> Self {
        let mut sets = Vec::new();
        let mut gate_of = Vec::new();
        for (place, gate) in gates.iter().enumerate() {
            if let Some(all) = gate.all_of() {
                sets.push(all.clone());
                gate_of.push(place);
            }
        }
        let first_any_of = sets.len();
        for (place, gate) in gates.iter().enumerate() {
            sets.extend_from_slice(gate.any_of());
            gate_of.resize(sets.len(), place);
        }
        Self {
            gates,
            index: MatcherIndex::new(sets),
            gate_of,
            first_any_of,
        }
    }

    /// The places of the gates that the alert gets through, in ascending order.
    pub fn passing(&self, view: &AlertView<'_>) -> Vec<usize> {
        let mut holds_all = vec![false; self.gates.len()];
        let mut holds_any = vec![false; self.gates.len()];
        for set in self.index.holding(view) {
            let gate = self.gate_of[set];
            if set < self.first_any_of {
                holds_all[gate] = true;
            } else {
                holds_any[gate] = true;
            }
        }
        let mut passing = Vec::with_capacity(self.gates.len());
        for (place, gate) in self.gates.iter().enumerate() {
            if gate.passes_level(view.level())
                && (gate.all_of().is_none() || holds_all[place])
                && (gate.any_of().is_empty() || holds_any[place])
            {
                passing.push(place);
            }
        }
        passing
    }

    /// Whether an alert of this level may get through any of them. Only a "no" is final.
    pub fn passes_level(&self, level: u32) -> bool {
        self.gates.iter().any(|gate| gate.passes_level(level))
    }

    /// The gates, in the order they were given.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }
}
