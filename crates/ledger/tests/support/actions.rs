//! What may be asked of a ledger, drawn at random.

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Budget, Burst, Collected, Folding, Intake, Malformed, Placement, Repeat, Route,
    SilencedBy, Tally,
};
use jiff::Timestamp;
use proptest::prelude::*;

/// The source whose alerts are none.
const LATE: u8 = 2;

#[derive(Clone, Debug)]
pub enum Action {
    Claim {
        sink: u8,
        limit: usize,
        per_agent: usize,
        lease: u64,
        probe: bool,
    },
    /// All there is, at once: what else would need a long run of luck.
    Deliver {
        sink: u8,
        dead: bool,
    },
    Dismiss(u8),
    Intake {
        source: u8,
        filtered: u64,
        malformed: u8,
        arrivals: Vec<DrawnArrival>,
        checkpoint: bool,
    },
    ClaimTellings {
        sink: u8,
        limit: usize,
        interval: u64,
        lease: u64,
    },
    /// Seconds; backwards where the clock is set.
    Pass {
        seconds: i64,
    },
    Pause {
        sink: u8,
        lane: Option<u8>,
        probe_after: u64,
    },
    Prune {
        payloads: u64,
        quiet: u64,
        references: u64,
        limit: usize,
    },
    Release {
        all: bool,
    },
    Reopen,
    Replay(u8),
    Resume {
        sink: u8,
        lane: Option<u8>,
        everything: bool,
    },
    Settle(Vec<(u8, bool, DrawnVerdict)>),
    SettleTellings(Vec<(u8, bool, DrawnTold)>),
    ClaimTallies {
        kind: u8,
        limit: usize,
        lease: u64,
    },
    SettleTally(u8, bool, DrawnTally),
    /// All there is, at once.
    Tell {
        sink: u8,
        ended: bool,
    },
}

#[derive(Clone, Debug)]
pub struct DrawnArrival {
    pub reference: u8,
    /// Both alerts' further references are the same: a clash of clashes.
    pub clash: bool,
    pub fingerprint: u8,
    pub agent: u8,
    pub routes: Vec<(u8, u8)>,
    pub size: usize,
    pub level: u32,
    pub silenced: Option<u8>,
    pub repeat: Option<(u8, u64)>,
    pub burst: Option<(u8, u32)>,
    pub budget: Option<(u8, u32)>,
    pub collected: Vec<u8>,
    pub tallies: Vec<(u8, u64)>,
}

#[derive(Clone, Debug)]
pub enum DrawnTally {
    Done,
    Dropped,
    Retry(u64),
}

#[derive(Clone, Debug)]
pub enum DrawnTold {
    Ended,
    GivenUp,
    Retry(u64),
    Written,
}

#[derive(Clone, Debug)]
pub enum DrawnVerdict {
    Dead,
    Delivered(bool),
    Retry {
        after: u64,
        doubt: bool,
        blame: bool,
    },
    Returned,
}

pub fn actions() -> impl Strategy<Value = Action> {
    let arrival = (
        (
            0..12u8,
            any::<bool>(),
            0..6u8,
            0..3u8,
            prop::collection::vec((0..2u8, 0..3u8), 0..3),
            0..200usize,
        ),
        (
            prop_oneof![3 => Just(3u32), 1 => 4..8u32],
            prop::option::weighted(0.1, 0..3u8),
            prop::option::weighted(0.7, (0..3u8, 1..3000u64)),
            prop::option::weighted(0.3, (0..2u8, 0..3u32)),
            prop::option::weighted(0.2, (0..2u8, 0..4u32)),
            prop::collection::vec(0..40u8, 0..2),
            prop::collection::vec((0..4u8, 0..4000u64), 0..2),
        ),
    )
        .prop_map(
            |(
                (reference, clash, fingerprint, agent, routes, size),
                (level, silenced, repeat, burst, budget, collected, tallies),
            )| DrawnArrival {
                reference,
                clash,
                fingerprint,
                agent,
                routes,
                size,
                level,
                silenced,
                repeat,
                burst,
                budget,
                collected,
                tallies,
            },
        );
    let told = prop_oneof![
        4 => Just(DrawnTold::Written),
        2 => Just(DrawnTold::Ended),
        1 => Just(DrawnTold::GivenUp),
        1 => (0..4000u64).prop_map(DrawnTold::Retry),
    ];
    let verdict = prop_oneof![
        Just(DrawnVerdict::Dead),
        any::<bool>().prop_map(DrawnVerdict::Delivered),
        (0..4000u64, any::<bool>(), any::<bool>()).prop_map(|(after, doubt, blame)| {
            DrawnVerdict::Retry {
                after,
                doubt,
                blame,
            }
        }),
        Just(DrawnVerdict::Returned),
    ];
    let tally = prop_oneof![
        2 => Just(DrawnTally::Done),
        1 => Just(DrawnTally::Dropped),
        2 => (0..4000u64).prop_map(DrawnTally::Retry),
    ];
    prop_oneof![
        6 => (0..3u8, 0..3u64, 0..2u8, prop::collection::vec(arrival, 0..6), any::<bool>())
            .prop_map(|(source, filtered, malformed, arrivals, checkpoint)| Action::Intake {
                source, filtered, malformed, arrivals, checkpoint }),
        6 => (0..2u8, 0..6usize, 1..4usize, 0..3000u64, prop::bool::weighted(0.2))
            .prop_map(|(sink, limit, per_agent, lease, probe)| Action::Claim { sink, limit, per_agent, lease, probe }),
        6 => prop::collection::vec((any::<u8>(), prop::bool::weighted(0.1), verdict), 1..6).prop_map(Action::Settle),
        2 => prop_oneof![6 => 0..600i64, 2 => 0..2500i64, 1 => -100_000..100_000i64]
            .prop_map(|seconds| Action::Pass { seconds }),
        5 => (0..2u8, 0..6usize, 0..1000u64, 0..3000u64).prop_map(|(sink, limit, interval, lease)|
            Action::ClaimTellings { sink, limit, interval, lease }),
        4 => prop::collection::vec((any::<u8>(), prop::bool::weighted(0.1), told), 1..5)
            .prop_map(Action::SettleTellings),
        4 => (0..2u8, prop::bool::weighted(0.2)).prop_map(|(sink, dead)| Action::Deliver { sink, dead }),
        4 => (0..2u8, any::<bool>()).prop_map(|(sink, ended)| Action::Tell { sink, ended }),
        1 => any::<bool>().prop_map(|all| Action::Release { all }),
        1 => (0..2u8, prop::option::of(0..3u8), 0..3000u64)
            .prop_map(|(sink, lane, probe_after)| Action::Pause { sink, lane, probe_after }),
        1 => (0..2u8, prop::option::of(0..3u8), any::<bool>())
            .prop_map(|(sink, lane, everything)| Action::Resume { sink, lane, everything }),
        1 => any::<u8>().prop_map(Action::Replay),
        3 => any::<u8>().prop_map(Action::Dismiss),
        2 => (0..2500u64, 0..2500u64, 0..9000u64, 0..24usize).prop_map(|(payloads, quiet, references, limit)|
            Action::Prune { payloads, quiet, references, limit }),
        3 => (0..2u8, 0..4usize, 0..3000u64)
            .prop_map(|(kind, limit, lease)| Action::ClaimTallies { kind, limit, lease }),
        3 => (any::<u8>(), prop::bool::weighted(0.1), tally)
            .prop_map(|(which, wrong_fence, tally)| Action::SettleTally(which, wrong_fence, tally)),
        1 => Just(Action::Reopen),
    ]
}

