//! All real alerts arrive, whole, with the keep-alive of the real server.

use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::{Presence, Sink, iris::alert_uuid};
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
