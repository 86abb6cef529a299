//! The set of texts that try to steer a model, and the fields they are planted into.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use alertbridge_triage::evaluation::{Place, payloads, plant};
use serde_json::{Value, json};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_line_is_a_text_of_its_own() {
    let lines = include_str!("../data/payloads.jsonl").lines().count();
    assert_eq!(payloads().len(), lines);
    assert!(lines >= 48);
    let ids: BTreeSet<_> = payloads().iter().map(|payload| &payload.id).collect();
    let texts: BTreeSet<_> = payloads().iter().map(|payload| &payload.text).collect();
    assert_eq!((ids.len(), texts.len()), (lines, lines));
}

#[test]
fn every_kind_of_sign_is_among_them() {
    let kinds: BTreeSet<_> = payloads()
        .iter()
        .map(|payload| payload.kind.as_str())
        .collect();
    let wanted = [
        "encoded",
        "fence",
        "instruction",
        "invisible",
        "template",
        "verdict",
    ];
    assert_eq!(kinds, BTreeSet::from(wanted));
}

#[test]
fn hidden_characters_are_escaped_in_the_file() {
    let file = include_str!("../data/payloads.jsonl");
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{1b}' | '\u{e0000}'..='\u{e0fff}');
    assert_eq!(file.find(hidden), None, "a reader sees all there is");
}

#[test]
fn a_planted_text_stands_in_the_field_and_in_the_log() {
    let alert = json!({
        "rule": {"level": 5},
        "data": {"win": {"eventdata": {"commandLine": "cmd /c whoami"}, "system": {"message": "CommandLine: cmd /c whoami\r\nUser: bob"}}}
    });
    let planted = plant(&alert, "PAYLOAD", Place::CommandLine);
    assert_eq!(
        planted["data"]["win"]["eventdata"]["commandLine"],
        "cmd /c whoami PAYLOAD"
    );
    assert_eq!(
        planted["data"]["win"]["system"]["message"],
        "CommandLine: cmd /c whoami PAYLOAD\r\nUser: bob"
    );
    let alert = json!({
        "data": {"srcip": "203.0.113.7", "srcuser": "admin"},
        "full_log": "sshd[12]: Invalid user admin from 203.0.113.7 port 4"
    });
    let planted = plant(&alert, "PAYLOAD", Place::SshUser);
    assert_eq!(planted["data"]["srcuser"], "PAYLOAD");
    assert_eq!(
        planted["full_log"],
        "sshd[12]: Invalid user PAYLOAD from 203.0.113.7 port 4"
    );
}

#[test]
fn a_field_that_is_not_there_is_made_where_the_alert_would_have_it() {
    let windows = json!({"data": {"win": {"eventdata": {}}}});
    let planted = plant(&windows, "P", Place::FileName);
    assert_eq!(planted["data"]["win"]["eventdata"]["targetFilename"], "P");
    let integrity =
        json!({"syscheck": {"path": "/etc/passwd"}, "full_log": "File '/etc/passwd' modified"});
    let planted = plant(&integrity, "P", Place::FileName);
    assert_eq!(planted["syscheck"]["path"], "/etc/passwd P");
    assert_eq!(planted["full_log"], "File '/etc/passwd P' modified");
    let planted = plant(&json!({}), "P", Place::UserAgent);
    assert_eq!(planted["data"]["http"]["user_agent"], "Mozilla/5.0 P");
    assert_eq!(planted["full_log"], "Mozilla/5.0 P");
}

#[test]
fn what_is_no_alert_does_not_break_it() {
    for alert in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"data": 5}),
        json!({"data": {"win": []}}),
        json!({"full_log": {}}),
    ] {
        for place in Place::ALL {
            let planted = plant(&alert, "PAYLOAD", place);
            assert_eq!(
                texts(&planted).iter().any(|text| text.contains("PAYLOAD")),
                alert.is_object(),
                "{alert}"
            );
        }
    }
}

#[test]
fn every_text_can_be_planted_into_every_real_alert() {
    let alerts: Vec<Value> = ALERTS
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (index, alert) in alerts.iter().enumerate() {
        let payload = &payloads()[index % payloads().len()];
        for place in Place::ALL {
            let planted = plant(alert, &payload.text, place);
            let with = texts(&planted)
                .iter()
                .filter(|text| text.contains(&payload.text))
                .count();
            assert!(with >= 2, "{}: {place:?} in alert {index}", payload.id);
            assert_eq!(planted["rule"], alert["rule"]);
        }
    }
}
