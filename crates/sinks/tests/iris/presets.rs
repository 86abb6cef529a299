//! What a real alert looks like in IRIS, for each preset.

use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::Sink;
use serde_json::{Value, json};

use crate::world::{delivered, outgoing, real_alerts, sandbox, sink};

/// One of each sort: a plain log, a scan of the web, Windows with hashes, file integrity, a Windows event with a user.
const IDS: [&str; 5] = [
    "1795250613.13953",
    "1795250635.27220",
    "1795250799.255477",
    "1795251300.579791",
    "1795250890.494746",
];

async fn bodies(more: Value) -> String {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, more);
    for alert in real_alerts()
        .into_iter()
        .filter(|alert| IDS.contains(&alert.head().id.as_deref().unwrap_or_default()))
    {
        delivered(sink.deliver(&outgoing(&sink, alert)).await);
    }
    let bodies: Vec<Value> = sandbox
        .alerts()
        .into_iter()
        .map(|alert| readable(alert.raw))
        .collect();
    assert_eq!(bodies.len(), IDS.len());
    serde_json::to_string_pretty(&bodies).unwrap()
}

/// What an analyst sees, without what differs in each run and without the whole alert.
fn readable(raw: Value) -> Value {
    let iocs = raw["iocs"].as_array().unwrap().iter().map(|ioc| {
        json!([
            ioc["ioc_type"]["type_name"],
            ioc["ioc_value"],
            ioc["ioc_description"]
        ])
    });
    let assets = raw["assets"].as_array().unwrap().iter().map(|asset| {
        json!([
            asset["asset_type"]["asset_name"],
            asset["asset_name"],
            asset["asset_ip"]
        ])
    });
    json!({
        "title": raw["alert_title"],
        "description": raw["alert_description"],
        "severity": raw["severity"]["severity_name"],
        "status": raw["status"]["status_name"],
        "source": raw["alert_source"],
        "reference": raw["alert_source_ref"],
        "uuid": raw["alert_uuid"],
        "link": raw["alert_source_link"],
        "time": raw["alert_source_event_time"],
        "tags": raw["alert_tags"],
        "note": raw["alert_note"],
        "context": raw["alert_context"],
        "iocs": iocs.collect::<Vec<_>>(),
        "assets": assets.collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn real_alerts_by_our_own_preset() {
    let bodies = bodies(json!({"dashboard_url": "https://dashboard.example"})).await;
    insta::assert_snapshot!("alertbridge", bodies);
}

#[tokio::test]
async fn real_alerts_as_the_wazuh_blogs_script_sends_them() {
    insta::assert_snapshot!(
        "wazuh-blog",
        bodies(json!({"preset": "wazuh-blog", "dashboard_url": "https://dashboard.example"})).await
    );
}

#[tokio::test]
async fn real_alerts_as_the_async_ai_script_sends_them() {
    insta::assert_snapshot!("async-ai", bodies(json!({"preset": "async-ai"})).await);
}
