//! The SQLite ledger does what the model does, whatever is asked of it in whatever order, across restarts, and its books
//! balance after every step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fmt::Debug, path::Path, time::Duration};

use alertbridge_ledger::{
    Claim, Claimed, ClaimedTally, Ledger, MemoryLedger, OpenOptions, Pause, Prune, Receipt,
    Settlement, SqliteLedger, TallyVerdict, TellClaim, TellVerdict, Telling, Told, Verdict,
};
use jiff::Timestamp;
use proptest::prelude::*;
use support::actions::{Action, DrawnTally, DrawnTold, DrawnVerdict, actions, intake, name};

/// So few that groups are crowded out now and then.
const MOST_GROUPS: u64 = 5;

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
    /// Every tally ever claimed.
    tallies: Vec<ClaimedTally>,
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
            Action::Deliver { sink, dead } => {
                let claim = Claim {
                    sink: name("sink", *sink),
                    limit: 50,
                    per_agent: 50,
                    now,
                    lease: Duration::from_secs(60),
                    probe: false,
                };
                let verdict = if *dead {
                    DrawnVerdict::Dead
                } else {
                    DrawnVerdict::Delivered(false)
                };
                let claimed = self.both(|ledger| ledger.claim(claim.clone()));
                let count = claimed.len() as u8;
                self.claimed.extend(claimed);
                let all = (0..count).map(|which| (which, false, verdict.clone()));
                self.settle(&all.collect::<Vec<_>>());
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
            Action::ClaimTallies { kind, limit, lease } => {
                let (kind, lease) = (name("kind", *kind), Duration::from_secs(*lease));
                let claimed = self.both(|ledger| ledger.claim_tallies(&kind, now, lease, *limit));
                self.tallies.extend(claimed);
            }
            Action::SettleTally(which, wrong_fence, drawn) => {
                self.settle_tally(*which, *wrong_fence, drawn);
            }
            Action::Tell { sink, ended } => {
                let claim = TellClaim {
                    sink: name("sink", *sink),
                    limit: 8,
                    now,
                    interval: Duration::from_secs(1),
                    lease: Duration::from_secs(60),
                };
                let verdict = if *ended {
                    DrawnTold::Ended
                } else {
                    DrawnTold::Written
                };
                let claimed = self.both(|ledger| ledger.claim_tellings(claim.clone()));
                let count = claimed.len() as u8;
                self.tellings.extend(claimed);
                let all = (0..count).map(|which| (which, false, verdict.clone()));
                self.settle_tellings(&all.collect::<Vec<_>>());
            }
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
            let back = usize::from(*which) % self.claimed.len().min(50);
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
                    job: None,
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

    fn settle_tally(&self, which: u8, wrong_fence: bool, drawn: &DrawnTally) {
        if self.tallies.is_empty() {
            return;
        }
        let back = usize::from(which) % self.tallies.len().min(8);
        let tally = &self.tallies[self.tallies.len() - 1 - back];
        let why = "busy".to_owned();
        let verdict = match drawn {
            DrawnTally::Done => TallyVerdict::Done,
            DrawnTally::Dropped => TallyVerdict::Dropped { why },
            DrawnTally::Retry(after) => TallyVerdict::Retry {
                due_at: self.now + Duration::from_secs(*after),
                why,
            },
        };
        let fence = tally.fence + i64::from(wrong_fence);
        self.both(|ledger| ledger.settle_tally(tally.number, fence, verdict.clone(), self.now));
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
            let trace = self.both(|ledger| ledger.trace(&reference));
            if let Some(group) = trace.and_then(|trace| trace.group) {
                let after = group.members.first().cloned();
                self.both(|ledger| ledger.members(group.id, after.clone(), 2));
            }
        }
        let hour_ago = self.now - Duration::from_secs(3600);
        for (rule, agent) in [("5710", "agent-0"), ("5711", "agent-2"), ("5711", "nobody")] {
            self.both(|ledger| ledger.seen(rule, agent, Timestamp::UNIX_EPOCH));
            self.both(|ledger| ledger.seen(rule, agent, hour_ago));
        }
        self.both(|ledger| ledger.noise(Timestamp::UNIX_EPOCH, 9));
        self.both(|ledger| ledger.noise(self.now, 1));
        let page = self.both(|ledger| ledger.stored(Timestamp::UNIX_EPOCH, 0, 4));
        if let Some(last) = page.last() {
            self.both(|ledger| ledger.stored(last.received_at, last.number, 4));
            self.both(|ledger| ledger.stored(hour_ago, 0, 4));
        }
        let mut status = wait(self.sqlite.as_ref().unwrap().status());
        assert!(status.bytes > 0);
        status.bytes = 0;
        assert_eq!(status, wait(self.model.status()));
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
            tallies: Vec::new(),
        };
        for action in &actions {
            pair.act(action);
        }
    }
}
