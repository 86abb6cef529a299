//! Threat intelligence: hits go to IRIS and back to Wazuh, whatever is down meanwhile, with the daemon as a process.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod world;

use std::time::Duration;

use alertbridge_ledger::{Ledger, SqliteLedger, Trace};
use alertbridge_sandbox::{
    IrisOptions, IrisSandbox, OpenCtiFault, OpenCtiOptions, OpenCtiSandbox, StixIdentity,
    StixIndicator, StoredAlert, Tlp, WazuhQueueSandbox,
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
    // Later than the made-up ones, as a change is.
    indicator.updated_at = "2026-11-20T00:00:00Z".parse().unwrap();
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

/// What the two alerts of the original write-up look like before they become events: the names, the score, the labels and
/// the markings are those of its examples.
#[test]
fn the_two_events_of_the_widespread_script_are_made_field_by_field() {
    let scene = Scene::make("");
    let author = |name| Some(StixIdentity::new("Organization", name));
    let mut domain = bad_domain("sazoya.com", 50);
    domain.id = "766340ed-4d34-48de-b65c-38f668534435".to_owned();
    domain.labels = Some(
        ["cobalt strike", "arkime", "jarm", "ja3s"]
            .map(str::to_owned)
            .to_vec(),
    );
    domain.markings = vec![Tlp::Clear];
    domain.created_by = author("AlienVault");
    let mut address = StixIndicator::new("105.112.50.80", "[ipv4-addr:value = '105.112.50.80']");
    address.id = "8f1e842b-34b0-42b0-8203-fe7ad2e0ecdc".to_owned();
    address.score = Some(60);
    address.description = Some("Infrastructure IPs".to_owned());
    address.labels = Some(
        ["import", "business email compromise"]
            .map(str::to_owned)
            .to_vec(),
    );
    address.markings = vec![Tlp::Clear];
    address.created_by = author("ICS-CSIRT.io");
    scene.cti.load_indicators([domain, address]);
    let daemon = scene.world.start_daemon();
    scene.synced(2);
    let mut linux = dns(2, 3, "");
    linux["rule"] =
        json!({"level": 3, "id": "200152", "groups": ["linux", "sysmon", "sysmon_event3"]});
    linux["agent"] = json!({"id": "017", "name": "ubunutu2004vm", "ip": "192.168.252.191"});
    linux["data"] = json!({
        "system": {"eventId": "3", "providerName": "Linux-Sysmon"},
        "eventdata": {"destinationIp": "105.112.50.80", "destinationPort": "443", "image": "/usr/bin/curl"},
    });
    scene.append(&[dns(1, 3, "sazoya.com"), linux]);
    scene.at_rest(2);
    let sent = scene.queue.events();
    assert_eq!(sent.len(), 2);
    for (agent, value, id, score, author, description, labels) in [
        (
            "[020] (WIN-7FK8M79Q5R6) 192.168.252.105->opencti",
            "sazoya.com",
            "766340ed-4d34-48de-b65c-38f668534435",
            50,
            "AlienVault",
            None,
            &["cobalt strike", "arkime", "jarm", "ja3s"][..],
        ),
        (
            "[017] (ubunutu2004vm) 192.168.252.191->opencti",
            "105.112.50.80",
            "8f1e842b-34b0-42b0-8203-fe7ad2e0ecdc",
            60,
            "ICS-CSIRT.io",
            Some("Infrastructure IPs"),
            &["import", "business email compromise"],
        ),
    ] {
        let event = sent.iter().find(|event| event.location == agent).unwrap();
        let event: Value = serde_json::from_str(&event.message).unwrap();
        assert_eq!(event["integration"], "opencti");
        let event = &event["opencti"];
        // The id is the indicator's: the observable's own is not part of what indicators say.
        assert_eq!(event["id"], id);
        assert_eq!(event["value"], value);
        assert_eq!(event["observable_value"], value);
        // The original writes numbers as text, and so do the rules that read them.
        let number = event["x_opencti_score"].to_string();
        assert_eq!(number.trim_matches('"'), score.to_string());
        assert_eq!(event["x_opencti_description"].as_str(), description);
        assert_eq!(event["indicator"]["createdBy"], author);
        let marking = event["indicator"]["marking"].as_str().unwrap();
        // TLP:WHITE has been called CLEAR since OpenCTI 5.4.
        assert_eq!(marking, "TLP:CLEAR");
        assert!(
            event["indicator"]["pattern"]
                .as_str()
                .unwrap()
                .contains(value)
        );
        let mut had: Vec<&str> = Vec::new();
        for number in 0..labels.len() {
            had.push(event[number.to_string()]["node"]["value"].as_str().unwrap());
        }
        had.sort_unstable();
        let mut wanted = labels.to_vec();
        wanted.sort_unstable();
        assert_eq!(had, wanted);
    }
    assert!(daemon.terminate().success());
}

#[test]
fn with_opencti_down_from_the_start_alerts_flow_and_the_first_sync_comes_when_it_returns() {
    let scene = Scene::make("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    scene.cti.faults().always(Some(OpenCtiFault::Reset));
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    assert!(scene.iris_alert(&reference(1)).is_some());
    assert!(scene.events().is_empty());
    scene.cti.faults().clear();
    scene.synced(1);
    until("what came before is told late", || {
        (scene.events().len() == 1).then_some(())
    });
    scene.append(&[dns(2, 5, "evil.example")]);
    until("what comes now is told at once", || {
        (scene.events().len() == 2).then_some(())
    });
    scene.at_rest(2);
    assert!(tags(&scene.iris_alert(&reference(2)).unwrap()).contains("intel-hit"));
    assert!(daemon.terminate().success());
}

#[test]
fn a_kill_in_the_middle_of_a_sync_leaves_the_old_index_and_the_sync_goes_on() {
    let options = OpenCtiOptions {
        synthetic: 3000,
        page_maximum: Some(100),
        ..OpenCtiOptions::default()
    };
    let scene = Scene::with(options, "");
    let slow = OpenCtiFault::Slow {
        delay: Duration::from_millis(50),
    };
    scene.cti.faults().always(Some(slow));
    let daemon = scene.world.start_daemon();
    let reading = scene.world.root().join("intel");
    until("it reads", || {
        let requests = scene.cti.requests().len();
        (reading.exists() && requests > 8).then_some(())
    });
    daemon.kill();
    let before = scene.cti.requests().len();
    scene.cti.faults().clear();
    let daemon = scene.world.start_daemon();
    scene.synced(3000);
    // 30 pages in all: what was read before the kill was not read again from its beginning.
    let pages = scene.cti.requests().len() - before;
    assert!(pages < 40, "{pages} requests after {before}");
    scene.cti.put_indicator(bad_domain("evil.example", 90));
    scene.synced(3001);
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    assert_eq!(scene.events().len(), 1);
    // A kill with a whole index: the next daemon matches before it has asked anybody.
    daemon.kill();
    scene.cti.faults().always(Some(OpenCtiFault::Reset));
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(2, 5, "evil.example")]);
    scene.at_rest(2);
    assert_eq!(scene.events().len(), 2);
    assert!(daemon.terminate().success());
}

