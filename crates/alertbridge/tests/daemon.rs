//! The daemon as its users meet it: a process, its commands, and a stand-in for DFIR-IRIS.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::{collections::HashSet, process::Command};

use alertbridge_alert::Alert;
use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox};
use tokio::runtime::Runtime;

use self::world::{ALERTS, World, until};

fn sandbox(options: IrisOptions) -> (Runtime, IrisSandbox) {
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(IrisSandbox::start(options)).unwrap();
    (runtime, sandbox)
}

fn alert(number: u32, more: &str) -> Vec<u8> {
    format!(
        r#"{{"timestamp":"2026-11-21T08:43:{:02}.352+0000","id":"1795250613.{number}","rule":{{"level":9,"id":"5302","description":"test {number}"}},"agent":{{"id":"001","name":"web01"}},"manager":{{"name":"m1"}}{more}}}"#,
        number % 60
    )
    .into_bytes()
}

fn get(runtime: &Runtime, url: &str) -> (u16, String) {
    // Fails where another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

#[test]
fn hook_and_follower_side_by_side_make_one_alert_each() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let daemon = world.start_daemon();
    let lines: Vec<&str> = ALERTS.lines().take(60).collect();
    world.append(&lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    for (number, line) in lines.iter().enumerate().take(20) {
        // Written anew, as integratord does: other bytes, the same alert.
        let copy: serde_json::Value = serde_json::from_str(line).unwrap();
        world.hook(
            &number.to_string(),
            &serde_json::to_vec_pretty(&copy).unwrap(),
        );
    }
    until("all are delivered", || {
        let books = world.books();
        let received: u64 = books.sources.iter().map(|row| row.received).sum();
        (received == 80 && books.sinks.first()?.delivered == 60).then_some(())
    });
    let there: HashSet<String> = sandbox
        .alerts()
        .into_iter()
        .filter_map(|alert| alert.source_ref)
        .collect();
    let sent: HashSet<String> = lines
        .iter()
        .map(|line| {
            Alert::parse(line.as_bytes())
                .unwrap()
                .reference()
                .as_str()
                .to_owned()
        })
        .collect();
    assert_eq!(there, sent);
    assert_eq!(sandbox.alert_count(), 60);
    let duplicates: u64 = world.books().sources.iter().map(|row| row.duplicate).sum();
    assert_eq!(duplicates, 20);
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
    let log = world.log();
    assert!(
        daemon.terminate().success(),
        "a stop by systemd is a clean end"
    );
    assert!(
        !log.contains(sandbox.key()) && !log.contains("the-api-key"),
        "no secret in the log"
    );
}

#[test]
fn what_is_no_alert_is_kept_as_a_dead_letter_and_stops_nobody() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let torn = br#"{"timestamp":"2026-11-21T08:00:00.000+0000","rule":{"lev"#;
    let glued = [&torn[..], &alert(2, "")].concat();
    world.append(&[
        b"ossec: output started",
        &alert(1, ""),
        &glued,
        b"",
        b"{\"full_log\":\"\xff\xfe\x1b[2J",
        &alert(
            3,
            r#","full_log":"<script>alert(1)</script>","data":{"srcip":"203.0.113.9"}"#,
        ),
    ]);
    let _daemon = world.start_daemon();
    until("the three alerts are delivered", || {
        (sandbox.alert_count() == 3).then_some(())
    });
    let letters = world.text(&["dead-letters", "list"]);
    assert_eq!(letters.lines().count(), 3, "{letters}");
    assert!(!letters.contains('\x1b'), "nothing moves the cursor");
    let json = world.text(&["dead-letters", "list", "--json"]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["payload"], "ossec: output started");
    assert!(
        world
            .text(&["dead-letters", "show", "m1"])
            .contains("ossec: output started")
    );
    assert_eq!(
        world
            .command(&["dead-letters", "replay", "m1"])
            .status
            .code(),
        Some(75),
        "it was never an alert"
    );
    assert_eq!(
        world.text(&["dead-letters", "dismiss", "--all"]),
        "dismissed: 3\n"
    );
    assert_eq!(world.text(&["dead-letters", "list"]), "");
    // A reader that has seen enough is no fault.
    let piped = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{} books --json --config {}/alertbridge.toml | true; exit ${{PIPESTATUS:-0}}",
            env!("CARGO_BIN_EXE_alertbridge"),
            world.root().display()
        ))
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&piped.stderr).contains("panicked"),
        "{piped:?}"
    );
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

