//! Fewer alerts, none of them forgotten: folding, digests, silences and their traces, with the daemon as a process.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use alertbridge_ledger::{Ledger, SqliteLedger, Trace};
use alertbridge_sandbox::{IrisOptions, IrisSandbox, StoredAlert};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::world::{ALERTS, World, until};

/// Counts are told as soon as may be.
const AT_ONCE: &str = "[quiet.folding]\ngroup_interval = \"1ms\"\n";

fn sandbox() -> (Runtime, IrisSandbox) {
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime
        .block_on(IrisSandbox::start(IrisOptions::default()))
        .unwrap();
    (runtime, sandbox)
}

/// A failed login over SSH, as in data/alerts.jsonl.
fn ssh(number: u32, source_ip: &str, user: &str) -> Value {
    json!({
        "timestamp": "2026-11-21T08:43:10.352+0000",
        "id": format!("1795250613.{number}"),
        "rule": {"level": 5, "id": "5710", "description": "sshd: Attempt to login using a non-existent user",
                 "groups": ["syslog", "sshd", "authentication_failed", "invalid_login"]},
        "agent": {"id": "001", "name": "web01"},
        "manager": {"name": "m1"},
        "decoder": {"parent": "sshd", "name": "sshd"},
        "data": {"srcip": source_ip, "srcuser": user, "srcport": (40_000 + number).to_string()},
        "full_log": format!("Nov 21 08:43:10 web01 sshd[{}]: Invalid user {user} from {source_ip} port {}", 1000 + number, 40_000 + number),
        "location": "/var/log/auth.log",
    })
}

/// A changed file.
fn file(number: u32, path: &str, level: u32) -> Value {
    json!({
        "timestamp": "2026-11-21T08:43:10.352+0000",
        "id": format!("1795250700.{number}"),
        "rule": {"level": level, "id": "550", "description": "Integrity checksum changed.", "groups": ["ossec", "syscheck"]},
        "agent": {"id": "002", "name": "db01"},
        "manager": {"name": "m1"},
        "syscheck": {"path": path, "event": "modified", "sha256_after": format!("{number:064x}")},
        "location": "syscheck",
    })
}

fn append(world: &World, alerts: &[Value]) {
    let lines: Vec<Vec<u8>> = alerts
        .iter()
        .map(|alert| serde_json::to_vec(alert).unwrap())
        .collect();
    world.append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

fn trace(world: &World, reference: &str) -> Option<Trace> {
    let ledger = SqliteLedger::open_reader(world.root().join("ledger.db")).ok()?;
    ledger.trace(reference).blocking_recv().unwrap().unwrap()
}

/// Waits until so many were received, nothing is on its way and every count is told.
fn at_rest(world: &World, received: u64) {
    until("everything is received, delivered and told", || {
        let books = world.books();
        let sources = books.sources.iter().filter(|row| row.source != "digest");
        let came: u64 = sources.map(|row| row.received).sum();
        let pending: u64 = books.sinks.iter().map(|sink| sink.pending).sum();
        (came >= received && pending == 0).then_some(())
    });
    until("every count is told", || {
        let ledger = SqliteLedger::open_reader(world.root().join("ledger.db")).ok()?;
        let epoch = jiff::Timestamp::UNIX_EPOCH;
        let noise = ledger
            .noise(epoch, 10_000)
            .blocking_recv()
            .unwrap()
            .unwrap();
        noise
            .groups
            .iter()
            .all(|group| group.told == group.folded || group.ended.is_some())
            .then_some(())
    });
    let books = world.books();
    assert_eq!(books.faults, Vec::<String>::new());
}

fn outcomes(world: &World) -> (u64, u64, u64) {
    let books = world.books();
    let sources: Vec<_> = books
        .sources
        .iter()
        .filter(|row| row.source != "digest")
        .collect();
    (
        sources.iter().map(|row| row.routed).sum(),
        sources.iter().map(|row| row.folded).sum(),
        sources.iter().map(|row| row.silenced).sum(),
    )
}

fn column(alert: &StoredAlert, name: &str) -> String {
    alert.raw[name].as_str().unwrap_or_default().to_owned()
}

fn note(alert: &StoredAlert) -> String {
    column(alert, "alert_note")
}

/// As an analyst does in the pages.
fn close(runtime: &Runtime, sandbox: &IrisSandbox, id: i64) {
    // Fails where another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let closed = runtime.block_on(async {
        reqwest::Client::new()
            .post(format!("{}/alerts/update/{id}", sandbox.url()))
            .bearer_auth(sandbox.key())
            .json(&json!({"alert_status_id": 6}))
            .send()
            .await
            .unwrap()
            .status()
    });
    assert!(closed.is_success());
}

