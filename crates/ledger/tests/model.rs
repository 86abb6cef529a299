//! The SQLite ledger does what the model does, whatever is asked of it in whatever order, across restarts, and its books
//! balance after every step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Debug, path::Path, time::Duration};

use alertbridge_ledger::{
    Arrival, Budget, Burst, Claim, Claimed, Collected, Folding, Intake, Ledger, Malformed,
    MemoryLedger, OpenOptions, Pause, Placement, Prune, Receipt, Repeat, Route, Settlement,
    SilencedBy, SqliteLedger, TellClaim, TellVerdict, Telling, Told, Verdict,
};
use jiff::Timestamp;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Action {
    Claim {
        sink: u8,
        limit: usize,
        per_agent: usize,
        lease: u64,
        probe: bool,
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
}

/// So few that groups are crowded out now and then.
const MOST_GROUPS: u64 = 5;

#[derive(Clone, Debug)]
struct DrawnArrival {
    reference: u8,
    /// Both alerts' further references are the same: a clash of clashes.
    clash: bool,
    fingerprint: u8,
    agent: u8,
    routes: Vec<(u8, u8)>,
    size: usize,
    level: u32,
    silenced: Option<u8>,
    repeat: Option<(u8, u64)>,
    burst: Option<(u8, u32)>,
    budget: Option<(u8, u32)>,
    collected: Vec<u8>,
}

#[derive(Clone, Debug)]
enum DrawnTold {
    Ended,
    GivenUp,
    Retry(u64),
    Written,
}

#[derive(Clone, Debug)]
enum DrawnVerdict {
    Dead,
    Delivered(bool),
    Retry {
        after: u64,
        doubt: bool,
        blame: bool,
    },
    Returned,
}

fn actions() -> impl Strategy<Value = Action> {
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
        ),
    )
        .prop_map(
            |(
                (reference, clash, fingerprint, agent, routes, size),
                (level, silenced, repeat, burst, budget, collected),
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
    prop_oneof![
        6 => (0..2u8, 0..3u64, 0..2u8, prop::collection::vec(arrival, 0..6), any::<bool>())
            .prop_map(|(source, filtered, malformed, arrivals, checkpoint)| Action::Intake {
                source, filtered, malformed, arrivals, checkpoint }),
        6 => (0..2u8, 0..6usize, 1..4usize, 0..3000u64, prop::bool::weighted(0.2))
            .prop_map(|(sink, limit, per_agent, lease, probe)| Action::Claim { sink, limit, per_agent, lease, probe }),
        6 => prop::collection::vec((any::<u8>(), prop::bool::weighted(0.1), verdict), 1..6).prop_map(Action::Settle),
        2 => prop_oneof![4 => 0..2500i64, 1 => -100_000..100_000i64]
            .prop_map(|seconds| Action::Pass { seconds }),
        5 => (0..2u8, 0..6usize, 0..1000u64, 0..3000u64).prop_map(|(sink, limit, interval, lease)|
            Action::ClaimTellings { sink, limit, interval, lease }),
        4 => prop::collection::vec((any::<u8>(), prop::bool::weighted(0.1), told), 1..5)
            .prop_map(Action::SettleTellings),
        1 => any::<bool>().prop_map(|all| Action::Release { all }),
        1 => (0..2u8, prop::option::of(0..3u8), 0..3000u64)
            .prop_map(|(sink, lane, probe_after)| Action::Pause { sink, lane, probe_after }),
        1 => (0..2u8, prop::option::of(0..3u8), any::<bool>())
            .prop_map(|(sink, lane, everything)| Action::Resume { sink, lane, everything }),
        1 => any::<u8>().prop_map(Action::Replay),
        3 => any::<u8>().prop_map(Action::Dismiss),
        2 => (0..2500u64, 0..2500u64, 0..9000u64, 0..24usize).prop_map(|(payloads, quiet, references, limit)|
            Action::Prune { payloads, quiet, references, limit }),
        1 => Just(Action::Reopen),
    ]
}

/// Both ledgers, and what the world around them knows.
struct Pair<'a> {
    path: &'a Path,
    sqlite: Option<SqliteLedger>,
    model: MemoryLedger,
    now: Timestamp,
    /// Everything ever claimed, settled or not.
    claimed: Vec<Claimed>,
    /// Every telling ever claimed.
    tellings: Vec<Telling>,
}

fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}

fn options() -> OpenOptions {
    OpenOptions {
        most_groups: MOST_GROUPS,
        ..OpenOptions::new(|| Timestamp::UNIX_EPOCH)
    }
}

fn name(kind: &str, number: u8) -> String {
    format!("{kind}-{number}")
}

