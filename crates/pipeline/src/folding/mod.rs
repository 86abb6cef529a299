//! What makes an alert "the same again", and what its repeats differ in (`docs/folding.md`).

mod collected;
mod family;
mod generic;
mod group_by;
mod key;
mod recognise;
mod rules;
mod tables;
mod varying;

use std::time::Duration;

pub(crate) use rules::FoldingRules;

/// What the ledger folds and counts an alert by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folding {
    /// `None` where repeats are not folded: switched off, `never`, or an alert without a rule.
    pub repeat: Option<Repeat>,
    /// `None` where bursts are not folded.
    pub burst: Option<Burst>,
    /// How the alert stands to the budgets.
    pub budget: BudgetRule,
    /// What this repeat brings beside its key: at most 8 values of a label, 64 in all, 256 characters each.
    pub collected: Vec<Collected>,
}

/// A repeat is an alert with the same key, within the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Hash of everything that makes it the same.
    pub key: [u8; 16],
    /// The key for people: field and value, cut at 120 characters.
    pub words: Vec<(String, String)>,
    /// Sliding: from the last repeat.
    pub window: Duration,
    /// From the first alert on.
    pub longest_life: Duration,
}

/// Different alerts of one rule on one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Hash of what they share.
    pub key: [u8; 16],
    /// Alerts that still come one by one.
    pub limit: u32,
    /// Begins with the first of them.
    pub period: Duration,
}

/// How an alert stands to the budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetRule {
    /// Sent whatever the budget.
    pub exempt: bool,
}

/// Something repeats differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// `source IPs`, `users`, `URLs`, …
    pub label: &'static str,
    /// As in the alert, cut at 256 characters.
    pub value: String,
}
