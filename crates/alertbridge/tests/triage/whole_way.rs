//! From `alerts.json` to a review in IRIS, with nothing else of an alert touched.

use serde_json::Value;

use crate::{
    scene::{
        BLOCK, Scene, assert_only_reviewed, assert_reviewed, has, login, note, reference, tags,
    },
    world::{ALERTS, until},
};

fn level(alert: &Value) -> u64 {
    alert["rule"]["level"].as_u64().unwrap()
}

fn json(scene: &Scene, arguments: &[&str]) -> Value {
    serde_json::from_str(&scene.world.text(arguments)).unwrap()
}

#[test]
fn alerts_of_the_level_get_one_review_and_keep_everything_else() {
    let scene = Scene::make("");
    let daemon = scene.world.start_daemon();
    let lines: Vec<&[u8]> = ALERTS.lines().map(str::as_bytes).collect();
    scene.world.append(&lines);
    scene.delivered(lines.len());
    let chosen = ALERTS
        .lines()
        .filter(|line| level(&serde_json::from_str(line).unwrap()) >= 7)
        .count();
    assert!(chosen > 40);
    let jobs = scene.all_ended(chosen);
    assert_eq!(jobs.len(), chosen);
    for alert in scene.iris.alerts() {
        let versions = scene.iris.versions(alert.id);
        if level(&alert.raw["alert_source_content"]) < 7 {
            assert_eq!(versions.len(), 1, "never changed");
            assert!(!alert.tags.contains("ai-"), "{}", alert.tags);
            continue;
        }
        assert!(has(&versions[0], "ai-pending"), "created with its tag");
        assert_reviewed(&alert);
        for version in &versions {
            assert_only_reviewed(&versions[0], version);
        }
        assert!(alert.raw["alert_owner_id"].is_null(), "nobody's");
        let kept = tags(&versions[0]);
        let kept = kept.iter().filter(|tag| *tag != "ai-pending");
        assert!(kept.clone().all(|tag| has(&alert, tag)), "{}", alert.tags);
    }
    let reviewed = chosen as u64;
    let cached = scene.metric("cached_total");
    assert_eq!(scene.model.questions().len() as u64 + cached, reviewed);
    assert_eq!(scene.metric("claims_total{outcome=\"reviewed\"}"), reviewed);
    until("the gauge follows", || {
        (scene.metric("jobs{state=\"reviewed\"}") == reviewed).then_some(())
    });
    assert!(scene.metric("tokens_total{direction=\"prompt\"}") > 0);
    assert!(scene.metric("not_admitted_total{outcome=\"gate\"}") > 0);
    commands(&scene, chosen);
    assert!(daemon.terminate().success());
}

fn commands(scene: &Scene, chosen: usize) {
    let listed = json(scene, &["triage", "list", "--json", "--limit", "1000"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), chosen);
    assert!(listed.iter().all(|job| job["state"] == "reviewed"));
    let open = json(scene, &["triage", "list", "--json", "--state", "pending"]);
    assert_eq!(open, Value::Array(Vec::new()));
    let feedback = json(scene, &["triage", "feedback", "--json"]);
    let jobs = feedback.as_array().unwrap().iter();
    let jobs: u64 = jobs.map(|row| row["jobs"].as_u64().unwrap()).sum();
    assert_eq!(jobs, chosen as u64);
    let one = listed[0]["reference"].as_str().unwrap();
    let asked = scene.model.questions().len();
    for what in [one, listed[0]["id"].as_str().unwrap()] {
        let shown = json(scene, &["triage", "show", what, "--json"]);
        assert_eq!(shown["model"], "phi4-mini:latest");
        assert!(shown["user"].as_str().unwrap().contains("<<<DATA "));
        assert!(shown["fields_sent"].as_u64().unwrap() > 0);
    }
    assert_eq!(scene.model.questions().len(), asked, "showing asks nothing");
}

#[test]
fn as_a_comment_a_review_is_one_comment_and_no_note() {
    let scene = Scene::make("output = \"comment\"");
    let daemon = scene.world.start_daemon();
    scene.append(&[login(1, 10), login(2, 10), login(3, 3)]);
    scene.delivered(3);
    scene.all_ended(2);
    for alert in scene.iris.alerts() {
        let comments = alert.raw["comments"].as_array().unwrap();
        if alert.source_ref == Some(reference(3)) {
            assert!(comments.is_empty());
            continue;
        }
        assert_eq!(comments.len(), 1);
        let text = comments[0]["comment_text"].as_str().unwrap();
        assert!(text.contains("AI TRIAGE REVIEW (OLLAMA)"), "{text}");
        assert!(!note(&alert).contains(BLOCK));
        assert!(has(&alert, "ai-reviewed") && !has(&alert, "ai-pending"));
        assert_only_reviewed(&scene.iris.versions(alert.id)[0], &alert);
    }
    assert!(daemon.terminate().success());
}