#[test]
fn a_brute_force_from_a_hundred_addresses_is_one_alert_that_names_them() {
    let (_runtime, sandbox) = sandbox();
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), AT_ONCE);
    let daemon = world.start_daemon();
    let alerts: Vec<Value> = (0..100)
        .map(|number| {
            ssh(
                number,
                &format!("203.0.113.{number}"),
                &format!("user{}", number % 7),
            )
        })
        .collect();
    append(&world, &alerts);
    at_rest(&world, 100);

    assert_eq!(outcomes(&world), (1, 99, 0));
    let stored = sandbox.alerts();
    assert_eq!(stored.len(), 1, "one alert in IRIS");
    let note = note(&stored[0]);
    assert!(note.contains("100 times"), "{note}");
    assert!(note.contains("100 source IPs"), "{note}");
    assert!(note.contains("7 users"), "{note}");
    assert!(
        note.contains("203.0.113.0") && note.contains("user6"),
        "{note}"
    );
    assert_eq!(
        stored[0].raw["alert_owner_id"],
        Value::Null,
        "nobody's property"
    );
    let group = trace(&world, "m1:1795250613.0").unwrap().group.unwrap();
    assert_eq!((group.folded, group.told), (99, 99));
    let explained = world.text(&["explain", "m1:1795250613.57"]);
    assert!(
        explained.contains("folded into m1:1795250613.0"),
        "{explained}"
    );
    daemon.terminate();
}

#[test]
fn repeats_after_an_analyst_closed_the_alert_make_a_new_one_that_names_it() {
    let (runtime, sandbox) = sandbox();
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), AT_ONCE);
    let _daemon = world.start_daemon();
    append(
        &world,
        &[ssh(1, "203.0.113.1", "root"), ssh(2, "203.0.113.2", "root")],
    );
    at_rest(&world, 2);
    let first = sandbox.alerts()[0].id;
    close(&runtime, &sandbox, first);
    append(
        &world,
        &[ssh(3, "203.0.113.3", "root"), ssh(4, "203.0.113.4", "root")],
    );
    until("a new alert", || (sandbox.alert_count() == 2).then_some(()));
    at_rest(&world, 4);

    assert_eq!(outcomes(&world), (2, 2, 0));
    let alerts = sandbox.alerts();
    assert!(
        note(&alerts[0]).contains("2 times"),
        "the closed one says what it was told"
    );
    let description = column(&alerts[1], "alert_description");
    assert!(
        description.contains(&format!("{first}")) && description.contains("closed"),
        "{description}"
    );
    assert!(note(&alerts[1]).contains("2 times"), "{}", note(&alerts[1]));
}

