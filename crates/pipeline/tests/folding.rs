//! What is the same again: over real alerts, attacks with many sources, and exceptions by configuration.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use alertbridge_alert::Alert;
use alertbridge_pipeline::{AlertView, Folding, QuietConfig, QuietRules, Silences};
use serde_json::{Value, json};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");

fn rules(text: &str) -> QuietRules {
    let config: QuietConfig = toml::from_str(text).unwrap();
    config.try_into().unwrap()
}

fn folding(rules: &QuietRules, alert: &Value) -> Folding {
    let alert = Alert::parse(alert.to_string().into_bytes()).unwrap();
    let text = alert.text();
    rules.folding(&AlertView::new(alert.head(), &text))
}

fn key(rules: &QuietRules, alert: &Value) -> [u8; 16] {
    folding(rules, alert).repeat.unwrap().key
}

/// As `explain` shows it.
fn family(rules: &QuietRules, alert: &Alert) -> String {
    let text = alert.text();
    let view = AlertView::new(alert.head(), &text);
    let steps = rules.explain(
        &view,
        &Silences::default(),
        "2026-01-01T00:00Z".parse().unwrap(),
    );
    let step = steps.iter().find(|step| step.rule == "repeat key").unwrap();
    step.says.split('"').nth(1).unwrap().to_owned()
}

/// Each family with what of the real alerts falls into it.
const FAMILIES: &str = "\
AWS 4
DNS query 2
Docker 2
GCP 2
GitHub 2
MS Graph 1
Office 365 5
PowerShell script 2
VirusTotal 4
WMI subscription 2
Windows event 9
access to a process 4
account or group change 3
active response 2
audit record 4
authentication 9
command 4
configuration check 1
file 17
image or driver load 5
log-in 3
network connection 11
osquery 1
other 30
process creation 10
registry 4
rootcheck 8
service or task 2
vulnerability 1
web request 16
";

fn real() -> Vec<Alert> {
    ALERTS
        .lines()
        .map(|line| Alert::parse(line.as_bytes()).unwrap())
        .collect()
}

#[test]
fn real_alerts_fall_into_the_families_people_would_put_them_in() {
    let rules = rules("");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for alert in real() {
        *counts.entry(family(&rules, &alert)).or_default() += 1;
    }
    let table: String = counts
        .iter()
        .map(|(family, count)| format!("{family} {count}\n"))
        .collect();
    assert_eq!(table, FAMILIES);
}

#[test]
fn real_alerts_share_a_key_only_where_people_see_the_same_again() {
    let rules = rules("");
    let mut seen: HashMap<[u8; 16], usize> = HashMap::new();
    let mut same = Vec::new();
    for (number, alert) in real().iter().enumerate() {
        let text = alert.text();
        let folding = rules.folding(&AlertView::new(alert.head(), &text));
        if let Some(first) = seen.insert(folding.repeat.unwrap().key, number) {
            same.push((first, number));
        }
    }
    // Two scans of one web server, each with two addresses and URLs, which are collected; one USB stick plugged in twice.
    assert_eq!(same, [(12, 14), (13, 15), (65, 66)]);
}

fn ssh(rule: &str, address: &str, user: &str) -> Value {
    json!({
        "rule": { "id": rule, "level": 10, "groups": ["syslog", "sshd", "authentication_failures"] },
        "agent": { "id": "001", "name": "web01" },
        "decoder": { "parent": "sshd", "name": "sshd" },
        "data": { "srcip": address, "srcport": "40022", "srcuser": user },
        "full_log": format!("Invalid user {user} from {address} port 40022"),
        "location": "/var/log/auth.log",
    })
}

