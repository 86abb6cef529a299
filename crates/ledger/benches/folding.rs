//! What folding costs beside the same intake without it: with a million open groups, for alerts that open one more each, for
//! repeats of a few loud things, and for repeats of anything; and what a group takes of the file.
//!
//! `cargo bench -p alertbridge-ledger --bench folding`; `-- --quick` for 20,000 groups. Alerts are 200 bytes, so that the
//! intake beside which it is measured is a cheap one.
#![allow(clippy::unwrap_used, reason = "a benchmark stops by panicking")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alertbridge_ledger::{
    Arrival, Collected, Folding, Intake, Ledger, OpenOptions, Placement, Receipt, Repeat, Route,
    SqliteLedger,
};
use jiff::Timestamp;

/// Alerts of one intake.
const BATCH: u64 = 256;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let groups = if quick { 20_000 } else { 1_000_000 };
    let timed = if quick { 5_000 } else { 50_000 };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let plain_path = folder.path().join("plain.db");
    let folding_path = folder.path().join("folding.db");

    let plain = open(&plain_path);
    let folding = open(&folding_path);
    feed(&plain, 0..groups, |number| alert(number, None));
    feed(&folding, 0..groups, |number| alert(number, Some(number)));
    assert_eq!(wait(folding.status()).open_groups, groups);
    let (plain_size, folding_size) = (closed(plain, &plain_path), closed(folding, &folding_path));
    println!(
        "{groups} alerts: {} MB without groups, {} MB with {groups} open ones: {} bytes a group",
        plain_size >> 20,
        folding_size >> 20,
        (folding_size - plain_size) / groups
    );

    let plain = open(&plain_path);
    let began = Instant::now();
    let folding = open(&folding_path);
    feed(&folding, groups..groups + 1, |number| alert(number, None));
    println!(
        "first intake after a start on them: {:.0} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    println!(
        "\n{:<34} {:>9} {:>14} {:>12}",
        format!("intakes of {BATCH}"),
        "us/alert",
        "us CPU/alert",
        "beside plain"
    );
    let mut next = groups + 1;
    let mut row =
        |what: &str, ledger: &SqliteLedger, floor: f64, key: &dyn Fn(u64) -> Option<u64>| {
            let (began, cpu) = (Instant::now(), cpu_seconds());
            feed(ledger, next..next + timed, |number| {
                alert(number, key(number))
            });
            next += timed;
            let wall = began.elapsed().as_secs_f64() * 1e6 / timed as f64;
            let cpu = (cpu_seconds() - cpu) * 1e6 / timed as f64;
            let beside = if floor == 0.0 { 1.0 } else { wall / floor };
            println!("{what:<34} {wall:>9.1} {cpu:>14.1} {beside:>12.2}");
            wall
        };
    let floor = row("no folding", &plain, 0.0, &|_| None);
    row("no folding, beside open groups", &folding, floor, &|_| None);
    row("each opens a group", &folding, floor, &Some);
    row("repeats of a hundred", &folding, floor, &|number| {
        Some(number % 100)
    });
    row("repeats of any", &folding, floor, &|number| {
        Some(scattered(number) % groups)
    });
    row("no folding, again", &plain, floor, &|_| None);
    assert_eq!(wait(folding.books(None)).faults, Vec::<String>::new());
    let began = Instant::now();
    wait(folding.status());
    println!("status: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
}

fn open(path: &Path) -> SqliteLedger {
    let options = OpenOptions {
        most_groups: 2_000_000,
        ..OpenOptions::new(now)
    };
    SqliteLedger::open(path, options).unwrap()
}

/// The size of the file once its log is in it.
fn closed(ledger: SqliteLedger, path: &Path) -> u64 {
    drop(ledger);
    std::fs::metadata(path).unwrap().len()
}

fn feed(ledger: &SqliteLedger, numbers: std::ops::Range<u64>, alert: impl Fn(u64) -> Arrival) {
    let mut first = numbers.start;
    while first < numbers.end {
        let last = numbers.end.min(first + BATCH);
        wait(ledger.intake(Intake {
            source: "follower".into(),
            received_at: now(),
            arrivals: (first..last).map(&alert).collect(),
            ..Intake::default()
        }));
        first = last;
    }
}

fn alert(number: u64, key: Option<u64>) -> Arrival {
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&number.to_le_bytes());
    let collected = |label: &str, value| Collected {
        label: label.into(),
        value,
    };
    let folding = key.map_or_else(Folding::default, |key| Folding {
        repeat: Some(Repeat {
            key: hash(key),
            window: Duration::from_secs(3600),
            longest_life: Duration::from_secs(86_400),
        }),
        differs: Vec::new(),
        collected: vec![
            collected(
                "source IPs",
                format!("10.{}.{}.7", number % 200, number % 9),
            ),
            collected("users", format!("user{}", number % 50)),
        ],
        ..Folding::default()
    });
    Arrival {
        reference: format!("wazuh-manager-1:{}.{number}", 1_760_000_000 + number / 50),
        reference_if_taken: format!("wazuh-manager-1:{number}#x"),
        fingerprint,
        agent: format!("agent-{}", number % 200),
        rule_id: "5710".into(),
        level: 5,
        payload: vec![b'x'; 200],
        placement: Placement::Routed(vec![Route {
            sink: "iris".into(),
            lane: "1".into(),
        }]),
        folding,
        tallies: Vec::new(),
    }
}

/// Keys are hashes: neighbours lie anywhere.
fn hash(number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&scattered(number).to_be_bytes());
    key[8..].copy_from_slice(&scattered(!number).to_be_bytes());
    key
}

/// splitmix64's finalizer.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).unwrap()
}

fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}

/// CPU time of this process in all its threads; the kernel counts it in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