impl Pair<'_> {
    fn both<T: PartialEq + Debug>(&self, ask: impl Fn(&dyn Ledger) -> Receipt<T>) -> T {
        let sqlite = wait(ask(self.sqlite.as_ref().unwrap()));
        let model = wait(ask(&self.model));
        assert_eq!(sqlite, model, "SQLite (left) and the model (right) differ");
        sqlite
    }

    fn act(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Claim {
                sink,
                limit,
                per_agent,
                lease,
                probe,
            } => {
                let claim = Claim {
                    sink: name("sink", *sink),
                    limit: *limit,
                    per_agent: *per_agent,
                    now,
                    lease: Duration::from_secs(*lease),
                    probe: *probe,
                };
                self.claimed
                    .extend(self.both(|ledger| ledger.claim(claim.clone())));
            }
            Action::Dismiss(number) => {
                let id = self.letter(*number);
                self.both(|ledger| ledger.dismiss(&id, now));
            }
            Action::Intake { .. } => {
                let intake = intake(action, now);
                self.both(|ledger| ledger.intake(intake.clone()));
            }
            Action::ClaimTellings {
                sink,
                limit,
                interval,
                lease,
            } => {
                let claim = TellClaim {
                    sink: name("sink", *sink),
                    limit: *limit,
                    now,
                    interval: Duration::from_secs(*interval),
                    lease: Duration::from_secs(*lease),
                };
                self.tellings
                    .extend(self.both(|ledger| ledger.claim_tellings(claim.clone())));
            }
            Action::Pass { seconds } => self.now += jiff::SignedDuration::from_secs(*seconds),
            Action::Pause {
                sink,
                lane,
                probe_after,
            } => {
                let pause = Pause {
                    sink: name("sink", *sink),
                    lane: lane.map(|lane| name("lane", lane)),
                    why: "key refused".into(),
                    since: now,
                    probe_at: now + Duration::from_secs(*probe_after),
                };
                self.both(|ledger| ledger.pause(pause.clone()));
            }
            Action::Prune {
                payloads,
                quiet,
                references,
                limit,
            } => {
                let prune = Prune {
                    now,
                    payloads_after: Duration::from_secs(*payloads),
                    quiet_payloads_after: Duration::from_secs(*quiet),
                    references_after: Duration::from_secs(*references),
                    limit: *limit,
                };
                self.both(|ledger| ledger.prune(prune));
            }
            Action::Release { all } => {
                self.both(|ledger| ledger.release((!all).then_some(now)));
            }
            Action::Reopen => {
                self.sqlite = None;
                self.sqlite = Some(SqliteLedger::open(self.path, options()).unwrap());
                wait(self.model.release(None));
            }
            Action::Replay(number) => {
                let id = self.letter(*number);
                self.both(|ledger| ledger.replay(&id, now));
            }
            Action::Resume {
                sink,
                lane,
                everything,
            } => {
                let lane = lane.map(|lane| name("lane", lane));
                let sink = name("sink", *sink);
                self.both(|ledger| ledger.resume(&sink, lane.as_deref(), *everything));
            }
            Action::Settle(drawn) => self.settle(drawn),
            Action::SettleTellings(drawn) => self.settle_tellings(drawn),
        }
        self.agree();
    }

    /// Mostly the id of a dead letter there is.
    fn letter(&self, number: u8) -> String {
        let letters = wait(self.model.dead_letters(None, 100));
        if letters.is_empty() || number.is_multiple_of(4) {
            return format!("d{}", number % 16);
        }
        letters[usize::from(number) % letters.len()].id.clone()
    }

    fn settle(&self, drawn: &[(u8, bool, DrawnVerdict)]) {
        if self.claimed.is_empty() {
            return;
        }
        let mut settlements = Vec::new();
        for (which, wrong_fence, verdict) in drawn {
            // Counted from the newest: those are likely to be still claimed.
            let back = usize::from(*which) % self.claimed.len().min(12);
            let claimed = &self.claimed[self.claimed.len() - 1 - back];
            let verdict = match verdict {
                DrawnVerdict::Dead => Verdict::Dead {
                    why: "never".into(),
                },
                DrawnVerdict::Delivered(adopted) => Verdict::Delivered {
                    id: "9".into(),
                    link: None,
                    adopted: *adopted,
                    changes: String::new(),
                },
                DrawnVerdict::Retry {
                    after,
                    doubt,
                    blame,
                } => Verdict::Retry {
                    due_at: self.now + Duration::from_secs(*after),
                    why: "busy".into(),
                    doubt: *doubt,
                    blame: *blame,
                },
                DrawnVerdict::Returned => Verdict::Returned,
            };
            settlements.push(Settlement {
                delivery: claimed.delivery,
                fence: claimed.fence + i64::from(*wrong_fence),
                at: self.now,
                verdict,
            });
        }
        self.both(|ledger| ledger.settle(settlements.clone()));
    }

    fn settle_tellings(&self, drawn: &[(u8, bool, DrawnTold)]) {
        if self.tellings.is_empty() {
            return;
        }
        let mut told = Vec::new();
        for (which, wrong_fence, verdict) in drawn {
            let back = usize::from(*which) % self.tellings.len().min(8);
            let telling = &self.tellings[self.tellings.len() - 1 - back];
            let verdict = match verdict {
                DrawnTold::Ended => TellVerdict::Ended {
                    why: "closed".into(),
                },
                DrawnTold::GivenUp => TellVerdict::GivenUp {
                    why: "no note".into(),
                },
                DrawnTold::Retry(after) => TellVerdict::Retry {
                    due_at: self.now + Duration::from_secs(*after),
                    why: "busy".into(),
                },
                DrawnTold::Written => TellVerdict::Written {
                    folded: telling.group.folded,
                },
            };
            told.push(Told {
                delivery: telling.delivery,
                fence: telling.fence + i64::from(*wrong_fence),
                at: self.now,
                verdict,
            });
        }
        self.both(|ledger| ledger.settle_tellings(told.clone()));
    }

    /// Everything that can be asked has the same answer, and the books balance.
    fn agree(&self) {
        for sink in 0..2 {
            self.both(|ledger| ledger.next_due(&name("sink", sink), self.now));
            self.both(|ledger| ledger.checkpoint(&name("source", sink)));
            let interval = Duration::from_secs(500);
            self.both(|ledger| ledger.next_telling(&name("sink", sink), interval));
        }
        let books = self.both(|ledger| ledger.books(None));
        assert_eq!(books.faults, Vec::<String>::new());
        self.both(|ledger| ledger.books(Some(self.now)));
        self.both(|ledger| ledger.dead_letters(None, 100));
        let first = self.both(|ledger| ledger.dead_letters(None, 2));
        if let Some(last) = first.last() {
            self.both(|ledger| ledger.dead_letters(Some(last.id.clone()), 2));
        }
        for reference in self.both(|ledger| ledger.newest(6)) {
            self.both(|ledger| ledger.trace(&reference));
        }
        self.both(|ledger| ledger.noise(Timestamp::UNIX_EPOCH, 9));
        let mut status = wait(self.sqlite.as_ref().unwrap().status());
        assert!(status.bytes > 0);
        status.bytes = 0;
        assert_eq!(status, wait(self.model.status()));
    }
}

