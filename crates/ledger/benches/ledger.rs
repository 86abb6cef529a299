//! What the SQLite ledger costs: durable enqueue + take + finish of real alerts, beside the raw sync rate of the same disk in
//! the same run; then memory, start-up and claims with a large backlog.
//!
//! `cargo bench -p alertbridge-ledger` (a million pending alerts, about 2 GB of disk), `-- --quick` for small numbers, and
//! `-- --folder PATH` for another disk than that of the target folder; `-- --batch 256` for one row, to be profiled.
#![allow(clippy::unwrap_used, reason = "a benchmark stops by panicking")]

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use alertbridge_ledger::{
    Arrival, Claim, Claimed, Folding, Intake, Ledger, OpenOptions, Pause, Placement, Receipt,
    Route, Settlement, SqliteLedger, Verdict,
};
use jiff::Timestamp;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments
        .iter()
        .position(|argument| argument == "--start-on")
    {
        return start_on(Path::new(&arguments[place + 1]));
    }
    let quick = arguments
        .iter()
        .any(|argument| argument == "--quick" || argument == "--test");
    let folder = match arguments.iter().position(|argument| argument == "--folder") {
        Some(place) => PathBuf::from(&arguments[place + 1]),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(),
    };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let alerts = alerts();
    let bytes: usize = alerts.iter().map(Vec::len).sum();
    println!("alerts of {} bytes on average", bytes / alerts.len());

    if let Some(place) = arguments.iter().position(|argument| argument == "--batch") {
        let batch = arguments[place + 1].parse().unwrap();
        return throughput(folder.path(), &alerts, batch, 60_000 / (batch + 19));
    }

    println!(
        "enqueue + take + finish, three commits a batch, one after another; raw: append 4 KiB + fdatasync"
    );
    println!(
        "{:>6} {:>10} {:>14} {:>11} {:>13} {:>21}",
        "batch", "alerts/s", "us CPU/alert", "batches/s", "raw syncs/s", "3 batches / raw sync"
    );
    for (batch, rounds) in [(1, 3000), (16, 1500), (256, 400)] {
        let rounds = if quick { rounds / 20 } else { rounds };
        throughput(folder.path(), &alerts, batch, rounds);
    }
    println!("\nthe same with intake and delivery at once, as in the daemon");
    for (batch, rounds) in [(1, 3000), (16, 1500), (256, 400)] {
        let rounds = if quick { rounds / 20 } else { rounds };
        at_once(folder.path(), &alerts, batch, rounds);
    }
    backlog(
        folder.path(),
        &alerts,
        if quick { 20_000 } else { 1_000_000 },
    );
}

/// Real alerts, two glued together where one is short of the usual 3 KB.
fn alerts() -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/alerts.jsonl");
    let text = std::fs::read(file).unwrap();
    let lines: Vec<&[u8]> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let mut alerts = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let mut alert = line.to_vec();
        let mut next = place + 1;
        while alert.len() < 2500 {
            alert.extend_from_slice(lines[next % lines.len()]);
            next += 1;
        }
        alerts.push(alert);
    }
    alerts
}

fn sync_rate(folder: &Path, count: u32) -> f64 {
    let mut file = File::create(folder.join("raw")).unwrap();
    let began = Instant::now();
    for _ in 0..count {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn throughput(folder: &Path, alerts: &[Vec<u8>], batch: usize, rounds: usize) {
    let ledger = SqliteLedger::open(folder.join(format!("batch-{batch}.db")), options()).unwrap();
    let mut number = 0;
    let syncs = sync_rate(folder, 200);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..rounds {
        wait(ledger.intake(intake(alerts, number, batch)));
        number += batch;
        let claimed = wait(ledger.claim(claim(batch)));
        assert_eq!(claimed.len(), batch);
        wait(ledger.settle(delivered(&claimed)));
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    row(batch, number, seconds, cpu, syncs, folder);
    assert_eq!(wait(ledger.books(None)).faults, Vec::<String>::new());
}

/// One thread takes alerts in, one delivers them; both wait for their receipts.
fn at_once(folder: &Path, alerts: &[Vec<u8>], batch: usize, rounds: usize) {
    let ledger = SqliteLedger::open(folder.join(format!("at-once-{batch}.db")), options()).unwrap();
    let syncs = sync_rate(folder, 200);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                wait(ledger.intake(intake(alerts, round * batch, batch)));
            }
        });
        let mut left = rounds * batch;
        while left > 0 {
            let claimed = wait(ledger.claim(claim(batch)));
            left -= claimed.len();
            wait(ledger.settle(delivered(&claimed)));
        }
    });
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    row(batch, rounds * batch, seconds, cpu, syncs, folder);
    assert_eq!(wait(ledger.books(None)).faults, Vec::<String>::new());
}

fn row(batch: usize, alerts: usize, seconds: f64, cpu: f64, syncs_before: f64, folder: &Path) {
    // The disk is shared and its speed changes: measured on both sides of each row.
    let syncs = (syncs_before + sync_rate(folder, 200)) / 2.0;
    let alerts = alerts as f64;
    let batches = alerts / batch as f64 / seconds;
    println!(
        "{batch:>6} {:>10.0} {:>14.1} {batches:>11.0} {syncs:>13.0} {:>21.2}",
        alerts / seconds,
        cpu * 1e6 / alerts,
        batches * 3.0 / syncs
    );
}

