//! What the rules of the configuration say to an alert, and what they see in it.

use std::collections::HashMap;

use alertbridge_alert::Alert;
use alertbridge_ledger::{Ledger, SqliteLedger};
use alertbridge_pipeline::{AlertView, Gate, QuietRules, Step};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    clock, commands::answer, config::Config, exit::Exit, failure::Failure, quieting::Quieting,
    table::printable,
};

/// The rules of a configuration, with the silences of a ledger.
pub struct Rules {
    sources: HashMap<&'static str, Gate>,
    sinks: Vec<(String, Gate)>,
    pub quieting: Quieting,
    now: Timestamp,
}

/// What one rule says.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    rule: String,
    says: String,
    saw: Vec<(String, Vec<String>)>,
}

impl Rules {
    /// Compiles them.
    ///
    /// # Errors
    /// Where the configuration or the ledger can't be read.
    pub fn of(config: &Config, ledger: Option<&SqliteLedger>) -> Result<Self, Failure> {
        let quiet = QuietRules::try_from(config.quiet.clone())
            .map_err(|error| Failure::new(Exit::Config, error))?;
        let quieting = Quieting::new(quiet, vec!["iris".to_owned()]);
        if let Some(ledger) = ledger {
            quieting.set_silences(&answer(ledger.silences())?);
        }
        Ok(Self {
            sources: HashMap::from([
                ("follower", config.sources.follower.gate()),
                ("hook", config.sources.hook.gate()),
                ("spool", config.sources.hook.gate()),
            ]),
            sinks: config.gates.clone().into_iter().collect(),
            quieting,
            now: clock::now(),
        })
    }

    /// The gate of a source.
    pub fn gate(&self, source: &str) -> Option<&Gate> {
        self.sources.get(source)
    }

    /// The gate of a sink that has one.
    pub fn sink_gate(&self, sink: &str) -> Option<&Gate> {
        let mut gates = self.sinks.iter();
        gates.find(|(name, _)| name == sink).map(|(_, gate)| gate)
    }

    /// What each says to an alert that a source brings.
    pub fn say(&self, alert: &Alert, source: &str) -> Vec<Said> {
        let text = alert.text();
        let view = AlertView::new(alert.head(), &text);
        let mut said = Vec::new();
        let gate = self
            .gate(source)
            .map(|gate| (format!("gate of the source {source}"), gate));
        let sinks = self
            .sinks
            .iter()
            .map(|(sink, gate)| (format!("gate of the sink {sink}"), gate));
        for (name, gate) in gate.into_iter().chain(sinks) {
            said.push(Said::of(gate.explain(&view), Some(&name)));
        }
        for step in self.quieting.explain(&view, self.now) {
            said.push(Said::of(step, None));
        }
        said
    }
}

impl Said {
    fn of(step: Step, name: Option<&str>) -> Self {
        Self {
            rule: match name {
                Some(name) => name.to_owned(),
                None => step.rule,
            },
            says: step.says,
            saw: step.values,
        }
    }
}

/// For people.
pub fn text(said: &[Said]) -> String {
    let mut text = String::new();
    for one in said {
        text.push_str(&printable(&format!("  {}: {}", one.rule, one.says)));
        text.push('\n');
        for (field, values) in &one.saw {
            let values = match values.is_empty() {
                true => "(missing)".to_owned(),
                false => values.join(", "),
            };
            text.push_str(&printable(&format!("      {field} = {values}")));
            text.push('\n');
        }
    }
    text
}
