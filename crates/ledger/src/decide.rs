//! What becomes of an alert that is neither a copy nor silenced: the laws of `quiet`, as a pure function of the alert, the clock
//! and the state it asks for.
//!
//! Times are milliseconds since 1970 UTC. A time in the future (the clock was set back) counts as now.

use std::time::Duration;

use crate::{Budget, FoldKey, Folding, GroupKind, LONGEST_WAIT};

/// A burst's digest lives no longer: a day.
pub(crate) const LONGEST_BURST: i64 = 86_400_000;

/// So many groups that ended by age are closed with each intake.
pub(crate) const SWEPT: usize = 64;

/// Sources' clocks may differ by so much before the clock counts as set back.
pub(crate) const SKEW: i64 = 60_000;

/// No configured time is longer: some 300 years. Sums of times stay within their type.
const LONGEST: i64 = 10_000_000_000_000;

/// The group that holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) level: u32,
    pub(crate) opened_at: i64,
    pub(crate) last_at: i64,
    /// Closed at its sink: nothing is folded into it, but what comes next names it.
    pub(crate) ended: bool,
}

/// Alerts routed since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) since: i64,
    pub(crate) routed: u64,
}

/// What the laws ask for.
pub(crate) trait State {
    type Error;
    /// The group that holds a key.
    fn group(&mut self, kind: GroupKind, key: &FoldKey) -> Result<Option<Known>, Self::Error>;
    /// What was routed of a burst's key.
    fn burst(&mut self, key: &FoldKey) -> Result<Option<Run>, Self::Error>;
    /// What a budget's key was charged.
    fn budget(&mut self, key: &FoldKey) -> Result<Option<Run>, Self::Error>;
}

/// What becomes of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Handed to its sinks; it opens a group of repeats where there is one to open. Bursts and budgets are charged.
    Routed(Option<Opening>),
    /// Counted into this group, which ends by age at `until` now.
    Folded {
        group: i64,
        kind: GroupKind,
        until: i64,
        /// Which of its budgets is spent.
        budget: Option<usize>,
    },
    /// Counted into a digest that is opened for it and goes out at `due_at`. A burst's charges the budgets.
    Digest {
        opening: Opening,
        due_at: i64,
        budget: Option<usize>,
    },
}

/// A group to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) kind: GroupKind,
    pub(crate) key: FoldKey,
    /// When it ends by age if nothing comes.
    pub(crate) until: i64,
    pub(crate) replaces: Option<Replaced>,
}

/// The group that held the key so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) id: i64,
    /// It would have gone on, had the alert been of no higher level.
    pub(crate) superseded: bool,
    /// It was closed at its sink within the window: the new one names it.
    pub(crate) continues: bool,
}

/// The laws, in their order.
pub(crate) fn decide<S: State>(
    now: i64,
    level: u32,
    folding: &Folding,
    state: &mut S,
) -> Result<Decision, S::Error> {
    let mut opening = None;
    if let Some(repeat) = &folding.repeat {
        let (window, life) = (span(repeat.window), span(repeat.longest_life));
        let known = state.group(GroupKind::Repeats, &repeat.key)?;
        let within = known.is_some_and(|group| lives(&group, now, window, life));
        if let Some(group) = known
            && within
            && !group.ended
            && group.level >= level
        {
            return Ok(Decision::Folded {
                group: group.id,
                kind: GroupKind::Repeats,
                until: (now + window).min(group.opened_at.min(now) + life),
                budget: None,
            });
        }
        opening = Some(Opening {
            kind: GroupKind::Repeats,
            key: repeat.key,
            until: now + window.min(life),
            replaces: known.map(|group| Replaced {
                id: group.id,
                superseded: within && !group.ended,
                continues: within && group.ended,
            }),
        });
    }
    if let Some(burst) = &folding.burst {
        let period = span(burst.period);
        let known = state.group(GroupKind::Burst, &burst.key)?;
        let within = known.is_some_and(|group| lives(&group, now, period, LONGEST_BURST));
        if let Some(group) = known
            && within
            && !group.ended
        {
            return Ok(Decision::Folded {
                group: group.id,
                kind: GroupKind::Burst,
                until: (now + period).min(group.opened_at.min(now) + LONGEST_BURST),
                budget: None,
            });
        }
        let run = burst_run(state.burst(&burst.key)?, now, period);
        if within || run.routed >= u64::from(burst.limit) {
            if let Some(place) = first_spent(now, folding, state)? {
                return into_budget(now, folding, place, state);
            }
            return Ok(Decision::Digest {
                opening: Opening {
                    kind: GroupKind::Burst,
                    key: burst.key,
                    until: now + period.min(LONGEST_BURST),
                    replaces: known.map(|group| Replaced {
                        id: group.id,
                        superseded: false,
                        continues: within,
                    }),
                },
                due_at: now + period.min(span(LONGEST_WAIT)),
                budget: None,
            });
        }
    }
    match first_spent(now, folding, state)? {
        Some(place) => into_budget(now, folding, place, state),
        None => Ok(Decision::Routed(opening)),
    }
}

/// A burst's run as it counts now: one that is over starts anew.
pub(crate) fn burst_run(known: Option<Run>, now: i64, period: i64) -> Run {
    match known {
        Some(run) if age(now, run.since) < period => Run {
            since: run.since.min(now),
            routed: run.routed,
        },
        _ => Run {
            since: now,
            routed: 0,
        },
    }
}

/// A budget's run as it counts now: each period starts anew.
pub(crate) fn budget_run(known: Option<Run>, now: i64, period: i64) -> Run {
    let since = start(now, period);
    match known {
        Some(run) if run.since == since => run,
        _ => Run { since, routed: 0 },
    }
}

/// A time of the configuration in milliseconds, at least one.
pub(crate) fn span(time: Duration) -> i64 {
    i64::try_from(time.as_millis())
        .unwrap_or(LONGEST)
        .clamp(1, LONGEST)
}

fn first_spent<S: State>(
    now: i64,
    folding: &Folding,
    state: &mut S,
) -> Result<Option<usize>, S::Error> {
    for (place, budget) in folding.budgets.iter().enumerate() {
        let run = budget_run(state.budget(&budget.key)?, now, span(budget.period));
        if run.routed >= u64::from(budget.limit) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn into_budget<S: State>(
    now: i64,
    folding: &Folding,
    place: usize,
    state: &mut S,
) -> Result<Decision, S::Error> {
    let budget: &Budget = &folding.budgets[place];
    let period = span(budget.period);
    let end = start(now, period) + period;
    let known = state.group(GroupKind::Budget, &budget.digest_key)?;
    let within =
        known.is_some_and(|group| start(group.opened_at.min(now), period) == start(now, period));
    if let Some(group) = known
        && within
        && !group.ended
    {
        return Ok(Decision::Folded {
            group: group.id,
            kind: GroupKind::Budget,
            until: end,
            budget: Some(place),
        });
    }
    Ok(Decision::Digest {
        opening: Opening {
            kind: GroupKind::Budget,
            key: budget.digest_key,
            until: end,
            replaces: known.map(|group| Replaced {
                id: group.id,
                superseded: false,
                continues: within,
            }),
        },
        due_at: (now + span(budget.wait).min(span(LONGEST_WAIT))).min(end),
        budget: Some(place),
    })
}

fn lives(group: &Known, now: i64, window: i64, life: i64) -> bool {
    age(now, group.last_at) <= window && age(now, group.opened_at) <= life
}

fn age(now: i64, then: i64) -> i64 {
    now.saturating_sub(then).max(0)
}

fn start(now: i64, period: i64) -> i64 {
    now.div_euclid(period) * period
}
