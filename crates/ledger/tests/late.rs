//! What is known of an alert late is an alert in the books, but none that a source sent: lists of alerts leave it out, and the
//! alert itself names it. And how often a rule was seen counts alerts alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Folding, Intake, Ledger, MOST_LATE, MemoryLedger, Placement, Prune, Repeat, Seen,
    SilencedBy, SqliteLedger,
};
use support::{
    arrival, arrivals, at, intake, options,
    quiet::{bursting, repeat, taken},
    sound, wait,
};

const HOUR: i64 = 3600;

/// The start of an hour.
const START: i64 = 3600 - 1_760_000_000 % 3600;

fn on_each(promise: impl Fn(&dyn Ledger)) {
    promise(&MemoryLedger::new());
    let folder = tempfile::tempdir().unwrap();
    promise(&SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap());
}

fn late(number: u64, of: &str) -> Arrival {
    let reference = format!("{of}#intel:{number:016x}");
    Arrival {
        reference_if_taken: reference.clone(),
        reference,
        ..arrival(number)
    }
}

fn known_late(ledger: &dyn Ledger, arrivals: Vec<Arrival>) {
    let intake = Intake {
        source: "intel".into(),
        ..intake(arrivals)
    };
    wait(ledger.intake(intake));
}

#[test]
fn what_is_known_late_is_in_the_books_but_in_no_list_of_alerts() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..3))));
        known_late(
            ledger,
            vec![late(10, "node:1"), late(11, "node:1"), late(12, "node:2")],
        );
        assert_eq!(wait(ledger.newest(9)), ["node:2", "node:1"]);
        assert_eq!(wait(ledger.stored(at(0), 0, 9)).len(), 2);
        let noise = wait(ledger.noise(at(0), 9));
        assert_eq!((noise.received, noise.loudest[0].alerts), (2, 2));
        let books = wait(ledger.books(None));
        assert_eq!(books.sources[1].source, "intel");
        assert_eq!(books.sources[1].routed, 3);
        sound(ledger);
    });
}

#[test]
fn an_alert_names_what_was_known_of_it_late_and_nothing_else() {
    on_each(|ledger| {
        let foreign = Arrival {
            reference: "node:1#intel:of a source".into(),
            ..arrival(3)
        };
        wait(ledger.intake(intake(vec![arrival(1), arrival(12), foreign])));
        known_late(
            ledger,
            vec![late(11, "node:1"), late(10, "node:1"), late(13, "node:12")],
        );
        let named = |reference: &str| wait(ledger.trace(reference)).unwrap().late;
        assert_eq!(
            named("node:1"),
            [
                "node:1#intel:000000000000000a",
                "node:1#intel:000000000000000b"
            ]
        );
        assert_eq!(named("node:12"), ["node:12#intel:000000000000000d"]);
        assert_eq!(named("node:1#intel:000000000000000a"), Vec::<String>::new());
        known_late(
            ledger,
            (100..250).map(|number| late(number, "node:1")).collect(),
        );
        assert_eq!(named("node:1").len(), MOST_LATE);
    });
}

fn of(number: u64, rule: &str, agent: &str) -> Arrival {
    Arrival {
        rule_id: rule.into(),
        agent: agent.into(),
        ..arrival(number)
    }
}

#[test]
fn a_rule_is_seen_as_often_as_alerts_of_it_were_stored() {
    on_each(|ledger| {
        assert_eq!(wait(ledger.seen("1", "a", at(0))), Seen::default());
        let mut silenced = of(3, "1", "b");
        silenced.placement = Placement::Silenced(SilencedBy::Mute("nights".into()));
        let folded = |number| Arrival {
            folding: Folding {
                repeat: Some(Repeat {
                    key: [1; 16],
                    window: Duration::from_secs(60),
                    longest_life: Duration::from_secs(60),
                }),
                ..Folding::default()
            },
            ..of(number, "1", "a")
        };
        taken(ledger, START - 5, vec![of(0, "1", "c")]);
        taken(
            ledger,
            START + 9,
            vec![folded(1), of(9, "2", "a"), silenced],
        );
        let more = vec![folded(2), of(9, "2", "a"), folded(1)];
        let report = taken(ledger, START + 7, more);
        assert_eq!((report.folded, report.duplicates), (1, 2));
        known_late(ledger, vec![late(10, "node:1")]);
        assert_eq!(
            wait(ledger.seen("1", "a", at(START + 3000))),
            Seen {
                alerts: 3,
                agents: 2,
                here: 2,
                first: Some(at(START + 7)),
            },
            "from the start of the hour"
        );
        let all = wait(ledger.seen("1", "nobody", at(START - 3000)));
        assert_eq!((all.alerts, all.agents, all.here), (4, 3, 0));
        assert_eq!(all.first, Some(at(START - 5)));
        assert_eq!(
            wait(ledger.seen("1", "a", at(START + HOUR))),
            Seen::default()
        );
        assert_eq!(wait(ledger.seen("5710", "web-1", at(0))), Seen::default());
    });
}

#[test]
fn digests_are_no_alerts_of_their_rule() {
    on_each(|ledger| {
        let report = taken(ledger, 0, (0..5).map(bursting).collect());
        assert_eq!((report.digests, report.folded), (1, 3));
        assert_eq!(wait(ledger.seen("5710", "web-1", at(0))).alerts, 5);
    });
}

#[test]
fn what_was_seen_is_forgotten_with_the_references_of_its_hour() {
    on_each(|ledger| {
        for hour in 0..30 {
            let arrivals = vec![repeat(hour, 1), of(100 + hour, "2", "a")];
            taken(ledger, START + hour as i64 * HOUR, arrivals);
        }
        let prune = |hours: i64| Prune {
            now: at(START + hours * HOUR),
            payloads_after: Duration::from_secs(9_000 * 3600),
            quiet_payloads_after: Duration::from_secs(9_000 * 3600),
            references_after: Duration::from_secs(10 * 3600),
            limit: 1_000,
        };
        let alerts = || wait(ledger.seen("2", "a", at(0))).alerts;
        assert!(!wait(ledger.prune(prune(10))).more);
        assert_eq!(alerts(), 30);
        assert!(!wait(ledger.prune(prune(13))).more);
        assert_eq!(alerts(), 27);
        assert!(wait(ledger.prune(prune(40))).more, "a day at once");
        assert_eq!(alerts(), 3);
        assert!(!wait(ledger.prune(prune(40))).more);
        assert_eq!(alerts(), 0);
    });
}
