//! What matches, and what that does to gates, silences and folding.

use alertbridge_sandbox::StixIndicator;
use serde_json::Value;

use crate::{
    scene::{Scene, bad_domain, dns, login, reference, tags},
    world::until,
};

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
