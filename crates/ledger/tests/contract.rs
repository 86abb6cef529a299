//! What every ledger promises, run on each of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Claim, Claimed, Ledger, Malformed, MemoryLedger, Pause, Placement, Prune,
    SqliteLedger, Verdict,
};
use support::{
    all_dead, arrival, arrivals, at, claim, delivered, intake, options, route, settlements, sound,
    wait,
};

/// Runs a promise on each ledger, and looks at its books afterwards.
fn on_each(promise: impl Fn(&dyn Ledger)) {
    let memory = MemoryLedger::new();
    promise(&memory);
    sound(&memory);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap();
    promise(&sqlite);
    sound(&sqlite);
}

fn routed(number: u64, lane: &str, agent: &str) -> Arrival {
    Arrival {
        agent: agent.into(),
        placement: Placement::Routed(vec![route("iris", lane)]),
        ..arrival(number)
    }
}

fn numbers(claimed: &[Claimed]) -> Vec<i64> {
    claimed.iter().map(|claimed| claimed.delivery).collect()
}

fn pause(lane: Option<&str>, probe_at: i64) -> Pause {
    Pause {
        sink: "iris".into(),
        lane: lane.map(str::to_owned),
        why: "the key was refused".into(),
        since: at(0),
        probe_at: at(probe_at),
    }
}

fn prune(now: i64, payloads: u64, references: u64) -> Prune {
    Prune {
        now: at(now),
        payloads_after: Duration::from_secs(payloads),
        quiet_payloads_after: Duration::from_secs(payloads),
        references_after: Duration::from_secs(references),
        limit: 100,
    }
}

#[test]
fn lanes_take_turns_and_each_is_served_oldest_first() {
    on_each(|ledger| {
        let mut alerts: Vec<_> = (0..6).map(|number| routed(number, "loud", "a")).collect();
        alerts.extend([routed(6, "quiet", "b"), routed(7, "quiet", "b")]);
        wait(ledger.intake(intake(alerts)));
        assert_eq!(numbers(&wait(ledger.claim(claim(3)))), [1, 7, 2]);
        // The turn goes on where it stopped.
        assert_eq!(numbers(&wait(ledger.claim(claim(1)))), [8]);
        assert_eq!(numbers(&wait(ledger.claim(claim(9)))), [3, 4, 5, 6]);
    });
}

#[test]
fn one_loud_agent_does_not_fill_the_window() {
    on_each(|ledger| {
        let mut alerts: Vec<_> = (0..900).map(|number| routed(number, "1", "loud")).collect();
        alerts.push(routed(900, "1", "quiet"));
        alerts.push(routed(901, "1", "other"));
        alerts.push(routed(902, "1", "quiet"));
        wait(ledger.intake(intake(alerts)));
        let few = Claim {
            per_agent: 2,
            ..claim(10)
        };
        let first = wait(ledger.claim(few.clone()));
        assert_eq!(numbers(&first), [1, 2, 901, 902, 903]);
        assert!(
            wait(ledger.claim(few.clone())).is_empty(),
            "what is claimed already counts"
        );
        wait(ledger.settle(settlements(&first[..1], &delivered())));
        assert_eq!(numbers(&wait(ledger.claim(few))), [3]);
    });
}

#[test]
fn a_returned_delivery_is_as_if_it_had_not_been_claimed() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(0..1))));
        let first = wait(ledger.claim(claim(1)));
        wait(ledger.settle(settlements(&first, &Verdict::Returned)));
        let second = wait(ledger.claim(claim(1)));
        assert_eq!((second[0].attempt, second[0].doubt), (1, false));
        assert_eq!(wait(ledger.release(None)), 1);
        let third = wait(ledger.claim(claim(1)));
        assert_eq!((third[0].attempt, third[0].doubt), (2, true));
        wait(ledger.settle(settlements(&third, &Verdict::Returned)));
        let fourth = wait(ledger.claim(claim(1)));
        assert_eq!((fourth[0].attempt, fourth[0].doubt), (2, true));
    });
}

