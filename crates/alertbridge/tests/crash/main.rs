//! The promise under `kill -9`: no alert lost, none doubled, and the books balance.
//!
//! The daemon is killed at random moments, start-up included, while alerts come through both ways in and the stand-in for
//! DFIR-IRIS stores and then fails in every way it knows. `cargo xtask crash --kills N --seed S` runs it longer.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod load;
#[path = "../world/mod.rs"]
mod world;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alertbridge_ledger::{Books, Ledger, SqliteLedger};
use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox, StoredAlert};

use self::{
    load::{Load, Sent},
    world::World,
};

/// The least number of kills that counts as a test.
const KILLS: u64 = 30;
/// The end is given up where nothing moves any more for so long.
const PATIENCE: Duration = Duration::from_secs(180);

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
        Err(_) => default,
    }
}

/// A stand-in that fails in every way it knows.
fn treacherous(runtime: &tokio::runtime::Runtime) -> IrisSandbox {
    let sandbox = runtime
        .block_on(IrisSandbox::start(IrisOptions::default()))
        .unwrap();
    for (fault, rate) in [
        (Fault::StoreThen400, 0.05),
        (Fault::StoreThenHang, 0.01),
        (Fault::StoreThenReset, 0.05),
        (Fault::ResetBefore, 0.04),
        (Fault::Html500, 0.04),
        (Fault::Html502, 0.04),
        (Fault::DbLost400 { stored: true }, 0.03),
        (Fault::DbLost400 { stored: false }, 0.03),
        (Fault::NewTagRace, 0.04),
    ] {
        sandbox.faults().rate(fault, rate);
    }
    sandbox
}

/// Alerts in the stand-in when the killing was over, what was sent, and the books at rest.
struct Survived {
    delivered_under_fire: usize,
    sent: Sent,
    books: Books,
}

/// Kills the daemon again and again under load, then lets everything arrive: `at_rest` says when.
fn under_fire(
    world: &Arc<World>,
    sandbox: &IrisSandbox,
    (kills, seed): (u64, u64),
    at_rest: impl Fn(&Sent, &Books) -> bool,
) -> Survived {
    let mut random = fastrand::Rng::with_seed(seed);
    let load = Load::start(world.clone(), seed);
    let mut daemon = world.start_daemon();
    for _ in 0..kills {
        // From before the first line of the program has run to well into delivery.
        std::thread::sleep(Duration::from_millis(random.u64(1..500)));
        daemon.kill();
        daemon = world.start_daemon();
    }
    let delivered_under_fire = sandbox.alert_count();
    let sent = load.stop();
    sandbox.faults().clear();

    // Everything arrives, by and by.
    let mut last = (0, Instant::now());
    let books = loop {
        std::thread::sleep(Duration::from_millis(200));
        assert!(
            daemon.0.try_wait().unwrap().is_none(),
            "the daemon ended by itself:\n{}",
            world.log_tail()
        );
        let books = world.books();
        let received: u64 = books.sources.iter().map(|source| source.received).sum();
        let pending: u64 = books.sinks.iter().map(|sink| sink.pending).sum();
        let followed = books
            .sources
            .iter()
            .find(|source| source.source == "follower")
            .map_or(0, |row| row.received);
        if followed >= sent.lines
            && pending == 0
            && world.spool_is_empty()
            && at_rest(&sent, &books)
        {
            break books;
        }
        let moved = received + (1 << 40) - pending;
        if moved != last.0 {
            last = (moved, Instant::now());
        }
        assert!(
            last.1.elapsed() < PATIENCE,
            "standstill: {} lines written, {} alerts sent, {} in the stand-in, spool {}; {:?} {:?}\n{}",
            sent.lines,
            sent.references.len(),
            sandbox.alert_count(),
            if world.spool_is_empty() {
                "empty"
            } else {
                "not empty"
            },
            books.sources,
            books.sinks,
            world.log_tail()
        );
    };
    daemon.kill();
    Survived {
        delivered_under_fire,
        sent,
        books,
    }
}

/// What holds however alerts are carried.
fn promised(survived: &Survived) {
    let Survived { sent, books, .. } = survived;
    assert_eq!(books.faults, Vec::<String>::new());
    // The position moves in the transaction that keeps the lines, so no line is counted twice either.
    let follower = books
        .sources
        .iter()
        .find(|source| source.source == "follower")
        .unwrap();
    assert_eq!(follower.received, sent.lines);
    let dead: u64 = books.sinks.iter().map(|sink| sink.dead).sum();
    assert_eq!(dead, 0, "no fault of the server makes a dead letter");
    assert!(
        survived.delivered_under_fire > 0 && sent.hooked > 20,
        "the test has tested something"
    );
}

