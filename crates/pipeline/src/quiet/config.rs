//! The `[quiet]` table of the configuration file, as it stands there. The keys are described in `docs/silences.md` and
//! `docs/folding.md`; [`QuietRules`](super::QuietRules) is what it means.

use super::period::Period;
use crate::{
    allowlist::{AllowlistEntryConfig, AllowlistPreset},
    gate::RuleId,
    matcher::Matchers,
    mute::MuteConfig,
};

/// Everything about fewer alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuietConfig {
    /// Rules that no allowlist hides and no budget holds back.
    pub high_signal_rules: Vec<RuleId>,
    /// Whether allowlists hide alerts of those rules too.
    pub allowlist_beats_high_signal: bool,
    /// Ready-made allowlist entries.
    pub allowlist_presets: Vec<AllowlistPreset>,
    /// Allowlist entries, in the order they are asked.
    pub allowlist: Vec<AllowlistEntryConfig>,
    /// Times in which alerts are muted.
    pub mute: Vec<MuteConfig>,
    /// Repeats of an alert are counted into it.
    pub folding: FoldingConfig,
    /// How many different alerts of one rule on one agent come one by one.
    pub burst: BurstConfig,
    /// How many alerts an hour.
    pub budget: BudgetConfig,
}

/// `[quiet.folding]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FoldingConfig {
    /// Whether repeats are folded.
    pub enabled: bool,
    /// Sliding: it begins anew with each repeat.
    pub window: Period,
    /// However steadily repeats come, after this long a new alert is sent.
    pub longest_life: Period,
    /// The count at the sink is brought up to date at most this often.
    pub group_interval: Period,
    /// Exceptions; the first that matches counts.
    pub group_by: Vec<GroupByConfig>,
}

/// `[[quiet.folding.group_by]]`: what makes two alerts the same, for some rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupByConfig {
    /// Alerts of any of these rules.
    pub rules: Vec<RuleId>,
    /// Alerts with any of these groups.
    pub groups: Vec<String>,
    /// Alerts these hold for.
    pub matchers: Option<Matchers>,
    /// The fields of the key, beside rule and agent; without it those of the event's family.
    pub fields: Option<Vec<String>>,
    /// Instead of `[quiet.folding] window`.
    pub window: Option<Period>,
    /// Such alerts are never folded.
    pub never: bool,
}

/// `[quiet.burst]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BurstConfig {
    /// Whether bursts are folded.
    pub enabled: bool,
    /// Alerts within `period` that still come one by one.
    pub limit: u32,
    /// Begins with the first of them.
    pub period: Period,
}

/// `[quiet.budget]`: alerts an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// For each customer.
    pub per_customer: u32,
    /// For each sink.
    pub per_sink: u32,
    /// Alerts of this level and above are sent whatever the budget.
    pub exempt_level: u32,
}

impl Default for FoldingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Period::minutes(15),
            longest_life: Period::minutes(24 * 60),
            group_interval: Period::minutes(1),
            group_by: Vec::new(),
        }
    }
}

impl Default for BurstConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            limit: 5,
            period: Period::minutes(5),
        }
    }
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            per_customer: 300,
            per_sink: 300,
            exempt_level: 12,
        }
    }
}
