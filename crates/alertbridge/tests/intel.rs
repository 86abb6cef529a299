//! Threat intelligence: hits go to IRIS and back to Wazuh, whatever is down meanwhile, with the daemon as a process.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::time::Duration;

use alertbridge_ledger::{Ledger, SqliteLedger, Trace};
use alertbridge_sandbox::{
    IrisOptions, IrisSandbox, OpenCtiFault, OpenCtiOptions, OpenCtiSandbox, StixIdentity,
    StixIndicator, StoredAlert, Tlp, WazuhQueueSandbox, synthetic_indicator,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::world::{World, until};

/// A machine with all three neighbours.
struct Scene {
    runtime: Runtime,
    iris: IrisSandbox,
    cti: OpenCtiSandbox,
    queue: WazuhQueueSandbox,
    world: World,
}

impl Scene {
    /// `intel` is more of `[intel]`.
    fn make(intel: &str) -> Self {
        Self::with(OpenCtiOptions::default(), intel)
    }

    fn with(options: OpenCtiOptions, intel: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let iris = runtime
            .block_on(IrisSandbox::start(IrisOptions::default()))
            .unwrap();
        let cti = runtime.block_on(OpenCtiSandbox::start(options)).unwrap();
        let world = World::make(&iris.url(), iris.key(), "");
        let root = world.root().to_owned();
        let queue = runtime
            .block_on(async { WazuhQueueSandbox::start(root.join("queue")) })
            .unwrap();
        std::fs::write(root.join("token"), cti.token()).unwrap();
        let root = root.display();
        world.mend(
            "[sinks.iris]",
            &format!(
                r#"[intel]
                folder = "{root}/intel"
                retro_hunt_interval = 1
                {intel}
                [intel.opencti]
                url = "{}"
                token_file = "{root}/token"
                poll_interval = 1
                [sinks.wazuh]
                queue = "{root}/queue"
                [sinks.iris]"#,
                cti.url()
            ),
        );
        Self {
            runtime,
            iris,
            cti,
            queue,
            world,
        }
    }

    fn append(&self, alerts: &[Value]) {
        let lines: Vec<Vec<u8>> = alerts
            .iter()
            .map(|alert| serde_json::to_vec(alert).unwrap())
            .collect();
        self.world
            .append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    /// The local copy has so many indicators.
    fn synced(&self, indicators: u64) {
        until("the indicators are there", || {
            let output = self.world.command(&["intel", "status", "--json"]);
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let current = !status["providers"]["opencti"]["last_sync"].is_null();
            (current && status["indicators"] == indicators).then_some(())
        });
    }

    fn events(&self) -> Vec<Value> {
        let events = self.queue.events().into_iter();
        events
            .map(|event| serde_json::from_str(&event.message).unwrap())
            .collect()
    }

    fn iris_alert(&self, reference: &str) -> Option<StoredAlert> {
        let found = self.iris.alerts().into_iter();
        let mut found = found.filter(|alert| alert.source_ref.as_deref() == Some(reference));
        found.next()
    }

    fn trace(&self, reference: &str) -> Option<Trace> {
        let ledger = SqliteLedger::open_reader(self.world.root().join("ledger.db")).ok()?;
        ledger.trace(reference).blocking_recv().unwrap().unwrap()
    }

    /// Everything that was begun has ended, and the books balance.
    fn at_rest(&self, received: u64) {
        until("nothing is on its way", || {
            let books = self.world.books();
            let came: u64 = books
                .sources
                .iter()
                .filter(|row| !["digest", "intel"].contains(&row.source.as_str()))
                .map(|row| row.received)
                .sum();
            let pending: u64 = books.sinks.iter().map(|sink| sink.pending).sum();
            (came >= received && pending == 0).then_some(())
        });
        assert_eq!(self.world.books().faults, Vec::<String>::new());
    }
}

fn tags(alert: &StoredAlert) -> String {
    alert.raw["alert_tags"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A DNS question on Windows, as Sysmon tells it.
fn dns(number: u32, level: u32, name: &str) -> Value {
    json!({
        "timestamp": "2026-11-21T08:43:10.352+0000",
        "id": format!("1795250613.{number}"),
        "rule": {"level": level, "id": "61650", "description": "Sysmon - Event 22: DNS Query event",
                 "groups": ["windows", "sysmon", "sysmon_event_22"]},
        "agent": {"id": "020", "name": "WIN-7FK8M79Q5R6", "ip": "192.168.252.105"},
        "manager": {"name": "m1"},
        "data": {"win": {
            "system": {"eventID": "22", "providerName": "Microsoft-Windows-Sysmon"},
            "eventdata": {"queryName": name, "image": "C:\\\\Windows\\\\svchost.exe"},
        }},
        "location": "EventChannel",
    })
}

fn reference(number: u32) -> String {
    format!("m1:1795250613.{number}")
}

fn bad_domain(name: &str, score: i64) -> StixIndicator {
    let mut indicator = StixIndicator::new(name, &format!("[domain-name:value = '{name}']"));
    indicator.score = Some(score);
    indicator.confidence = Some(80);
    indicator.labels = Some(vec!["c2".to_owned(), "cobalt strike".to_owned()]);
    indicator.markings = vec![Tlp::Amber];
    indicator
}

#[test]
fn a_hit_goes_to_iris_and_back_to_wazuh_also_from_below_the_gate() {
    let scene = Scene::make("");
    scene.world.mend("minimum_level = 0", "minimum_level = 7");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[
        dns(1, 3, "evil.example"),
        dns(2, 3, "good.example"),
        dns(3, 9, "good.example"),
    ]);
    scene.at_rest(3);
    let hit = scene.iris_alert(&reference(1)).unwrap();
    assert!(tags(&hit).contains("intel-hit"), "{}", tags(&hit));
    assert!(scene.iris_alert(&reference(2)).is_none());
    let other = scene.iris_alert(&reference(3)).unwrap();
    assert!(!tags(&other).contains("intel-hit"));
    let events = scene.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0]["opencti"];
    assert_eq!(event["event_type"], "indicator_pattern_match");
    assert_eq!(event["value"], "evil.example");
    assert_eq!(event["source"]["reference"], reference(1));
    let books = scene.world.books();
    let sinks: Vec<(&str, u64)> = books
        .sinks
        .iter()
        .map(|sink| (sink.sink.as_str(), sink.delivered))
        .collect();
    assert!(
        sinks.contains(&("iris", 2)) && sinks.contains(&("wazuh", 1)),
        "{sinks:?}"
    );
    assert!(daemon.terminate().success());
}

#[test]
fn a_late_indicator_reaches_the_alert_in_iris_and_wazuh_once() {
    let scene = Scene::make("");
    scene.cti.load_indicators([bad_domain("other.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "good.example")]);
    scene.at_rest(2);
    let before = scene.iris_alert(&reference(1)).unwrap();
    assert!(!tags(&before).contains("intel-hit"));
    scene.cti.put_indicator(bad_domain("evil.example", 90));
    until("the alert is tagged", || {
        tags(&scene.iris_alert(&reference(1))?)
            .contains("intel-hit")
            .then_some(())
    });
    until("the event is there", || {
        (scene.events().len() == 1).then_some(())
    });
    assert_eq!(
        scene.events()[0]["opencti"]["source"]["reference"],
        reference(1)
    );
    let after = scene.iris_alert(&reference(1)).unwrap();
    assert!(
        after.raw["alert_note"]
            .as_str()
            .unwrap()
            .contains("evil.example")
    );
    assert_ne!(
        after.raw["alert_severity_id"],
        before.raw["alert_severity_id"]
    );
    assert!(!tags(&scene.iris_alert(&reference(2)).unwrap()).contains("intel-hit"));
    // More hunts, and a daemon that knows nothing of the last one, tell nothing again.
    scene.cti.put_indicator(bad_domain("third.example", 90));
    scene.synced(3);
    assert!(daemon.terminate().success());
    let daemon = scene.world.start_daemon();
    scene.cti.put_indicator(bad_domain("good.example", 90));
    until("the other one is told", || {
        (scene.events().len() == 2).then_some(())
    });
    scene.at_rest(2);
    assert_eq!(
        scene.events()[1]["opencti"]["source"]["reference"],
        reference(2)
    );
    let books = scene.world.books();
    let late = books
        .sources
        .iter()
        .find(|row| row.source == "intel")
        .unwrap();
    assert_eq!((late.received, late.duplicate, late.routed), (2, 0, 2));
    assert!(daemon.terminate().success());
}
