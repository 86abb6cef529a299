//! The plain way of an alert through the SQLite ledger, and that what was acknowledged is there after a restart.

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Claim, Intake, Ledger, OpenOptions, Placement, Receipt, Route, Settlement,
    SqliteLedger, Verdict,
};
use jiff::Timestamp;

fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + second).unwrap()
}

fn arrival(number: u8) -> Arrival {
    Arrival {
        reference: format!("node:{number}"),
        reference_if_taken: format!("node:{number}#x"),
        fingerprint: [number; 16],
        agent: "web-1".into(),
        rule_id: "5710".into(),
        level: 5,
        payload: vec![number; 3000],
        placement: Placement::Routed(vec![Route {
            sink: "iris".into(),
            lane: "1".into(),
        }]),
    }
}

fn claim() -> Claim {
    Claim {
        sink: "iris".into(),
        limit: 2,
        per_agent: 10,
        now: at(10),
        lease: Duration::from_secs(60),
        probe: false,
    }
}

#[test]
fn an_alert_goes_in_is_claimed_and_delivered_and_a_restart_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let options = OpenOptions::new(|| at(0));
    let ledger = SqliteLedger::open(&path, options).unwrap();
    let report = wait(ledger.intake(Intake {
        source: "follower".into(),
        received_at: at(0),
        filtered: 7,
        malformed: Vec::new(),
        arrivals: (1..=3).map(arrival).chain([arrival(1)]).collect(),
        checkpoint: Some("position 4".into()),
    }));
    assert_eq!(
        (report.stored, report.duplicates, report.collisions),
        (3, 1, 0)
    );

    let claimed = wait(ledger.claim(claim()));
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].reference, "node:1");
    assert_eq!(claimed[0].payload, vec![1; 3000]);
    assert_eq!((claimed[0].attempt, claimed[0].doubt), (1, false));
    let settled = wait(ledger.settle(vec![Settlement {
        delivery: claimed[0].delivery,
        fence: claimed[0].fence,
        at: at(11),
        verdict: Verdict::Delivered {
            id: "77".into(),
            link: None,
            adopted: false,
            changes: String::new(),
        },
    }]));
    assert_eq!((settled.settled, settled.stale), (1, 0));
    drop(ledger);

    let ledger = SqliteLedger::open(&path, options).unwrap();
    assert_eq!(
        wait(ledger.checkpoint("follower")).as_deref(),
        Some("position 4")
    );
    let again = wait(ledger.claim(claim()));
    let seen: Vec<_> = again
        .iter()
        .map(|claimed| (claimed.reference.as_str(), claimed.attempt, claimed.doubt))
        .collect();
    assert_eq!(seen, [("node:2", 2, true), ("node:3", 1, false)]);

    let books = wait(ledger.books(None));
    assert_eq!(books.faults, Vec::<String>::new());
    assert_eq!(
        (books.sources[0].received, books.sources[0].routed),
        (11, 3)
    );
    assert_eq!((books.sinks[0].delivered, books.sinks[0].pending), (1, 2));
    let status = wait(ledger.status());
    assert_eq!(status.pending, [("iris".to_owned(), 2)]);
    assert_eq!(status.oldest_pending, [("iris".to_owned(), at(0))]);
}
