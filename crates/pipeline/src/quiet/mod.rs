//! Fewer alerts: what is silenced, and what the ledger needs to know to fold the rest. Stateless; counting is the ledger's.

mod config;
mod error;
mod explain;
mod period;

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

pub use config::{BudgetConfig, BurstConfig, FoldingConfig, GroupByConfig, QuietConfig};
pub use error::QuietError;
pub use period::Period;

use crate::{
    allowlist::{self, Allowlist},
    folding::{BudgetRule, Folding, FoldingRules},
    matcher::Matchers,
    mute::Mutes,
    silence::Silences,
    view::AlertView,
};

/// The `[quiet]` table, compiled.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, QuietConfig, QuietRules, Silences};
///
/// let rules: QuietRules = QuietConfig::default().try_into().unwrap();
/// let alert = Alert::parse(br#"{"rule":{"id":"5710","level":5},"agent":{"id":"001","name":"web01"}}"#.to_vec()).unwrap();
/// let text = alert.text();
/// let view = AlertView::new(alert.head(), &text);
/// let now = "2026-01-01T00:00Z".parse().unwrap();
/// assert_eq!(rules.silencer(&view, &Silences::default(), now), None);
/// let folding = rules.folding(&view);
/// assert!(folding.repeat.is_some() && !folding.budget.exempt);
/// ```
#[derive(Debug)]
pub struct QuietRules {
    high_signal: HashSet<String>,
    allowlist_beats_high_signal: bool,
    allowlist: Allowlist,
    mutes: Mutes,
    folding: FoldingRules,
    group_interval: Duration,
    budget: BudgetConfig,
    warnings: Vec<String>,
}

/// What silenced an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silencer<'a> {
    /// A silence's id.
    Silence(&'a str),
    /// A mute time's name.
    Mute(&'a str),
    /// An allowlist entry's name.
    Allowlist(&'a str),
}

impl TryFrom<QuietConfig> for QuietRules {
    type Error = QuietError;

    fn try_from(config: QuietConfig) -> Result<Self, QuietError> {
        let warnings = allowlist::warnings(&config.allowlist_presets);
        let rules = config.high_signal_rules.iter();
        Ok(Self {
            high_signal: rules.map(|rule| rule.as_str().to_owned()).collect(),
            allowlist_beats_high_signal: config.allowlist_beats_high_signal,
            allowlist: Allowlist::new(config.allowlist, &config.allowlist_presets)?,
            mutes: Mutes::new(config.mute)?,
            group_interval: config.folding.group_interval.duration(),
            folding: FoldingRules::new(config.folding, &config.burst)?,
            budget: config.budget,
            warnings,
        })
    }
}

impl QuietRules {
    /// What silences an alert at that moment: a silence before a mute time before the allowlist.
    pub fn silencer<'a>(
        &'a self,
        view: &AlertView<'_>,
        silences: &'a Silences,
        now: Timestamp,
    ) -> Option<Silencer<'a>> {
        if let Some(id) = silences.matching(view, now) {
            return Some(Silencer::Silence(id));
        }
        if let Some(name) = self.mutes.matching(view, now) {
            return Some(Silencer::Mute(name));
        }
        if !self.is_allowlisted(view) {
            return None;
        }
        self.allowlist.matching(view).map(Silencer::Allowlist)
    }

    /// What the ledger folds and counts an alert by.
    pub fn folding(&self, view: &AlertView<'_>) -> Folding {
        let budget = BudgetRule {
            exempt: view.level() >= self.budget.exempt_level || self.is_high_signal(view),
        };
        self.folding.folding(view, budget)
    }

    /// Matchers for a silence on an alert and its repeats: rule, agent, and the fields of its key. `None` where the alert names
    /// neither rule nor agent.
    pub fn suggest(&self, view: &AlertView<'_>) -> Option<Matchers> {
        self.folding.suggest(view)
    }

    /// The count at the sink is brought up to date at most this often.
    pub fn group_interval(&self) -> Duration {
        self.group_interval
    }

    /// Alerts an hour.
    pub fn budget(&self) -> &BudgetConfig {
        &self.budget
    }

    /// What the operator should know about the configuration, to be logged at the start.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether an allowlist may hide it.
    fn is_allowlisted(&self, view: &AlertView<'_>) -> bool {
        self.allowlist_beats_high_signal || !self.is_high_signal(view)
    }

    fn is_high_signal(&self, view: &AlertView<'_>) -> bool {
        let rule = view.head().rule_id.as_deref();
        !self.high_signal.is_empty()
            && rule.is_some_and(|rule| self.high_signal.contains(rule.trim()))
    }
}
