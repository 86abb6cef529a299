//! What every ledger promises about alerts that are counted into others, run on each of them: the laws of quiet.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Claim, Claimed, Collected, Continues, GroupKind, IntakeReport, LONGEST_LABEL,
    LONGEST_VALUE, Ledger, MOST_LABELS, MemoryLedger, Placement, SilencedBy, SqliteLedger, Verdict,
};
use support::{
    arrival, at, delivered, options,
    quiet::{budgeted, bursting, collecting, repeat, taken},
    settlements, sound, wait,
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

/// Takes these in at a second; (folded, digests).
fn take(ledger: &dyn Ledger, second: i64, arrivals: Vec<Arrival>) -> (u64, u64) {
    let report = taken(ledger, second, arrivals);
    (report.folded, report.digests)
}

fn claim(ledger: &dyn Ledger, second: i64) -> Vec<Claimed> {
    wait(ledger.claim(Claim {
        now: at(second),
        ..support::claim(99)
    }))
}

fn outcomes(ledger: &dyn Ledger, source: &str) -> (u64, u64, u64) {
    let books = wait(ledger.books(None));
    let row = books.sources.iter().find(|row| row.source == source);
    row.map_or((0, 0, 0), |row| (row.silenced, row.folded, row.routed))
}

#[test]
fn a_silenced_alert_is_kept_counted_and_handed_to_nobody() {
    on_each(|ledger| {
        let silenced = Arrival {
            placement: Placement::Silenced(SilencedBy::Silence("an id".into())),
            ..repeat(1, 7)
        };
        let report = taken(ledger, 0, vec![silenced.clone(), repeat(2, 7)]);
        assert_eq!((report.stored, report.silenced, report.folded), (2, 1, 0));
        assert_eq!(taken(ledger, 0, vec![silenced]).duplicates, 1);
        assert_eq!(outcomes(ledger, "follower"), (1, 0, 1));
        assert_eq!(claim(ledger, 0).len(), 1);
    });
}

#[test]
fn a_repeat_within_the_window_is_counted_into_the_first_and_later_it_is_an_alert_of_its_own() {
    on_each(|ledger| {
        // The window is 100 s, the longest life 250 s.
        assert_eq!(take(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]), (1, 0));
        assert_eq!(take(ledger, 100, vec![repeat(3, 7)]), (1, 0));
        assert_eq!(take(ledger, 100, vec![repeat(4, 8)]), (0, 0), "another key");
        assert_eq!(take(ledger, 201, vec![repeat(5, 7)]), (0, 0), "too late");
        assert_eq!(take(ledger, 300, vec![repeat(6, 7)]), (1, 0));
        assert_eq!(take(ledger, 400, vec![repeat(7, 7)]), (1, 0));
        assert_eq!(
            take(ledger, 452, vec![repeat(8, 7)]),
            (0, 0),
            "no group lives longer"
        );
        assert_eq!(outcomes(ledger, "follower"), (0, 4, 4));
        assert_eq!(claim(ledger, 460).len(), 4);
    });
}

#[test]
fn a_higher_level_is_never_hidden_behind_a_lower_one() {
    on_each(|ledger| {
        let of_level = |number, level| Arrival {
            level,
            ..repeat(number, 7)
        };
        assert_eq!(take(ledger, 0, vec![of_level(1, 5)]), (0, 0));
        assert_eq!(take(ledger, 0, vec![of_level(2, 10)]), (0, 0));
        assert_eq!(
            take(ledger, 0, vec![of_level(3, 5), of_level(4, 10)]),
            (2, 0)
        );
    });
}

#[test]
fn a_copy_of_a_folded_alert_is_a_duplicate_and_counts_nothing_again() {
    on_each(|ledger| {
        let day: Vec<_> = (0..9).map(|number| repeat(number, 7)).collect();
        assert_eq!(take(ledger, 0, day.clone()), (8, 0));
        let again = taken(ledger, 5, day);
        assert_eq!((again.stored, again.duplicates, again.folded), (0, 9, 0));
        assert_eq!(outcomes(ledger, "follower"), (0, 8, 1));
    });
}

