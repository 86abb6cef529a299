//! What became of an alert can be told afterwards, and what makes the noise; alike by every ledger.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Folding, GroupKind, Hits, Intake, Ledger, MemoryLedger, Placement, Prune, Repeat,
    Settlement, Silence, SilencedBy, SqliteLedger, TellClaim, TellVerdict, Told, Trace,
    TraceOutcome, Verdict,
};
use support::{
    all_dead, arrival, arrivals, at, claim, delivered, intake, options, route, settlements, sound,
    wait,
};

fn on_each(promise: impl Fn(&dyn Ledger)) {
    let memory = MemoryLedger::new();
    promise(&memory);
    sound(&memory);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap();
    promise(&sqlite);
    sound(&sqlite);
}

fn repeats(number: u64, key: u8) -> Arrival {
    Arrival {
        folding: Folding {
            repeat: Some(Repeat {
                key: [key; 16],
                window: Duration::from_secs(900),
                longest_life: Duration::from_secs(86_400),
            }),
            ..Folding::default()
        },
        ..arrival(number)
    }
}

fn silenced(number: u64, by: SilencedBy) -> Arrival {
    Arrival {
        placement: Placement::Silenced(by),
        ..arrival(number)
    }
}

fn trace(ledger: &dyn Ledger, reference: &str) -> Trace {
    wait(ledger.trace(reference)).unwrap()
}

/// What and why, without the times.
fn history(trace: &Trace) -> Vec<(&str, &str)> {
    let attempts = trace.deliveries[0].history.iter();
    attempts
        .map(|attempt| (&*attempt.what, &*attempt.why))
        .collect()
}

fn retry(second: i64, why: &str, doubt: bool) -> Verdict {
    Verdict::Retry {
        due_at: at(second),
        why: why.into(),
        doubt,
        blame: false,
    }
}

/// Claims what is due at a time and settles all of it.
fn attempt(ledger: &dyn Ledger, second: i64, verdict: &Verdict) -> usize {
    let mut asked = claim(100);
    asked.now = at(second);
    let claimed = wait(ledger.claim(asked));
    let settlements = settlements(&claimed, verdict).into_iter();
    let at = at(second);
    let settlements = settlements.map(|settlement| Settlement { at, ..settlement });
    wait(ledger.settle(settlements.collect())).settled as usize
}

fn tell(ledger: &dyn Ledger, second: i64, verdict: impl Fn(u64) -> TellVerdict) -> usize {
    let tellings = wait(ledger.claim_tellings(TellClaim {
        sink: "iris".into(),
        limit: 10,
        now: at(second),
        interval: Duration::from_secs(60),
        lease: Duration::from_secs(60),
    }));
    let told = tellings.iter().map(|telling| Told {
        delivery: telling.delivery,
        fence: telling.fence,
        at: at(second),
        verdict: verdict(telling.group.folded),
    });
    wait(ledger.settle_tellings(told.collect())).settled as usize
}

#[test]
fn an_alert_nobody_brought_has_no_way() {
    on_each(|ledger| {
        assert_eq!(wait(ledger.trace("node:1")), None);
        assert_eq!(wait(ledger.newest(5)), Vec::<String>::new());
        assert_eq!(wait(ledger.reference_of("iris", "77")), None);
        assert_eq!(wait(ledger.members(1, None, 5)), Vec::<String>::new());
        assert_eq!(wait(ledger.stored(at(0), 0, 5)), []);
        assert_eq!(wait(ledger.noise(at(0), 5)), Default::default());
    });
}

