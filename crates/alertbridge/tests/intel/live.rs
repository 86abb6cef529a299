//! OpenCTI itself is asked: instead of a local copy, and for what an event shows.

use std::time::Duration;

use alertbridge_sandbox::{Fault, OpenCtiFault, StixIdentity, StixObservable};
use serde_json::Value;

use crate::{
    scene::{Scene, bad_domain, dns, reference, tags},
    world::until,
};

/// `opencti` is more of `[intel.opencti]`.
fn scene(opencti: &str) -> Scene {
    let scene = Scene::make("");
    scene.world.mend(
        "poll_interval = 1",
        &format!("poll_interval = 1\n{opencti}"),
    );
    scene
}

/// What a metric of asking says.
fn asked(scene: &Scene, result: &str) -> u64 {
    // Fails where it was done already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let name = format!("alertbridge_intel_live{{result=\"{result}\"}} ");
    let text = scene
        .runtime
        .block_on(async {
            reqwest::get(format!("{}/metrics", scene.world.http()))
                .await?
                .text()
                .await
        })
        .unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |number| number.parse().unwrap())
}

#[test]
fn without_a_copy_a_hit_reaches_iris_with_the_alert_and_wazuh_once() {
    let scene = scene("mode = \"live\"");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    scene.append(&[
        dns(1, 5, "evil.example"),
        dns(2, 5, "good.example"),
        dns(3, 5, "evil.example"),
    ]);
    scene.at_rest(3);
    for (number, is_hit) in [(1, true), (2, false), (3, true)] {
        let alert = scene.iris_alert(&reference(number)).unwrap();
        assert_eq!(tags(&alert).contains("intel-hit"), is_hit, "{number}");
    }
    let mut told: Vec<Value> = scene
        .events()
        .into_iter()
        .map(|event| event["opencti"]["source"]["reference"].clone())
        .collect();
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, [reference(1), reference(3)]);
    assert_eq!(scene.events()[0]["opencti"]["value"], "evil.example");
    let listed = scene.cti.requests().into_iter();
    let listed = listed.filter(|request| request.variables["after"].is_string());
    assert_eq!(listed.count(), 0, "no list was read");
    // Nothing is told again by a daemon that knows nothing of it.
    daemon.kill();
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(4, 5, "good.example")]);
    scene.at_rest(4);
    assert_eq!(scene.events().len(), 2);
    assert!(daemon.terminate().success());
}

#[test]
fn an_alert_that_iris_takes_only_later_has_its_hit_told_once() {
    let scene = scene("mode = \"live\"");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let daemon = scene.world.start_daemon();
    for _ in 0..2 {
        scene.iris.faults().next(Fault::Html502);
    }
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    assert!(tags(&scene.iris_alert(&reference(1)).unwrap()).contains("intel-hit"));
    assert_eq!(scene.events().len(), 1);
    let books = scene.world.books();
    let late = books.sources.iter().find(|row| row.source == "intel");
    assert_eq!(late.map(|row| (row.received, row.duplicate)), Some((1, 0)));
    assert!(daemon.terminate().success());
}

#[test]
fn an_event_says_all_it_needs_even_where_opencti_is_gone_by_then() {
    let mut scene = scene("mode = \"live\"");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    scene.runtime.block_on(scene.queue.remove()).unwrap();
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(1, 5, "evil.example")]);
    until("IRIS has it with its hit", || {
        tags(&scene.iris_alert(&reference(1))?)
            .contains("intel-hit")
            .then_some(())
    });
    assert!(daemon.terminate().success());
    scene.cti.faults().always(Some(OpenCtiFault::Reset));
    let daemon = scene.world.start_daemon();
    {
        let _inside = scene.runtime.enter();
        scene.queue.restart().unwrap();
    }
    until("the event comes", || {
        (scene.events().len() == 1).then_some(())
    });
    scene.at_rest(1);
    let event = &scene.events()[0]["opencti"];
    assert_eq!(event["value"], "evil.example");
    assert_eq!(event["source"]["reference"], reference(1));
    assert_eq!(event["indicator"]["x_opencti_score"], "90");
    assert!(daemon.terminate().success());
}

