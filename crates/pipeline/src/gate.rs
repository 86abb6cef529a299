//! A gate: which alerts get through, by level first and by matchers then.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::{
    explain::Step,
    matcher::{Matcher, Matchers},
    view::AlertView,
};

/// Lets an alert through that has `minimum_level` **and** fulfils everything in `all_of` **and** at least one entry of
/// `any_of`, where there is one.
///
/// ```
/// use alertbridge_pipeline::{Gate, GateConfig};
///
/// let gate: Gate = GateConfig::default().try_into().unwrap();
/// assert!(gate.passes_level(0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "GateConfig")]
pub struct Gate {
    minimum_level: u32,
    all_of: Option<Matchers>,
    any_of: Vec<Matchers>,
    /// No alert of a lower level gets through, whatever else it holds.
    lowest_level: u32,
}

/// A gate as it stands in the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// Alerts of a lower `rule.level` are filtered, whatever the other keys say. 0 lets every level through.
    #[serde(default)]
    pub minimum_level: u32,
    /// At least one entry must hold. An entry of several matchers holds where all of them do.
    #[serde(default)]
    pub any_of: Option<Vec<Matchers>>,
    /// Every entry must hold.
    #[serde(default)]
    pub all_of: Vec<Matchers>,
    /// Ready-made entries, added to `any_of`.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// Rule ids that a preset lets through at any level.
    #[serde(default)]
    pub high_signal_rules: Vec<RuleId>,
}

/// Ready-made gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Level 8 and more, or a MITRE technique, or a rule of `high_signal_rules` (facts/peers.md §3.1).
    AsyncAi,
}

/// A rule's id, written as a text or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleId(String);

/// Why keys that are right each for itself make no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Nothing is any of nothing.
    #[error("any_of is empty, so nothing would get through: leave the key out or give an entry")]
    EmptyAnyOf,
    /// Rules without what they are an exception to.
    #[error(
        "high_signal_rules goes with preset = \"async-ai\"; without it write \
         any_of = [\"rule.level >= 8\", \"rule.id = 100624\"]"
    )]
    RulesWithoutPreset,
}

impl TryFrom<GateConfig> for Gate {
    type Error = GateError;

    fn try_from(config: GateConfig) -> Result<Self, GateError> {
        let mut any_of = match config.any_of {
            Some(entries) if entries.is_empty() => return Err(GateError::EmptyAnyOf),
            entries => entries.unwrap_or_default(),
        };
        match config.preset {
            Some(Preset::AsyncAi) => {
                any_of.extend(preset_async_ai(&config.high_signal_rules));
            }
            None if !config.high_signal_rules.is_empty() => {
                return Err(GateError::RulesWithoutPreset);
            }
            None => {}
        }
        let all_of = config.all_of.iter().flatten().cloned().collect();
        Ok(Self::new(
            config.minimum_level,
            Matchers::new(all_of),
            any_of,
        ))
    }
}

fn preset_async_ai(high_signal_rules: &[RuleId]) -> Vec<Matchers> {
    let rules = high_signal_rules
        .iter()
        .map(|rule| Matcher::equal("rule.id", &rule.0));
    [
        Matcher::at_least("rule.level", 8),
        Matcher::exists("rule.mitre.id"),
    ]
    .into_iter()
    .chain(rules)
    .filter_map(|matcher| Matchers::new(vec![matcher?]))
    .collect()
}

impl Gate {
    /// An empty `any_of` asks for nothing.
    pub fn new(minimum_level: u32, all_of: Option<Matchers>, any_of: Vec<Matchers>) -> Self {
        let of_all = all_of.as_ref().map_or(0, Matchers::lowest_level);
        let of_any = any_of.iter().map(Matchers::lowest_level).min();
        Self {
            minimum_level,
            lowest_level: minimum_level.max(of_all).max(of_any.unwrap_or(0)),
            all_of,
            any_of,
        }
    }

    /// Whether an alert of this level may get through. Only a "no" is final.
    pub fn passes_level(&self, level: u32) -> bool {
        level >= self.lowest_level
    }

    /// Whether the alert gets through.
    pub fn passes(&self, view: &AlertView<'_>) -> bool {
        view.level() >= self.minimum_level
            && self.all_of.as_ref().is_none_or(|all| all.hold(view))
            && (self.any_of.is_empty() || self.any_of.iter().any(|one| one.hold(view)))
    }

    /// What the gate saw in an alert, and what it says to it.
    pub fn explain(&self, view: &AlertView<'_>) -> Step {
        let level = view.level();
        let failing = || self.all_of.iter().flatten().find(|one| !one.holds(view));
        let says = if level < self.minimum_level {
            format!(
                "filtered: level {level} is below minimum_level = {}",
                self.minimum_level
            )
        } else if let Some(matcher) = failing() {
            format!("filtered: {matcher} of all_of does not hold")
        } else if self.passes(view) {
            match self.any_of.iter().find(|one| one.hold(view)) {
                Some(matchers) => format!("passes: {matchers} holds"),
                None => "passes".to_owned(),
            }
        } else {
            format!(
                "filtered: none of the {} entries of any_of holds",
                self.any_of.len()
            )
        };
        let mut step = Step::new("gate", says);
        step.see(view, "rule.level");
        for matchers in self.all_of.iter().chain(&self.any_of) {
            step.see_all(view, matchers);
        }
        step
    }

    /// Everything that must hold.
    pub fn all_of(&self) -> Option<&Matchers> {
        self.all_of.as_ref()
    }

    /// Of these at least one must hold, where there are any; the entries of a preset are the last.
    pub fn any_of(&self) -> &[Matchers] {
        &self.any_of
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl Visitor<'_> for TextOrNumber {
            type Value = RuleId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule id such as \"100624\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleId, E> {
                match text.trim() {
                    "" => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                    text => Ok(RuleId(text.to_owned())),
                }
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RuleId, E> {
                match number {
                    0.. => Ok(RuleId(number.to_string())),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

impl RuleId {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RuleId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}