#[test]
fn a_brute_force_attack_from_a_hundred_addresses_is_one_alert_of_each_rule() {
    let rules = rules("");
    let mut keys = HashSet::new();
    for rule in ["5710", "5712", "5763"] {
        for n in 0..100 {
            let alert = ssh(rule, &format!("203.0.113.{n}"), &format!("user{n}"));
            let folding = folding(&rules, &alert);
            keys.insert(folding.repeat.unwrap().key);
            let collected: Vec<_> = folding
                .collected
                .iter()
                .map(|one| (one.label, one.value.clone()))
                .collect();
            assert_eq!(
                collected,
                [
                    ("source IPs", format!("203.0.113.{n}")),
                    ("users", format!("user{n}")),
                ]
            );
        }
    }
    assert_eq!(keys.len(), 3);
}

fn sysmon(event: &str, data: Value) -> Value {
    json!({
        "rule": { "id": "92000", "level": 4, "groups": ["sysmon", "sysmon_eid1_detections", "windows"] },
        "agent": { "id": "003", "name": "win01" },
        "data": { "win": {
            "system": { "eventID": event, "channel": "Microsoft-Windows-Sysmon/Operational", "eventRecordID": "17" },
            "eventdata": data,
        } },
    })
}

#[test]
fn case_and_doubled_backslashes_make_no_difference_on_windows_and_case_does_on_linux() {
    let rules = rules("");
    let windows = |image: &str| key(&rules, &sysmon("1", json!({ "image": image })));
    assert_eq!(
        windows(r"C:\\Windows\\cmd.exe"),
        windows(r"c:\windows\CMD.EXE")
    );
    let file = |path: &str| {
        let alert = json!({ "rule": { "id": "550" }, "agent": { "id": "001" }, "syscheck": { "path": path, "event": "modified" } });
        key(&rules, &alert)
    };
    assert_eq!(file(r"C:\Users\A.txt"), file(r"c:\users\a.txt"));
    assert_ne!(file("/etc/passwd"), file("/etc/PASSWD"));
}

#[test]
fn the_same_event_under_another_rulesets_field_names_has_the_same_key() {
    let rules = rules("");
    let with = |data: Value| {
        let alert =
            json!({ "rule": { "id": "1" }, "agent": { "id": "001", "name": "a" }, "data": data });
        key(&rules, &alert)
    };
    assert_eq!(
        with(json!({ "dstip": "10.0.0.1", "dstport": 443, "srcip": "10.0.0.2" })),
        with(json!({ "dest_ip": "::ffff:10.0.0.1", "dest_port": "443", "src_ip": "10.0.0.3" })),
    );
    let linux = json!({
        "rule": { "id": "200152", "groups": ["linux", "sysmon", "sysmon_event3"] }, "agent": { "id": "001" },
        "data": { "eventdata": { "DestinationIp": "192.0.2.7", "destinationPort": "80", "image": "/usr/bin/curl" } },
    });
    let words = folding(&rules, &linux).repeat.unwrap().words;
    assert!(
        words.contains(&(
            "data.eventdata.destinationIp".to_owned(),
            "192.0.2.7".to_owned()
        )),
        "{words:?}"
    );
}

#[test]
fn agents_with_one_id_at_two_managers_are_two_agents_and_an_agentless_host_is_its_own() {
    let rules = rules("");
    let with = |agent: Value| key(&rules, &json!({ "rule": { "id": "5710" }, "agent": agent }));
    assert_ne!(
        with(json!({ "id": "001", "name": "a" })),
        with(json!({ "id": "001", "name": "b" }))
    );
    assert_ne!(
        with(json!({ "id": "001", "name": "a" })),
        with(json!({ "id": "002", "name": "a" }))
    );
    let agentless = |host: &str| {
        key(
            &rules,
            &json!({ "rule": { "id": "555" }, "manager": { "name": "m" }, "agentless": { "host": host } }),
        )
    };
    assert_ne!(agentless("router1"), agentless("router2"));
    assert_eq!(
        folding(&rules, &json!({ "agent": { "id": "001" } })).repeat,
        None,
        "no rule: nothing says what happened"
    );
}

