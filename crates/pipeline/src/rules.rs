//! What becomes of an alert of one source.

use crate::{gate::Gate, view::AlertView};

/// What the operator asked for, for one source, with a gate on any field.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, Decision, Gate, GatedRules};
///
/// let any_of = vec!["rule.level >= 12".parse().unwrap(), "rule.groups = sysmon".parse().unwrap()];
/// let rules = GatedRules { gate: Gate::new(3, None, any_of), sinks: vec!["iris".to_owned()] };
/// let alert = Alert::parse(br#"{"rule":{"level":4,"groups":["windows","sysmon"]}}"#.to_vec()).unwrap();
/// assert!(rules.passes(alert.head().level));
/// let text = alert.text();
/// assert_eq!(rules.decide(&AlertView::new(alert.head(), &text)), Decision::Routed(&rules.sinks));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatedRules {
    /// Which alerts get through.
    pub gate: Gate,
    /// The sinks every alert that passes is handed to.
    pub sinks: Vec<String>,
}

/// What becomes of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Below the gate: counted, not stored.
    Filtered,
    /// Handed to these sinks.
    Routed(&'a [String]),
}

impl GatedRules {
    /// Whether an alert of this level may pass; a source asks before it reads the rest of the alert. Only a "no" is final.
    pub fn passes(&self, level: u32) -> bool {
        self.gate.passes_level(level)
    }

    /// What becomes of an alert.
    pub fn decide(&self, view: &AlertView<'_>) -> Decision<'_> {
        if self.gate.passes(view) {
            Decision::Routed(&self.sinks)
        } else {
            Decision::Filtered
        }
    }
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    #[test]
    fn the_gate_lets_its_own_level_through_at_every_level_of_wazuh() {
        for minimum_level in 0..=16 {
            let rules = GatedRules {
                gate: Gate::new(minimum_level, None, Vec::new()),
                sinks: vec!["iris".to_owned()],
            };
            for level in 0..=16 {
                let alert = Alert::parse(format!(r#"{{"rule":{{"level":{level}}}}}"#).into_bytes())
                    .unwrap();
                let text = alert.text();
                let routed = rules.decide(&AlertView::new(alert.head(), &text))
                    == Decision::Routed(&rules.sinks);
                assert_eq!(routed, level >= minimum_level);
                assert_eq!(rules.passes(level), routed);
            }
        }
    }
}
