//! What goes out: to IRIS, back to Wazuh, and late.

use alertbridge_sandbox::{StixIdentity, StixIndicator, Tlp};
use serde_json::{Value, json};

use crate::{
    scene::{Scene, bad_domain, dns, login, reference, tags},
    world::until,
};

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

#[test]
fn a_late_hit_of_a_repeat_is_told_of_the_alert_it_is_counted_into() {
    let scene = Scene::make("");
    scene.world.mend("folding.enabled = false", "");
    scene.cti.load_indicators([bad_domain("other.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
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