#[test]
fn a_claim_that_was_lost_settles_nothing() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(0..1))));
        let lost = wait(ledger.claim(claim(1)));
        assert_eq!(
            wait(ledger.release(Some(at(70)))),
            0,
            "the lease holds until its last moment"
        );
        assert_eq!(wait(ledger.release(Some(at(71)))), 1);
        assert_eq!(
            wait(ledger.settle(settlements(&lost, &delivered()))).stale,
            1
        );
        let again = wait(ledger.claim(claim(1)));
        assert_eq!(
            wait(ledger.settle(settlements(&lost, &delivered()))).stale,
            1
        );
        assert_eq!(
            wait(ledger.settle(settlements(&again, &delivered()))).settled,
            1
        );
        assert_eq!(
            wait(ledger.settle(settlements(&again, &delivered()))).stale,
            1
        );
    });
}

#[test]
fn a_retry_waits_for_its_time_and_stops_nobody() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(0..2))));
        let first = wait(ledger.claim(claim(1)));
        let later = Verdict::Retry {
            due_at: at(100),
            why: "busy".into(),
            doubt: true,
            blame: true,
        };
        wait(ledger.settle(settlements(&first, &later)));
        let second = wait(ledger.claim(claim(9)));
        assert_eq!(numbers(&second), [2]);
        assert_eq!(wait(ledger.next_due("iris", at(20))), Some(at(100)));
        assert_eq!(wait(ledger.next_due("iris", at(200))), Some(at(200)));
        assert_eq!(wait(ledger.next_due("nobody", at(200))), None);
        let again = wait(ledger.claim(Claim {
            now: at(100),
            ..claim(9)
        }));
        let one = &again[0];
        assert_eq!(
            (one.delivery, one.attempt, one.blamed, one.doubt),
            (1, 2, 1, true)
        );
        assert_eq!(wait(ledger.next_due("iris", at(200))), None);
    });
}

#[test]
fn a_paused_lane_keeps_its_queue_and_the_others_go_on() {
    on_each(|ledger| {
        let alerts = (0..4).map(|number| routed(number, ["1", "2"][number as usize / 2], "a"));
        wait(ledger.intake(intake(alerts.collect())));
        wait(ledger.pause(pause(Some("1"), 50)));
        assert_eq!(numbers(&wait(ledger.claim(claim(1)))), [3]);
        let probe = |now| Claim {
            probe: true,
            now: at(now),
            ..claim(9)
        };
        assert_eq!(
            numbers(&wait(ledger.claim(probe(49)))),
            [4],
            "not due: as if there was no lane 1"
        );
        assert!(wait(ledger.claim(probe(49))).is_empty());
        assert_eq!(wait(ledger.next_due("iris", at(49))), None);
        assert_eq!(
            numbers(&wait(ledger.claim(probe(50)))),
            [1],
            "one, to see whether it was mended"
        );
        assert!(
            wait(ledger.claim(Claim {
                now: at(50),
                ..claim(9)
            }))
            .is_empty()
        );
        assert_eq!(wait(ledger.status()).pauses, [pause(Some("1"), 50)]);
        assert_eq!(
            wait(ledger.resume("iris", None, false)),
            0,
            "the sink as a whole is not paused"
        );
        assert_eq!(wait(ledger.resume("iris", Some("1"), false)), 1);
        assert_eq!(numbers(&wait(ledger.claim(claim(9)))), [2]);
    });
}

