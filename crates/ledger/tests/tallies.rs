//! What is counted with alerts is exactly the alerts stored, and what was given out never changes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeMap, time::Duration};

use alertbridge_ledger::{
    Arrival, ClaimedTally, KEPT_TALLIES, Ledger, MemoryLedger, Placement, Prune, SilencedBy,
    SqliteLedger, Tally, TallyVerdict,
};
use proptest::prelude::*;
use support::{
    arrival, at, options,
    quiet::{repeat, taken},
    sound, wait,
};

const HOUR: Duration = Duration::from_secs(3600);

fn tally(key: &str, due: i64) -> Tally {
    Tally {
        kind: "opencti".into(),
        key: key.into(),
        due_at: at(due),
        body: format!("{key} until {due}").into_bytes(),
    }
}

fn counted(arrival: Arrival, tallies: Vec<Tally>) -> Arrival {
    Arrival { tallies, ..arrival }
}

fn claimed(ledger: &dyn Ledger, second: i64, limit: usize) -> Vec<ClaimedTally> {
    wait(ledger.claim_tallies("opencti", at(second), Duration::from_secs(60), limit))
}

fn settle(ledger: &dyn Ledger, tally: &ClaimedTally, second: i64, verdict: TallyVerdict) -> bool {
    wait(ledger.settle_tally(tally.number, tally.fence, verdict, at(second)))
}

/// Key, running number, count.
fn seen(tallies: &[ClaimedTally]) -> Vec<(&str, u64, u64)> {
    let of = |tally: &'_ ClaimedTally| (tally.running, tally.count);
    let seen = tallies.iter().map(|tally| (&*tally.key, of(tally)));
    seen.map(|(key, (running, count))| (key, running, count))
        .collect()
}

fn on_each(promise: impl Fn(&dyn Ledger)) {
    promise(&MemoryLedger::new());
    let folder = tempfile::tempdir().unwrap();
    promise(&SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap());
}

fn prune(now: i64) -> Prune {
    Prune {
        now: at(now),
        payloads_after: 9_000 * HOUR,
        quiet_payloads_after: 9_000 * HOUR,
        references_after: 9_000 * HOUR,
        limit: 9,
    }
}

#[test]
fn every_stored_alert_counts_once_whatever_becomes_of_it_and_copies_do_not() {
    on_each(|ledger| {
        let both = || vec![tally("a", 100), tally("b", 50)];
        let mut silenced = counted(arrival(2), both());
        silenced.placement = Placement::Silenced(SilencedBy::Mute("nights".into()));
        let mut nowhere = counted(arrival(3), vec![tally("a", 30)]);
        nowhere.placement = Placement::Routed(Vec::new());
        taken(ledger, 1, vec![counted(repeat(0, 7), both())]);
        let folded = vec![counted(repeat(1, 7), both()), silenced, nowhere];
        assert_eq!(taken(ledger, 5, folded).folded, 1);
        let copies = vec![counted(arrival(2), both()), counted(repeat(0, 7), both())];
        assert_eq!(taken(ledger, 6, copies).duplicates, 2);

        assert_eq!(claimed(ledger, 49, 9), []);
        let tallies = claimed(ledger, 100, 9);
        assert_eq!(seen(&tallies), [("b", 1, 3), ("a", 1, 4)], "due first");
        assert_eq!((tallies[1].first_at, tallies[1].last_at), (at(1), at(5)));
        assert_eq!(tallies[1].body, b"a until 100", "the first one's");
        assert_eq!(tallies[1].begun, 1);
        sound(ledger);
    });
}

#[test]
fn what_comes_after_a_row_was_given_out_is_counted_in_the_next_one() {
    on_each(|ledger| {
        taken(ledger, 1, vec![counted(arrival(1), vec![tally("a", 10)])]);
        let first = claimed(ledger, 10, 9).remove(0);
        taken(ledger, 11, vec![counted(arrival(2), vec![tally("a", 20)])]);
        assert_eq!(
            claimed(ledger, 19, 9),
            [],
            "not due, and not the claimed one"
        );

        // In doubt: the same again, with the same count, although more came.
        let again = claimed(ledger, 71, 9);
        assert_eq!(seen(&again), [("a", 1, 1), ("a", 2, 1)]);
        assert_eq!((again[0].number, again[0].begun), (first.number, 2));
        assert!(!settle(ledger, &first, 72, TallyVerdict::Done), "lost");
        let why = "busy".to_owned();
        let due_at = at(90);
        assert!(settle(
            ledger,
            &again[0],
            72,
            TallyVerdict::Retry { due_at, why }
        ));
        taken(ledger, 73, vec![counted(arrival(3), vec![tally("a", 74)])]);
        assert_eq!(seen(&claimed(ledger, 90, 9)), [("a", 3, 1), ("a", 1, 1)]);
    });
}

#[test]
fn a_row_that_is_to_be_reported_again_takes_nothing_more() {
    on_each(|ledger| {
        taken(ledger, 1, vec![counted(arrival(1), vec![tally("a", 1)])]);
        let first = claimed(ledger, 1, 9).remove(0);
        let retry = TallyVerdict::Retry {
            due_at: at(9),
            why: "busy".into(),
        };
        assert!(settle(ledger, &first, 2, retry));
        taken(ledger, 3, vec![counted(arrival(2), vec![tally("a", 3)])]);
        let both = claimed(ledger, 9, 9);
        assert_eq!(seen(&both), [("a", 2, 1), ("a", 1, 1)]);
        assert_eq!(both[1].last_at, at(1));
    });
}

