//! What was seen is told to OpenCTI: each alert counts once, whatever goes wrong.

use alertbridge_sandbox::{OpenCtiFault, OpenCtiRights};
use serde_json::Value;

use crate::{
    scene::{Scene, bad_domain, dns, reference},
    world::until,
};

/// Of three seconds, so that nobody waits for an hour to end. `opencti` is more of `[intel.opencti]`.
fn scene(opencti: &str) -> Scene {
    let scene = Scene::make("");
    let token = scene.world.root().join("token");
    scene.world.mend(
        "[sinks.wazuh]",
        &format!(
            "{opencti}\n[intel.sightings]\ntoken_file = \"{}\"\ninterval = 3\n[sinks.wazuh]",
            token.display()
        ),
    );
    scene
}

/// What OpenCTI has: names of places with counts.
fn seen(scene: &Scene) -> Vec<(String, u64)> {
    let places = scene.cti.identities();
    let mut seen: Vec<(String, u64)> = scene
        .cti
        .sightings()
        .into_iter()
        .map(|sighting| {
            let to = sighting.input["toId"].as_str().unwrap();
            let place = places.iter().find(|place| place.id == to).unwrap();
            let count = sighting.input["attribute_count"].as_u64().unwrap();
            (place.name.clone(), count)
        })
        .collect();
    seen.sort();
    seen
}

/// How many reports came in, the repeated ones included.
fn reports(scene: &Scene) -> usize {
    let requests = scene.cti.requests().into_iter();
    let is_report = |field: &String| field == "stixSightingRelationshipAdd";
    requests
        .filter(|request| request.root_fields.iter().any(is_report))
        .count()
}

fn of_agent(mut alert: Value, id: &str, name: &str) -> Value {
    alert["agent"]["id"] = id.into();
    alert["agent"]["name"] = name.into();
    alert
}

fn nothing_waits(scene: &Scene) {
    until("nothing waits", || {
        let output = scene.world.command(&["intel", "status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["sightings_waiting"].is_null().then_some(())
    });
}

/// So many reports have come in, and nothing waits.
fn nothing_waits_after(scene: &Scene, count: usize) {
    until("it is told", || (reports(scene) >= count).then_some(()));
    nothing_waits(scene);
    assert_eq!(reports(scene), count);
}

const WINDOWS: &str = "WIN-7FK8M79Q5R6 (agent 020 of Wazuh m1)";

#[test]
fn alerts_of_an_agent_are_one_sighting_with_their_count_and_copies_do_not_count() {
    let scene = scene("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    let mut alerts: Vec<Value> = (1..=3)
        .map(|number| dns(number, 5, "evil.example"))
        .collect();
    alerts.push(dns(2, 5, "evil.example"));
    alerts.push(of_agent(dns(4, 5, "evil.example"), "017", "ubuntu"));
    alerts.push(dns(5, 5, "good.example"));
    scene.append(&alerts);
    scene.at_rest(6);
    until("OpenCTI knows", || {
        (scene.cti.sightings().len() == 2).then_some(())
    });
    let ubuntu = "ubuntu (agent 017 of Wazuh m1)".to_owned();
    assert_eq!(seen(&scene), [(WINDOWS.to_owned(), 3), (ubuntu, 1)]);
    let sightings = scene.cti.sightings();
    let first = sightings
        .iter()
        .find(|one| one.input["attribute_count"] == 3)
        .unwrap();
    assert_eq!(first.input["first_seen"], "2026-11-21T08:43:10.352Z");
    let text = first.input["description"].as_str().unwrap();
    assert!(
        text.contains("evil.example") && text.contains(&reference(1)),
        "{text}"
    );
    nothing_waits(&scene);
    assert!(daemon.terminate().success());
}

#[test]
fn a_kill_between_the_report_and_its_settlement_counts_nothing_twice() {
    let scene = scene("");
    scene.cti.load_indicators([
        bad_domain("evil.example", 90),
        bad_domain("worse.example", 90),
    ]);
    let daemon = scene.world.start_daemon();
    scene.synced(2);
    // So that the place is known, and a report is one request.
    scene.append(&[dns(1, 5, "worse.example")]);
    nothing_waits_after(&scene, 1);
    // OpenCTI has it, and nobody hears of it.
    scene
        .cti
        .faults()
        .always(Some(OpenCtiFault::CutInTheMiddle));
    scene.append(&[dns(2, 5, "evil.example"), dns(3, 5, "evil.example")]);
    until("OpenCTI knows", || {
        (scene.cti.sightings().len() == 2).then_some(())
    });
    daemon.kill();
    let before = reports(&scene);
    scene.cti.faults().clear();
    let daemon = scene.world.start_daemon();
    until("it is told again", || {
        (reports(&scene) > before).then_some(())
    });
    nothing_waits(&scene);
    let expected = [(WINDOWS.to_owned(), 1), (WINDOWS.to_owned(), 2)];
    assert_eq!(seen(&scene), expected);
    let after = reports(&scene);
    // And not once more by the next one.
    assert!(daemon.terminate().success());
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(4, 5, "worse.example")]);
    nothing_waits_after(&scene, after + 1);
    assert!(daemon.terminate().success());
}

#[test]
fn while_opencti_is_down_counts_wait_and_are_whole() {
    let scene = scene("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.cti.faults().always(Some(OpenCtiFault::Reset));
    scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "evil.example")]);
    scene.at_rest(2);
    until("it waits", || {
        let text = scene.world.text(&["intel", "status"]);
        text.contains("1 sightings wait for OpenCTI").then_some(())
    });
    assert!(scene.cti.sightings().is_empty());
    scene.cti.faults().clear();
    nothing_waits(&scene);
    assert_eq!(seen(&scene), [(WINDOWS.to_owned(), 2)]);
    assert!(daemon.terminate().success());
}

