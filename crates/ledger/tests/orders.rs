//! Whatever order two sources bring the same alerts in, and however many copies: the totals are the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use alertbridge_ledger::{
    Arrival, Intake, Ledger, MemoryLedger, Placement, SilencedBy, SqliteLedger,
};
use proptest::prelude::*;
use support::{
    intake, options,
    quiet::{bursting, repeat},
    sound, wait,
};

/// Every ninth is silenced; half of the others are of a burst as well, of which two go out.
fn alert(number: u64) -> Arrival {
    let mut arrival = repeat(number, (number % 7) as u8);
    if number.is_multiple_of(9) {
        arrival.placement = Placement::Silenced(SilencedBy::Allowlist("scanner".into()));
    }
    if number.is_multiple_of(2) {
        arrival.folding.repeat = repeat(0, (number % 5) as u8 + 20).folding.repeat;
        arrival.folding.burst = bursting(0).folding.burst;
    }
    arrival
}

/// Received but for duplicates, by outcome: silenced, folded, routed by sources, digests, and duplicates.
type Totals = (u64, u64, u64, u64, u64);

fn feed(ledger: &dyn Ledger, brought: &[(bool, u64)]) -> Totals {
    let kept = brought.iter().map(|(hook, number)| {
        ledger.intake(Intake {
            source: if *hook { "hook" } else { "follower" }.into(),
            ..intake(vec![alert(*number)])
        })
    });
    for receipt in kept.collect::<Vec<_>>() {
        wait(receipt);
    }
    sound(ledger);
    let mut totals = (0, 0, 0, 0, 0);
    for row in wait(ledger.books(None)).sources {
        if row.source == "digest" {
            totals.3 = row.routed;
            continue;
        }
        totals.0 += row.silenced;
        totals.1 += row.folded;
        totals.2 += row.routed;
        totals.4 += row.duplicate;
    }
    totals
}

/// Which source brought which alert.
type Brought = Vec<(bool, u64)>;

/// The same alerts in two orders, with copies in either source.
fn two_orders() -> impl Strategy<Value = (Brought, Brought)> {
    prop::collection::vec((any::<bool>(), 0..60u64), 1..120).prop_flat_map(|brought| {
        let shuffled = Just(brought.clone()).prop_shuffle();
        (Just(brought), shuffled)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_totals_of_outcomes_do_not_depend_on_the_order((one, other) in two_orders()) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap();
        let memory = MemoryLedger::new();
        let totals = feed(&sqlite, &one);
        prop_assert_eq!(feed(&memory, &other), totals);
        let different: std::collections::BTreeSet<u64> = one.iter().map(|(_, number)| *number).collect();
        prop_assert_eq!(totals.0 + totals.1 + totals.2, different.len() as u64, "each in one outcome");

        let again = feed(&sqlite, &other);
        prop_assert_eq!(again.4, totals.4 + other.len() as u64);
        prop_assert_eq!((again.0, again.1, again.2, again.3), (totals.0, totals.1, totals.2, totals.3));
    }
}