#[test]
fn a_windows_event_without_fields_is_told_apart_by_its_message_without_times() {
    let rules = rules("");
    let with = |message: &str| {
        key(
            &rules,
            &json!({
                "rule": { "id": "67011" }, "agent": { "id": "003" },
                "data": { "win": { "system": { "eventID": "8002", "channel": "AppLocker", "message": message } } },
            }),
        )
    };
    assert_ne!(with("\"a.exe was allowed\""), with("\"b.exe was allowed\""));
    assert_eq!(with("\"a.exe at 10:11:12\""), with("\"a.exe at 10:11:13\""));
}

#[test]
fn exceptions_say_which_fields_count_how_long_and_what_is_never_folded() {
    let rules = rules(
        r#"
        [folding]
        window = "10m"

        [[folding.group_by]]
        rules = ["5710"]
        fields = ["data.srcip"]
        window = "1h"

        [[folding.group_by]]
        groups = ["sshd"]
        matchers = "agent.name = web01"
        never = true
        "#,
    );
    let own = |address: &str| {
        folding(&rules, &ssh("5710", address, "root"))
            .repeat
            .unwrap()
    };
    assert_ne!(own("203.0.113.1").key, own("203.0.113.2").key);
    assert_eq!(own("203.0.113.1").window, Duration::from_secs(3600));
    let never = folding(&rules, &ssh("5763", "203.0.113.1", "root"));
    assert_eq!((never.repeat, never.burst), (None, None));
    let other = folding(
        &rules,
        &json!({ "rule": { "id": "1" }, "agent": { "id": "001" } }),
    );
    assert_eq!(other.repeat.unwrap().window, Duration::from_secs(600));
}

#[test]
fn high_levels_and_high_signal_rules_are_exempt_from_budgets() {
    let rules = rules("high_signal_rules = [100624]");
    let exempt = |id: &str, level: u32| {
        folding(&rules, &json!({ "rule": { "id": id, "level": level } }))
            .budget
            .exempt
    };
    assert!(exempt("1", 12) && exempt("100624", 3) && !exempt("1", 11));
    assert_eq!(
        (rules.budget().per_customer, rules.budget().per_sink),
        (300, 300)
    );
    assert_eq!(rules.group_interval(), Duration::from_secs(60));
}

#[test]
fn what_makes_no_sense_in_folding_is_refused_with_its_key() {
    for (text, expected) in [
        (
            "[folding]\nwindow = \"48h\"",
            "quiet.folding window: longer than longest_life",
        ),
        (
            "[burst]\nlimit = 0",
            "quiet.burst limit: 0 would hold every alert back",
        ),
        (
            "[[folding.group_by]]\nnever = true",
            "quiet.folding.group_by[0]: it picks no alerts",
        ),
        (
            "[[folding.group_by]]\nrules = [1]",
            "quiet.folding.group_by[0]: it changes nothing",
        ),
        (
            "[[folding.group_by]]\nrules = [1]\nnever = true\nwindow = \"1m\"",
            "quiet.folding.group_by[0]: never = true leaves",
        ),
        (
            "[[folding.group_by]]\nrules = [1]\nfields = [\"a\", \"\"]",
            "quiet.folding.group_by[0] fields[1]: expected a field",
        ),
    ] {
        let config: QuietConfig = toml::from_str(text).unwrap();
        let error = QuietRules::try_from(config).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    for text in [
        "[folding]\nwindow = \"soon\"",
        "[folding]\nwindow = \"0s\"",
        "[folding]\nwindow = \"-5m\"",
        "[folding]\nwindow = 15",
    ] {
        let error = toml::from_str::<QuietConfig>(text).unwrap_err().to_string();
        assert!(
            error.contains("a length of time such as \"15m\""),
            "{error}"
        );
    }
}

#[test]
fn devices_that_send_syslog_to_the_manager_are_told_apart() {
    let from = |location: &str| {
        let alert = json!({
            "rule": {"id": "5710", "groups": ["authentication_failed"]}, "agent": {"id": "000", "name": "manager"},
            "location": location, "data": {"srcip": "203.0.113.7"},
        });
        key(&rules(""), &alert)
    };
    assert_ne!(from("10.0.0.1"), from("10.0.0.2"));
    assert_eq!(from("10.0.0.1"), from("10.0.0.1"));
}
