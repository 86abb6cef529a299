//! Every alert of the labelled set through the worker: each ends, no secret is sent, nothing is too long for the model.

use std::collections::BTreeSet;

use alertbridge_ledger::JobState;
use alertbridge_sandbox::ModelOptions;
use alertbridge_triage::{Redactor, evaluation::Labelled};
use serde_json::Value;

use crate::scene::{Scene, assert_only_reviewed, assert_reviewed, has, note};

const LABELLED: &str = include_str!("../../../triage/tests/data/triage_labelled.jsonl");
/// Beside what stands in the set, which is a lab's: secrets of kinds that attackers and administrators write.
const PLANTED: [(&str, &str); 5] = [
    (
        r"net use \\fs01\c$ /user:CORP\bob {} /persistent:no",
        "Zugspitze!2962",
    ),
    (
        "mysqldump --user=backup --password={} --all-databases",
        "kT9vQe77xLmw",
    ),
    (
        "curl -H 'Authorization: Bearer {}' https://api.example/v1",
        "b3e9f0c2d4a61788aa20ffe1",
    ),
    (
        "export AWS_SECRET_ACCESS_KEY={}",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzTESTKEY1",
    ),
    ("psql postgres://app:{}@db.internal/prod", "hunter2hunter2"),
];
/// Shorter ones stand in every other word.
const SHORTEST: usize = 6;

/// As Wazuh wrote them; some get a secret of ours into their command line, one the key of IRIS into its log.
fn alerts(key: &str) -> Vec<Value> {
    let mut alerts: Vec<Value> = LABELLED
        .lines()
        .map(|line| Labelled::read(line).unwrap().alert)
        .collect();
    for (number, (command, secret)) in PLANTED.iter().enumerate() {
        let command = command.replace("{}", secret);
        alerts[number * 30]["data"]["command"] = command.clone().into();
        alerts[number * 30]["full_log"] = format!("sudo: bob : COMMAND={command}").into();
    }
    alerts[7]["full_log"] = format!("iris-client: POST /alerts/add key {key} refused").into();
    alerts
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|one| texts(one, found)),
        Value::Object(members) => members.values().for_each(|one| texts(one, found)),
        _ => {}
    }
}

/// What the redactor took out of a text: what stands between the parts it left. None where it decoded something.
fn taken_out(before: &str, after: &str) -> Option<Vec<String>> {
    let mut parts = after.split("[REDACTED:");
    let mut rest = before.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    for part in parts {
        let (_, left) = part.split_once(']')?;
        let at = if left.is_empty() {
            rest.len()
        } else {
            rest.find(left)?
        };
        found.push(rest[..at].to_owned());
        rest = &rest[at + left.len()..];
    }
    Some(found)
}

/// Every secret of an alert that stands nowhere in what is left of it: a word like `true` may.
fn secrets(redactor: &Redactor, alert: &Value) -> BTreeSet<String> {
    let redacted = redactor.redact_alert(alert).value;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    texts(alert, &mut before);
    texts(&redacted, &mut after);
    assert_eq!(before.len(), after.len());
    let pairs = before.iter().zip(&after);
    let found = pairs.filter(|(before, after)| before != after);
    let found = found.filter_map(|(before, after)| taken_out(before, after));
    found
        .flatten()
        .filter(|secret| secret.len() >= SHORTEST)
        .filter(|secret| !after.iter().any(|text| text.contains(secret.as_str())))
        .collect()
}

#[test]
fn of_real_alerts_each_ends_no_secret_is_sent_and_all_fit() {
    let options = ModelOptions {
        parallel: 2,
        ..ModelOptions::default()
    };
    let scene = Scene::with(options, "workers = 2\nminimum_level = 0\npoll_interval = 0");
    let key = scene.iris.key().to_owned();
    let alerts = alerts(&key);
    assert_eq!(alerts.len(), 178);
    let daemon = scene.world.start_daemon();
    scene.append(&alerts);
    scene.delivered(alerts.len());
    let jobs = scene.all_ended(alerts.len());
    assert_eq!(jobs.len(), alerts.len());
    let ended = |state| matches!(state, JobState::Reviewed | JobState::Failed);
    assert!(jobs.iter().all(|job| ended(job.state)));
    let mut failed = Vec::new();
    for alert in scene.iris.alerts() {
        assert_only_reviewed(&scene.iris.versions(alert.id)[0], &alert);
        if has(&alert, "ai-failed") {
            failed.push(note(&alert));
        } else {
            assert_reviewed(&alert);
        }
    }
    assert_eq!(failed, Vec::<String>::new(), "none gives a reason to fail");
    let questions = scene.model.questions();
    for question in &questions {
        // Cut or refused, it would have seen less.
        assert_eq!(question.seen, question.messages());
    }
    let redactor = Redactor::built_in()
        .unwrap()
        .with_secrets([key.as_str()])
        .unwrap();
    let mut found: BTreeSet<String> = alerts
        .iter()
        .flat_map(|alert| secrets(&redactor, alert))
        .collect();
    for secret in PLANTED
        .iter()
        .map(|(_, secret)| *secret)
        .chain([key.as_str()])
    {
        assert!(found.iter().any(|one| one.contains(secret)), "{secret}");
        found.insert(secret.to_owned());
    }
    let sent: Vec<String> = scene
        .model
        .requests()
        .iter()
        .map(|request| {
            let messages = request.messages().into_iter().map(|one| one.content);
            messages.collect::<Vec<_>>().join("\n") + &request.body.to_string()
        })
        .collect();
    for secret in &found {
        let leaks = sent.iter().filter(|text| text.contains(secret.as_str()));
        assert_eq!(leaks.count(), 0, "{secret}");
    }
    assert!(
        sent.iter()
            .any(|text| text.contains("[REDACTED:registered]"))
    );
    assert!(daemon.terminate().success());
}
