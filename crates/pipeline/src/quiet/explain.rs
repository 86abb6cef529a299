//! What each quiet rule saw in an alert.

use jiff::Timestamp;

use super::QuietRules;
use crate::{
    allowlist::Entry,
    explain::Step,
    mute::Mute,
    silence::{SilenceRule, Silences},
    view::AlertView,
};

/// Steps of one kind. Those that hold come first, so that what counts is never cut off.
const MOST: usize = 20;

impl QuietRules {
    /// Every rule that looked at the alert, in the order they are asked: silences, mute times, allowlist, folding. At most 20 of a
    /// kind are shown, those that hold first.
    pub fn explain(&self, view: &AlertView<'_>, silences: &Silences, now: Timestamp) -> Vec<Step> {
        let mut steps = Vec::new();
        let holding = silences.holding(view);
        let other = silences.rules().iter();
        let other = other.filter(|rule| !holding.iter().any(|held| held.id() == rule.id()));
        let ordered = holding.iter().copied().chain(other);
        shorten(
            &mut steps,
            "silences",
            silences.rules().len(),
            ordered.map(|rule| of_silence(view, rule, now)),
        );
        let mutes = ordered_by(self.mutes.mutes(), |mute| mute.matchers.hold(view));
        shorten(
            &mut steps,
            "mutes",
            mutes.len(),
            mutes.iter().map(|mute| of_mute(view, mute, now)),
        );
        let hides = self.is_allowlisted(view);
        let entries = ordered_by(self.allowlist.entries(), |entry| entry.holds(view));
        shorten(
            &mut steps,
            "allowlist",
            entries.len(),
            entries.iter().map(|entry| of_entry(view, entry, hides)),
        );
        steps.extend(self.folding.explain(view));
        steps.push(self.of_budget(view));
        steps
    }

    fn of_budget(&self, view: &AlertView<'_>) -> Step {
        let exempt_level = self.budget.exempt_level;
        let says = if view.level() >= exempt_level {
            format!("exempt: level {} is at least {exempt_level}", view.level())
        } else if self.is_high_signal(view) {
            "exempt: one of high_signal_rules".to_owned()
        } else {
            let (customer, sink) = (self.budget.per_customer, self.budget.per_sink);
            format!("counts: {customer} an hour for a customer, {sink} for a sink")
        };
        let mut step = Step::new("budget", says);
        step.see(view, "rule.level");
        step
    }
}

fn of_silence(view: &AlertView<'_>, rule: &SilenceRule, now: Timestamp) -> Step {
    let says = match (rule.matchers().hold(view), rule.is_active(now)) {
        (false, _) => format!("no: {} does not hold", rule.matchers()),
        (true, true) => format!("silences it until {}", rule.ends_at()),
        (true, false) if now < rule.starts_at() => {
            format!("would silence it, but starts at {}", rule.starts_at())
        }
        (true, false) => format!("would silence it, but ended at {}", rule.ends_at()),
    };
    let mut step = Step::new(format!("silence {}", rule.id()), says);
    step.see_all(view, rule.matchers());
    step
}

fn of_mute(view: &AlertView<'_>, mute: &Mute, now: Timestamp) -> Step {
    let clock = mute.clock(now).strftime("%A %Y-%m-%d %H:%M");
    let says = match (mute.matchers.hold(view), mute.is_on(now)) {
        (false, _) => format!("no: {} does not hold", mute.matchers),
        (true, true) => format!("mutes it: the clock there shows {clock}"),
        (true, false) => format!("would mute it, but not now: the clock there shows {clock}"),
    };
    let mut step = Step::new(format!("mute {}", mute.name), says);
    step.see_all(view, &mute.matchers);
    step
}

fn of_entry(view: &AlertView<'_>, entry: &Entry, hides: bool) -> Step {
    let failing: Vec<&str> = entry
        .conditions
        .iter()
        .filter(|condition| !condition.holds(view))
        .map(|condition| condition.key)
        .collect();
    let says = match (failing.is_empty(), hides) {
        (true, true) => "hides it".to_owned(),
        (true, false) => "would hide it, but high_signal_rules come first".to_owned(),
        (false, _) => format!("no: {} does not hold", failing.join(", ")),
    };
    let mut step = Step::new(format!("allowlist {}", entry.name), says);
    for matchers in entry
        .conditions
        .iter()
        .flat_map(|condition| &condition.any_of)
    {
        // Of the many fields a key looks at, those the alert has.
        if matchers.iter().any(|matcher| view.exists(matcher.field())) {
            step.see_all(view, matchers);
        }
    }
    step
}

fn ordered_by<T>(items: &[T], holds: impl Fn(&T) -> bool) -> Vec<&T> {
    let (mut first, rest): (Vec<&T>, Vec<&T>) = items.iter().partition(|item| holds(item));
    first.extend(rest);
    first
}

fn shorten(steps: &mut Vec<Step>, kind: &str, count: usize, of_kind: impl Iterator<Item = Step>) {
    steps.extend(of_kind.take(MOST));
    if count > MOST {
        steps.push(Step::new(
            kind,
            format!("{} more that are not shown", count - MOST),
        ));
    }
}