#[test]
fn the_way_of_an_alert_tells_each_attempt_and_where_it_got_to() {
    on_each(|ledger| {
        wait(ledger.intake(intake(vec![arrival(1), arrival(1)])));
        let fresh = trace(ledger, "node:1");
        assert_eq!(
            (&*fresh.source, fresh.copies, fresh.level),
            ("follower", 1, 5)
        );
        assert_eq!((&*fresh.agent, &*fresh.rule_id), ("web-1", "5710"));
        assert_eq!(fresh.outcome, TraceOutcome::Routed);
        assert_eq!(fresh.payload.as_deref(), Some(&*arrival(1).payload));
        let waiting = &fresh.deliveries[0];
        assert_eq!((&*waiting.sink, &*waiting.lane), ("iris", "1"));
        assert_eq!((&*waiting.state, waiting.attempts), ("ready", 0));

        attempt(ledger, 10, &retry(20, "IRIS answers 502", false));
        let waiting = trace(ledger, "node:1").deliveries.remove(0);
        assert_eq!((&*waiting.state, waiting.due_at), ("waiting", Some(at(20))));
        assert_eq!(waiting.why.as_deref(), Some("IRIS answers 502"));
        attempt(ledger, 20, &retry(30, "no answer", true));
        attempt(
            ledger,
            30,
            &Verdict::Delivered {
                id: "77".into(),
                link: Some("https://iris/alerts?alert_ids=77".into()),
                adopted: true,
                changes: "{\"cut\":1}".into(),
                job: None,
            },
        );
        let done = trace(ledger, "node:1");
        let delivery = &done.deliveries[0];
        assert_eq!((&*delivery.state, delivery.attempts), ("delivered", 3));
        assert_eq!(delivery.finished_at, Some(at(30)));
        assert_eq!((&delivery.why, delivery.due_at), (&None, None));
        assert_eq!(delivery.id.as_deref(), Some("77"));
        assert_eq!(
            delivery.link.as_deref(),
            Some("https://iris/alerts?alert_ids=77")
        );
        assert!(delivery.adopted);
        assert_eq!(delivery.changes, "{\"cut\":1}");
        assert_eq!(
            history(&done),
            [
                ("retry", "IRIS answers 502"),
                ("in doubt", "no answer"),
                ("adopted", "")
            ]
        );
        let times: Vec<_> = delivery.history.iter().map(|attempt| attempt.at).collect();
        assert_eq!(times, [at(10), at(20), at(30)]);
        assert_eq!(
            wait(ledger.reference_of("iris", "77")).as_deref(),
            Some("node:1")
        );
        assert_eq!(wait(ledger.reference_of("iris", "78")), None);
        assert_eq!(wait(ledger.reference_of("jira", "77")), None);
    });
}

#[test]
fn a_death_and_a_replay_stay_in_the_history() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        let claimed = wait(ledger.claim(claim(1)));
        wait(ledger.settle(all_dead(&claimed)));
        let dead = trace(ledger, "node:1").deliveries.remove(0);
        assert_eq!((&*dead.state, dead.why.as_deref()), ("dead", Some("never")));
        assert_eq!(dead.finished_at, Some(at(11)));
        assert!(wait(ledger.replay("d1", at(20))));
        let back = trace(ledger, "node:1").deliveries.remove(0);
        assert_eq!(
            (&*back.state, back.why, back.finished_at),
            ("ready", None, None)
        );
        attempt(ledger, 30, &delivered());
        assert_eq!(
            history(&trace(ledger, "node:1")),
            [("dead", "never"), ("delivered", "")]
        );
    });
}

#[test]
fn of_very_many_attempts_the_first_twenty_and_the_last_thirty_are_told_each_within_bounds() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        for number in 0..120 {
            let why = format!("{number} {}", "ä".repeat(600));
            assert_eq!(
                attempt(ledger, 10 + number, &retry(11 + number, &why, false)),
                1
            );
        }
        let traced = trace(ledger, "node:1");
        let history = &traced.deliveries[0].history;
        let numbers: Vec<i64> = history
            .iter()
            .map(|attempt| attempt.why.split_once(' ').unwrap().0.parse().unwrap())
            .collect();
        let expected: Vec<i64> = (0..20).chain(90..120).collect();
        assert_eq!(numbers, expected);
        assert!(
            history
                .iter()
                .all(|attempt| attempt.why.chars().count() == 500)
        );
        assert_eq!(traced.deliveries[0].attempts, 120);
    });
}

#[test]
fn what_was_never_sent_is_no_attempt() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        attempt(ledger, 10, &Verdict::Returned);
        assert_eq!(history(&trace(ledger, "node:1")), []);
    });
}

#[test]
fn a_silenced_alert_names_what_silenced_it_and_the_silence_counts_it() {
    on_each(|ledger| {
        wait(ledger.put_silence(Silence {
            id: "s1".into(),
            matchers: "rule.id = 5710".into(),
            starts_at: at(0),
            ends_at: at(100),
            created_by: "ana".into(),
            comment: "why".into(),
            created_at: at(0),
            hits: 0,
            last_hit: None,
        }));
        let by = [
            SilencedBy::Silence("s1".into()),
            SilencedBy::Mute("night".into()),
            SilencedBy::Allowlist("backup".into()),
            SilencedBy::Silence("s1".into()),
        ];
        for (number, by) in by.iter().enumerate() {
            let mut one = intake(vec![silenced(number as u64, by.clone())]);
            one.received_at = at(number as i64);
            wait(ledger.intake(one));
        }
        for (number, by) in by.iter().enumerate() {
            let traced = trace(ledger, &format!("node:{number}"));
            assert_eq!(traced.outcome, TraceOutcome::Silenced(by.clone()));
            assert_eq!((traced.deliveries, traced.group), (Vec::new(), None));
        }
        let silence = wait(ledger.silences()).remove(0);
        assert_eq!((silence.hits, silence.last_hit), (2, Some(at(3))));
        assert_eq!(wait(ledger.silences_version()), 1, "a hit is no change");
    });
}