#[test]
fn a_missing_right_is_an_alarm_and_a_restart_tries_again() {
    let scene = scene("");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    let token = scene.cti.token().to_owned();
    scene.cti.set_rights(&token, OpenCtiRights::READER);
    scene.append(&[dns(1, 5, "evil.example")]);
    until("the alarm is raised", || {
        let log = scene.world.log();
        log.lines()
            .any(|line| {
                line.contains("intel_trouble:sightings") && line.contains("KNOWLEDGE_KNUPDATE")
            })
            .then_some(())
    });
    let text = scene.world.text(&["intel", "status"]);
    assert!(text.contains("KNOWLEDGE_KNUPDATE"), "{text}");
    assert!(daemon.terminate().success());
    scene.cti.set_rights(&token, OpenCtiRights::SIGHTER);
    let daemon = scene.world.start_daemon();
    nothing_waits(&scene);
    assert_eq!(seen(&scene), [(WINDOWS.to_owned(), 1)]);
    assert!(daemon.terminate().success());
}

#[test]
fn an_indicator_that_is_gone_is_left_out_and_the_others_are_told() {
    let scene = scene("");
    let gone = bad_domain("evil.example", 90);
    let id = gone.id.clone();
    scene
        .cti
        .load_indicators([gone, bad_domain("worse.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.synced(2);
    scene.cti.faults().always(Some(OpenCtiFault::Reset));
    scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "worse.example")]);
    scene.at_rest(2);
    scene.cti.delete_indicator(&id);
    scene.cti.faults().clear();
    nothing_waits(&scene);
    assert_eq!(seen(&scene), [(WINDOWS.to_owned(), 1)]);
    assert!(scene.world.log().contains("a sighting is left out"));
    assert!(daemon.terminate().success());
}

#[test]
fn late_hits_and_those_of_opencti_itself_are_told_once_with_the_alerts_own_time() {
    for opencti in ["", "mode = \"live\""] {
        let scene = scene(opencti);
        scene.cti.load_indicators([bad_domain("other.example", 90)]);
        if !opencti.is_empty() {
            scene.cti.load_indicators([bad_domain("evil.example", 90)]);
        }
        let daemon = scene.world.start_daemon();
        scene.append(&[dns(1, 5, "evil.example")]);
        scene.at_rest(1);
        if opencti.is_empty() {
            scene.synced(1);
            scene.cti.put_indicator(bad_domain("evil.example", 90));
        }
        until("OpenCTI knows", || {
            (scene.cti.sightings().len() == 1).then_some(())
        });
        nothing_waits(&scene);
        assert_eq!(seen(&scene), [(WINDOWS.to_owned(), 1)]);
        let sighting = scene.cti.sightings().remove(0);
        assert_eq!(sighting.input["first_seen"], "2026-11-21T08:43:10.352Z");
        assert_eq!(sighting.input["last_seen"], sighting.input["first_seen"]);
        assert!(daemon.terminate().success());
    }
}
