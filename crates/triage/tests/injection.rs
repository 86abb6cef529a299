//! Signs of an injection: every planted text is found, in every place; ordinary alerts have none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use alertbridge_triage::{InjectionSign, Injections, Redactor, SignKind};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");
const LABELLED: &str = include_str!("data/triage_labelled.jsonl");
const PAYLOADS: &str = include_str!("../data/payloads.jsonl");

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::built_in().unwrap());
static INJECTIONS: LazyLock<Injections> = LazyLock::new(|| Injections::built_in().unwrap());

fn signs(alert: &Value) -> Vec<InjectionSign> {
    INJECTIONS.scan_alert(alert, &REDACTOR)
}

fn kinds(text: &str) -> Vec<SignKind> {
    signs(&json!({"data": {"field": text}}))
        .iter()
        .map(|sign| sign.kind)
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

#[test]
fn no_real_alert_has_a_sign() {
    let alerts = lines(ALERTS).chain(lines(LABELLED).map(|line| line["alert"]["_source"].clone()));
    let mut count = 0;
    let mut found = Vec::new();
    for alert in alerts {
        count += 1;
        found.extend(signs(&alert).into_iter().map(|sign| (count, sign)));
    }
    assert_eq!((count, found), (348, vec![]));
}

#[test]
fn every_payload_is_found_wherever_it_is_planted() {
    let mut missed = Vec::new();
    for payload in lines(PAYLOADS) {
        let text = payload["text"].as_str().unwrap();
        let places = [
            json!({"data": {"win": {"eventdata": {"commandLine": format!("cmd.exe /c echo {text}")}}}}),
            json!({"data": {"http": {"user_agent": text}}}),
            json!({"full_log": format!("Nov 21 10:00:00 web01 app[1]: request {text} from 203.0.113.7")}),
            json!({"data": {text: "x"}}),
            json!({"data": {"args": ["echo", text]}}),
            json!(text),
        ];
        for (place, alert) in places.iter().enumerate() {
            if signs(alert).is_empty() {
                missed.push((
                    place,
                    payload["id"].as_str().unwrap().to_owned(),
                    text.to_owned(),
                ));
            }
        }
    }
    assert_eq!(missed, vec![]);
}