#[test]
fn what_waits_in_a_lane_follows_the_configuration_but_what_is_in_doubt_stays() {
    on_each(|ledger| {
        let alerts = (0..4).map(|number| routed(number, "99", "a"));
        wait(ledger.intake(intake(alerts.collect())));
        // The first is in doubt, the second was refused for good reason, the others were never begun.
        let claimed = wait(ledger.claim(claim(2)));
        let retry = |doubt| Verdict::Retry {
            due_at: at(0),
            why: "no such customer".into(),
            doubt,
            blame: false,
        };
        wait(ledger.settle(settlements(&claimed[..1], &retry(true))));
        wait(ledger.settle(settlements(&claimed[1..], &retry(false))));
        assert_eq!(
            wait(ledger.status()).waiting,
            [("iris".to_owned(), "no such customer".to_owned())]
        );
        let choose = |_: &[u8]| "1".to_owned();
        assert_eq!(wait(ledger.reroute("iris", "99", Box::new(choose))), 3);
        assert_eq!(wait(ledger.reroute("iris", "99", Box::new(choose))), 0);
        wait(ledger.pause(pause(Some("99"), 1_000)));
        let moved = wait(ledger.claim(claim(9)));
        assert_eq!(numbers(&moved), [2, 3, 4]);
        assert!(moved.iter().all(|claimed| claimed.lane == "1"));
    });
}

#[test]
fn a_delivery_put_off_by_a_clock_that_was_set_back_is_due() {
    on_each(|ledger| {
        wait(ledger.intake(intake(vec![routed(0, "1", "a")])));
        let claimed = wait(ledger.claim(claim(1)));
        let retry = |due_at| Verdict::Retry {
            due_at: at(due_at),
            why: "busy".into(),
            doubt: false,
            blame: false,
        };
        wait(ledger.settle(settlements(&claimed, &retry(3_600))));
        assert!(
            wait(ledger.claim(claim(1))).is_empty(),
            "an hour may be meant"
        );
        let claimed = wait(ledger.claim(Claim {
            now: at(3_600),
            ..claim(1)
        }));
        wait(ledger.settle(settlements(&claimed, &retry(100_000))));
        assert_eq!(wait(ledger.claim(claim(1))).len(), 1, "a day is not");
    });
}

#[test]
fn a_pause_of_the_sink_holds_all_lanes_and_the_nameless_lane_is_a_lane_like_others() {
    on_each(|ledger| {
        wait(ledger.intake(intake(vec![routed(0, "", "a"), routed(1, "2", "a")])));
        wait(ledger.pause(pause(Some(""), 50)));
        wait(ledger.pause(pause(None, 50)));
        assert!(wait(ledger.claim(claim(9))).is_empty());
        assert_eq!(wait(ledger.resume("iris", None, false)), 1);
        assert_eq!(numbers(&wait(ledger.claim(claim(9)))), [2]);
        assert_eq!(wait(ledger.resume("iris", None, true)), 1);
        assert_eq!(numbers(&wait(ledger.claim(claim(9)))), [1]);
    });
}

#[test]
fn a_clash_of_references_loses_no_alert_and_a_copy_is_counted_for_who_brought_it() {
    on_each(|ledger| {
        let mut alerts = Vec::new();
        for fingerprint in 0..4u8 {
            alerts.push(Arrival {
                fingerprint: [fingerprint; 16],
                ..arrival(1)
            });
        }
        let report = wait(ledger.intake(intake(alerts.clone())));
        assert_eq!(
            (report.stored, report.duplicates, report.collisions),
            (4, 0, 3)
        );
        alerts.extend(alerts.clone());
        let mut copies = intake(alerts);
        copies.source = "hook".into();
        let report = wait(ledger.intake(copies));
        assert_eq!((report.stored, report.duplicates), (0, 8));
        let books = wait(ledger.books(None));
        assert_eq!(
            (books.sources[0].routed, books.sources[0].collisions),
            (4, 3)
        );
        assert_eq!(
            (books.sources[1].source.as_str(), books.sources[1].duplicate),
            ("hook", 8)
        );
        let mut references: Vec<_> = wait(ledger.claim(claim(9)))
            .into_iter()
            .map(|claimed| claimed.reference)
            .collect();
        references.dedup();
        assert_eq!(references.len(), 4);
        assert_eq!(references[..2], ["node:1", "node:1#x"]);
    });
}

