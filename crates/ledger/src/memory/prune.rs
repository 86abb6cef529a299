//! What the model forgets.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    jobs,
    model::{Model, Outcome, State},
};
use crate::{Prune, PruneReport};

/// So many hours of what was seen are forgotten at once.
const MOST_HOURS: usize = 24;

impl Model {
    pub(super) fn prune(&mut self, prune: Prune) -> PruneReport {
        let mut left = prune.limit.max(1);
        let mut report = PruneReport::default();
        let earliest = prune.payloads_after.min(prune.references_after);
        let quiet = prune.quiet_payloads_after.min(prune.references_after);
        for (routed, earliest) in [(true, earliest), (false, quiet)] {
            for alert in self.finished_before(prune.now, earliest) {
                let alert_row = &self.alerts[alert];
                let is_routed = alert_row.outcome == Outcome::Routed;
                if left == 0 || !alert_row.payload_kept || is_routed != routed {
                    continue;
                }
                left -= 1;
                if self.may_take_over(alert) {
                    // Asked again after the same time.
                    self.alerts[alert].finished_at = Some(prune.now);
                } else {
                    self.alerts[alert].payload_kept = false;
                    report.payloads += 1;
                }
            }
        }
        for alert in self.finished_before(prune.now, prune.references_after) {
            if left > 0 && !self.alerts[alert].payload_kept {
                self.forget(alert);
                report.references += 1;
                left -= 1;
            }
        }
        for row in &mut self.malformed {
            if left > 0 && row.handled && !row.forgotten {
                row.forgotten = true;
                left -= 1;
            }
        }
        let answers_before = jobs::before(prune.now, prune.payloads_after);
        let references_before = jobs::before(prune.now, prune.references_after);
        left -= self.forget_jobs(answers_before, references_before, left);
        left -= self.forget_tallies(prune.now, left);
        let unseen = self.forget_seen(references_before, MOST_HOURS);
        self.forget_silences(prune.now);
        let now = prune.now.as_millisecond();
        self.forget_charges(now);
        let most = prune.limit.max(1);
        let closed = self.sweep(now, most);
        report.more = left == 0 || closed == most || unseen;
        report
    }

    /// A member whose group's parent may still die, and need its bytes.
    fn may_take_over(&self, alert: usize) -> bool {
        let alert = &self.alerts[alert];
        let Some(group) = self
            .groups
            .iter()
            .find(|group| Some(group.id) == alert.fold)
        else {
            return false;
        };
        let first = self.first_delivery(group.parent);
        alert.outcome == Outcome::Folded
            && group.ended.as_deref() != Some("dead")
            && first.is_some_and(|(_, first)| {
                !matches!(first.state, State::Dead { .. } | State::Delivered { .. })
            })
    }

    /// A group goes with its parent.
    fn forget(&mut self, alert: usize) {
        self.alerts[alert].forgotten = true;
        self.groups.retain(|group| group.parent != alert);
        let deliveries = &self.deliveries;
        self.tellings
            .retain(|telling| deliveries[telling.delivery].alert != alert);
    }

    /// Alerts finished longer ago than this, the one that was finished first at the head.
    fn finished_before(&self, now: Timestamp, age: Duration) -> Vec<usize> {
        let before = now - age;
        let mut found: Vec<(Timestamp, usize)> = Vec::new();
        for (place, alert) in self.alerts.iter().enumerate() {
            if let Some(at) = alert.finished_at
                && at < before
                && !alert.forgotten
            {
                found.push((at, place));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }
}
