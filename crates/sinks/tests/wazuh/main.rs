//! The Wazuh queue: datagrams as analysisd reads them, and every way a socket can be away.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    fs::Permissions,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener},
    },
    path::{Path, PathBuf},
};

use alertbridge_alert::{Alert, ObservableKind};
use alertbridge_sinks::{
    IntelHit, Matched, Outcome, Outgoing, Presence, Proof, Scope, Sink,
    wazuh::{Event, WazuhQueue, WazuhQueueConfig, WazuhQueueSink, is_own_event},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A manager's folder with a socket that is read by the test.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = bound(&folder.path().join("queue"));
        Self { folder, socket }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("queue")
    }

    fn queue(&self) -> WazuhQueue {
        WazuhQueue::new(&config(&self.path())).unwrap()
    }

    fn sink(&self) -> WazuhQueueSink {
        WazuhQueueSink::connect(&config(&self.path())).unwrap()
    }

    /// All datagrams that wait: location and event.
    fn read(&self) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        let mut buffer = vec![0; 70_000];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let text = std::str::from_utf8(&buffer[..length]).unwrap();
            let at = text.find(":{").unwrap();
            found.push((
                text[..at].to_owned(),
                serde_json::from_str(&text[at + 1..]).unwrap(),
            ));
        }
        found
    }
}

