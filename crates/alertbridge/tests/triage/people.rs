//! People and other tools change alerts while the model thinks: what they write stays, and what they say counts.

use alertbridge_ledger::{JobRow, JobState};
use alertbridge_sandbox::{ModelFault, StoredAlert};
use serde_json::{Value, json};

use crate::{
    scene::{
        ANALYST, BLOCK, Scene, assert_only_reviewed, assert_reviewed, has, login, note, reference,
        tags,
    },
    world::until,
};

const CLOSED: i64 = 6;
const MERGED: i64 = 7;

/// An alert whose question the model holds until it is released.
fn held(scene: &Scene, number: u32) -> i64 {
    scene.model.faults().next(ModelFault::HoldFirstToken);
    scene.append(&[login(number, 10)]);
    is_held(scene);
    let alerts = scene.iris.alerts().into_iter();
    let mut alerts = alerts.filter(|alert| alert.source_ref == Some(reference(number)));
    alerts.next().unwrap().id
}

fn is_held(scene: &Scene) {
    until("the model holds a question", || {
        (scene.model.counts().held == 1).then_some(())
    });
}

fn edit(scene: &Scene, id: i64, columns: &Value) -> StoredAlert {
    scene.iris.edit(id, ANALYST, columns);
    scene.alert(id)
}

fn job(scene: &Scene, id: i64) -> Option<JobRow> {
    let id = id.to_string();
    scene.jobs().into_iter().find(|job| job.id == id)
}

fn becomes(scene: &Scene, id: i64, state: JobState) -> JobRow {
    until("the job ends", || {
        job(scene, id).filter(|job| job.state == state)
    })
}

fn with_tags(alert: &StoredAlert, more: &[&str], without: &[&str]) -> String {
    let mut all = tags(alert);
    all.retain(|tag| !without.contains(&tag.as_str()));
    all.extend(more.iter().map(|tag| (*tag).to_owned()));
    all.join(",")
}

#[test]
fn what_people_write_while_the_model_thinks_stays() {
    let scene = Scene::make("poll_interval = 1\ncache_hours = 0");
    let daemon = scene.world.start_daemon();
    let id = held(&scene, 1);
    let now = scene.alert(id);
    assert!(has(&now, "ai-processing") && !has(&now, "ai-pending"));
    let words = "Called the owner.\n  AI SUMMARY of mine — waiting…";
    let edited = edit(
        &scene,
        id,
        &json!({"alert_note": words, "alert_owner_id": ANALYST, "alert_severity_id": 6, "alert_status_id": 4,
                "alert_tags": with_tags(&now, &["vip", "Case 7"], &[])}),
    );
    scene.model.release();
    becomes(&scene, id, JobState::Reviewed);
    let alert = scene.alert(id);
    assert_reviewed(&alert);
    assert_only_reviewed(&edited, &alert);
    assert!(note(&alert).starts_with(words), "{}", note(&alert));
    assert!(has(&alert, "vip") && has(&alert, "Case 7"));
    // Asked for again, with words above and below the block: still one block, between them.
    scene.model.faults().next(ModelFault::HoldFirstToken);
    let (above, below) = ("my first line\n\n", "\nmy last line\r\n");
    let text = note(&alert);
    let begin = text.find(BLOCK).unwrap();
    let edited = edit(
        &scene,
        id,
        &json!({"alert_note": format!("{above}{}{below}", &text[begin..]), "alert_tags": with_tags(&alert, &["ai-pending"], &[])}),
    );
    is_held(&scene);
    scene.model.release();
    becomes(&scene, id, JobState::Reviewed);
    let alert = scene.alert(id);
    assert_reviewed(&alert);
    assert_only_reviewed(&edited, &alert);
    let text = note(&alert);
    assert!(text.starts_with(above) && text.ends_with(below), "{text}");
    assert_eq!(alert.raw["alert_owner_id"], ANALYST);
    assert_eq!(
        scene.model.questions().len(),
        2,
        "again is a question again"
    );
    assert!(daemon.terminate().success());
}

#[test]
fn where_people_say_no_nothing_is_written() {
    let scene = Scene::make("poll_interval = 1");
    let daemon = scene.world.start_daemon();
    let edits: [fn(&StoredAlert) -> Value; 5] = [
        |now| json!({"alert_tags": with_tags(now, &["ai-skip"], &[])}),
        |now| json!({"alert_tags": with_tags(now, &[], &["ai-processing"])}),
        |now| json!({"alert_tags": with_tags(now, &["ai-skip"], &["ai-processing"])}),
        |_| json!({"alert_status_id": CLOSED}),
        |_| json!({"alert_status_id": MERGED}),
    ];
    for (number, columns) in edits.iter().enumerate() {
        let id = held(&scene, u32::try_from(number).unwrap());
        let edited = edit(&scene, id, &columns(&scene.alert(id)));
        scene.model.release();
        becomes(&scene, id, JobState::Skipped);
        let alert = scene.alert(id);
        assert_eq!(alert.raw, edited.raw, "as they left it: {number}");
        assert!(!note(&alert).contains(BLOCK));
    }
    let id = held(&scene, 100);
    assert!(scene.iris.delete(id));
    scene.model.release();
    becomes(&scene, id, JobState::Skipped);
    assert!(scene.iris.alerts().iter().all(|alert| alert.id != id));
    assert!(daemon.terminate().success());
}