#[test]
fn a_refused_key_pauses_and_the_queue_is_kept() {
    let (runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    sandbox.faults().unauthorized(true);
    world.append(&[&alert(1, ""), &alert(2, "")]);
    let daemon = world.start_daemon();
    until("it runs", || world.log().contains("running").then_some(()));
    // The key is tried at the start, perhaps before the alerts are read.
    until("the pause is told, and the alerts are kept", || {
        let status = world.text(&["status"]);
        (status.contains("paused since") && status.contains("iris: 2 pending")).then_some(())
    });
    let ready = until("the alarm is raised", || {
        let (code, text) = get(&runtime, &format!("{}/ready", world.http()));
        text.contains("sink_paused:iris").then_some((code, text))
    });
    assert_eq!(ready.0, 503);
    let (_, metrics) = get(&runtime, &format!("{}/metrics", world.http()));
    assert!(
        metrics.contains("alertbridge_alarm{alarm=\"sink_paused:iris\"} 1"),
        "{metrics}"
    );
    assert_eq!(get(&runtime, &format!("{}/live", world.http())).0, 200);
    daemon.kill();
    // The operator mends it and restarts.
    sandbox.faults().unauthorized(false);
    let _daemon = world.start_daemon();
    until("both are delivered", || {
        (sandbox.alert_count() == 2).then_some(())
    });
    until("the alarm is over", || {
        (get(&runtime, &format!("{}/ready", world.http())).0 == 200).then_some(())
    });
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

#[test]
fn a_customer_that_is_not_allowed_stops_no_other() {
    let customers = vec![(1, "IrisInitialClient".to_owned()), (2, "acme".to_owned())];
    let (_runtime, sandbox) = sandbox(IrisOptions {
        customers,
        ..IrisOptions::default()
    });
    let rules = "[[sinks.iris.customers]]\nmanager = [\"m2\"]\ncustomer = 99\n";
    let world = World::make(&sandbox.url(), sandbox.key(), rules);
    let foreign = |number| {
        String::from_utf8(alert(number, ""))
            .unwrap()
            .replace("\"m1\"", "\"m2\"")
            .into_bytes()
    };
    world.append(&[
        &foreign(1),
        &foreign(2),
        &alert(3, ""),
        &foreign(4),
        &alert(5, ""),
    ]);
    let daemon = world.start_daemon();
    until("the others are delivered", || {
        (sandbox.alert_count() == 2).then_some(())
    });
    let status = until("the lane waits for the operator", || {
        let status = world.text(&["status"]);
        status.contains("paused since").then_some(status)
    });
    assert!(
        status.contains("3 pending") && status.contains("99"),
        "{status}"
    );
    daemon.kill();
    // The operator mends the rule and restarts: what waits follows it.
    world.mend("customer = 99", "customer = 2");
    let _daemon = world.start_daemon();
    until("the lane's alerts are delivered too", || {
        (sandbox.alert_count() == 5).then_some(())
    });
    let customers: Vec<i64> = sandbox
        .alerts()
        .iter()
        .map(|alert| alert.customer_id)
        .collect();
    assert_eq!(
        customers.iter().filter(|customer| **customer == 2).count(),
        3
    );
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

#[test]
fn two_alerts_under_one_reference_are_both_delivered() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let first = alert(7, "");
    // A manager restored from a snapshot gives the same id again.
    let second = String::from_utf8(first.clone())
        .unwrap()
        .replace("2026-11-21", "2026-11-22")
        .into_bytes();
    let _daemon = world.start_daemon();
    until("it runs", || world.log().contains("running").then_some(()));
    world.append(&[&first, &second, &first, &second]);
    world.hook("again", &second);
    until("all are counted", || {
        let received: u64 = world.books().sources.iter().map(|row| row.received).sum();
        (received == 5 && sandbox.alert_count() == 2).then_some(())
    });
    let references: Vec<String> = sandbox
        .alerts()
        .into_iter()
        .filter_map(|alert| alert.source_ref)
        .collect();
    assert_eq!(references[0], "m1:1795250613.7");
    assert!(
        references[1].starts_with("m1:1795250613.7~"),
        "{references:?}"
    );
    let books = world.books();
    assert_eq!(
        books.sources.iter().map(|row| row.collisions).sum::<u64>(),
        1
    );
    assert_eq!(
        books.sources.iter().map(|row| row.duplicate).sum::<u64>(),
        3
    );
    assert_eq!(books.faults, Vec::<String>::new());
}

#[test]
fn a_damaged_ledger_is_told_with_its_remedy() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    std::fs::write(
        world.root().join("ledger.db"),
        "this was a database once, and now it is this text".repeat(100),
    )
    .unwrap();
    let output = world.command(&["run"]);
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{says}");
    assert!(
        says.contains("damaged") && says.contains("backup"),
        "{says}"
    );
}

#[test]
fn the_alerts_of_one_agent_arrive_in_their_order() {
    let (_runtime, sandbox) = sandbox(IrisOptions {
        latency: std::time::Duration::from_millis(3),
        ..IrisOptions::default()
    });
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let alerts: Vec<Vec<u8>> = (0..120)
        .map(|number| {
            let agent = format!("\"id\":\"{:03}\",\"name\"", number % 5);
            let alert = String::from_utf8(alert(number, "")).unwrap();
            alert
                .replace("\"id\":\"001\",\"name\"", &agent)
                .into_bytes()
        })
        .collect();
    world.append(&alerts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let _daemon = world.start_daemon();
    until("all are delivered", || {
        (sandbox.alert_count() == 120).then_some(())
    });
    for agent in 0..5 {
        let numbers: Vec<u32> = sandbox
            .alerts()
            .iter()
            .map(|alert| alert.title.strip_prefix("test ").unwrap().parse().unwrap())
            .filter(|number| number % 5 == agent)
            .collect();
        // The stand-in may refuse two new tags at once, and who is being retried may come later; nobody else may.
        let late = numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
        let retried = sandbox.request_count("/alerts/add", 400);
        assert!(
            late as u64 <= retried,
            "agent {agent}: {numbers:?}, {retried} retried"
        );
    }
}

#[test]
fn an_iris_that_is_away_costs_nothing_but_time() {
    let (runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    for fault in [
        Fault::Html502,
        Fault::StoreThenReset,
        Fault::StoreThen400,
        Fault::ResetBefore,
        Fault::Html500,
    ] {
        sandbox.faults().next(fault);
    }
    let alerts: Vec<Vec<u8>> = (0..40).map(|number| alert(number, "")).collect();
    world.append(&alerts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let _daemon = world.start_daemon();
    until("all are delivered", || {
        (world.books().sinks.first()?.delivered == 40).then_some(())
    });
    assert_eq!(sandbox.alert_count(), 40);
    let books = world.books();
    assert!(
        books.sinks[0].adopted >= 2,
        "stored and failed means looked up: {books:?}"
    );
    assert_eq!(books.sinks[0].dead, 0);
    let (_, metrics) = get(&runtime, &format!("{}/metrics", world.http()));
    assert!(
        metrics.contains("alertbridge_received_total{source=\"follower\",outcome=\"routed\"} 40"),
        "{metrics}"
    );
}

#[test]
fn a_full_disk_stops_intake_and_nothing_is_lost() {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        assert!(
            std::env::var_os("CI").is_none(),
            "run CI as root: this test mounts a small disk"
        );
        eprintln!("not root: no small disk can be mounted, so this promise was not tested");
        return;
    }
    let disk = SmallDisk::mount();
    let (runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make_with_ledger(&sandbox.url(), sandbox.key(), "", Some(disk.0.path()));
    let _daemon = world.start_daemon();
    world.append(&[&alert(1, "")]);
    until("the first is delivered", || {
        (sandbox.alert_count() == 1).then_some(())
    });
    let filler = disk.0.path().join("filler");
    // The write ends where the disk does.
    let _ = std::fs::write(&filler, vec![0; 16 << 20]);
    let noise = "x".repeat(20_000);
    for number in 2..40 {
        // Text that does not compress, so that the log must grow.
        let text: String = noise.chars().map(|_| fastrand::alphanumeric()).collect();
        let alert = alert(number, &format!(r#","full_log":"{text}""#));
        world.append(&[&alert]);
        if number % 8 == 0 {
            world.hook(&number.to_string(), &alert);
        }
    }
    let (code, _) = until("the alarm is raised", || {
        let (code, text) = get(&runtime, &format!("{}/ready", world.http()));
        text.contains("ledger_stalled").then_some((code, text))
    });
    assert_eq!(code, 503);
    std::fs::remove_file(&filler).unwrap();
    until("everything is delivered", || {
        (world.books().sinks.first()?.delivered == 39 && world.spool_is_empty()).then_some(())
    });
    assert_eq!(sandbox.alert_count(), 39);
    assert!(world.text(&["books"]).ends_with("the books balance\n"));
}

/// A disk of 6 MiB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "mount: {mounted}");
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

#[test]
fn a_second_daemon_on_one_ledger_is_refused() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let _daemon = world.start_daemon();
    until("the first runs", || {
        world.log().contains("running").then_some(())
    });
    let second = world.command(&["run"]);
    assert_eq!(second.status.code(), Some(78));
    let says = String::from_utf8(second.stderr).unwrap();
    assert!(
        says.contains("in use by another alertbridge process"),
        "{says}"
    );
}

#[test]
fn a_wrong_configuration_is_told_with_its_place_and_its_remedy() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "requests_in_fligth = 2");
    let output = world.command(&["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(
        says.contains("did you mean `requests_in_flight`?"),
        "{says}"
    );
    assert!(!says.contains(sandbox.key()));
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    assert!(world.text(&["check-config"]).ends_with("good\n"));
}

#[test]
fn the_ledger_is_checked_and_copied_beside_the_daemon() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let _daemon = world.start_daemon();
    world.append(&[&alert(1, "")]);
    until("it is delivered", || {
        (sandbox.alert_count() == 1).then_some(())
    });
    assert!(
        world
            .text(&["ledger", "check"])
            .contains("sound, and the books balance")
    );
    let copy = world.root().join("copy.db");
    world.text(&["ledger", "backup", copy.to_str().unwrap()]);
    assert!(copy.exists());
    assert!(
        !world
            .command(&["ledger", "backup", copy.to_str().unwrap()])
            .status
            .success(),
        "never over another file"
    );
}

#[test]
fn the_names_of_an_iris_are_printed_and_checked() {
    let (_runtime, sandbox) = sandbox(IrisOptions::default());
    let world = World::make(&sandbox.url(), sandbox.key(), "");
    let names = world.text(&["iris", "ids"]);
    assert!(
        names.contains("Informational") && names.contains("IrisInitialClient"),
        "{names}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&world.text(&["iris", "ids", "--json"])).unwrap();
    assert!(json.is_object());
    assert!(world.command(&["iris", "check"]).status.success());
    sandbox.faults().unauthorized(true);
    let refused = world.command(&["iris", "check"]);
    assert!(!refused.status.success());
}

#[test]
fn the_demo_keeps_the_promise() {
    let output = Command::new(env!("CARGO_BIN_EXE_alertbridge"))
        .args(["demo", "--once"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("0 lost, 0 doubled") && text.contains("the books balance"),
        "{text}"
    );
}
