//! Whatever is asked, in whatever order, by a daemon and a process beside it, across restarts and set clocks: SQLite does what the
//! model does, and the laws of claims hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::Path,
    time::Duration,
};

use alertbridge_ledger::{
    ClaimedJob, Feedback, JobClaim, JobFilter, JobRow, JobSettlement, JobState, JobVerdict,
    JobWish, LONGEST_WAIT, Ledger, MemoryLedger, Prune, Receipt, Settlement, SqliteLedger, Verdict,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    job, reviewed,
    support::{arrivals, at, claim, intake, options, wait},
};

#[derive(Clone, Debug)]
enum Action {
    Add(Vec<(u8, u32, i64)>),
    Again(u8),
    Claim {
        worker: u8,
        limit: usize,
        lease: u64,
        ageing: u64,
        max_age: Option<u64>,
    },
    /// Alerts come, all that wait are delivered, and jobs are wished for.
    Deliver(u8),
    Feedback(i64, u8),
    Keep(u8, bool, u8, usize),
    /// Seconds.
    Pass(i64),
    Prune {
        payloads: u64,
        references: u64,
        limit: usize,
    },
    Release(u8),
    Renew(u8, bool, i64),
    Reopen {
        daemon: bool,
    },
    Settle(u8, bool, Drawn),
}

#[derive(Clone, Debug)]
enum Drawn {
    Reviewed(u8),
    Failed,
    Skipped,
    Retry(i64, bool),
    Returned,
}

fn actions() -> impl Strategy<Value = Action> {
    let new = (0..8u8, 0..6u32, -3_000..3_000i64);
    let drawn = prop_oneof![
        3 => (0..2u8).prop_map(Drawn::Reviewed),
        1 => Just(Drawn::Failed),
        1 => Just(Drawn::Skipped),
        2 => (-10..9_000i64, any::<bool>()).prop_map(|(after, blame)| Drawn::Retry(after, blame)),
        1 => Just(Drawn::Returned),
    ];
    let wrong = || prop::bool::weighted(0.1);
    prop_oneof![
        4 => prop::collection::vec(new, 1..4).prop_map(Action::Add),
        2 => (0..8u8).prop_map(Action::Again),
        8 => (0..3u8, 0..4usize, 0..3_000u64, 0..900u64, prop::option::weighted(0.2, 0..9_000u64))
            .prop_map(|(worker, limit, lease, ageing, max_age)|
                Action::Claim { worker, limit, lease, ageing, max_age }),
        2 => (0..5u8).prop_map(Action::Deliver),
        2 => (0..12i64, any::<u8>()).prop_map(|(job, what)| Action::Feedback(job, what)),
        4 => (any::<u8>(), wrong(), 0..2u8, 0..200usize)
            .prop_map(|(which, wrong, hash, size)| Action::Keep(which, wrong, hash, size)),
        4 => prop_oneof![6 => 0..900i64, 2 => 0..4_000i64, 1 => -100_000..100_000i64]
            .prop_map(Action::Pass),
        1 => (0..4_000u64, 0..12_000u64, 0..9usize).prop_map(|(payloads, references, limit)|
            Action::Prune { payloads, references, limit }),
        1 => (0..3u8).prop_map(Action::Release),
        2 => (any::<u8>(), wrong(), -99..9_999i64)
            .prop_map(|(which, wrong, after)| Action::Renew(which, wrong, after)),
        1 => any::<bool>().prop_map(|daemon| Action::Reopen { daemon }),
        8 => (any::<u8>(), wrong(), drawn)
            .prop_map(|(which, wrong, drawn)| Action::Settle(which, wrong, drawn)),
    ]
}

/// Both ledgers, and what the world around them knows.
struct Pair<'a> {
    path: &'a Path,
    /// The daemon, and a process beside it: asked in turn.
    sqlite: [Option<SqliteLedger>; 2],
    turn: usize,
    model: MemoryLedger,
    now: Timestamp,
    /// Everything ever claimed.
    claimed: Vec<ClaimedJob>,
    /// Begin and end of the claims that were neither settled nor freed.
    held: BTreeMap<i64, (Timestamp, Timestamp)>,
    reviewed: BTreeSet<String>,
}

