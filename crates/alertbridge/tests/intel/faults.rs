//! What is down, killed, full or wrong.

use std::time::Duration;

use alertbridge_sandbox::{OpenCtiFault, OpenCtiOptions};
use serde_json::Value;

use crate::{
    scene::{Scene, bad_domain, dns, reference, tags},
    world::until,
};

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