fn intake(action: &Action, now: Timestamp) -> Intake {
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
        drawn.push(Arrival {
            reference: format!("node:{}", arrival.reference),
            reference_if_taken: format!("node:{}#{suffix}", arrival.reference),
            fingerprint: [arrival.fingerprint; 16],
            agent: name("agent", arrival.agent),
            rule_id: "5710".into(),
            level: arrival.level,
            payload: format!("{}-{}", arrival.reference, "x".repeat(arrival.size)).into_bytes(),
            placement: match arrival.silenced {
                Some(0) => Placement::Silenced(SilencedBy::Silence("an id".into())),
                Some(1) => Placement::Silenced(SilencedBy::Allowlist("scanner".into())),
                Some(_) => Placement::Silenced(SilencedBy::Mute("nights".into())),
                None => Placement::Routed(routes),
            },
            folding: folding(arrival),
        });
    }
    let malformed = (0..*malformed).map(|number| Malformed {
        body: vec![0xff, number],
        place: name("line", number),
        why: "not JSON".into(),
    });
    Intake {
        source: name("source", *source),
        received_at: now,
        filtered: *filtered,
        filtered_by: vec![("level".into(), *filtered)],
        malformed: malformed.collect(),
        arrivals: drawn,
        checkpoint: checkpoint.then(|| now.to_string()),
    }
}

fn folding(arrival: &DrawnArrival) -> Folding {
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
    let collected = arrival.collected.iter().map(|value| Collected {
        label: name("label", value % 2),
        value: name("value", *value),
    });
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
        collected: collected.collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_what_the_model_does(actions in prop::collection::vec(actions(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut pair = Pair {
            path: &path,
            sqlite: Some(SqliteLedger::open(&path, options()).unwrap()),
            model: MemoryLedger::with_most_groups(MOST_GROUPS),
            now: Timestamp::from_second(1_760_000_000).unwrap(),
            claimed: Vec::new(),
            tellings: Vec::new(),
        };
        for action in &actions {
            pair.act(action);
        }
    }
}