#[test]
fn a_repeat_names_its_group_and_the_first_alert_its_repeats() {
    on_each(|ledger| {
        wait(ledger.intake(intake((1..6).map(|number| repeats(number, 7)).collect())));
        let group = trace(ledger, "node:1").group.unwrap();
        assert_eq!((group.kind, group.folded), (GroupKind::Repeats, 4));
        assert_eq!(group.parent, "node:1");
        assert_eq!(group.members, ["node:2", "node:3", "node:4", "node:5"]);
        let folded = trace(ledger, "node:4");
        assert_eq!(folded.outcome, TraceOutcome::Folded);
        assert_eq!(folded.group.unwrap(), group);
        let page = |after: Option<&str>, limit| {
            wait(ledger.members(group.id, after.map(str::to_owned), limit))
        };
        assert_eq!(page(None, 2), ["node:2", "node:3"]);
        assert_eq!(page(Some("node:3"), 2), ["node:4", "node:5"]);
        assert_eq!(page(Some("node:5"), 2), Vec::<String>::new());
        assert_eq!(page(Some("nobody"), 2), Vec::<String>::new());

        attempt(ledger, 10, &delivered());
        assert_eq!(
            tell(ledger, 20, |_| TellVerdict::Retry {
                due_at: at(30),
                why: "no answer".into()
            }),
            1
        );
        assert_eq!(
            tell(ledger, 30, |folded| TellVerdict::Written { folded }),
            1
        );
        let told = trace(ledger, "node:1");
        assert_eq!(told.group.as_ref().unwrap().told, 4);
        assert_eq!(
            history(&told),
            [("delivered", ""), ("tell again", "no answer"), ("told", "")]
        );
    });
}

#[test]
fn the_newest_alerts_come_first() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..5))));
        assert_eq!(wait(ledger.newest(2)), ["node:4", "node:3"]);
        assert_eq!(wait(ledger.newest(9)).len(), 4);
    });
}

#[test]
fn stored_alerts_are_read_in_pages_from_a_time_on() {
    on_each(|ledger| {
        for (number, second) in [(1, 0), (2, 7200), (3, 3600), (4, 7300)] {
            let mut one = intake(vec![arrival(number)]);
            one.received_at = at(second);
            wait(ledger.intake(one));
        }
        let by = SilencedBy::Mute("night".into());
        let mut one = intake(vec![silenced(5, by.clone())]);
        one.received_at = at(7400);
        wait(ledger.intake(one));
        let read = |since, after, limit| wait(ledger.stored(at(since), after, limit));
        let references = |since, after, limit| -> Vec<String> {
            let stored = read(since, after, limit).into_iter();
            stored.map(|stored| stored.reference).collect()
        };
        assert_eq!(references(3600, 0, 2), ["node:2", "node:3"]);
        assert_eq!(references(3600, 3, 9), ["node:4", "node:5"]);
        assert_eq!(references(7200, 0, 9), ["node:2", "node:4", "node:5"]);
        assert_eq!(references(9000, 0, 9), Vec::<String>::new());
        let last = read(7400, 0, 9).remove(0);
        assert_eq!(last.outcome, TraceOutcome::Silenced(by));
        assert_eq!((last.number, last.received_at), (5, at(7400)));
        assert_eq!(last.payload, arrival(5).payload);
    });
}

