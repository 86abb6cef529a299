//! What questions about many stored alerts cost: the noise of all of them beside counting the same rows in SQLite, with few
//! and with very many names; a page of stored alerts, the way of one, and whether silences have changed.
//!
//! `cargo bench -p alertbridge-ledger --bench noise`; `-- --quick` for 50,000 alerts instead of a million.
#![allow(clippy::unwrap_used, reason = "a benchmark stops by panicking")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alertbridge_ledger::{
    Arrival, Folding, Intake, Ledger, OpenOptions, Placement, Receipt, Repeat, Route, SqliteLedger,
};
use jiff::Timestamp;

/// Alerts of one intake.
const BATCH: u64 = 256;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let alerts = if quick { 50_000 } else { 1_000_000 };
    for (what, rules) in [("300 rules", 300), ("each alert its own rule", u64::MAX)] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("ledger.db");
        feed(&path, alerts, rules);
        let ledger = SqliteLedger::open_reader(&path).unwrap();
        println!("{alerts} alerts of 200 agents, {what}");
        ask(&ledger, &path, alerts);
    }
}

fn ask(ledger: &SqliteLedger, path: &Path, alerts: u64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let floor = best(3, || {
        // Not answerable from an index.
        let counted: i64 = connection
            .query_row(
                "SELECT count(finished_at), max(level) FROM alert",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert!(counted >= 0);
    });
    let noise = best(3, || {
        let noise = wait(ledger.noise(Timestamp::UNIX_EPOCH, 10));
        assert_eq!((noise.received, noise.loudest.len()), (alerts, 10));
    });
    let books = best(3, || {
        assert_eq!(wait(ledger.books(None)).faults, Vec::<String>::new());
    });
    row("count of the same rows in SQLite", floor, floor);
    row("noise, all of them", noise, floor);
    row(
        "noise, the last hour only",
        best(3, || {
            wait(ledger.noise(now(alerts), 10));
        }),
        floor,
    );
    row("books", books, floor);
    row(
        "stored: a page of 512",
        best(9, || {
            assert_eq!(
                wait(ledger.stored(Timestamp::UNIX_EPOCH, 1000, 512)).len(),
                512
            );
        }),
        floor,
    );
    row(
        "stored: the first page",
        best(3, || {
            assert_eq!(
                wait(ledger.stored(Timestamp::UNIX_EPOCH, 0, 512)).len(),
                512
            );
        }),
        floor,
    );
    row(
        "trace",
        best(9, || {
            wait(ledger.trace("node:777")).unwrap();
        }),
        floor,
    );
    row(
        "silences_version",
        best(9, || {
            wait(ledger.silences_version());
        }),
        floor,
    );
    println!();
}

fn row(what: &str, time: Duration, floor: Duration) {
    let ratio = time.as_secs_f64() / floor.as_secs_f64();
    println!(
        "  {what:<36} {:>10.3} ms {ratio:>9.4}",
        time.as_secs_f64() * 1e3
    );
}

fn best(times: u32, mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..times {
        let begun = Instant::now();
        run();
        best = best.min(begun.elapsed());
    }
    best
}

fn feed(path: &Path, alerts: u64, rules: u64) {
    let ledger = SqliteLedger::open(path, OpenOptions::new(|| now(0))).unwrap();
    let mut first = 0;
    while first < alerts {
        let last = alerts.min(first + BATCH);
        wait(ledger.intake(Intake {
            source: "follower".into(),
            received_at: now(first),
            arrivals: (first..last).map(|number| alert(number, rules)).collect(),
            ..Intake::default()
        }));
        first = last;
    }
}

fn alert(number: u64, rules: u64) -> Arrival {
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&number.to_le_bytes());
    let mut key = [0; 16];
    key[..8].copy_from_slice(&(number / 4).to_le_bytes());
    Arrival {
        reference: format!("node:{number}"),
        reference_if_taken: format!("node:{number}#x"),
        fingerprint,
        agent: format!("agent-{}", number % 200),
        rule_id: (5000 + number % rules).to_string(),
        level: 5,
        payload: vec![b'x'; 200],
        placement: Placement::Routed(vec![Route {
            sink: "iris".into(),
            lane: "1".into(),
        }]),
        folding: Folding {
            repeat: Some(Repeat {
                key,
                window: Duration::from_secs(3600),
                longest_life: Duration::from_secs(86_400),
            }),
            ..Folding::default()
        },
        tallies: Vec::new(),
    }
}

/// A hundred alerts a second.
fn now(number: u64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + number as i64 / 100).unwrap()
}

fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}