#[test]
fn a_burst_goes_on_in_one_digest_that_waits_to_be_filled() {
    on_each(|ledger| {
        // Two of it go out, within 60 s.
        let many: Vec<_> = (0..10).map(bursting).collect();
        assert_eq!(take(ledger, 0, many), (8, 1));
        assert_eq!(
            claim(ledger, 59).len(),
            2,
            "the digest is still being filled"
        );
        assert_eq!(take(ledger, 59, vec![bursting(10)]), (1, 0));
        let digest = claim(ledger, 60).remove(0);
        assert_eq!(digest.reference, "node:2+digest");
        assert_eq!(digest.payload, arrival(2).payload);
        let group = digest.digest.clone().unwrap();
        assert_eq!((group.kind, group.folded), (GroupKind::Burst, 9));
        assert_eq!(group.members[..2], ["node:2", "node:3"]);
        assert_eq!(outcomes(ledger, "digest"), (0, 0, 1));
        assert_eq!(outcomes(ledger, "follower"), (0, 9, 2));
        // It goes on while something comes, and ends when nothing came for as long.
        assert_eq!(take(ledger, 119, vec![bursting(11)]), (1, 0));
        assert_eq!(take(ledger, 180, vec![bursting(12)]), (0, 0));
    });
}

#[test]
fn a_spent_budget_fills_one_digest_until_its_period_ends() {
    on_each(|ledger| {
        // Three in each 100 s.
        let start = -at(0).as_second().rem_euclid(100);
        let many: Vec<_> = (0..9).map(budgeted).collect();
        assert_eq!(take(ledger, start + 100, many), (6, 1));
        assert_eq!(take(ledger, start + 199, vec![budgeted(9)]), (1, 0));
        assert_eq!(claim(ledger, start + 199).len(), 4);
        assert_eq!(take(ledger, start + 200, vec![budgeted(10)]), (0, 0));
    });
}

#[test]
fn opening_the_digest_of_a_burst_costs_its_budget_one() {
    on_each(|ledger| {
        let both = |number| {
            let mut arrival = budgeted(number);
            arrival.folding.burst = bursting(0).folding.burst;
            arrival
        };
        // Two of the burst, its digest, and the budget of three is spent.
        assert_eq!(take(ledger, 0, (0..4).map(both).collect()), (2, 1));
        assert_eq!(take(ledger, 0, vec![budgeted(9)]), (1, 1));
    });
}

#[test]
fn nobody_is_spared_an_alert_for_nobody() {
    on_each(|ledger| {
        let nowhere = |number| Arrival {
            placement: Placement::Routed(Vec::new()),
            ..repeat(number, 7)
        };
        assert_eq!(take(ledger, 0, vec![nowhere(1), nowhere(2)]), (0, 0));
    });
}

#[test]
fn a_clock_set_back_keeps_no_group_open_for_longer_than_its_window() {
    on_each(|ledger| {
        assert_eq!(take(ledger, 1_000_000, vec![repeat(1, 7)]), (0, 0));
        // Something else comes after the clock was set back; the group ends a window later.
        assert_eq!(take(ledger, 0, vec![arrival(50)]), (0, 0));
        assert_eq!(take(ledger, 101, vec![repeat(2, 7)]), (0, 0));
        assert_eq!(take(ledger, 2_000_000_000, vec![repeat(3, 7)]), (0, 0));
        assert_eq!(take(ledger, -3_000_000, vec![repeat(4, 7)]), (1, 0));
        assert_eq!(take(ledger, -2_999_899, vec![repeat(5, 7)]), (0, 0));
    });
}

#[test]
fn the_groups_that_would_end_first_leave_where_there_are_too_many() {
    let crowded = |ledger: &dyn Ledger| {
        let mut report = IntakeReport::default();
        for number in 0..5 {
            report = taken(ledger, number as i64, vec![repeat(number, number as u8)]);
        }
        assert_eq!(report.crowded_out, 1);
        let status = wait(ledger.status());
        assert_eq!((status.open_groups, status.crowded_out), (3, 2));
        assert_eq!(
            take(ledger, 6, vec![repeat(12, 2)]),
            (1, 0),
            "the third is open"
        );
        assert_eq!(
            take(ledger, 6, vec![repeat(10, 0)]),
            (0, 0),
            "the first is not"
        );
        sound(ledger);
    };
    crowded(&MemoryLedger::with_most_groups(3));
    let folder = tempfile::tempdir().unwrap();
    let options = alertbridge_ledger::OpenOptions {
        most_groups: 3,
        ..options()
    };
    crowded(&SqliteLedger::open(folder.path().join("ledger.db"), options).unwrap());
}