#[test]
fn whatever_opencti_answers_alerts_arrive_and_what_was_not_asked_is_counted() {
    for fault in [
        OpenCtiFault::Hang,
        OpenCtiFault::Reset,
        OpenCtiFault::TooManyRequests {
            retry_after: Some(1),
        },
        OpenCtiFault::ProxyHtml { status: 200 },
        OpenCtiFault::AuthRequired,
    ] {
        let scene = scene("mode = \"live\"\nlive = { timeout_ms = 300, pause = 1 }");
        scene.cti.load_indicators([bad_domain("evil.example", 90)]);
        scene.cti.faults().always(Some(fault.clone()));
        let daemon = scene.world.start_daemon();
        scene.append(&[dns(1, 5, "evil.example"), dns(2, 5, "good.example")]);
        scene.at_rest(2);
        assert_eq!(scene.iris.alerts().len(), 2, "{fault:?}");
        assert!(scene.events().is_empty());
        until("what was not answered is counted", || {
            (asked(&scene, "unanswered") == 2).then_some(())
        });
        // Alerts of later are asked about, however long OpenCTI is left alone.
        scene.cti.faults().clear();
        let mut number = 2;
        until("a hit is found again", || {
            number += 1;
            scene.append(&[dns(number, 5, "evil.example")]);
            scene.at_rest(u64::from(number));
            tags(&scene.iris_alert(&reference(number))?)
                .contains("intel-hit")
                .then_some(())
        });
        assert!(daemon.terminate().success());
    }
}

#[test]
fn a_slow_answer_within_the_limit_is_waited_for() {
    let scene = scene("mode = \"live\"\nlive = { timeout_ms = 20000 }");
    scene.cti.load_indicators([bad_domain("evil.example", 90)]);
    let delay = Duration::from_millis(300);
    scene
        .cti
        .faults()
        .always(Some(OpenCtiFault::Slow { delay }));
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    assert!(tags(&scene.iris_alert(&reference(1)).unwrap()).contains("intel-hit"));
    assert_eq!(scene.events().len(), 1);
    assert!(daemon.terminate().success());
}

#[test]
fn events_are_completed_with_what_opencti_shows_and_go_out_without_where_it_is_down() {
    let scene = scene("live = { complete = true, timeout_ms = 300, pause = 1 }");
    let mut observable = StixObservable::of_value("Domain-Name", "evil.example");
    observable.labels = Some(vec!["cobalt strike".to_owned()]);
    observable.created_by = Some(StixIdentity::new("Organization", "AlienVault"));
    let mut indicator = bad_domain("evil.example", 90);
    indicator.observables = vec![observable.id.clone()];
    let id = observable.id.clone();
    scene.cti.put_observable(observable);
    scene.cti.load_indicators([indicator]);
    let daemon = scene.world.start_daemon();
    scene.synced(1);
    scene.append(&[dns(1, 5, "evil.example")]);
    scene.at_rest(1);
    let event = scene.events().remove(0)["opencti"].take();
    assert_eq!(event["id"], id);
    assert_eq!(event["entity_type"], "Domain-Name");
    assert_eq!(event["createdBy"]["name"], "AlienVault");
    assert!(event["0"]["node"]["id"].is_string() && event["0"]["node"]["color"].is_string());
    assert_eq!(event["parent_types"][3], "Stix-Cyber-Observable");
    until("it is counted", || {
        (asked(&scene, "completed") == 1).then_some(())
    });
    // The same daemon remembers; another one has to ask.
    assert!(daemon.terminate().success());
    scene.cti.faults().always(Some(OpenCtiFault::Hang));
    let daemon = scene.world.start_daemon();
    scene.append(&[dns(2, 5, "evil.example")]);
    scene.at_rest(2);
    let event = scene.events().remove(1)["opencti"].take();
    assert_eq!(
        (&event["value"], &event["entity_type"]),
        (&"evil.example".into(), &"Indicator".into())
    );
    until("it is counted", || {
        (asked(&scene, "not_completed") == 1).then_some(())
    });
    assert!(daemon.terminate().success());
}

#[test]
fn the_command_line_asks_opencti_itself() {
    let scene = scene("mode = \"live\"");
    scene.cti.load_indicators([
        bad_domain("evil.example", 90),
        bad_domain("low.example", 10),
    ]);
    let text = scene
        .world
        .text(&["intel", "lookup", "--live", "evil[.]example"]);
    assert!(
        text.contains("MATCH") && text.contains("score 90"),
        "{text}"
    );
    let low = scene
        .world
        .command(&["intel", "lookup", "--live", "low.example"]);
    let text = String::from_utf8(low.stdout).unwrap();
    assert_eq!(low.status.code(), Some(1));
    assert!(text.contains("below 50"), "{text}");
    let copy = scene.world.command(&["intel", "lookup", "evil.example"]);
    let text = String::from_utf8(copy.stderr).unwrap();
    assert!(text.contains("--live"), "{text}");
    scene.cti.faults().always(Some(OpenCtiFault::AuthRequired));
    let refused = scene
        .world
        .command(&["intel", "lookup", "--live", "evil.example"]);
    assert_eq!(refused.status.code(), Some(69));
}