#[test]
fn sources_whose_clocks_differ_leave_no_row_that_ends_before_it_begins() {
    on_each(|ledger| {
        for (number, second) in [(1, 50), (2, 70), (3, 40)] {
            taken(
                ledger,
                second,
                vec![counted(arrival(number), vec![tally("a", 90)])],
            );
        }
        let row = claimed(ledger, 90, 9).remove(0);
        assert_eq!((row.count, row.first_at, row.last_at), (3, at(50), at(70)));
    });
}

#[test]
fn a_row_ends_once_and_the_status_tells_how_far_behind_its_reporter_is() {
    on_each(|ledger| {
        taken(
            ledger,
            1,
            vec![counted(arrival(1), vec![tally("a", 10), tally("b", 20)])],
        );
        let waiting = wait(ledger.status()).tallies_waiting;
        assert_eq!((waiting[0].rows, waiting[0].oldest_due), (2, at(10)));
        let tallies = claimed(ledger, 20, 9);
        let retry = TallyVerdict::Retry {
            due_at: at(500),
            why: "HTTP 502".into(),
        };
        assert!(settle(ledger, &tallies[0], 21, retry));
        let waiting = wait(ledger.status()).tallies_waiting;
        assert_eq!((&*waiting[0].kind, waiting[0].rows), ("opencti", 2));
        assert_eq!(waiting[0].why.as_deref(), Some("HTTP 502"));
        assert!(settle(ledger, &tallies[1], 21, TallyVerdict::Done));
        assert!(!settle(ledger, &tallies[1], 21, TallyVerdict::Done), "once");
        let tallies = claimed(ledger, 500, 9);
        let why = "no such indicator".into();
        assert!(settle(
            ledger,
            &tallies[0],
            501,
            TallyVerdict::Dropped { why }
        ));
        assert_eq!(wait(ledger.status()).tallies_waiting, []);
        assert_eq!(claimed(ledger, 9_999, 9), []);
    });
}

#[test]
fn ended_rows_are_kept_for_two_days_and_others_for_as_long_as_they_wait() {
    on_each(|ledger| {
        let tallies = || vec![tally("a", 10), tally("b", 20)];
        taken(ledger, 1, vec![counted(arrival(1), tallies())]);
        let one = claimed(ledger, 20, 1).remove(0);
        assert!(settle(ledger, &one, 21, TallyVerdict::Done));
        let kept = KEPT_TALLIES.as_secs() as i64;
        wait(ledger.prune(prune(21 + kept)));
        taken(ledger, 30, vec![counted(arrival(2), vec![tally("a", 40)])]);
        let two = claimed(ledger, 40, 9);
        assert_eq!(
            seen(&two),
            [("b", 1, 1), ("a", 2, 1)],
            "the first is known yet"
        );
        assert!(settle(ledger, &two[1], 41, TallyVerdict::Done));
        wait(ledger.prune(prune(42 + kept)));
        taken(ledger, 50, vec![counted(arrival(3), vec![tally("a", 60)])]);
        let tallies = claimed(ledger, 42 + kept, 9);
        assert_eq!(seen(&tallies), [("b", 1, 1), ("a", 1, 1)]);
    });
}

#[test]
fn a_clock_that_was_set_back_keeps_no_row_waiting_for_longer_than_a_day() {
    on_each(|ledger| {
        let far = 400 * 86_400;
        taken(
            ledger,
            far,
            vec![counted(arrival(1), vec![tally("a", 2 * far)])],
        );
        let tallies = claimed(ledger, 0, 9);
        assert_eq!(seen(&tallies), [("a", 1, 1)]);
        assert_eq!(
            seen(&claimed(ledger, -86_400, 9)),
            [("a", 1, 1)],
            "no lease is so long"
        );
    });
}

#[test]
fn a_restart_loses_no_count_and_gives_what_was_begun_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    taken(&ledger, 1, vec![counted(arrival(1), vec![tally("a", 1)])]);
    let first = claimed(&ledger, 2, 9);
    drop(ledger);
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    let again = claimed(&ledger, 3, 9);
    assert_eq!(seen(&again), seen(&first));
    assert_eq!(again[0].begun, 2);
    assert!(!settle(&ledger, &first[0], 3, TallyVerdict::Done));
    assert!(settle(&ledger, &again[0], 3, TallyVerdict::Done));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However arrivals, copies and reports alternate: the counts reported sum up to the alerts stored, and no row that was
    /// given out comes again with another count.
    #[test]
    fn what_is_reported_is_what_was_stored(steps in prop::collection::vec((0..40u64, 0..3u8, any::<bool>()), 1..60)) {
        on_each(|ledger| {
            let (mut stored, mut done) = (0, 0);
            let mut counts: BTreeMap<(String, u64), u64> = BTreeMap::new();
            let mut second = 0;
            let mut report = |ledger: &dyn Ledger, second: i64, succeeds: bool| {
                for tally in claimed(ledger, second, 2) {
                    let known = counts.entry((tally.key.clone(), tally.running)).or_insert(tally.count);
                    assert_eq!(*known, tally.count);
                    if succeeds {
                        assert!(settle(ledger, &tally, second, TallyVerdict::Done));
                        done += tally.count;
                    }
                }
            };
            for &(number, key, succeeds) in &steps {
                second += 31;
                let arrival = counted(arrival(number), vec![tally(&key.to_string(), second)]);
                stored += taken(ledger, second, vec![arrival]).stored;
                report(ledger, second, succeeds);
            }
            for _ in 0..steps.len() {
                second += 61;
                report(ledger, second, true);
            }
            assert_eq!(done, stored);
        });
    }
}
