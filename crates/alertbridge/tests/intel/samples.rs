//! The two events that the widespread script's write-up shows, member by member: `samples/` has them as Wazuh wrote them down.
//!
//! With `live.complete` an event has every member of theirs. What is compared only for being there, and why:
//! * ids of labels, markings and authors, colours, and the authors' times: the stand-in for OpenCTI makes them up;
//! * the name of the marking: TLP:WHITE has been called TLP:CLEAR since OpenCTI 5.4;
//! * `null`: what is null in an event, Wazuh shows as the text "null".

use std::collections::BTreeMap;

use alertbridge_sandbox::{StixIdentity, StixIndicator, StixObservable, Tlp};
use serde_json::{Value, json};

use crate::scene::{Scene, dns};

/// Where a member stands, and its text.
type Members = BTreeMap<String, String>;

fn sample(text: &str) -> Value {
    let mut sample: Value = serde_json::from_str(text).unwrap();
    sample["opencti"].take()
}

fn members(value: &Value, path: &str, into: &mut Members) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| members(value, &format!("{path}/{key}"), into)),
        Value::Array(list) if list.is_empty() => {
            into.insert(path.to_owned(), "[]".to_owned());
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(at, value)| members(value, &format!("{path}/{at}"), into)),
        Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}

/// Whether the stand-in makes it up.
fn is_made_up(path: &str) -> bool {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let own = parent.is_empty() || parent.starts_with("/indicators");
    let times = ["created", "modified"];
    (["id", "standard_id"].contains(&key) && !own)
        || key.contains("color")
        || (times.contains(&key) && !own)
        || key == "definition"
}

/// The observable and the indicator that a sample is about.
fn known(sample: &Value, kind: &str) -> (StixObservable, StixIndicator) {
    let text = |key: &str| sample[key].as_str().unwrap().to_owned();
    let mut observable = StixObservable::of_value(kind, &text("value"));
    observable.id = text("id");
    observable.standard_id = text("standard_id");
    observable.created_at = text("created_at").parse().unwrap();
    observable.updated_at = text("updated_at").parse().unwrap();
    observable.score = text("x_opencti_score").parse().ok();
    observable.description = Some(text("x_opencti_description")).filter(|text| text != "null");
    let labels = sample["objectLabel"]["edges"].as_array().unwrap().iter();
    let labels = labels.map(|edge| edge["node"]["value"].as_str().unwrap().to_owned());
    observable.labels = Some(labels.collect());
    observable.markings = vec![Tlp::Clear];
    let author = sample["createdBy"]["name"].as_str().unwrap();
    observable.created_by = Some(StixIdentity::new("Organization", author));
    let node = &sample["indicators"]["edges"][0]["node"];
    let mut indicator = StixIndicator::new(&text("value"), node["pattern"].as_str().unwrap());
    indicator.id = node["id"].as_str().unwrap().to_owned();
    indicator.score = Some(80);
    indicator.observables = vec![observable.id.clone()];
    (observable, indicator)
}

#[test]
fn a_completed_event_has_every_member_of_the_samples_and_their_values() {
    let scene = Scene::make("");
    scene.world.mend(
        "poll_interval = 1",
        "poll_interval = 1\nlive = { complete = true }",
    );
    let samples = [
        (sample(include_str!("samples/domain.json")), "Domain-Name"),
        (sample(include_str!("samples/address.json")), "IPv4-Addr"),
    ];
    for (sample, kind) in &samples {
        let (observable, indicator) = known(sample, kind);
        scene.cti.put_observable(observable);
        scene.cti.load_indicators([indicator]);
    }
    let daemon = scene.world.start_daemon();
    scene.synced(2);
    let mut linux = dns(2, 3, "");
    linux["rule"] =
        json!({"level": 3, "id": "200152", "groups": ["linux", "sysmon", "sysmon_event3"]});
    linux["data"] = json!({
        "system": {"eventId": "3", "providerName": "Linux-Sysmon"},
        "eventdata": {"destinationIp": "105.112.50.80", "destinationPort": "443", "image": "/usr/bin/curl"},
    });
    scene.append(&[dns(1, 3, "sazoya.com"), linux]);
    scene.at_rest(2);
    for (sample, _) in &samples {
        let events = scene.events();
        let event = events
            .iter()
            .find(|event| event["opencti"]["value"] == sample["value"])
            .unwrap();
        let (mut wanted, mut had) = (Members::new(), Members::new());
        members(sample, "", &mut wanted);
        members(&event["opencti"], "", &mut had);
        let missing: Vec<&String> = wanted
            .keys()
            .filter(|path| !had.contains_key(*path))
            .collect();
        assert!(missing.is_empty(), "{missing:?}\n{event}");
        let other: Vec<_> = wanted
            .iter()
            .filter(|(path, text)| !is_made_up(path) && had[*path] != **text)
            .map(|(path, text)| (path, text, &had[path]))
            .collect();
        assert!(other.is_empty(), "{other:?}");
    }
    assert!(daemon.terminate().success());
}