#[test]
fn events_wait_for_a_queue_that_is_gone_and_iris_does_not_wait_with_them() {
    let mut scene = Scene::make("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    scene.runtime.block_on(scene.queue.remove()).unwrap();
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "good.example")]);
    until("IRIS has both", || {
        (scene.iris.alerts().len() == 2).then_some(())
    });
    let waits = scene.trace(&reference(1)).unwrap();
    let queue = waits
        .deliveries
        .iter()
        .find(|one| one.sink == "wazuh")
        .unwrap();
    assert_ne!(queue.state, "delivered");
    // A restart of the daemon forgets nothing of it.
    assert!(daemon.terminate().success());
    let daemon = scene.world.start_daemon();
    {
        let _inside = scene.runtime.enter();
        scene.queue.restart().unwrap();
    }
    until("the event comes", || {
        (scene.events().len() == 1).then_some(())
    });
    scene.at_rest(2);
    assert!(daemon.terminate().success());
}

#[test]
fn our_own_events_are_never_matched_and_make_no_further_ones() {
    let scene = Scene::make("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    let event = scene.events().remove(0);
    // As Wazuh makes an alert of it.
    let mut back = json!({
        "timestamp": "2026-11-21T08:43:11.352+0000",
        "id": "1795250614.9",
        "rule": {"level": 12, "id": "100213", "groups": ["threat_intel", "opencti", "opencti_alert"]},
        "agent": {"id": "020", "name": "WIN-7FK8M79Q5R6"},
        "manager": {"name": "m1"},
        "location": "opencti",
    });
    back["data"] = event;
    scene.append(&[back, dns(2, 5, "good.example")]);
    scene.at_rest(3);
    assert_eq!(scene.events().len(), 1);
    assert_eq!(
        scene.iris.alerts().len(),
        2,
        "the event is not an alert of its own in IRIS"
    );
    let books = scene.world.books();
    assert_eq!(books.sources.iter().map(|row| row.filtered).sum::<u64>(), 1);
    let noise = scene.world.text(&["noise", "--json"]);
    assert!(noise.contains("own intelligence event"), "{noise}");
    assert!(daemon.terminate().success());
}

#[test]
fn what_is_expired_revoked_or_of_low_score_is_no_hit_and_lookup_says_why() {
    let scene = Scene::make("");
    let mut expired = bad_domain("expired.example", 90);
    expired.valid_until = Some("2026-01-02T00:00:00Z".parse().unwrap());
    let mut revoked = bad_domain("revoked.example", 90);
    revoked.revoked = true;
    let low = bad_domain("low.example", 20);
    scene
        .cti
        .load_indicators([expired, revoked, low, bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(4);
    scene.append(&[
        dns(1, 5, "expired.example"),
        dns(2, 5, "revoked.example"),
        dns(3, 5, "low.example"),
        dns(4, 5, "evil.example"),
    ]);
    scene.at_rest(4);
    assert_eq!(scene.events().len(), 1);
    for (number, hit) in [(1, false), (2, false), (3, false), (4, true)] {
        let alert = scene.iris_alert(&reference(number)).unwrap();
        assert_eq!(tags(&alert).contains("intel-hit"), hit, "{number}");
    }
    let looked = scene
        .world
        .command(&["intel", "lookup", "expired.example", "low.example"]);
    assert_eq!(looked.status.code(), Some(1));
    let text = String::from_utf8(looked.stdout).unwrap();
    assert!(
        text.contains("it expired at") && text.contains("its score is 20, below 50"),
        "{text}"
    );
    let looked = scene.world.text(&["intel", "lookup", "EVIL[.]example"]);
    assert!(looked.contains("MATCH"), "{looked}");
    let path = scene.world.root().join("one.json");
    std::fs::write(&path, dns(5, 3, "evil.example").to_string()).unwrap();
    let tested = scene
        .world
        .text(&["intel", "test", path.to_str().unwrap(), "--json"]);
    let tested: Value = serde_json::from_str(&tested).unwrap();
    assert_eq!(
        tested[0]["wazuh_events"][0]["opencti"]["value"],
        "evil.example"
    );
    assert!(
        tested[0]["iris"]["alert_tags"]
            .as_str()
            .unwrap()
            .contains("intel-hit")
    );
    assert_eq!(scene.events().len(), 1, "a test sends nothing");
    assert!(daemon.terminate().success());
}

#[test]
fn repeats_with_the_same_hit_fold_into_each_other_and_into_no_alert_without_it() {
    let scene = Scene::make("");
    scene.world.mend("folding.enabled = false", "");
    let address = "198.51.100.7";
    let mut known = StixIndicator::new(address, &format!("[ipv4-addr:value = '{address}']"));
    known.score = Some(90);
    scene.cti.load_indicators([known]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    // Addresses are no part of the key: without the hit all of them make one group.
    let login = |number: u32, address: &str| {
        let mut alert = dns(number, 5, "");
        alert["rule"] = json!({"level": 5, "id": "5710", "groups": ["syslog", "sshd", "authentication_failed", "invalid_login"]});
        alert["decoder"] = json!({"parent": "sshd", "name": "sshd"});
        alert["data"] = json!({"srcip": address, "srcuser": "admin"});
        alert["location"] = "/var/log/auth.log".into();
        alert
    };
    let alerts: Vec<Value> = (0..20)
        .map(|number| {
            login(
                number,
                if number % 4 == 1 {
                    address
                } else {
                    "203.0.113.9"
                },
            )
        })
        .collect();
    scene.append(&alerts);
    scene.at_rest(20);
    assert_eq!(scene.iris.alerts().len(), 2);
    assert_eq!(
        scene.events().len(),
        1,
        "the first one tells what all would"
    );
    let hit = scene.iris_alert(&reference(1)).unwrap();
    assert!(tags(&hit).contains("intel-hit"));
    assert!(!tags(&scene.iris_alert(&reference(0)).unwrap()).contains("intel-hit"));
    let folded = scene.trace(&reference(5)).unwrap();
    assert_eq!(folded.group.unwrap().parent, reference(1));
    assert!(daemon.terminate().success());
}

#[test]
fn a_hit_beats_the_allowlist_and_not_a_silence_that_someone_made() {
    let scene = Scene::make("");
    let path = scene.world.root().join("alertbridge.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let allow =
        "\n[[quiet.allowlist]]\nname = \"dns\"\ncomment = \"usual\"\nagents = [\"WIN-*\"]\n";
    std::fs::write(&path, config + allow).unwrap();
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "good.example")]);
    scene.at_rest(2);
    assert_eq!(scene.iris.alerts().len(), 1);
    assert_eq!(scene.events().len(), 1);
    let silence = [
        "silence",
        "add",
        "rule.id=61650",
        "--duration",
        "1h",
        "--comment",
        "maintenance",
    ];
    scene.world.text(&silence);
    until("the daemon knows of it", || {
        scene
            .world
            .log()
            .contains("silences were changed")
            .then_some(())
    });
    scene.append(&[dns(3, 5, "evil.example")]);
    scene.at_rest(3);
    assert_eq!(scene.iris.alerts().len(), 1);
    assert_eq!(scene.events().len(), 1);
    assert!(daemon.terminate().success());
}

#[test]
fn a_full_queue_holds_events_back_and_loses_none() {
    let mut scene = Scene::make("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    let room = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
    let alerts = room.trim().parse::<u32>().unwrap().min(600) + 20;
    scene.runtime.block_on(scene.queue.stick());
    let all: Vec<Value> = (0..alerts)
        .map(|number| dns(number, 5, "evil.example"))
        .collect();
    scene.append(&all);
    until("IRIS has all", || {
        (scene.iris.alerts().len() == alerts as usize).then_some(())
    });
    {
        let _inside = scene.runtime.enter();
        scene.queue.unstick();
    }
    scene.at_rest(u64::from(alerts));
    let mut told: Vec<String> = scene
        .events()
        .iter()
        .map(|event| event["opencti"]["source"]["reference"].to_string())
        .collect();
    told.sort_unstable();
    let sent = told.len();
    told.dedup();
    assert_eq!((told.len(), sent), (alerts as usize, alerts as usize));
    assert!(daemon.terminate().success());
}

#[test]
fn a_late_hit_of_a_repeat_is_told_of_the_alert_it_is_counted_into() {
    let scene = Scene::make("");
    scene.world.mend("folding.enabled = false", "");
    scene.cti.load_indicators([bad_domain("other.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    let login = |number: u32, address: &str| {
        let mut alert = dns(number, 5, "");
        alert["rule"] = json!({"level": 5, "id": "5710", "groups": ["syslog", "sshd", "authentication_failed", "invalid_login"]});
        alert["decoder"] = json!({"parent": "sshd", "name": "sshd"});
        alert["data"] = json!({"srcip": address, "srcuser": "admin"});
        alert["location"] = "/var/log/auth.log".into();
        alert
    };
    let alerts: Vec<Value> = (0..6)
        .map(|number| login(number, &format!("203.0.113.{}", 7 + number / 2)))
        .collect();
    scene.append(&alerts);
    scene.at_rest(6);
    assert_eq!(scene.iris.alerts().len(), 1);
    let mut known = bad_domain("203.0.113.9", 90);
    known.pattern = "[ipv4-addr:value = '203.0.113.9']".to_owned();
    scene.cti.put_indicator(known);
    until("the alert in IRIS is tagged", || {
        let alert = scene.iris_alert(&reference(0))?;
        tags(&alert).contains("intel-hit").then_some(())
    });
    until("the event is there", || {
        (scene.events().len() == 1).then_some(())
    });
    scene.at_rest(6);
    let event = scene.events().remove(0);
    assert_eq!(event["opencti"]["value"], "203.0.113.9");
    assert_eq!(event["opencti"]["source"]["reference"], reference(0));
    assert!(daemon.terminate().success());
}

#[test]
fn indicators_of_a_file_are_synced_by_hand_and_matched_by_the_daemon() {
    let scene = Scene::make("");
    let file = scene.world.root().join("own.csv");
    std::fs::write(&file, "value,score,labels\nfile.example,70,own\n").unwrap();
    scene.world.mend(
        "[sinks.wazuh]",
        &format!(
            "[[intel.files]]\nname = \"own\"\npath = \"{}\"\n[sinks.wazuh]",
            file.display()
        ),
    );
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let said = scene.world.text(&["intel", "sync", "--once"]);
    assert!(
        said.contains("own: polling") && said.contains("2 indicators"),
        "{said}"
    );
    let sources = scene.world.text(&["intel", "sources"]);
    assert!(
        sources.contains("own") && !sources.contains("BAD"),
        "{sources}"
    );
    scene.world.text(&["check-config"]);
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(1, 5, "file.example")]);
    until("it is told", || (scene.events().len() == 1).then_some(()));
    assert_eq!(scene.events()[0]["opencti"]["provider"], "own");
    let beside = scene.world.command(&["intel", "sync", "--once"]);
    assert_eq!(beside.status.code(), Some(78));
    drop(daemon);
}

#[test]
fn a_wrong_key_or_a_missing_secret_is_told_before_the_start() {
    let scene = Scene::make("minimum_scor = 3");
    let said = scene.world.command(&["check-config"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(text.contains("did you mean `minimum_score`?"), "{text}");
    let scene = Scene::make("");
    std::fs::remove_file(scene.world.root().join("token")).unwrap();
    let said = scene.world.command(&["check-config"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(78));
    assert!(
        text.contains("[intel.opencti]") && text.contains("token"),
        "{text}"
    );
}