fn bound(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn config(path: &Path) -> WazuhQueueConfig {
    WazuhQueueConfig {
        queue: path.to_owned(),
        ..WazuhQueueConfig::default()
    }
}

fn alert() -> Alert {
    let alert = json!({
        "id": "1795250582.1",
        "timestamp": "2026-11-21T08:26:17.096+0000",
        "rule": {"id": "5710", "level": 5, "description": "sshd: attempt"},
        "agent": {"id": "003", "name": "web01", "ip": "fe80::3"},
        "data": {"srcip": "203.0.113.7"},
    });
    Alert::parse(alert.to_string().into_bytes()).unwrap()
}

fn hit() -> IntelHit {
    IntelHit {
        value: "203.0.113.7".to_owned(),
        kind: ObservableKind::Ip,
        indicator: "Cobalt Strike C2".to_owned(),
        indicator_id: Some("4f8b".to_owned()),
        description: Some("seen in the wild".to_owned()),
        created_by: Some("AlienVault".to_owned()),
        pattern: Some("[ipv4-addr:value = '203.0.113.7']".to_owned()),
        score: Some(80),
        confidence: Some(60),
        labels: vec!["cobalt strike".to_owned(), "c2".to_owned()],
        marking: Some("TLP:AMBER".to_owned()),
        link: Some("https://opencti.example/i/4f8b".to_owned()),
        matched: Matched::Pattern,
        detail: String::new(),
        expired: false,
        revoked: false,
        valid_from: None,
        valid_until: Some("2027-01-01T00:00:00Z".to_owned()),
        provider: "opencti".to_owned(),
        observable: None,
    }
}

fn outgoing(intel: Vec<IntelHit>) -> Outgoing {
    Outgoing {
        alert: alert(),
        reference: "vm:1795250582.1".to_owned(),
        lane: "queue".to_owned(),
        received_at: "2026-11-21T09:00:00Z".parse().unwrap(),
        attempt: 1,
        digest: None,
        continues: None,
        intel,
        tags: Vec::new(),
    }
}

#[test]
fn an_event_has_what_both_sets_of_rules_look_for() {
    let manager = Manager::start();
    let event = Event::hit(&alert(), "vm:1795250582.1", &hit());
    assert_eq!(
        manager.queue().send(&event),
        Outcome::Delivered(Proof::default())
    );
    let (location, event) = manager.read().remove(0);
    assert_eq!(location, "1:[003] (web01) fe80|:|:3->opencti");
    let opencti = &event["opencti"];
    for (pointer, expected) in [
        ("/id", json!("4f8b")),
        ("/value", json!("203.0.113.7")),
        ("/event_type", json!("indicator_pattern_match")),
        ("/0/node/value", json!("cobalt strike")),
        ("/1/node/value", json!("c2")),
        ("/labels", json!(["cobalt strike", "c2"])),
        ("/x_opencti_score", json!("80")),
        ("/indicator/name", json!("Cobalt Strike C2")),
        ("/indicator/valid_until", json!("2027-01-01T00:00:00Z")),
        ("/indicator_link", json!("https://opencti.example/i/4f8b")),
        ("/source/alert_id", json!("1795250582.1")),
        ("/source/rule_id", json!("5710")),
        ("/source/reference", json!("vm:1795250582.1")),
        ("/source/src_ip", json!("203.0.113.7")),
    ] {
        assert_eq!(
            opencti.pointer(pointer),
            Some(&expected),
            "{pointer}: {opencti}"
        );
    }
    assert_eq!(event["integration"], "opencti");
    assert_eq!(opencti.get("error"), None);
}

#[test]
fn each_way_of_matching_has_its_word() {
    for (matched, word) in [
        (Matched::Observable, "observable_with_indicator"),
        (Matched::PartialPattern, "indicator_partial_pattern_match"),
        (
            Matched::RelatedObservable,
            "observable_with_related_indicator",
        ),
    ] {
        let manager = Manager::start();
        let hit = IntelHit { matched, ..hit() };
        manager.queue().send(&Event::hit(&alert(), "r", &hit));
        assert_eq!(manager.read()[0].1["opencti"]["event_type"], word);
    }
}

#[test]
fn an_error_names_the_alert_where_there_is_one_and_no_indicator() {
    let manager = Manager::start();
    let alert = alert();
    manager
        .queue()
        .send(&Event::error("OpenCTI is away", Some((&alert, "r"))));
    manager.queue().send(&Event::error("OpenCTI is away", None));
    let read = manager.read();
    assert_eq!(read[0].1["opencti"]["source"]["alert_id"], "1795250582.1");
    assert_eq!(read[1].0, "1:opencti");
    assert_eq!(
        read[1].1,
        json!({"integration": "opencti", "opencti": {"event_type": "error", "error": "OpenCTI is away"}})
    );
}

#[test]
fn an_alert_made_of_our_event_is_known_as_such() {
    let manager = Manager::start();
    manager.queue().send(&Event::hit(&alert(), "r", &hit()));
    let event = manager.read().remove(0).1;
    let made = json!({"rule": {"id": "100212"}, "data": event, "location": "elsewhere"});
    assert!(is_own_event(
        &Alert::parse(made.to_string().into_bytes()).unwrap()
    ));
    assert!(!is_own_event(&alert()));
}

#[tokio::test]
async fn the_hits_that_found_no_room_are_sent_later_and_none_is_sent_twice() {
    let manager = Manager::start();
    let sink = manager.sink();
    let full = full_but_one(&manager);
    let outgoing = outgoing(vec![
        hit(),
        IntelHit {
            indicator: "second".to_owned(),
            ..hit()
        },
    ]);
    let outcome = sink.deliver(&outgoing).await;
    assert!(
        matches!(
            outcome,
            Outcome::Retry {
                sink_wide: true,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(manager.read().len(), full + 1);
    let outcome = sink.deliver(&outgoing).await;
    assert_eq!(outcome, Outcome::Delivered(Proof::default()));
    let rest = manager.read();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].1["opencti"]["indicator"]["name"], "second");
    assert_eq!(sink.look_up(&outgoing).await, Presence::Unknowable);
}

/// Fills the queue until one datagram has room; how many wait.
fn full_but_one(manager: &Manager) -> usize {
    let queue = manager.queue();
    let event = Event::error("x", None);
    let mut sent = 0;
    while matches!(queue.send(&event), Outcome::Delivered(_)) {
        sent += 1;
        assert!(sent < 100_000, "the queue is never full");
    }
    manager.socket.recv(&mut [0; 1000]).unwrap();
    sent - 1
}

#[tokio::test]
async fn of_many_hits_the_first_ones_are_sent_and_the_rest_is_counted() {
    let manager = Manager::start();
    let outcome = manager.sink().deliver(&outgoing(vec![hit(); 5])).await;
    let Outcome::Delivered(proof) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (proof.changes[0].what.as_str(), proof.changes[0].count),
        ("hit_left_out", 2)
    );
    assert_eq!(manager.read().len(), 3);
}

#[tokio::test]
async fn a_manager_that_is_away_waits_and_one_that_was_restarted_is_met_at_once() {
    let mut manager = Manager::start();
    let sink = manager.sink();
    let outgoing = outgoing(vec![hit()]);
    sink.deliver(&outgoing).await;
    assert_eq!(manager.read().len(), 1);
    // analysisd ended, its file remains.
    manager.socket = UnixDatagram::unbound().unwrap();
    for outcome in [
        sink.deliver(&outgoing).await,
        sink.prepare().await.unwrap_err(),
    ] {
        assert!(
            matches!(&outcome, Outcome::Retry { why, .. } if why.contains("not running")),
            "{outcome:?}"
        );
    }
    std::fs::remove_file(manager.path()).unwrap();
    let outcome = sink.deliver(&outgoing).await;
    assert!(
        matches!(
            outcome,
            Outcome::Retry {
                sink_wide: true,
                ..
            }
        ),
        "{outcome:?}"
    );
    manager.socket = bound(&manager.path());
    assert_eq!(sink.prepare().await, Ok(()));
    assert_eq!(
        sink.deliver(&outgoing).await,
        Outcome::Delivered(Proof::default())
    );
    assert_eq!(manager.read().len(), 1);
}

#[test]
fn what_the_operator_must_mend_pauses_and_says_what() {
    let folder = TempDir::new().unwrap();
    let stream = folder.path().join("stream");
    let _listener = UnixListener::bind(&stream).unwrap();
    for (path, word) in [
        (folder.path().join("nowhere/queue"), "`queue`"),
        (stream, "is not the queue"),
    ] {
        let outcome = WazuhQueue::new(&config(&path))
            .unwrap()
            .send(&Event::error("x", None));
        let Outcome::Paused {
            scope: Scope::Sink,
            why,
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert!(why.contains(word), "{why}");
    }
    let manager = Manager::start();
    std::fs::set_permissions(manager.path(), Permissions::from_mode(0o000)).unwrap();
    let outcome = manager.queue().send(&Event::error("x", None));
    // Root may write everywhere.
    let allowed = matches!(outcome, Outcome::Delivered(_));
    let asked = matches!(&outcome, Outcome::Paused { why, .. } if why.contains("`wazuh`"));
    assert!(allowed || asked, "{outcome:?}");
}

#[test]
fn values_that_make_no_sense_are_named() {
    for (key, text) in [
        ("events_per_alert", r#"{"events_per_alert":0}"#),
        ("datagram_limit", r#"{"datagram_limit":65536}"#),
        ("queue", r#"{"queue":"queue"}"#),
    ] {
        let config: WazuhQueueConfig = serde_json::from_str(text).unwrap();
        let error = WazuhQueue::new(&config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}`")), "{error}");
    }
}

#[test]
fn too_long_an_event_loses_the_least_important_first_and_says_so() {
    let manager = Manager::start();
    let config = WazuhQueueConfig {
        datagram_limit: 16 * 1024,
        ..config(&manager.path())
    };
    let long = "\"".repeat(5_000);
    let hit = IntelHit {
        indicator: long.clone(),
        description: Some(long.clone()),
        pattern: Some(long.clone()),
        detail: long.clone(),
        labels: (0..100)
            .map(|n| format!("{n}{}", "\"".repeat(200)))
            .collect(),
        ..hit()
    };
    let outcome = WazuhQueue::new(&config)
        .unwrap()
        .send(&Event::hit(&alert(), "r", &hit));
    let Outcome::Delivered(proof) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        proof
            .changes
            .iter()
            .any(|change| change.what == "event_field_left_out")
    );
    let opencti = manager.read().remove(0).1["opencti"].clone();
    assert_eq!(opencti.get("x_opencti_description"), None);
    assert_eq!(opencti["value"], "203.0.113.7");
    assert_eq!(opencti["event_type"], "indicator_pattern_match");
    assert_eq!(opencti["source"]["alert_id"], "1795250582.1");
}

proptest! {
    /// Whatever an alert and an indicator hold, a datagram is one line of JSON that analysisd reads, within its limit.
    #[test]
    fn every_event_is_one_that_analysisd_reads(name in any::<String>(), ip in any::<String>(), text in any::<String>(), repeat in 0_usize..3000) {
        let manager = Manager::start();
        let alert = json!({"id": text, "agent": {"id": "003", "name": name, "ip": ip}, "data": {"srcip": text}}).to_string();
        let long = text.repeat(repeat);
        let long_is_blank = long.chars().all(|c| c.is_control() || c.is_whitespace() || "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c));
        let hit = IntelHit {
            value: long.clone(),
            indicator: long.clone(),
            indicator_id: None,
            description: Some(long.clone()),
            pattern: Some(long.clone()),
            labels: vec![long; 60],
            ..hit()
        };
        let event = Event::hit(&Alert::parse(alert.into_bytes()).unwrap(), &text, &hit);
        prop_assert!(matches!(manager.queue().send(&event), Outcome::Delivered(_)));
        let mut buffer = vec![0; 70_000];
        let length = manager.socket.recv(&mut buffer).unwrap();
        prop_assert!(length <= 61_440);
        let read = alertbridge_sandbox::WazuhQueueEvent::read(&buffer[..length]).unwrap();
        prop_assert!(read.location == "opencti" || read.location.ends_with("->opencti"));
        let begins_well = read.message.starts_with(r#"{"integration":"opencti","#);
        prop_assert!(begins_well);
        let event: Value = serde_json::from_str(&read.message).unwrap();
        prop_assert!(!event.to_string().contains("\\u0000"));
        prop_assert!(event["opencti"]["id"].is_string() || long_is_blank);
    }
}
