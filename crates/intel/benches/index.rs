//! How fast and how small the index is, beside a `HashMap<String, u64>` with the same values in the same run.
//!
//! `cargo bench -p alertbridge-intel --bench index [-- --quick | --full]`: 10 k and 1 M indicators; quick 10 k and 100 k; full
//! 10 M as well (needs about 5 GB of disk). Values: 40 % SHA-256, 10 % MD5, 20 % domains, 20 % URLs, 10 % addresses.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that can't go on has failed"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use alertbridge_alert::observables::{Kind, Observable, Role, Via};
use alertbridge_intel::{Change, Indicator, IndicatorStore, MatchRules, StoreOptions};
use jiff::Timestamp;

const LOOK_UPS: usize = 200_000;
const UPDATES: usize = 20_000;
const PAGE: usize = 500;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--probe") {
        return probe(Path::new(&arguments[at + 1]));
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let sizes: &[usize] = if has("--quick") {
        &[10_000, 100_000]
    } else if has("--full") {
        &[10_000, 1_000_000, 10_000_000]
    } else {
        &[10_000, 1_000_000]
    };
    for size in sizes {
        measure(*size);
    }
}

/// Well spread, the same in each run.
fn mixed(number: usize) -> u64 {
    let mut x = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The value of an indicator: its kind and its normal form.
fn value(number: usize) -> (Kind, String) {
    let x = mixed(number);
    match number % 10 {
        0..4 => (Kind::Sha256, format!("{x:016x}").repeat(4)),
        4 => (Kind::Md5, format!("{x:016x}").repeat(2)),
        5 | 6 => (Kind::Domain, format!("x{x:x}.example")),
        7 | 8 => (Kind::Url, format!("http://x{:x}.example/{number}", x >> 40)),
        _ => {
            let [a, b, c, ..] = x.to_le_bytes();
            (Kind::Ip, format!("{}.{a}.{b}.{c}", 11 + x % 80))
        }
    }
}

fn indicator(number: usize, score: u8) -> Indicator {
    let (kind, value) = value(number);
    let path = match kind {
        Kind::Sha256 => "file:hashes.'SHA-256'",
        Kind::Md5 => "file:hashes.MD5",
        Kind::Domain => "domain-name:value",
        Kind::Url => "url:value",
        _ => "ipv4-addr:value",
    };
    let id = format!("{:016x}-{number:012}", mixed(number));
    let mut indicator = Indicator::stix("opencti", &id, &format!("[{path} = '{value}']"));
    indicator.name = value;
    indicator.score = Some(score);
    indicator.labels = vec!["c2".to_owned(), "bench".to_owned()];
    indicator.markings = vec!["TLP:GREEN".to_owned()];
    indicator
}

fn observable(number: usize) -> Observable {
    let (kind, value) = value(number);
    Observable {
        kind,
        value,
        written: None,
        field: String::new(),
        role: Role::Either,
        via: Via::Field,
    }
}

fn measure(size: usize) {
    println!("{size} indicators");
    let folder = tempfile::tempdir().unwrap();
    let store = IndicatorStore::open(folder.path(), StoreOptions::default()).unwrap();

    let begin = Instant::now();
    let mut full = store.begin_full("opencti").unwrap();
    for number in 0..size {
        full.push(indicator(number, 50)).unwrap();
        if number % 5000 == 4999 {
            full.checkpoint(&number.to_string()).unwrap();
        }
    }
    let taken_in = begin.elapsed();
    let swap = Instant::now();
    full.finish(None).unwrap();
    println!(
        "  build      {:>9.0} indicators/s to disk, then {:.2} s for the swap; peak memory so far {} MB",
        per_second(size, taken_in),
        swap.elapsed().as_secs_f64(),
        of_process("VmHWM:") / 1024,
    );

    look_up(&store, size);
    update(&store, size);
    drop(store);
    open(folder.path(), size);
}

fn look_up(store: &IndicatorStore, size: usize) {
    let plain: HashMap<String, u64> = (0..size)
        .map(|number| (value(number).1, number as u64))
        .collect();
    let hits: Vec<Observable> = (0..LOOK_UPS)
        .map(|n| observable(mixed(n) as usize % size))
        .collect();
    // What alerts hit is a few indicators, again and again.
    let again: Vec<Observable> = (0..LOOK_UPS)
        .map(|n| observable(mixed(mixed(n) as usize % 1000) as usize % size))
        .collect();
    let misses: Vec<Observable> = (0..LOOK_UPS).map(|n| observable(size + n)).collect();
    let index = store.index();
    let rules = MatchRules::default();
    let now = Timestamp::UNIX_EPOCH;
    let map =
        |list: &[Observable]| best(list.len(), || count(list, |o| plain.contains_key(&o.value)));
    let knows = |list: &[Observable]| best(list.len(), || count(list, |o| index.knows(o)));
    let matches = |list: &[Observable]| {
        best(list.len(), || {
            count(list, |o| {
                !index
                    .matches(std::slice::from_ref(o), &rules, now)
                    .is_empty()
            })
        })
    };
    let (map_hit, map_miss) = (map(&hits), map(&misses));
    for (name, hit, miss) in [
        ("HashMap", map_hit, map_miss),
        ("knows", knows(&hits), knows(&misses)),
        ("matches", matches(&hits), matches(&misses)),
    ] {
        println!(
            "  {name:<10} hit {hit:>7.0} ns ({:.1} x HashMap)   miss {miss:>6.0} ns ({:.1} x)",
            hit / map_hit,
            miss / map_miss
        );
    }
    println!(
        "  {:<10} hit {:>7.0} ns, of the same thousand indicators",
        "again",
        matches(&again)
    );
    let strings: usize = plain.keys().map(String::capacity).sum();
    let map_bytes = plain.capacity() * (size_of::<(String, u64)>() + 1) + strings;
    println!(
        "  structure  {:>9.1} bytes an indicator (HashMap: {:.0} for the values alone)",
        index.memory() as f64 / size as f64,
        map_bytes as f64 / size as f64,
    );
}

fn update(store: &IndicatorStore, size: usize) {
    let begin = Instant::now();
    for page in 0..UPDATES / PAGE {
        let changes = (0..PAGE).map(|n| {
            let number = mixed(page * PAGE + n) as usize % size;
            Change::Upsert(Box::new(indicator(number, 60)))
        });
        store.apply(changes.collect(), None).unwrap();
    }
    let applied = begin.elapsed();
    let begin = Instant::now();
    store.compact().unwrap();
    println!(
        "  update     {:>9.0} indicators/s, durable by {PAGE}; new index file in {:.2} s",
        per_second(UPDATES, applied),
        begin.elapsed().as_secs_f64()
    );
}

/// In a process of its own, so that its memory is the store's alone.
fn open(folder: &Path, size: usize) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("--probe")
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse::<f64>().unwrap());
    let (seconds, kib) = (numbers.next().unwrap(), numbers.next().unwrap());
    println!(
        "  open       {:>9.3} s; resident {:.1} bytes an indicator\n",
        seconds,
        kib * 1024.0 / size as f64
    );
}

fn probe(folder: &Path) {
    let before = of_process("VmRSS:");
    let begin = Instant::now();
    let options = StoreOptions {
        read_only: true,
        ..StoreOptions::default()
    };
    let store = IndicatorStore::open(folder, options).unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    println!("{seconds} {}", of_process("VmRSS:") - before);
    drop(store);
}

/// A figure of this process in KiB.
fn of_process(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn count(list: &[Observable], test: impl Fn(&Observable) -> bool) -> usize {
    list.iter().filter(|observable| test(observable)).count()
}

/// Nanoseconds for one of them, the best of five.
fn best(many: usize, mut run: impl FnMut() -> usize) -> f64 {
    let round = |_| {
        let begin = Instant::now();
        black_box(run());
        begin.elapsed()
    };
    let fastest = (0..5).map(round).min().unwrap_or_default();
    fastest.as_nanos() as f64 / many as f64
}

fn per_second(many: usize, time: Duration) -> f64 {
    many as f64 / time.as_secs_f64()
}
