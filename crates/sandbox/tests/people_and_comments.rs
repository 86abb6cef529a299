//! Comments that are changed by their authors, people who change an alert between a client's steps, and the owner on old servers.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use alertbridge_sandbox::{IrisOptions, IrisUser};
use serde_json::{Value, json};
use support::{Server, alert};

const BOB: i64 = 7;

async fn server(version: &str) -> Server {
    let server = Server::with(IrisOptions {
        version: version.to_owned(),
        users: vec![IrisUser::minimal_service_account(BOB, "bob-key", &[1])],
        ..IrisOptions::default()
    })
    .await;
    server.add(&alert(json!({}))).await.data();
    server
}

#[tokio::test]
async fn a_comment_is_changed_and_deleted_by_its_author_alone() {
    let mut server = server("v2.4.20").await;
    let text = |text: &str| json!({"comment_text": text});
    let added = server.post("/alerts/1/comments/add", &text("one")).await;
    let id = added.data()["comment_id"].clone();
    let path = format!("/alerts/1/comments/{id}");
    let edited = server.post(&format!("{path}/edit"), &text("two")).await;
    assert_eq!(edited.data()["comment_text"], "two");
    assert_eq!(server.get(&path).await.data()["comment_text"], "two");
    let own_key = std::mem::replace(&mut server.key, "bob-key".to_owned());
    for action in ["edit", "delete"] {
        let refused = server
            .post(&format!("{path}/{action}"), &text("mine"))
            .await;
        assert_eq!(refused.status, 403, "{action}");
    }
    server.key = own_key;
    server
        .post(&format!("{path}/delete"), &json!({}))
        .await
        .data();
    assert_eq!(server.get(&path).await.status, 400);
    assert_eq!(
        server.sandbox.alerts()[0].raw["alert_owner_id"],
        Value::Null
    );
}

#[tokio::test]
async fn a_person_changes_the_alert_right_after_it_was_read_and_the_history_says_so() {
    let server = server("v2.4.20").await;
    let edit = json!({"alert_note": "mine", "alert_tags": "mine", "alert_owner_id": BOB});
    server.sandbox.faults().edit_after_read(1, BOB, &edit);
    let read = server.get("/alerts/filter?alert_ids=1").await.data();
    assert_eq!(read["alerts"][0]["alert_note"], Value::Null);
    let now = server.get("/alerts/1").await.data();
    assert_eq!(
        (&now["alert_note"], &now["alert_owner_id"]),
        (&json!("mine"), &json!(BOB))
    );
    let history = now["modification_history"].as_object().unwrap();
    let line = history.values().next_back().unwrap();
    assert_eq!(line["user_id"], BOB);
    let action = line["action"].as_str().unwrap();
    assert!(
        action.contains("\"alert_note\",")
            && action.contains("\"alert_tags\" from \"None\" to \"mine\""),
        "{action}"
    );
    server
        .sandbox
        .faults()
        .edit_after_update(1, BOB, &json!({"alert_note": "again"}));
    let answer = server
        .post("/alerts/update/1", &json!({"alert_note": "n"}))
        .await;
    assert_eq!(answer.data()["alert_note"], "n");
    assert_eq!(server.get("/alerts/1").await.data()["alert_note"], "again");
    assert_eq!(server.sandbox.faults().waiting(), 0);
}

#[tokio::test]
async fn a_server_before_2_4_15_takes_nobody_for_an_unknown_user() {
    let body = json!({"alert_note": "n", "alert_owner_id": -1});
    let old = server("v2.4.14").await;
    let refused = old.post("/alerts/update/1", &body).await;
    assert!(refused.message().contains("ForeignKeyViolation"));
    let new = server("v2.4.15").await;
    assert_eq!(
        new.post("/alerts/update/1", &body).await.data()["alert_owner_id"],
        Value::Null
    );
}

#[tokio::test]
async fn each_state_of_an_alert_is_kept_where_that_is_wanted() {
    let note = json!({"alert_note": "by the client"});
    let plain = server("v2.4.20").await;
    plain.post("/alerts/update/1", &note).await.data();
    assert!(plain.sandbox.versions(1).is_empty());
    let server = Server::with(IrisOptions {
        keep_versions: true,
        users: vec![IrisUser::minimal_service_account(BOB, "bob-key", &[1])],
        ..IrisOptions::default()
    })
    .await;
    server.add(&alert(json!({}))).await.data();
    server.post("/alerts/update/1", &note).await.data();
    server
        .sandbox
        .edit(1, BOB, &json!({"alert_note": "by Bob"}));
    assert!(server.sandbox.delete(1) && !server.sandbox.delete(1));
    let versions = server.sandbox.versions(1);
    let notes: Vec<&Value> = versions.iter().map(|one| &one.raw["alert_note"]).collect();
    assert_eq!(
        notes,
        [&Value::Null, &json!("by the client"), &json!("by Bob")]
    );
}
