//! What the tests share: a sandbox, a sink for it, and alerts.

use std::sync::atomic::{AtomicU64, Ordering};

use alertbridge_alert::Alert;
use alertbridge_sandbox::{IrisOptions, IrisSandbox};
use alertbridge_sinks::{
    Outcome, Outgoing, Proof, Sink,
    iris::{IrisConfig, IrisSink},
};
use serde_json::{Value, json};

/// A sandbox with instant tags, so that only the tests about the race meet it.
pub async fn sandbox(options: IrisOptions) -> IrisSandbox {
    IrisSandbox::start(options).await.unwrap()
}

pub fn config(sandbox: &IrisSandbox, more: Value) -> IrisConfig {
    let mut config = json!({"url": sandbox.url(), "key": sandbox.key(), "timeout": 5});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

pub fn sink(sandbox: &IrisSandbox, more: Value) -> IrisSink {
    IrisSink::connect(config(sandbox, more)).unwrap()
}

/// An alert of its own.
pub fn alert(more: Value) -> Alert {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut alert = json!({
        "id": format!("1795250582.{number}"),
        "timestamp": "2026-11-21T08:26:17.096+0000",
        "rule": {"id": "5710", "level": 5, "description": "sshd: attempt", "groups": ["sshd"]},
        "agent": {"id": "001", "name": "web01", "ip": "10.0.0.11"},
        "manager": {"name": "vm"},
        "data": {"srcip": "8.8.8.8", "dstuser": "root"},
        "location": "/var/log/auth.log",
    });
    for (key, value) in more.as_object().unwrap() {
        alert[key] = value.clone();
    }
    Alert::parse(alert.to_string().into_bytes()).unwrap()
}

pub fn outgoing(sink: &dyn Sink, alert: Alert) -> Outgoing {
    Outgoing {
        reference: alert.reference().as_str().to_owned(),
        lane: sink.lane(&alert),
        received_at: "2026-11-21T09:00:00Z".parse().unwrap(),
        attempt: 1,
        digest: None,
        continues: None,
        intel: Vec::new(),
        tags: Vec::new(),
        alert,
    }
}

/// The proof of an alert that was taken.
pub fn delivered(outcome: Outcome) -> Proof {
    match outcome {
        Outcome::Delivered(proof) => proof,
        other => panic!("not delivered: {other:?}"),
    }
}

/// The 170 real alerts.
pub fn real_alerts() -> Vec<Alert> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/alerts.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| Alert::parse(line.as_bytes()).unwrap())
        .collect()
}
