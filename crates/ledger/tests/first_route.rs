//! What every ledger promises about an alert that several sinks get, run on each of them: the first shows it to people, the others
//! are told of it once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{Arrival, Claim, Claimed, Ledger, MemoryLedger, Placement, SqliteLedger};
use support::{
    at, delivered, options,
    quiet::{bursting, repeat, taken},
    route, settlements, sound, wait,
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

/// A repeat for IRIS, and for a queue that takes events down.
fn for_both(number: u64) -> Arrival {
    Arrival {
        placement: Placement::Routed(vec![route("iris", "1"), route("wazuh", "")]),
        ..repeat(number, 7)
    }
}

fn claim_events(ledger: &dyn Ledger, second: i64) -> Vec<Claimed> {
    wait(ledger.claim(Claim {
        sink: "wazuh".into(),
        now: at(second),
        ..support::claim(99)
    }))
}

#[test]
fn an_alert_dead_at_its_first_route_is_succeeded_there_whatever_others_took() {
    for events_first in [true, false] {
        on_each(|ledger| {
            take(ledger, 0, vec![for_both(1), for_both(2), for_both(3)]);
            let (events, first) = (claim_events(ledger, 1), claim(ledger, 1));
            assert_eq!((events.len(), first.len()), (1, 1));
            let dead = support::all_dead(&first);
            let taken = settlements(&events, &delivered());
            let order = if events_first {
                [taken, dead]
            } else {
                [dead, taken]
            };
            for settlements in order {
                wait(ledger.settle(settlements));
            }
            assert!(claim_events(ledger, 2).is_empty(), "told once");
            let heir = claim(ledger, 2);
            assert_eq!(heir[0].reference, "node:2");
            assert_eq!(take(ledger, 3, vec![for_both(4)]), (1, 0));
            wait(ledger.settle(settlements(&heir, &delivered())));
            assert_eq!(support::quiet::tellings(ledger, 12)[0].group.folded, 2);
        });
    }
}

#[test]
fn an_alert_dead_elsewhere_stays_the_one_its_repeats_are_counted_into() {
    on_each(|ledger| {
        take(ledger, 0, vec![for_both(1), for_both(2)]);
        let first = claim(ledger, 1);
        wait(ledger.settle(settlements(&first, &delivered())));
        let events = claim_events(ledger, 1);
        wait(ledger.settle(support::all_dead(&events)));
        assert!(claim(ledger, 2).is_empty() && claim_events(ledger, 2).is_empty());
        assert_eq!(take(ledger, 3, vec![for_both(3)]), (1, 0));
    });
}

#[test]
fn only_the_first_route_is_told_and_gets_what_goes_on() {
    on_each(|ledger| {
        take(ledger, 0, vec![for_both(1), for_both(2)]);
        for claimed in [claim(ledger, 1), claim_events(ledger, 1)] {
            wait(ledger.settle(settlements(&claimed, &delivered())));
        }
        let interval = Duration::from_secs(60);
        assert_eq!(wait(ledger.next_telling("wazuh", interval)), None);
        let telling = support::quiet::tellings(ledger, 12).remove(0);
        support::quiet::tell(ledger, &telling, 13, support::quiet::ended());
        assert_eq!(claim(ledger, 14)[0].reference, "node:2");
        assert!(claim_events(ledger, 14).is_empty(), "no event twice");
    });
}

#[test]
fn a_digest_is_told_at_its_first_route_alone() {
    on_each(|ledger| {
        let both = |number| Arrival {
            placement: for_both(number).placement,
            ..bursting(number)
        };
        take(ledger, 0, (0..4).map(both).collect());
        take(ledger, 30, vec![both(4)]);
        let events = claim_events(ledger, 60);
        assert_eq!(events[2].digest.as_ref().unwrap().folded, 3);
        for claimed in [events, claim(ledger, 60)] {
            wait(ledger.settle(settlements(&claimed, &delivered())));
        }
        take(ledger, 61, vec![both(5)]);
        let interval = Duration::from_secs(60);
        assert_eq!(wait(ledger.next_telling("wazuh", interval)), None);
        let telling = support::quiet::tellings(ledger, 71).remove(0);
        assert_eq!((telling.group.told, telling.group.folded), (3, 4));
    });
}