#[test]
fn a_burst_of_different_alerts_becomes_a_digest_that_holds_them_all() {
    let (_runtime, sandbox) = sandbox();
    let quiet = format!("{AT_ONCE}[quiet.burst]\nlimit = 5\nperiod = \"3s\"\n");
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), &quiet);
    let _daemon = world.start_daemon();
    let alerts: Vec<Value> = (0..40)
        .map(|number| file(number, &format!("/srv/data/{number}.txt"), 7))
        .collect();
    append(&world, &alerts);
    at_rest(&world, 40);

    assert_eq!(outcomes(&world), (5, 35, 0));
    assert_eq!(sandbox.alert_count(), 6);
    let digest = trace(&world, "m1:1795250700.5+digest").unwrap();
    assert_eq!(digest.source, "digest");
    let group = digest.group.unwrap();
    assert_eq!(group.folded, 35);
    let stored = sandbox
        .alerts()
        .into_iter()
        .find(|alert| alert.source_ref.as_deref() == Some("m1:1795250700.5+digest"))
        .unwrap();
    let title = stored.title.clone();
    assert!(title.contains("550") && title.contains("db01"), "{title}");
    let description = column(&stored, "alert_description");
    assert!(description.contains("m1:1795250700.24"), "{description}");
    assert!(description.contains("explain"), "{description}");
    // All that it holds are in the ledger.
    let explained = world.text(&["explain", "m1:1795250700.5+digest", "--json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    let members = explained[0]["members"].as_array().unwrap();
    assert_eq!(members.len(), 35);
    assert_eq!(members[34], "m1:1795250700.39");
}

#[test]
fn a_higher_level_is_never_hidden_in_a_lower_one() {
    let (_runtime, sandbox) = sandbox();
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), AT_ONCE);
    let _daemon = world.start_daemon();
    append(
        &world,
        &[
            file(1, "/etc/passwd", 7),
            file(2, "/etc/passwd", 7),
            file(3, "/etc/passwd", 10),
            file(4, "/etc/passwd", 7),
        ],
    );
    at_rest(&world, 4);
    assert_eq!(outcomes(&world), (2, 2, 0));
}

#[test]
fn a_silence_made_while_the_daemon_runs_takes_effect_and_is_counted() {
    let (_runtime, sandbox) = sandbox();
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), AT_ONCE);
    let _daemon = world.start_daemon();
    append(&world, &[ssh(1, "203.0.113.1", "root")]);
    at_rest(&world, 1);
    world.text(&[
        "silence",
        "add",
        "{agent.name = db01}",
        "--comment",
        "migration",
        "--duration",
        "1h",
    ]);
    let silenced = until("the silence is known", || {
        let number = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .subsec_nanos();
        append(&world, &[file(number, &format!("/var/lib/{number}"), 9)]);
        std::thread::sleep(std::time::Duration::from_millis(100));
        let (_, _, silenced) = outcomes(&world);
        (silenced > 0).then_some(silenced)
    });
    assert!(silenced >= 1);
    let list: Value = serde_json::from_str(&world.text(&["silence", "list", "--json"])).unwrap();
    assert!(list[0]["hits"].as_u64().unwrap() >= 1, "{list}");
}

#[test]
fn the_default_configuration_says_what_became_of_each_real_alert() {
    let (_runtime, sandbox) = sandbox();
    let world = World::make_quiet(&sandbox.url(), sandbox.key(), AT_ONCE);
    // The follower's own default gate.
    world.mend("minimum_level = 0\n", "\n");
    let _daemon = world.start_daemon();
    let lines: Vec<&[u8]> = ALERTS.lines().map(str::as_bytes).collect();
    world.append(&lines);
    let received = lines.len() as u64;
    until("all are received", || {
        let books = world.books();
        let row = books.sources.iter().find(|row| row.source == "follower")?;
        (row.received >= received).then_some(())
    });
    let books = world.books();
    let row = books
        .sources
        .iter()
        .find(|row| row.source == "follower")
        .unwrap();
    println!("{}", world.text(&["books"]));
    assert_eq!(
        row.received,
        row.malformed + row.duplicate + row.filtered + row.silenced + row.folded + row.routed
    );
    assert_eq!((row.malformed, row.silenced), (0, 0));
    assert!(row.filtered > 0 && row.folded > 0 && row.routed > 0);
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}