#[test]
fn an_alert_whose_tag_is_taken_off_before_its_turn_costs_no_question() {
    let scene = Scene::make("poll_interval = 0");
    let daemon = scene.world.start_daemon();
    let first = held(&scene, 1);
    scene.append(&[login(2, 10), login(3, 10)]);
    scene.delivered(3);
    let find = |number| {
        let alerts = scene.iris.alerts().into_iter();
        let mut alerts = alerts.filter(|alert| alert.source_ref == Some(reference(number)));
        alerts.next().unwrap()
    };
    let (second, third) = (find(2), find(3));
    let untagged = with_tags(&second, &[], &["ai-pending"]);
    let untagged = edit(&scene, second.id, &json!({"alert_tags": untagged}));
    let skipped = with_tags(&third, &["ai-skip"], &[]);
    let skipped = edit(&scene, third.id, &json!({"alert_tags": skipped}));
    until("all have a job", || (scene.jobs().len() == 3).then_some(()));
    scene.model.release();
    scene.all_ended(3);
    assert_reviewed(&scene.alert(first));
    for left in [untagged, skipped] {
        assert_eq!(scene.alert(left.id).raw, left.raw);
        becomes(&scene, left.id, JobState::Skipped);
    }
    assert_eq!(scene.model.questions().len(), 1);
    assert!(daemon.terminate().success());
}

#[test]
fn an_alert_tagged_again_by_hand_is_reviewed_again_into_the_same_block() {
    let scene = Scene::make("poll_interval = 1");
    let daemon = scene.world.start_daemon();
    scene.append(&[login(1, 10)]);
    scene.delivered(1);
    scene.all_ended(1);
    let id = scene.iris.alerts()[0].id;
    for round in 1..=2 {
        let begun = job(&scene, id).unwrap().begun;
        let again = with_tags(&scene.alert(id), &["ai-pending"], &[]);
        edit(&scene, id, &json!({"alert_tags": again}));
        until("it is reviewed again", || {
            let alert = scene.alert(id);
            (has(&alert, "ai-reviewed") && !has(&alert, "ai-pending")).then_some(())
        });
        let job = becomes(&scene, id, JobState::Reviewed);
        assert!(job.begun != begun || job.begun == 1, "{round}");
        assert_reviewed(&scene.alert(id));
    }
    assert_eq!(
        scene.model.questions().len(),
        3,
        "people want another answer"
    );
    assert!(daemon.terminate().success());
}

#[test]
fn alerts_of_others_are_reviewed_where_their_tags_ask_for_it() {
    let scene = Scene::make("poll_interval = 1\nstale_after = 1");
    let asked = scene.foreign("mail,ai-pending");
    let abandoned = scene.foreign("ai-processing,mail,phishing");
    let not_asked = scene.foreign("not-ai-pending,ai-pending-later,mail");
    let refused = scene.foreign("ai-pending,ai-skip");
    let older = "AI TRIAGE REVIEW (OLLAMA)\nAI SUMMARY\nby another worker";
    edit(&scene, asked, &json!({"alert_note": older}));
    let daemon = scene.world.start_daemon();
    for id in [asked, abandoned] {
        becomes(&scene, id, JobState::Reviewed);
        let alert = scene.alert(id);
        assert_eq!(note(&alert).matches(BLOCK).count(), 1);
        assert!(has(&alert, "mail") && has(&alert, "ai-reviewed"));
        assert!(!has(&alert, "ai-pending") && !has(&alert, "ai-processing"));
        assert_only_reviewed(&scene.iris.versions(id)[0], &alert);
    }
    assert!(note(&scene.alert(asked)).starts_with(older));
    assert!(has(&scene.alert(abandoned), "phishing"));
    let looks = || {
        let requests = scene.iris.requests().into_iter();
        requests
            .filter(|line| line.path == "/alerts/filter" && line.query.contains("ai-pending"))
            .count()
    };
    let before = looks();
    until("it is looked again", || {
        (looks() > before + 1).then_some(())
    });
    for id in [not_asked, refused] {
        assert!(job(&scene, id).is_none());
        assert_eq!(scene.iris.versions(id).len(), 1);
    }
    assert!(daemon.terminate().success());
}
