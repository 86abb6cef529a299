//! The real alerts of data/alerts.jsonl: what is redacted in them is written down here, line by line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alertbridge_triage::Redactor;
use serde_json::Value;

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");

/// Each text that changes, before and after.
fn changes(path: &str, before: &Value, after: &Value, out: &mut Vec<(String, String, String)>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                changes(
                    &format!("{path}.{name}"),
                    value,
                    after.get(name).unwrap_or(&Value::Null),
                    out,
                );
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (one, two) in before.iter().zip(after) {
                changes(path, one, two, out);
            }
        }
        (before, after) if before != after => {
            out.push((path.to_owned(), before.to_string(), after.to_string()))
        }
        _ => {}
    }
}

#[test]
fn only_secrets_go_from_real_alerts() {
    let redactor = Redactor::built_in().unwrap();
    let mut all = Vec::new();
    for (line, text) in (1..).zip(ALERTS.lines()) {
        let alert: Value = serde_json::from_str(text).unwrap();
        let redacted = redactor.redact_alert(&alert);
        assert_eq!(
            redactor.redact_alert(&redacted.value).value,
            redacted.value,
            "line {line} again"
        );
        let mut found = Vec::new();
        changes("", &alert, &redacted.value, &mut found);
        all.extend(
            found
                .into_iter()
                .map(|(path, before, after)| (line, path, before, after)),
        );
    }
    let expected = [
        // auditd's hexadecimal in the clear; in 26 it holds an NT hash that auditd itself cut off.
        (26, ".data.audit.execve.a5", "[REDACTED:hash]"),
        (
            26,
            ".full_log",
            "proctitle=\"/usr/bin/python3 ./runtime psexec.py exchangetest.com/administrator@192.168.0.57 -hashes [REDACTED:hash]",
        ),
        (27, ".full_log", "proctitle=\"scp -t /tmp/ps2.py\""),
        (52, ".data.cookies", "[REDACTED:cookie]"),
        (
            52,
            ".full_log",
            "outintf=\"wan1\" cookies=\"[REDACTED:cookie]\" user=",
        ),
        // A command in base64: the address it loads from can be seen now.
        (
            113,
            ".data.win.eventdata.destination",
            "-e [decoded: [System.Net.ServicePointManager]",
        ),
        (
            113,
            ".data.win.system.message",
            "downloadstring('https://192.168.0.4/webhp/_rp')",
        ),
    ];
    let places = |(line, path): (i32, &str)| format!("{line}{path}");
    assert_eq!(
        all.iter()
            .map(|(line, path, _, _)| places((*line, path)))
            .collect::<Vec<_>>(),
        expected
            .iter()
            .map(|(line, path, _)| places((*line, path)))
            .collect::<Vec<_>>(),
    );
    for ((_, path, _, after), (line, _, text)) in all.iter().zip(expected) {
        let after = after.replace("\\\"", "\"");
        assert!(after.contains(text), "{line}{path}: {after}");
    }
}