pub fn intake(action: &Action, now: Timestamp) -> Intake {
    let Action::Intake {
        source,
        filtered,
        malformed,
        arrivals,
        checkpoint,
    } = action
    else {
        unreachable!("only called for intakes");
    };
    let mut drawn = Vec::new();
    for arrival in arrivals {
        let mut routes = Vec::new();
        for (sink, lane) in &arrival.routes {
            routes.push(Route {
                sink: name("sink", *sink),
                lane: name("lane", *lane),
            });
        }
        let suffix = if arrival.clash {
            0
        } else {
            arrival.fingerprint
        };
        let mut reference = format!("node:{}", arrival.reference);
        if *source == LATE {
            reference = format!("{reference}#intel:{:016x}", arrival.fingerprint);
        }
        drawn.push(Arrival {
            reference_if_taken: format!("{reference}#{suffix}"),
            reference,
            fingerprint: [arrival.fingerprint; 16],
            agent: name("agent", arrival.agent),
            rule_id: format!("571{}", arrival.reference % 2),
            level: arrival.level,
            payload: format!("{}-{}", arrival.reference, "x".repeat(arrival.size)).into_bytes(),
            placement: match arrival.silenced {
                Some(0) => Placement::Silenced(SilencedBy::Silence("an id".into())),
                Some(1) => Placement::Silenced(SilencedBy::Allowlist("scanner".into())),
                Some(_) => Placement::Silenced(SilencedBy::Mute("nights".into())),
                None => Placement::Routed(routes),
            },
            folding: folding(arrival),
            tallies: arrival
                .tallies
                .iter()
                .map(|(key, after)| Tally {
                    kind: name("kind", key % 2),
                    key: name("key", *key),
                    due_at: now + Duration::from_secs(*after),
                    body: vec![*key; arrival.size],
                })
                .collect(),
        });
    }
    let malformed = (0..*malformed).map(|number| Malformed {
        body: vec![0xff, number],
        place: name("line", number),
        why: "not JSON".into(),
    });
    Intake {
        source: match *source {
            LATE => "intel".into(),
            source => name("source", source),
        },
        received_at: now,
        filtered: *filtered,
        filtered_by: vec![("level".into(), *filtered)],
        malformed: malformed.collect(),
        arrivals: drawn,
        checkpoint: checkpoint.then(|| now.to_string()),
    }
}

pub fn folding(arrival: &DrawnArrival) -> Folding {
    let mut budgets = Vec::new();
    if let Some((key, limit)) = arrival.budget {
        for (key, limit) in [(key, limit), (9, limit + 2)] {
            budgets.push(Budget {
                name: name("budget", key),
                key: [key; 16],
                digest_key: [key + 20; 16],
                limit,
                period: Duration::from_secs(3600),
                wait: Duration::from_secs(300),
            });
        }
    }
    let collect = |label: &'static str| {
        arrival.collected.iter().map(move |value| Collected {
            label: name(label, value % 2),
            value: name("value", *value),
        })
    };
    Folding {
        repeat: arrival.repeat.map(|(key, window)| Repeat {
            key: [key; 16],
            window: Duration::from_secs(window),
            longest_life: Duration::from_secs(window * 3),
        }),
        burst: arrival.burst.map(|(key, limit)| Burst {
            key: [key; 16],
            limit,
            period: Duration::from_secs(600),
        }),
        budgets,
        collected: collect("label").collect(),
        differs: collect("differs").collect(),
    }
}

pub fn name(kind: &str, number: u8) -> String {
    format!("{kind}-{number}")
}
