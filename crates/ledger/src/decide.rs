//! What becomes of an alert that is neither a copy nor silenced: the laws of `quiet`, as a pure function of the alert, the clock
//! and the state it asks for.
//!
//! Times are milliseconds since 1970 UTC. A time in the future (the clock was set back) counts as now.

use std::time::Duration;

use crate::{Budget, FoldKey, Folding, GroupKind, LONGEST_WAIT};

/// A burst's digest lives no longer: a day.
pub(crate) const LONGEST_BURST: i64 = 86_400_000;

/// So many groups that ended by age are closed with an intake of so many alerts: always more than it can open.
pub(crate) fn swept(arrivals: usize) -> usize {
    arrivals.saturating_mul(2).max(64)
}

/// Where a parent died, its heir is chosen among so many members: a sink that refuses each in turn costs no more for a large group.
pub(crate) const MOST_HEIRS: usize = 1_000;

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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{Burst, Repeat};

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 1_000 * MINUTE;

    /// What is known of every key asked for.
    #[derive(Clone, Copy, Default)]
    struct Table {
        repeats: Option<Known>,
        burst_digest: Option<Known>,
        budget_digest: Option<Known>,
        burst: u64,
        budget: u64,
    }

    impl State for Table {
        type Error = Infallible;
        fn group(&mut self, kind: GroupKind, _: &FoldKey) -> Result<Option<Known>, Infallible> {
            Ok(match kind {
                GroupKind::Repeats => self.repeats,
                GroupKind::Burst => self.burst_digest,
                GroupKind::Budget => self.budget_digest,
            })
        }
        fn burst(&mut self, _: &FoldKey) -> Result<Option<Run>, Infallible> {
            Ok(Some(Run {
                since: NOW,
                routed: self.burst,
            }))
        }
        fn budget(&mut self, _: &FoldKey) -> Result<Option<Run>, Infallible> {
            Ok(Some(Run {
                since: start(NOW, 60 * MINUTE),
                routed: self.budget,
            }))
        }
    }

    /// Window 10 min, longest life 60 min; burst of 3 in 5 min; budget of 9 an hour.
    fn folding() -> Folding {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Folding {
            repeat: Some(Repeat {
                key: [1; 16],
                window: minutes(10),
                longest_life: minutes(60),
            }),
            burst: Some(Burst {
                key: [2; 16],
                limit: 3,
                period: minutes(5),
            }),
            budgets: vec![Budget {
                name: "iris".into(),
                key: [3; 16],
                digest_key: [4; 16],
                limit: 9,
                period: minutes(60),
                wait: minutes(30),
            }],
            collected: Vec::new(),
            differs: Vec::new(),
        }
    }

    fn group(opened: i64, last: i64) -> Option<Known> {
        Some(Known {
            id: 1,
            level: 5,
            opened_at: NOW + opened * MINUTE,
            last_at: NOW + last * MINUTE,
            ended: false,
        })
    }

    fn ended(group: Option<Known>) -> Option<Known> {
        group.map(|group| Known {
            ended: true,
            ..group
        })
    }

    /// `routed`, `routed, goes on`, `into repeats`, `opens burst`, …
    fn said(level: u32, mut table: Table) -> String {
        let Ok(decision) = decide(NOW, level, &folding(), &mut table);
        let goes_on = |opening: &Opening| {
            let continues = opening.replaces.is_some_and(|replaced| replaced.continues);
            if continues { ", goes on" } else { "" }
        };
        match &decision {
            Decision::Routed(opening) => {
                format!("routed{}", opening.as_ref().map_or("", goes_on))
            }
            Decision::Folded { kind, .. } => format!("into {kind:?}"),
            Decision::Digest { opening, .. } => {
                format!("opens {:?}{}", opening.kind, goes_on(opening))
            }
        }
    }

    #[test]
    fn the_laws_are_asked_in_their_order() {
        let none = Table::default();
        let repeats = |repeats| Table { repeats, ..none };
        let burst = |burst_digest, burst, budget| Table {
            burst_digest,
            burst,
            budget,
            ..none
        };
        let budget = |budget_digest, budget| Table {
            budget_digest,
            budget,
            ..none
        };
        for (level, table, expected) in [
            (5, none, "routed"),
            (5, repeats(group(-60, -10)), "into Repeats"),
            (5, repeats(group(-11, -11)), "routed"),
            (5, repeats(group(-61, -1)), "routed"),
            (6, repeats(group(-1, -1)), "routed"),
            (4, repeats(group(-1, -1)), "into Repeats"),
            (5, repeats(group(9_000, 9_000)), "into Repeats"),
            (5, repeats(ended(group(-1, -1))), "routed, goes on"),
            (5, repeats(ended(group(-11, -11))), "routed"),
            (5, burst(None, 2, 0), "routed"),
            (5, burst(None, 3, 0), "opens Burst"),
            (5, burst(None, 3, 8), "opens Burst"),
            (5, burst(None, 3, 9), "opens Budget"),
            (9, burst(group(-300, -5), 0, 9), "into Burst"),
            (5, burst(group(-300, -6), 0, 0), "routed"),
            (5, burst(group(-1_441, -1), 0, 0), "routed"),
            (5, burst(ended(group(-9, -1)), 0, 0), "opens Burst, goes on"),
            (5, budget(None, 8), "routed"),
            (5, budget(None, 9), "opens Budget"),
            (5, budget(group(-1, -1), 8), "routed"),
            (9, budget(group(-40, -40), 9), "into Budget"),
            (9, budget(group(-41, -1), 9), "opens Budget"),
            (9, budget(ended(group(-40, -1)), 9), "opens Budget, goes on"),
        ] {
            let known = (table.repeats, table.burst_digest, table.budget_digest);
            assert_eq!(said(level, table), expected, "level {level}, {known:?}");
        }
    }

    #[test]
    fn digests_wait_no_longer_than_their_period_or_any_delivery_may() {
        let due = |wait: u64, period: u64| {
            let mut folding = folding();
            folding.repeat = None;
            folding.burst = None;
            folding.budgets[0].limit = 0;
            folding.budgets[0].wait = Duration::from_secs(wait);
            folding.budgets[0].period = Duration::from_secs(period);
            match decide(NOW, 5, &folding, &mut Table::default()) {
                Ok(Decision::Digest { due_at, .. }) => (due_at - NOW) / 1_000,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(due(30, 86_400), 30);
        assert_eq!(due(7_200, 3_600), 1_200);
        assert_eq!(due(u64::MAX, u64::MAX / 2), 7_200);
        assert_eq!(due(0, 0), 0);
    }
}
