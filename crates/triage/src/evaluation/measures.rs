//! Counts and the rates made of them. A rate without anything to count is none, not zero.

use serde::{Deserialize, Serialize};

use super::{Label, Outcome};
use crate::answer::Verdict;

/// Verdicts by label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// Attacks called `true_positive`.
    pub attack_alarm: u64,
    /// Attacks called `benign_true_positive` or `false_positive`.
    pub attack_dismissed: u64,
    /// Attacks called `needs_investigation`.
    pub attack_open: u64,
    /// Harmless alerts called `true_positive`.
    pub harmless_alarm: u64,
    /// Harmless alerts called `benign_true_positive` or `false_positive`.
    pub harmless_dismissed: u64,
    /// Harmless alerts called `needs_investigation`.
    pub harmless_open: u64,
}

impl Matrix {
    pub(super) fn add(&mut self, label: Label, verdict: Verdict) {
        let cell = match (label, verdict) {
            (Label::Attack, Verdict::TruePositive) => &mut self.attack_alarm,
            (Label::Attack, Verdict::NeedsInvestigation) => &mut self.attack_open,
            (Label::Attack, _) => &mut self.attack_dismissed,
            (Label::Harmless, Verdict::TruePositive) => &mut self.harmless_alarm,
            (Label::Harmless, Verdict::NeedsInvestigation) => &mut self.harmless_open,
            (Label::Harmless, _) => &mut self.harmless_dismissed,
        };
        *cell += 1;
    }

    /// All verdicts.
    pub fn total(&self) -> u64 {
        self.attack_alarm
            + self.attack_dismissed
            + self.attack_open
            + self.harmless_alarm
            + self.harmless_dismissed
            + self.harmless_open
    }

    /// Over decided alerts alone: `needs_investigation` is left out.
    pub fn decided(&self) -> Rates {
        Rates::of(
            self.attack_alarm,
            self.attack_dismissed,
            self.harmless_alarm,
            self.harmless_dismissed,
        )
    }

    /// Over all: `needs_investigation` counts as an alarm, because somebody will look.
    pub fn looked_at(&self) -> Rates {
        Rates::of(
            self.attack_alarm + self.attack_open,
            self.attack_dismissed,
            self.harmless_alarm + self.harmless_open,
            self.harmless_dismissed,
        )
    }
}

/// What a matrix comes to: 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Attacks that raise an alarm, of all attacks.
    pub true_positive_rate: Option<f64>,
    /// Harmless alerts that raise one, of all harmless ones.
    pub false_positive_rate: Option<f64>,
    /// Attacks, of all alarms.
    pub precision: Option<f64>,
    /// The mean of both classes' F1.
    pub macro_f1: Option<f64>,
}

impl Rates {
    fn of(hits: u64, misses: u64, false_alarms: u64, rejections: u64) -> Self {
        // F1 of a class that is neither there nor ever told has no meaning.
        let f1 = |right: u64, wrong: u64| share(2 * right, 2 * right + wrong);
        let wrong = misses + false_alarms;
        let macro_f1 = f1(hits, wrong)
            .zip(f1(rejections, wrong))
            .map(|(one, other)| f64::midpoint(one, other));
        Self {
            true_positive_rate: share(hits, hits + misses),
            false_positive_rate: share(false_alarms, false_alarms + rejections),
            precision: share(hits, hits + false_alarms),
            macro_f1,
        }
    }
}

/// How often a model is right where it says it is this sure. Decided alerts alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// The least confidence: 0, 10, … 90. The last one ends with 100.
    pub from: u8,
    /// Decided alerts.
    pub alerts: u64,
    /// Those decided rightly.
    pub right: u64,
}

/// All ten.
pub(super) fn deciles<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Vec<Decile> {
    let mut deciles: Vec<Decile> = (0..10)
        .map(|index| Decile {
            from: index * 10,
            ..Decile::default()
        })
        .collect();
    for outcome in outcomes {
        let (Some(verdict), Some(confidence)) = (outcome.verdict, outcome.confidence) else {
            continue;
        };
        if verdict == Verdict::NeedsInvestigation {
            continue;
        }
        let right = (verdict == Verdict::TruePositive) == (outcome.label == Label::Attack);
        if let Some(decile) = deciles.get_mut(usize::from(confidence / 10).min(9)) {
            decile.alerts += 1;
            decile.right += u64::from(right);
        }
    }
    deciles
}

/// A part of a whole.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of alerts are far under 2^53"
)]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The smallest value that at least so many of a hundred do not exceed (nearest rank). The values are sorted.
pub(super) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