#[test]
fn the_oldest_repeat_takes_the_place_of_a_first_one_that_died() {
    on_each(|ledger| {
        take(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        // The one in doubt may have arrived: repeats are counted into it while it is tried.
        let first = claim(ledger, 1);
        take(ledger, 2, vec![repeat(3, 7)]);
        assert!(claim(ledger, 3).is_empty());
        wait(ledger.settle(support::all_dead(&first)));
        assert_eq!(outcomes(ledger, "follower"), (0, 1, 2));
        let second = claim(ledger, 4);
        assert_eq!(second[0].reference, "node:2");
        assert_eq!(second[0].payload, arrival(2).payload);
        // Put back, the first one is an alert like any other; the count is the second's.
        assert!(wait(ledger.replay("d1", at(5))));
        let again = claim(ledger, 6);
        wait(ledger.settle(settlements(&again, &delivered())));
        assert_eq!(
            wait(ledger.next_telling("iris", Duration::from_secs(60))),
            None
        );
        wait(ledger.settle(settlements(&second, &delivered())));
        assert!(wait(ledger.next_telling("iris", Duration::from_secs(60))).is_some());
        assert_eq!(take(ledger, 7, vec![repeat(4, 7)]), (1, 0));
    });
}

#[test]
fn the_one_that_takes_over_hides_none_of_a_higher_level() {
    let of_level = |number, level| Arrival {
        level,
        ..repeat(number, 7)
    };
    let four = || {
        vec![
            of_level(1, 10),
            of_level(2, 3),
            of_level(3, 8),
            of_level(4, 8),
        ]
    };
    on_each(|ledger| {
        take(ledger, 0, four());
        let first = claim(ledger, 1);
        wait(ledger.settle(support::all_dead(&first)));
        assert_eq!(claim(ledger, 2)[0].reference, "node:3");
        assert_eq!(take(ledger, 3, vec![of_level(5, 9)]), (0, 0));
    });
    on_each(|ledger| {
        take(ledger, 0, four());
        let first = claim(ledger, 1);
        wait(ledger.settle(settlements(&first, &delivered())));
        let telling = support::quiet::tellings(ledger, 12).remove(0);
        support::quiet::tell(ledger, &telling, 13, support::quiet::ended());
        assert_eq!(claim(ledger, 14)[0].reference, "node:3");
        let group = wait(ledger.trace("node:3")).unwrap().group.unwrap();
        assert_eq!((group.level, group.folded), (8, 2));
        assert_eq!(group.members, ["node:2", "node:4"]);
    });
}

#[test]
fn where_no_repeat_is_left_the_next_one_is_delivered() {
    on_each(|ledger| {
        take(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        for _ in 0..2 {
            let claimed = claim(ledger, 1);
            wait(ledger.settle(support::all_dead(&claimed)));
        }
        assert!(claim(ledger, 2).is_empty());
        assert_eq!(take(ledger, 3, vec![repeat(3, 7)]), (0, 0));
        assert_eq!(wait(ledger.status()).dead_letters, 2);
    });
}

#[test]
fn a_digest_that_died_ends_and_can_be_put_back() {
    on_each(|ledger| {
        take(ledger, 0, (0..6).map(bursting).collect());
        let mut claimed = claim(ledger, 60);
        let digest = claimed.split_off(2);
        wait(ledger.settle(support::all_dead(&digest)));
        assert_eq!(take(ledger, 61, vec![bursting(6)]), (0, 0), "a new period");
        assert!(wait(
            ledger.replay(&format!("d{}", digest[0].delivery), at(70))
        ));
        let again = claim(ledger, 70);
        let group = again.iter().find_map(|claimed| claimed.digest.clone());
        assert_eq!(group.unwrap().folded, 4);
    });
}

#[test]
fn values_that_vary_are_collected_with_those_of_the_first_alert() {
    on_each(|ledger| {
        take(
            ledger,
            0,
            (0..30).map(|number| collecting(number, number)).collect(),
        );
        let first = claim(ledger, 1);
        wait(ledger.settle(settlements(&first, &delivered())));
        let telling = support::quiet::tellings(ledger, 12).remove(0);
        let fields = &telling.group.fields;
        assert_eq!(fields[0].label, "source IPs");
        assert_eq!((fields[0].values.len(), fields[0].distinct), (20, 30));
        assert_eq!(fields[0].values[..2], ["10.0.0.0", "10.0.0.1"]);
        assert!(!fields[0].estimated);
    });
}

#[test]
fn fields_beyond_the_first_sixteen_are_counted_and_what_is_long_is_cut() {
    on_each(|ledger| {
        let hostile = |number: u64| {
            let mut arrival = repeat(number, 7);
            for label in 0..20 {
                arrival.folding.collected.push(Collected {
                    label: format!("{number}.{label}{}", "é".repeat(300)),
                    value: "é".repeat(300),
                });
            }
            arrival
        };
        take(ledger, 0, (0..5).map(hostile).collect());
        let group = wait(ledger.trace("node:0")).unwrap().group.unwrap();
        assert_eq!(group.fields.len(), MOST_LABELS + 1);
        assert!(group.fields[0].label.len() <= LONGEST_LABEL);
        assert_eq!(group.fields[0].values, ["é".repeat(LONGEST_VALUE)]);
        let last = &group.fields[MOST_LABELS];
        assert_eq!((last.label.as_str(), last.distinct), ("other fields", 84));
        assert!(last.values.is_empty() && !last.estimated);
    });
}

#[test]
fn bytes_of_a_repeat_are_kept_while_it_may_have_to_take_over() {
    on_each(|ledger| {
        take(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        let prune = |now| alertbridge_ledger::Prune {
            now: at(now),
            payloads_after: Duration::from_secs(100_000),
            quiet_payloads_after: Duration::from_secs(10),
            references_after: Duration::from_secs(100_000),
            limit: 100,
        };
        assert_eq!(wait(ledger.prune(prune(20))).payloads, 0);
        let first = claim(ledger, 21);
        wait(ledger.settle(settlements(&first, &delivered())));
        assert_eq!(
            wait(ledger.prune(prune(25))).payloads,
            0,
            "asked again after the same time"
        );
        assert_eq!(wait(ledger.prune(prune(31))).payloads, 1);
    });
}

#[test]
fn a_group_goes_with_the_alert_it_is_counted_into() {
    on_each(|ledger| {
        take(ledger, 0, vec![repeat(1, 7), repeat(2, 7), repeat(3, 7)]);
        let first = claim(ledger, 1);
        wait(ledger.settle(settlements(&first, &delivered())));
        let prune = alertbridge_ledger::Prune {
            now: at(90),
            payloads_after: Duration::from_secs(1),
            quiet_payloads_after: Duration::from_secs(1),
            references_after: Duration::from_secs(1),
            limit: 100,
        };
        assert_eq!(wait(ledger.prune(prune)).references, 3);
        assert_eq!(outcomes(ledger, "follower"), (0, 2, 1));
        assert_eq!(wait(ledger.next_telling("iris", Duration::ZERO)), None);
        assert_eq!(take(ledger, 91, vec![repeat(4, 7)]), (0, 0));
    });
}

#[test]
fn what_is_closed_at_the_sink_is_named_by_the_alert_that_goes_on() {
    on_each(|ledger| {
        take(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        let first = claim(ledger, 1);
        let proof = Verdict::Delivered {
            id: "77".into(),
            link: Some("https://iris/77".into()),
            adopted: false,
            changes: String::new(),
            job: None,
        };
        wait(ledger.settle(settlements(&first, &proof)));
        let telling = support::quiet::tellings(ledger, 12).remove(0);
        take(ledger, 13, vec![repeat(3, 7)]);
        support::quiet::tell(ledger, &telling, 14, support::quiet::ended());
        // The sink knew of nothing but the first: both repeats go on, the older one as the new alert.
        let next = claim(ledger, 15);
        let named = Continues {
            id: "77".into(),
            link: Some("https://iris/77".into()),
            why: "closed".into(),
        };
        assert_eq!(next[0].reference, "node:2");
        assert_eq!(next[0].continues, Some(named));
        assert_eq!(outcomes(ledger, "follower"), (0, 1, 2));
        assert_eq!(take(ledger, 16, vec![repeat(4, 7)]), (1, 0));
        wait(ledger.settle(settlements(&next, &delivered())));
        let telling = support::quiet::tellings(ledger, 17).remove(0);
        assert_eq!(telling.group.folded, 2);
        assert_eq!(telling.group.members, ["node:3", "node:4"]);
    });
}