#[test]
fn a_daemon_killed_at_any_moment_loses_and_doubles_nothing() {
    let kills = setting("ALERTBRIDGE_CRASH_KILLS", KILLS);
    let seed = setting("ALERTBRIDGE_CRASH_SEED", 20_261_121);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = treacherous(&runtime);
    let world = Arc::new(World::make(&sandbox.url(), sandbox.key(), ""));
    let survived = under_fire(&world, &sandbox, (kills, seed), |sent, _| {
        sandbox.alert_count() >= sent.references.len()
    });
    let Survived {
        delivered_under_fire,
        sent,
        books,
    } = &survived;

    let mut copies: HashMap<String, u32> = HashMap::new();
    for alert in sandbox.alerts() {
        *copies
            .entry(alert.source_ref.unwrap_or_default())
            .or_default() += 1;
    }
    let lost: Vec<&String> = sent
        .references
        .iter()
        .filter(|reference| !copies.contains_key(*reference))
        .collect();
    let doubled: Vec<&String> = copies
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(reference, _)| reference)
        .collect();
    let strangers: Vec<&String> = copies
        .keys()
        .filter(|reference| !sent.references.contains(*reference))
        .collect();
    let adopted: u64 = books.sinks.iter().map(|sink| sink.adopted).sum();
    println!(
        "seed {seed}: {kills} kills, {} alerts ({} lines, {} through the hook), {} in the stand-in: {} lost, {} doubled; \
         {adopted} looked up and adopted; books: {}",
        sent.references.len(),
        sent.lines,
        sent.hooked,
        copies.len(),
        lost.len(),
        doubled.len(),
        if books.faults.is_empty() {
            "balance"
        } else {
            "DO NOT BALANCE"
        },
    );
    assert_eq!(lost, Vec::<&String>::new(), "lost");
    assert_eq!(doubled, Vec::<&String>::new(), "doubled");
    assert_eq!(strangers, Vec::<&String>::new(), "never sent");
    promised(&survived);
    // Alerts got through between the kills, and doubts had to be resolved.
    assert!(*delivered_under_fire > 50 && adopted > 0);
    // What an operator would ask says the same.
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

/// How often an alert in the stand-in says it was seen.
fn seen(alert: &StoredAlert) -> u64 {
    let note = alert.raw["alert_note"].as_str().unwrap_or_default();
    let Some((_, behind)) = note.split_once("seen ") else {
        return 1;
    };
    let number: String = behind
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(char::is_ascii_digit)
        .collect();
    number.parse().unwrap()
}

#[test]
fn counts_of_repeats_are_right_at_the_sink_whenever_the_daemon_is_killed() {
    let kills = setting("ALERTBRIDGE_CRASH_KILLS", KILLS);
    let seed = setting("ALERTBRIDGE_CRASH_SEED", 20_261_121) ^ 0xf01d;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = treacherous(&runtime);
    let quiet = "[quiet]\nfolding.group_interval = \"50ms\"\nburst.enabled = false\nbudget.per_customer = 0\nbudget.per_sink = 0";
    let world = Arc::new(World::make_quiet(&sandbox.url(), sandbox.key(), quiet));
    let told = || sandbox.alerts().iter().map(seen).sum::<u64>();
    let survived = under_fire(&world, &sandbox, (kills, seed), |sent, _| {
        told() >= sent.references.len() as u64
    });
    let Survived { sent, books, .. } = &survived;

    let folded: u64 = books.sources.iter().map(|row| row.folded).sum();
    let routed: u64 = books.sources.iter().map(|row| row.routed).sum();
    println!(
        "seed {seed}: {kills} kills, {} alerts, {} of them in the stand-in, {folded} folded, {} seen in all; books: {}",
        sent.references.len(),
        sandbox.alert_count(),
        told(),
        if books.faults.is_empty() {
            "balance"
        } else {
            "DO NOT BALANCE"
        },
    );
    assert_eq!(
        told(),
        sent.references.len() as u64,
        "each alert was seen once"
    );
    assert_eq!(sandbox.alert_count() as u64, routed);
    assert_eq!(routed + folded, sent.references.len() as u64);
    assert!(folded > routed, "most alerts of this load are repeats");
    // The ledger says the same, group by group.
    let ledger = SqliteLedger::open_reader(world.root().join("ledger.db")).unwrap();
    for alert in sandbox.alerts() {
        let reference = alert.source_ref.clone().unwrap();
        let trace = ledger
            .trace(&reference)
            .blocking_recv()
            .unwrap()
            .unwrap()
            .unwrap();
        let group = trace.group.unwrap();
        assert_eq!(seen(&alert), group.folded + 1, "{reference}");
        assert_eq!(alert.raw["alert_owner_id"], serde_json::Value::Null);
    }
    promised(&survived);
}
