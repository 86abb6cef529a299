//! The section `[sinks.iris.intel]`.

use serde::Deserialize;

/// What hits of threat intelligence change in an alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntelConfig {
    /// When a hit raises the alert's severity, default one rule: score 75, severity `High`. An empty list never raises it.
    pub raise: Option<Vec<RaiseRule>>,
}

/// A score and the severity an alert gets at least.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaiseRule {
    /// The lowest score, 0 to 100.
    pub score: u32,
    /// The severity's name.
    pub severity: String,
}

impl IntelConfig {
    /// The rule where none is written. An IRIS without this severity leaves the alert as it is.
    pub(crate) fn default_raise() -> Vec<RaiseRule> {
        vec![RaiseRule {
            score: 75,
            severity: "High".to_owned(),
        }]
    }
}
