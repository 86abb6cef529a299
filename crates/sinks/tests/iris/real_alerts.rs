//! All real alerts arrive, whole, with the keep-alive of the real server.

use std::{sync::Arc, time::Duration};

use alertbridge_sandbox::{Fault, IrisOptions};
use alertbridge_sinks::{Outcome, Presence, Sink, attempt, iris::alert_uuid};
use serde_json::json;

use crate::world::{delivered, outgoing, real_alerts, sandbox, sink};

#[tokio::test]
async fn every_real_alert_is_delivered_once_and_found_again() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(
        &sandbox,
        json!({"dashboard_url": "https://dashboard.example"}),
    );
    let alerts = real_alerts();
    for alert in &alerts {
        let outgoing = outgoing(&sink, alert.clone());
        let proof = delivered(sink.deliver(&outgoing).await);
        let Presence::Present(found) = sink.look_up(&outgoing).await else {
            panic!("{} is not found", outgoing.reference);
        };
        assert_eq!(found.id, proof.id);
        assert_eq!(found.link, proof.link);
    }
    let stored = sandbox.alerts();
    assert_eq!(stored.len(), alerts.len());
    for (stored, alert) in stored.iter().zip(&alerts) {
        let reference = alert.reference();
        assert_eq!(stored.source_ref.as_deref(), Some(reference.as_str()));
        assert_eq!(stored.uuid, alert_uuid(1, reference.as_str()).to_string());
        assert_eq!(
            stored.raw["alert_source_content"],
            alert.tree(),
            "{reference} was changed"
        );
        assert!(
            stored.raw["alert_source_link"]
                .as_str()
                .unwrap()
                .starts_with("https://dashboard.example/app/")
        );
    }
    let opened = sandbox
        .requests()
        .iter()
        .filter(|request| !request.reused_connection)
        .count();
    assert!(
        opened <= 2,
        "{opened} connections were opened for requests one after another"
    );
}

/// All kinds of trouble by chance, four workers beside each other: each alert is stored once, and nothing else is.
#[tokio::test]
async fn every_real_alert_is_stored_once_on_a_bad_day() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = Arc::new(sink(&sandbox, json!({"timeout": 2})));
    for fault in [
        Fault::DbLost400 { stored: false },
        Fault::DbLost400 { stored: true },
        Fault::Html502,
        Fault::NewTagRace,
        Fault::ResetBefore,
        Fault::StoreThen400,
        Fault::StoreThenHtml500,
        Fault::StoreThenReset,
    ] {
        sandbox.faults().rate(fault, 0.06);
    }
    let alerts = Arc::new(real_alerts());
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let (sink, alerts) = (sink.clone(), alerts.clone());
        tasks.spawn(async move {
            for alert in alerts.iter().skip(worker).step_by(4) {
                let outgoing = outgoing(&*sink, alert.clone());
                let mut doubt = false;
                loop {
                    match attempt(&*sink, &outgoing, doubt).await {
                        Outcome::Delivered(_) | Outcome::AlreadyThere(_) => break,
                        Outcome::Unknown { .. } => doubt = true,
                        Outcome::Retry { .. } => {}
                        end => panic!("{}: {end:?}", outgoing.reference),
                    }
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let mut stored: Vec<String> = sandbox
        .alerts()
        .into_iter()
        .map(|alert| alert.uuid)
        .collect();
    let mut expected: Vec<String> = alerts
        .iter()
        .map(|alert| alert_uuid(1, alert.reference().as_str()).to_string())
        .collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
}

/// IRIS closes a connection that was idle for 2 s without a word; a request on it would end in doubt. Here time itself is the
/// subject, and it runs in the sandbox's sockets.
#[tokio::test]
async fn a_pause_of_two_seconds_leaves_no_doubt() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    delivered(
        sink.deliver(&outgoing(&sink, real_alerts().remove(0)))
            .await,
    );
    tokio::time::sleep(Duration::from_millis(1990)).await;
    delivered(
        sink.deliver(&outgoing(&sink, real_alerts().remove(1)))
            .await,
    );
}
