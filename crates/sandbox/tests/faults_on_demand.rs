//! Each fault does to the client, and to the store, what its name says.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use std::time::Duration;

use alertbridge_sandbox::{Fault, IrisOptions};
use serde_json::json;
use support::{Got, Server, alert};

/// One fault, then an alert that must pass: faults are used up one request each.
async fn after(fault: Fault, stored: usize) -> Got {
    let server = Server::start().await;
    server.sandbox.faults().next(fault);
    let got = server.add(&alert(json!({}))).await;
    assert_eq!(server.sandbox.alert_count(), stored, "{fault:?}");
    assert_eq!(
        server.add(&alert(json!({}))).await.status,
        200,
        "{fault:?} hit twice"
    );
    got
}

/// Whether sending an alert ends without any answer, and how many alerts there are then.
async fn unanswered(fault: Fault) -> usize {
    let server = Server::start().await;
    server.sandbox.faults().next(fault);
    let url = format!("{}/alerts/add", server.sandbox.url());
    let request = server
        .client
        .post(url)
        .bearer_auth(&server.key)
        .json(&alert(json!({})));
    let outcome = request.timeout(Duration::from_millis(500)).send().await;
    assert!(outcome.is_err(), "{fault:?} was answered");
    let count = server.sandbox.alert_count();
    assert_eq!(server.sandbox.requests()[0].status, None, "{fault:?}");
    count
}

#[tokio::test]
async fn faults_that_store_and_then_lie() {
    let got = after(Fault::StoreThen400, 1).await;
    assert_eq!(got.status, 400);
    assert!(!got.is_html());
    let got = after(Fault::StoreThenHtml500, 1).await;
    assert!(got.status == 500 && got.is_html());
    let got = after(Fault::DbLost400 { stored: true }, 1).await;
    assert!(
        got.status == 400
            && got
                .message()
                .starts_with("(psycopg2.OperationalError) server closed")
    );
    assert_eq!(unanswered(Fault::StoreThenHang).await, 1);
    assert_eq!(unanswered(Fault::StoreThenReset).await, 1);
}

#[tokio::test]
async fn faults_that_store_nothing() {
    let got = after(Fault::DbLost400 { stored: false }, 0).await;
    assert!(got.message().contains("OperationalError"));
    for fault in [Fault::Html500, Fault::PoolExhausted] {
        let got = after(fault, 0).await;
        assert!(got.status == 500 && got.is_html(), "{fault:?}");
    }
    let got = after(Fault::Html502, 0).await;
    assert!(got.status == 502 && got.text.contains("nginx"));
    let got = after(Fault::NewTagRace, 0).await;
    assert!(got.status == 400 && got.message().contains("\"tags_tag_title_key\""));
    let got = after(Fault::NotEntitled, 0).await;
    assert_eq!(
        got.message(),
        "User not entitled to create alerts for the client"
    );
    assert_eq!(unanswered(Fault::HangBefore).await, 0);
    assert_eq!(unanswered(Fault::ResetBefore).await, 0);
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    let server = Server::start().await;
    server
        .sandbox
        .faults()
        .next(Fault::TooManyRequests { retry_after: 7 });
    let url = format!("{}/alerts/add", server.sandbox.url());
    let request = server
        .client
        .post(url)
        .bearer_auth(&server.key)
        .json(&alert(json!({})));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
}

#[tokio::test]
async fn an_ioc_type_is_refused_only_where_it_occurs() {
    let server = Server::start().await;
    server
        .sandbox
        .faults()
        .rate(Fault::RefuseIocType { ioc_type_id: 76 }, 1.0);
    let ioc = |kind: i64| alert(json!({"alert_iocs": [{"ioc_value": "v", "ioc_type_id": kind}]}));
    let got = server.add(&ioc(76)).await;
    assert!(got.status == 400 && got.message().contains("Invalid IOC type ID"));
    assert_eq!(server.add(&ioc(141)).await.status, 200);
    assert_eq!(server.add(&alert(json!({}))).await.status, 200);
}

#[tokio::test]
async fn slow_bytes_are_the_right_answer_in_the_end() {
    let server = Server::start().await;
    server.sandbox.faults().next(Fault::SlowBytes {
        pause: Duration::from_micros(100),
    });
    assert_eq!(server.add(&alert(json!({}))).await.data()["alert_id"], 1);
}

#[tokio::test]
async fn lasting_faults_end_when_cleared() {
    let server = Server::start().await;
    let faults = server.sandbox.faults();
    faults.unauthorized(true);
    assert_eq!(server.add(&alert(json!({}))).await.status, 401);
    assert_eq!(server.get("/api/ping").await.status, 401);
    faults.unauthorized(false);
    faults.database_down(true);
    assert!(server.get("/api/ping").await.is_html());
    faults.next(Fault::Html500);
    faults.rate(Fault::Html502, 1.0);
    assert_eq!(faults.waiting(), 1);
    faults.clear();
    assert_eq!(server.add(&alert(json!({}))).await.status, 200);
}

#[tokio::test]
async fn a_scripted_fault_waits_for_its_path() {
    let server = Server::start().await;
    server
        .sandbox
        .faults()
        .next_on("/alerts/filter", Fault::Html502);
    assert_eq!(server.add(&alert(json!({}))).await.status, 200);
    assert_eq!(server.get("/alerts/filter").await.status, 502);
    assert_eq!(server.get("/alerts/filter").await.status, 200);
}

#[tokio::test]
async fn rates_hit_adds_only_and_repeat_with_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = Server::with(IrisOptions {
            seed: 42,
            ..Default::default()
        })
        .await;
        server.sandbox.faults().rate(Fault::StoreThen400, 0.5);
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(server.add(&alert(json!({}))).await.status);
        }
        assert_eq!(server.get("/alerts/filter").await.status, 200);
        assert_eq!(server.sandbox.alert_count(), 40);
        let refused = statuses.iter().filter(|status| **status == 400).count();
        assert!(
            (5..=35).contains(&refused),
            "{refused} of 40 at a rate of one half"
        );
        assert_eq!(
            server.sandbox.request_count("/alerts/add", 400),
            refused as u64
        );
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn two_posts_with_one_new_tag_race_and_the_loser_may_try_again() {
    let options = IrisOptions {
        new_tag_window: Duration::from_millis(300),
        ..Default::default()
    };
    let server = Server::with(options).await;
    let body = alert(json!({"alert_tags": "brand-new"}));
    let (one, other) = tokio::join!(server.add(&body), server.add(&body));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    let loser = if one.status == 400 { one } else { other };
    assert!(
        loser.message().contains("\"tags_tag_title_key\""),
        "{}",
        loser.message()
    );
    assert_eq!(server.sandbox.alert_count(), 1);
    assert_eq!(server.add(&body).await.status, 200);
}

#[tokio::test]
async fn many_posts_of_one_uuid_store_one_alert() {
    let server = Server::start().await;
    let body = alert(json!({"alert_uuid": "6f8aa353-0000-4000-8000-00000000000f"}));
    let posts = (0..100).map(|_| server.add(&body));
    let answers = futures_util::future::join_all(posts).await;
    assert_eq!(answers.iter().filter(|got| got.status == 200).count(), 1);
    assert_eq!(server.sandbox.alert_count(), 1);
}