#[test]
fn a_copy_within_one_intake_is_a_duplicate() {
    on_each(|ledger| {
        let report = wait(ledger.intake(intake(vec![arrival(1), arrival(2), arrival(1)])));
        assert_eq!((report.stored, report.duplicates), (2, 1));
    });
}

#[test]
fn an_alert_for_no_sink_balances_and_a_sink_gets_an_alert_once() {
    on_each(|ledger| {
        let nowhere = Arrival {
            placement: Placement::Routed(Vec::new()),
            ..arrival(1)
        };
        let twice = Placement::Routed(vec![
            route("iris", "1"),
            route("iris", "2"),
            route("jira", ""),
        ]);
        let twice = Arrival {
            placement: twice,
            ..arrival(2)
        };
        assert_eq!(wait(ledger.intake(intake(vec![nowhere, twice]))).stored, 2);
        let books = wait(ledger.books(None));
        assert_eq!(books.sources[0].routed, 2);
        let sinks: Vec<_> = books
            .sinks
            .iter()
            .map(|sink| (sink.sink.as_str(), sink.pending))
            .collect();
        assert_eq!(sinks, [("iris", 1), ("jira", 1)]);
        assert_eq!(wait(ledger.claim(claim(9)))[0].lane, "1");
        // The one for nobody is finished at once, and goes when its time comes.
        assert_eq!(wait(ledger.prune(prune(1000, 500, 500))).references, 1);
    });
}

#[test]
fn a_dead_letter_is_kept_whole_until_somebody_has_handled_it() {
    on_each(|ledger| {
        let mut alerts = intake(arrivals(0..2));
        let body = b"\xff<script>\0".to_vec();
        alerts.malformed = vec![Malformed {
            body,
            place: "alerts.json:7".into(),
            why: "not JSON".into(),
        }];
        wait(ledger.intake(alerts));
        let claimed = wait(ledger.claim(claim(9)));
        wait(ledger.settle(all_dead(&claimed)));
        assert_eq!(wait(ledger.prune(prune(10_000_000, 1, 1))).payloads, 0);
        let letters = wait(ledger.dead_letters(None, 9));
        let ids: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
        assert_eq!(ids, ["m1", "d1", "d2"]);
        assert_eq!(letters[0].payload, "\u{fffd}<script>\0");
        assert_eq!(letters[1].payload.as_bytes(), arrival(0).payload);
        assert_eq!(
            wait(ledger.dead_letters(Some("m1".into()), 1)),
            letters[1..2]
        );

        assert!(wait(ledger.dismiss("m1", at(20))));
        assert!(!wait(ledger.replay("m1", at(20))));
        assert!(wait(ledger.dismiss("d1", at(20))));
        assert!(!wait(ledger.dismiss("d1", at(20))));
        assert!(!wait(ledger.replay("d1", at(20))));
        for nonsense in [
            "",
            "d",
            "d0",
            "d99",
            "x1",
            "d-1",
            "d1 ",
            "é1",
            "d99999999999999999999",
        ] {
            assert!(!wait(ledger.replay(nonsense, at(20))), "{nonsense}");
            assert!(!wait(ledger.dismiss(nonsense, at(20))), "{nonsense}");
        }
        assert!(wait(ledger.replay("d2", at(20))));
        let again = wait(ledger.claim(claim(9)));
        assert_eq!(
            (numbers(&again), again[0].doubt, again[0].blamed),
            (vec![2], true, 0)
        );
        wait(ledger.settle(settlements(&again, &delivered())));
        let report = wait(ledger.prune(prune(10_000_000, 1, 100_000_000)));
        assert_eq!(
            (report.payloads, report.references, report.more),
            (2, 0, false)
        );
        let books = wait(ledger.books(None));
        assert_eq!((books.sinks[0].dead, books.sinks[0].delivered), (1, 1));
        assert_eq!(wait(ledger.status()).dead_letters, 0);
    });
}