#[test]
fn noise_counts_what_rules_took_and_who_is_loudest() {
    on_each(|ledger| {
        let of = |arrival: Arrival, rule: &str, agent: &str, level| Arrival {
            rule_id: rule.into(),
            agent: agent.into(),
            level,
            ..arrival
        };
        // An hour before: of no account.
        wait(ledger.intake(Intake {
            filtered: 5,
            filtered_by: vec![("low".into(), 5)],
            received_at: at(-7200),
            ..intake(arrivals(90..93))
        }));
        let quiet = SilencedBy::Allowlist("backup".into());
        wait(ledger.intake(Intake {
            filtered: 3,
            filtered_by: vec![("low".into(), 2), ("lab".into(), 1)],
            ..intake(vec![
                of(repeats(1, 7), "5710", "a", 5),
                of(repeats(2, 7), "5710", "a", 4),
                of(repeats(3, 7), "5710", "a", 5),
                of(silenced(4, quiet.clone()), "5710", "a", 9),
                of(silenced(5, quiet), "554", "b", 3),
                of(arrival(6), "554", "a", 3),
                of(arrival(6), "554", "a", 3),
            ])
        }));
        let noise = wait(ledger.noise(at(0), 10));
        assert_eq!(noise.received, 9, "3 filtered, 6 alerts, no copy");
        let hits = |rule: &str, name: &str, hits| Hits {
            rule: rule.into(),
            name: name.into(),
            hits,
            last_hit: at(0),
        };
        assert_eq!(
            noise.taken,
            [
                hits("allowlist", "backup", 2),
                hits("gate", "low", 2),
                hits("repeat", "", 2),
                hits("gate", "lab", 1),
            ]
        );
        let rows: Vec<_> = noise
            .loudest
            .iter()
            .map(|row| (&*row.rule_id, &*row.agent, row.level, row.alerts))
            .collect();
        assert_eq!(
            rows,
            [("5710", "a", 9, 4), ("554", "a", 3, 1), ("554", "b", 3, 1)]
        );
        let first = &noise.loudest[0];
        assert_eq!((first.silenced, first.folded, first.routed), (1, 2, 1));
        assert_eq!(first.example.as_deref(), Some(&*arrival(4).payload));
        assert_eq!(noise.groups.len(), 1);
        assert_eq!(
            (&*noise.groups[0].parent, noise.groups[0].folded),
            ("node:1", 2)
        );

        let short = wait(ledger.noise(at(0), 1));
        assert_eq!(
            (short.taken.len(), short.loudest.len(), short.groups.len()),
            (1, 1, 1)
        );
        assert_eq!(short.loudest, noise.loudest[..1]);
        let none = wait(ledger.noise(at(0), 0));
        assert_eq!((none.received, none.loudest.len()), (9, 0));
        let longer = wait(ledger.noise(at(-7200), 10));
        assert_eq!(longer.received, 17);
        assert_eq!(longer.taken[0], hits("gate", "low", 7));
        assert_eq!(wait(ledger.noise(at(7200), 10)), Default::default());
    });
}

#[test]
fn the_history_goes_with_the_alert() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    wait(ledger.intake(intake(vec![arrival(1)])));
    attempt(&ledger, 10, &retry(20, "later", false));
    attempt(&ledger, 20, &delivered());
    let prune = |payloads, references| Prune {
        now: at(1000),
        payloads_after: Duration::from_secs(payloads),
        quiet_payloads_after: Duration::from_secs(payloads),
        references_after: Duration::from_secs(references),
        limit: 100,
    };
    wait(ledger.prune(prune(10, 5000)));
    let traced = trace(&ledger, "node:1");
    assert_eq!(traced.payload, None);
    assert_eq!(history(&traced), [("retry", "later"), ("delivered", "")]);
    assert_eq!(wait(ledger.stored(at(0), 0, 9)), [], "its bytes are gone");
    wait(ledger.prune(prune(10, 10)));
    assert_eq!(wait(ledger.trace("node:1")), None);
    assert_eq!(wait(ledger.reference_of("iris", "77")), None);
    drop(ledger);
    let file = rusqlite::Connection::open(path).unwrap();
    let left: i64 = file
        .query_row("SELECT count(*) FROM attempt", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_page_of_large_alerts_ends_early_and_leaves_none_out() {
    on_each(|ledger| {
        for number in 0..5 {
            let mut large = arrival(number);
            large.payload = vec![b'x'; 7 << 20];
            wait(ledger.intake(intake(vec![large])));
        }
        let (mut after, mut read) = (0, 0);
        loop {
            let page = wait(ledger.stored(at(0), after, 100));
            let Some(last) = page.last() else { break };
            after = last.number;
            read += page.len();
        }
        assert_eq!(read, 5);
    });
}

/// Routes twice, so that both sinks' deliveries are told.
#[test]
fn each_sink_has_a_way_of_its_own() {
    on_each(|ledger| {
        wait(ledger.intake(intake(vec![Arrival {
            placement: Placement::Routed(vec![route("jira", "x"), route("iris", "1")]),
            ..arrival(1)
        }])));
        attempt(ledger, 10, &delivered());
        let traced = trace(ledger, "node:1");
        let states: Vec<_> = traced
            .deliveries
            .iter()
            .map(|delivery| (&*delivery.sink, &*delivery.state, delivery.history.len()))
            .collect();
        assert_eq!(states, [("jira", "ready", 0), ("iris", "delivered", 1)]);
    });
}