fn backlog(folder: &Path, alerts: &[Vec<u8>], pending: usize) {
    let path = folder.join("backlog.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    let empty = median_claim(&ledger, alerts, 0);
    let began = Instant::now();
    let mut number = 1000;
    while number < pending {
        wait(ledger.intake(intake(alerts, number, 1000)));
        number += 1000;
    }
    println!(
        "\n{number} pending: taken in at {:.0} alerts/s",
        number as f64 / began.elapsed().as_secs_f64()
    );
    let full = median_claim(&ledger, alerts, number);
    println!(
        "claim of 16: {empty:.0} us with 1000 pending, {full:.0} us with all: {:.2} times",
        full / empty
    );

    let pause = |lane: &str| Pause {
        sink: "iris".into(),
        lane: Some(lane.into()),
        why: "bench".into(),
        since: now(),
        probe_at: now() + Duration::from_secs(3600),
    };
    wait(ledger.pause(pause("1")));
    let mut other = intake(alerts, number + 5000, 1000);
    for arrival in &mut other.arrivals {
        arrival.placement = Placement::Routed(vec![Route {
            sink: "iris".into(),
            lane: "2".into(),
        }]);
    }
    wait(ledger.intake(other));
    let paused = median_of_claims(&ledger);
    println!(
        "claim of 16 behind the paused lane of all these: {paused:.0} us: {:.2} times",
        paused / empty
    );
    wait(ledger.resume("iris", None, true));

    let mut one_agent = claim(16);
    one_agent.per_agent = 0;
    let began = Instant::now();
    assert!(wait(ledger.claim(one_agent)).is_empty());
    println!(
        "claim when all agents have their share: {:.0} us",
        began.elapsed().as_secs_f64() * 1e6
    );

    let began = Instant::now();
    let books = wait(ledger.books(None));
    println!(
        "books over all: {:.0} ms, {} faults",
        began.elapsed().as_secs_f64() * 1e3,
        books.faults.len()
    );
    drop(ledger);
    let size = std::fs::metadata(&path).unwrap().len();
    println!(
        "file: {} MB, {} bytes an alert",
        size >> 20,
        size / number as u64
    );
    let child = Command::new(std::env::current_exe().unwrap())
        .arg("--start-on")
        .arg(&path)
        .status();
    assert!(child.unwrap().success());
}

/// In a fresh process: opens a ledger with a backlog, works a little, and tells its memory.
fn start_on(path: &Path) {
    let began = Instant::now();
    let ledger = SqliteLedger::open(path, options()).unwrap();
    let opened = began.elapsed();
    let claimed = wait(ledger.claim(claim(16)));
    assert_eq!(claimed.len(), 16);
    println!(
        "start: open {:.0} ms, first 16 claimed after {:.0} ms",
        opened.as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64() * 1e3
    );
    wait(ledger.settle(delivered(&claimed)));
    for _ in 0..200 {
        let claimed = wait(ledger.claim(claim(16)));
        wait(ledger.settle(delivered(&claimed)));
    }
    let status = wait(ledger.status());
    wait(ledger.books(None));
    println!(
        "RSS with {} pending: {} (at most {})",
        status.pending[0].1,
        memory("VmRSS"),
        memory("VmHWM")
    );
}

fn median_claim(ledger: &SqliteLedger, alerts: &[Vec<u8>], number: usize) -> f64 {
    wait(ledger.intake(intake(alerts, number, 1000)));
    median_of_claims(ledger)
}

/// Microseconds; each claim is given back.
fn median_of_claims(ledger: &SqliteLedger) -> f64 {
    let mut times = Vec::new();
    for _ in 0..101 {
        let began = Instant::now();
        let claimed = wait(ledger.claim(claim(16)));
        times.push(began.elapsed().as_secs_f64() * 1e6);
        assert_eq!(claimed.len(), 16);
        wait(ledger.settle(settlements(&claimed, &Verdict::Returned)));
    }
    times.sort_by(f64::total_cmp);
    times[50]
}

fn options() -> OpenOptions {
    OpenOptions::new(now)
}

fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).unwrap()
}

fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}

fn intake(alerts: &[Vec<u8>], first: usize, count: usize) -> Intake {
    let mut arrivals = Vec::with_capacity(count);
    for number in first..first + count {
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&(number as u64).to_le_bytes());
        arrivals.push(Arrival {
            reference: format!("wazuh-manager-1:{}.{}", 1_760_000_000 + number / 50, number),
            reference_if_taken: format!("wazuh-manager-1:{number}#x"),
            fingerprint,
            agent: format!("agent-{}", number % 200),
            rule_id: "5710".into(),
            level: 5,
            payload: alerts[number % alerts.len()].clone(),
            placement: Placement::Routed(vec![Route {
                sink: "iris".into(),
                lane: "1".into(),
            }]),
            folding: Folding::default(),
            tallies: Vec::new(),
        });
    }
    Intake {
        source: "follower".into(),
        received_at: now(),
        filtered: 0,
        filtered_by: Vec::new(),
        malformed: Vec::new(),
        arrivals,
        checkpoint: Some(first.to_string()),
    }
}

fn claim(limit: usize) -> Claim {
    Claim {
        sink: "iris".into(),
        limit,
        per_agent: 64,
        now: now(),
        lease: Duration::from_secs(60),
        probe: false,
    }
}

fn delivered(claimed: &[Claimed]) -> Vec<Settlement> {
    settlements(
        claimed,
        &Verdict::Delivered {
            id: "17".into(),
            link: None,
            adopted: false,
            changes: String::new(),
            job: None,
        },
    )
}

fn settlements(claimed: &[Claimed], verdict: &Verdict) -> Vec<Settlement> {
    let settlement = |claimed: &Claimed| Settlement {
        delivery: claimed.delivery,
        fence: claimed.fence,
        at: now(),
        verdict: verdict.clone(),
    };
    claimed.iter().map(settlement).collect()
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

fn memory(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace()
        .skip(1)
        .collect::<Vec<_>>()
        .join(" ")
}