impl Pair<'_> {
    fn both<T: PartialEq + Debug>(&self, ask: impl Fn(&dyn Ledger) -> Receipt<T>) -> T {
        let sqlite = self.sqlite[self.turn % 2].as_ref().unwrap();
        let sqlite = wait(ask(sqlite));
        let model = wait(ask(&self.model));
        assert_eq!(sqlite, model, "SQLite (left) and the model (right) differ");
        sqlite
    }

    fn after(&self, seconds: i64) -> Timestamp {
        self.now + SignedDuration::from_secs(seconds)
    }

    fn act(&mut self, action: &Action) {
        let now = self.now;
        self.turn += 1;
        match action {
            Action::Add(drawn) => {
                let new = drawn.iter().map(|(id, level, after)| {
                    let mut new = job(&id.to_string(), *level, 0);
                    new.created_at = self.after(*after);
                    new.rule_id = (id % 2).to_string();
                    new
                });
                let new: Vec<_> = new.collect();
                self.both(|ledger| ledger.add_jobs(new.clone()));
            }
            Action::Again(id) => {
                let id = id.to_string();
                if self.both(|ledger| ledger.again("iris", &id, now)) {
                    self.reviewed.remove(&id);
                }
            }
            Action::Claim {
                worker,
                limit,
                lease,
                ageing,
                max_age,
            } => self.claim(&JobClaim {
                worker: worker.to_string(),
                limit: *limit,
                now,
                lease: Duration::from_secs(*lease),
                ageing: Duration::from_secs(*ageing),
                max_age: max_age.map(Duration::from_secs),
            }),
            Action::Deliver(first) => self.deliver(u64::from(*first)),
            Action::Feedback(job, what) => {
                let word = |bit: u8, word: &str| (what & bit > 0).then(|| word.to_owned());
                let feedback = Feedback {
                    opinion: word(1, if what & 2 > 0 { "agree" } else { "disagree" }),
                    resolution: word(4, "False Positive"),
                    at: now,
                };
                self.both(|ledger| ledger.put_feedback(*job, feedback.clone()));
            }
            Action::Keep(which, wrong, hash, size) => {
                let Some((job, fence)) = self.one(*which, *wrong) else {
                    return;
                };
                let answer = vec![*which; *size];
                let hash = hash.to_string();
                self.both(|ledger| ledger.keep_answer(job, fence, hash.clone(), answer.clone()));
            }
            Action::Pass(seconds) => self.now = self.after(*seconds),
            Action::Prune {
                payloads,
                references,
                limit,
            } => {
                let prune = Prune {
                    now,
                    payloads_after: Duration::from_secs(*payloads),
                    quiet_payloads_after: Duration::from_secs(*payloads),
                    references_after: Duration::from_secs(*references),
                    limit: *limit,
                };
                self.both(|ledger| ledger.prune(prune));
                let known: BTreeSet<String> = self.listed(None).into_iter().collect();
                self.reviewed.retain(|id| known.contains(id));
            }
            Action::Release(worker) => {
                let worker = worker.to_string();
                self.both(|ledger| ledger.release_jobs(&worker));
                let claimed = self.states(JobState::Claimed);
                self.held.retain(|job, _| claimed.contains(job));
            }
            Action::Renew(which, wrong, after) => {
                let Some((job, fence)) = self.one(*which, *wrong) else {
                    return;
                };
                let until = self.after(*after);
                let lost = self.both(|ledger| ledger.renew_jobs(vec![(job, fence)], until));
                if lost.is_empty() {
                    let (begun, end) = self.held.get_mut(&job).unwrap();
                    *end = until.min(*begun + LONGEST_WAIT);
                }
            }
            Action::Reopen { daemon } => self.reopen(*daemon),
            Action::Settle(which, wrong, drawn) => self.settle(*which, *wrong, drawn),
        }
        self.agree();
    }

    fn claim(&mut self, claim: &JobClaim) {
        // Any claim, also one for none, ends those whose lease is over, or so long that a clock must have been set back.
        let live = self.now..=self.now + LONGEST_WAIT;
        self.held.retain(|_, (_, until)| live.contains(until));
        for claimed in self.both(|ledger| ledger.claim_jobs(claim.clone())) {
            let before = self.claimed.iter().rev().find(|one| one.job == claimed.job);
            assert!(before.is_none_or(|before| claimed.fence > before.fence));
            assert!(
                !self.held.contains_key(&claimed.job),
                "two hold it: {claimed:?}"
            );
            assert!(!self.reviewed.contains(&claimed.id), "{claimed:?}");
            let until = self.now + claim.lease;
            self.held.insert(claimed.job, (self.now, until));
            self.claimed.push(claimed);
        }
    }

    fn deliver(&mut self, first: u64) {
        let mut intake = intake(arrivals(first..first + 2));
        intake.received_at = self.now;
        self.both(|ledger| ledger.intake(intake.clone()));
        let claim = alertbridge_ledger::Claim {
            now: self.now,
            ..claim(9)
        };
        let settlements = self.both(|ledger| ledger.claim(claim.clone()));
        let settlements = settlements.into_iter().map(|delivery| Settlement {
            delivery: delivery.delivery,
            fence: delivery.fence,
            at: self.now,
            verdict: Verdict::Delivered {
                id: (delivery.delivery % 8).to_string(),
                link: None,
                adopted: false,
                changes: String::new(),
                job: (delivery.delivery % 3 > 0).then(|| {
                    Box::new(JobWish {
                        level: 7,
                        rule_id: "1".into(),
                    })
                }),
            },
        });
        let settlements: Vec<Settlement> = settlements.collect();
        self.both(|ledger| ledger.settle(settlements.clone()));
        // One whose id has come again for another alert begins anew: nobody holds it.
        let rows = super::all(&self.model);
        let known = |row: &&JobRow| row.state == JobState::Pending;
        for row in rows.iter().filter(known) {
            self.held.remove(&row.job);
            self.reviewed.remove(&row.id);
        }
    }

    /// Mostly one that was claimed lately, and mostly with its fence.
    fn one(&self, which: u8, wrong: bool) -> Option<(i64, i64)> {
        let back = usize::from(which) % self.claimed.len().clamp(1, 8);
        let claimed = self.claimed.iter().rev().nth(back)?;
        Some((claimed.job, claimed.fence + i64::from(wrong)))
    }

    fn settle(&mut self, which: u8, wrong: bool, drawn: &Drawn) {
        let Some((job, fence)) = self.one(which, wrong) else {
            return;
        };
        let settlement = JobSettlement {
            job,
            fence,
            at: self.now,
            verdict: match drawn {
                Drawn::Reviewed(verdict) => reviewed(&verdict.to_string()),
                Drawn::Failed => super::failed(),
                Drawn::Skipped => super::skipped(),
                Drawn::Retry(after, blame) => JobVerdict::Retry {
                    due_at: self.after(*after),
                    why: "no answer".into(),
                    blame: *blame,
                },
                Drawn::Returned => JobVerdict::Returned,
            },
        };
        let before = super::all(&self.model);
        if !self.both(|ledger| ledger.settle_job(settlement.clone())) {
            assert_eq!(
                super::all(&self.model),
                before,
                "a lost claim changes nothing"
            );
            return;
        }
        self.held.remove(&job);
        if let Drawn::Reviewed(_) = drawn {
            let id = before.into_iter().find(|row| row.job == job).unwrap().id;
            self.reviewed.insert(id);
        }
    }

    fn reopen(&mut self, daemon: bool) {
        let place = usize::from(!daemon);
        self.sqlite[place] = None;
        let opened = if daemon {
            wait(self.model.release(None));
            SqliteLedger::open(self.path, options())
        } else {
            SqliteLedger::open_writer(self.path, options())
        };
        self.sqlite[place] = Some(opened.unwrap());
    }

    fn states(&self, state: JobState) -> BTreeSet<i64> {
        let jobs = wait(self.model.jobs(JobFilter {
            state: Some(state),
            limit: 99,
            ..JobFilter::default()
        }));
        jobs.into_iter().map(|row| row.job).collect()
    }

    fn listed(&self, state: Option<JobState>) -> Vec<String> {
        let filter = |limit| JobFilter {
            state,
            limit,
            ..JobFilter::default()
        };
        self.both(|ledger| ledger.jobs(filter(3)));
        for after in [None, Some(4)] {
            self.both(|ledger| {
                ledger.jobs(JobFilter {
                    after,
                    oldest_first: true,
                    ..filter(3)
                })
            });
        }
        self.both(|ledger| {
            ledger.jobs(JobFilter {
                after: Some(4),
                ..filter(99)
            })
        });
        let rows = self.both(|ledger| ledger.jobs(filter(99)));
        rows.into_iter().map(|row| row.id).collect()
    }

    /// Everything that can be asked has the same answer.
    fn agree(&self) {
        let hour_ago = self.after(-3_600);
        for state in [
            None,
            Some(JobState::Pending),
            Some(JobState::Claimed),
            Some(JobState::Reviewed),
            Some(JobState::Failed),
            Some(JobState::Skipped),
        ] {
            self.listed(state);
        }
        self.both(|ledger| {
            ledger.jobs(JobFilter {
                sink: Some("iris".into()),
                id: Some("3".into()),
                since: Some(hour_ago),
                limit: 9,
                ..JobFilter::default()
            })
        });
        let ids = || ["5", "none", "0", "5"].map(String::from).to_vec();
        self.both(|ledger| ledger.jobs_of("iris", ids()));
        self.both(|ledger| ledger.jobs_of("jira", ids()));
        self.both(|ledger| ledger.job_status());
        for since in [Timestamp::UNIX_EPOCH, hour_ago] {
            self.both(|ledger| ledger.feedback(since));
            for word in ["0", "1"] {
                self.both(|ledger| ledger.answer_of(word, since));
                self.both(|ledger| ledger.earlier(word, since));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn two_processes_do_what_the_model_does(actions in prop::collection::vec(actions(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let daemon = SqliteLedger::open(&path, options()).unwrap();
        let beside = SqliteLedger::open_writer(&path, options()).unwrap();
        let mut pair = Pair {
            path: &path,
            sqlite: [Some(daemon), Some(beside)],
            turn: 0,
            model: MemoryLedger::new(),
            now: at(0),
            claimed: Vec::new(),
            held: BTreeMap::new(),
            reviewed: BTreeSet::new(),
        };
        for action in &actions {
            pair.act(action);
        }
        drop(pair);
        prop_assert!(alertbridge_ledger::check(&path, true).unwrap().is_sound());
    }
}