#[test]
fn a_forgotten_payload_still_guards_against_doubles_and_a_forgotten_reference_no_longer() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(0..1))));
        let claimed = wait(ledger.claim(claim(1)));
        wait(ledger.settle(settlements(&claimed, &delivered())));
        assert_eq!(
            wait(ledger.prune(prune(511, 500, 5000))).payloads,
            0,
            "not older than that"
        );
        assert_eq!(wait(ledger.prune(prune(512, 500, 5000))).payloads, 1);
        assert_eq!(wait(ledger.intake(intake(arrivals(0..1)))).duplicates, 1);
        assert_eq!(wait(ledger.prune(prune(5012, 500, 5000))).references, 1);
        assert_eq!(wait(ledger.intake(intake(arrivals(0..1)))).stored, 1);
        let books = wait(ledger.books(None));
        assert_eq!((books.sources[0].routed, books.sinks[0].delivered), (2, 1));
        let next = wait(ledger.claim(claim(1)));
        assert_eq!(numbers(&next), [2], "numbers are never used twice");
    });
}

#[test]
fn hostile_names_and_sixteen_mebibytes_come_back_as_they_went_in() {
    let huge = "x".repeat(1 << 20);
    let mut noise = Vec::with_capacity(16 << 20);
    let mut state = 1u64;
    while noise.len() < 16 << 20 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    on_each(|ledger| {
        let names = [
            "",
            "\0",
            "a\0b",
            "'; DROP TABLE alert; --",
            "\u{202e}\u{1f980}",
            &huge,
        ];
        let mut alerts = Vec::new();
        for (number, name) in names.iter().enumerate() {
            alerts.push(Arrival {
                reference: format!("{name}:{number}"),
                rule_id: (*name).to_owned(),
                payload: name.as_bytes().to_vec(),
                level: u32::MAX,
                ..routed(number as u64, name, name)
            });
        }
        alerts.push(Arrival {
            payload: vec![b' '; 16 << 20],
            ..arrival(90)
        });
        alerts.push(Arrival {
            payload: noise.clone(),
            ..arrival(91)
        });
        let payloads: Vec<_> = alerts.iter().map(|alert| alert.payload.clone()).collect();
        assert_eq!(wait(ledger.intake(intake(alerts))).stored, 8);
        let mut claimed = wait(ledger.claim(claim(9)));
        claimed.sort_by_key(|claimed| claimed.delivery);
        for (place, name) in names.iter().enumerate() {
            assert_eq!(claimed[place].lane, *name);
            assert_eq!(claimed[place].agent, *name);
            assert_eq!(claimed[place].reference, format!("{name}:{place}"));
        }
        for (claimed, payload) in claimed.iter().zip(&payloads) {
            assert!(
                claimed.payload == *payload,
                "the bytes of {} changed",
                claimed.delivery
            );
        }
        wait(ledger.pause(pause(Some("a\0b"), 99)));
        assert_eq!(wait(ledger.resume("iris", Some("a"), false)), 0);
        assert_eq!(wait(ledger.resume("iris", Some("a\0b"), false)), 1);
    });
}

#[test]
fn the_books_of_a_span_leave_earlier_hours_out() {
    on_each(|ledger| {
        let mut early = intake(arrivals(0..3));
        early.received_at = at(0);
        early.filtered = 5;
        wait(ledger.intake(early));
        let mut late = intake(arrivals(3..5));
        late.received_at = at(2 * 3600);
        wait(ledger.intake(late));
        assert_eq!(wait(ledger.books(None)).sources[0].received, 10);
        let books = wait(ledger.books(Some(at(2 * 3600))));
        assert_eq!((books.sources[0].received, books.sinks[0].pending), (2, 2));
        assert_eq!(
            (books.hours.len(), Some(books.hours[0].hour)),
            (1, books.since)
        );
    });
}
